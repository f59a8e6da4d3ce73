"""What was changed in a text, and what a card lets be read of it."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import pairwise

import pytest

from auditkit.report.blocks import Run
from auditkit.report.changes import BLOCK, align, shown_runs

SPACE_SIGNS = set("␣⇥↵⍽…")
MARKS = {"same": "{}", "gone": "[-{}-]", "new": "[+{}+]", "hidden": "{}", "left-out": "({})"}


def told(original: str, changed: str, *, redacted: bool = False) -> str:
    """Changes as text: what went in [- -], what came in [+ +], gaps in brackets."""
    runs = shown_runs(align(original, changed), redacted=redacted)
    return "".join(MARKS[run.kind].format(run.text) for run in runs).strip()


def without_spaces(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    ("original", "changed", "shown"),
    [
        ("a good film", "a godo film", "a [-good-] [+godo+] film"),
        ("a good film", "a film", "a [-good-] film"),
        ("a film", "a very good film", "a [+very good+] film"),
        ("Good.", "Good!", "Good[-.-] [+!+]"),
        ("don't go", "do not go", "[-don't-] [+do not+] go"),
        ("the good film", "thegood film", "[-the good-] [+thegood+] film"),
        ("一部好电影", "一部坏电影", "一部[-好-] [+坏+]电影"),
        ("one two", "one  two", "one[-␣-] [+␣␣+]two"),
        ("one two", "one\ttwo\u00a0", "one[-␣-] [+⇥+]two [+⍽+]"),
        ("same", "same", "same"),
        ("", "new", "[+new+]"),
        ("gone", "", "[-gone-]"),
        ("", "", ""),
        # Not to be told apart by eye: the letter that came is Cyrillic.
        ("this", "th\u0456s", "[-this-] [+th\u0456s (U+0456)+]"),
        ("good", "go\u200bod", "[-good-] [+go\u200bod (U+200B)+]"),
        ("naïve", "naïf", "[-naïve-] [+naïf+]"),
    ],
)  # fmt: skip
def test_changes_are_told_as_a_careful_reader_would(original, changed, shown) -> None:
    assert told(original, changed) == shown


def test_words_far_from_a_change_are_left_out_and_counted() -> None:
    words = [f"w{k}" for k in range(40)]
    changed = [*words[:20], "new", *words[21:]]
    runs = shown_runs(align(" ".join(words), " ".join(changed)), redacted=False)
    assert [run.words for run in runs if run.kind == "left-out"] == [14, 13]
    assert runs[1].text.split() == words[14:20]


def random_text(rng: random.Random) -> str:
    pool = ["the", "film", "is", "good", "don't", "3.14", "电影", "好", "🙂", "…", "“x”", "a,b",
            "مراجعة", "हिन्दी", "e\u0301", "@me", "x@y.org", "#tag"]  # fmt: skip
    return " ".join(rng.choice(pool) for _ in range(rng.randrange(0, 25)))


def edited(text: str, rng: random.Random) -> str:
    signs = list(text)
    for _ in range(rng.randrange(0, 6)):
        place = rng.randrange(len(signs) + 1)
        what = rng.choice(["", "q", " ", "好", "\t", "!"])
        signs[place : place + rng.randrange(0, 3)] = [what]
    return "".join(signs)


@pytest.mark.parametrize("seed", range(60))
def test_pieces_spell_both_texts(seed: int) -> None:
    rng = random.Random(seed)
    original = random_text(rng)
    changed = edited(original, rng)
    pieces = [one for one in align(original, changed) if not set(one.text) <= SPACE_SIGNS - {"…"}]
    before = "".join(one.text for one in pieces if one.kind != "new")
    after = "".join(one.text for one in pieces if one.kind != "gone")
    assert before == without_spaces(original)
    assert after == without_spaces(changed)


# --- redaction ---------------------------------------------------------------------------


def readable(runs: Sequence[Run]) -> str:
    return " ".join(run.text for run in runs)


@pytest.mark.parametrize("seed", range(15))
def test_no_word_that_stayed_can_be_read(seed: int) -> None:
    """Every word is its own, so that one that shows is seen at once."""
    rng = random.Random(seed)
    words = [f"{rng.choice('abcdefg')}{k}word".translate(str.maketrans("0123456789", "qrstuvwxyz"))
             for k in range(30)]  # fmt: skip
    places = rng.sample(range(30), 3)
    changed = [f"{word}X" if k in places else word for k, word in enumerate(words)]
    shown = readable(shown_runs(align(" ".join(words), " ".join(changed)), redacted=True))
    for k, word in enumerate(words):
        assert (word in shown) == (k in places)


def test_a_word_that_stayed_is_a_block_of_its_length_and_punctuation_stays() -> None:
    assert told("Yes, a good film.", "Yes, a godo film.", redacted=True) == (
        f"{BLOCK * 3}, {BLOCK} [-good-] [+godo+] {BLOCK * 4}."
    )


def test_what_changes_every_word_does_not_spell_the_text() -> None:
    words = [chr(97 + k) * 6 for k in range(24)]
    text = " ".join(words)
    shown = readable(shown_runs(align(text, text.upper()), redacted=True))
    assert sum(word in shown for word in words) == 6
    assert sum(word.upper() in shown for word in words) == 6
    # Neighbours would spell a phrase.
    places = [k for k, word in enumerate(words) if word in shown]
    assert min(b - a for a, b in pairwise(places)) > 1
    short = readable(shown_runs(align("keep it secret", "KEEP IT SECRET"), redacted=True))
    assert "it" not in short
    assert "secret" not in short


def test_one_word_in_the_place_of_all_is_not_shown() -> None:
    text = "please keep all of this secret"
    shown = readable(shown_runs(align(text, without_spaces(text)), redacted=True))
    assert not re.search("[a-z]", shown)


@pytest.mark.parametrize(
    ("original", "changed", "secrets"),
    [
        ("call 555 0199 now please", "call 5S5 0I99 now please", ["5", "0", "9", "1"]),
        ("ask jane.doe@bank.org now", "ask jane.d0e@bank.org now", ["jane", "doe", "bank"]),
        # What was an address is none after the change.
        ("ask jane.doe@bank.org now", "ask jnae.doe4bankorg now", ["j", "bank"]),
        ("ask jane.doe@bank.org now", "ask jnae . doe bank . org now", ["j", "bank"]),
        ("ask jane.doe@bank.org.", "ask jnae . doe4bank org .", ["j", "bank"]),
        ("thanks @jane_doe a lot", "thanks @jnae_doe a lot", ["j", "doe"]),
        ("see https://a.org/jane?id=7 there", "see htps://a.org/jnae?id=7 there", ["org", "j"]),
        ("see www.jane.org there", "see wwwjane.org there", ["jane"]),
        ("多谢@jane一下", "多谢@jnae一下", ["j", "ne"]),
        ("٣٤٥ yes yes yes", "٣٤٦ yes yes yes", ["٣", "٤", "٥", "٦"]),
    ],
)  # fmt: skip
def test_digits_addresses_and_handles_are_hidden_in_changed_words(
    original, changed, secrets
) -> None:
    runs = shown_runs(align(original, changed), redacted=True)
    assert any(run.kind in ("gone", "new") for run in runs)
    for secret in secrets:
        assert secret not in readable(runs)


# --- any text ----------------------------------------------------------------------------


@pytest.mark.parametrize("redacted", [True, False])
@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "的是" * 5_000, "a," * 5_000, "a.b" * 3_000, "word " * 2_000, "\u202eabc \x00",
     "\ud800 lone", "🙂" * 500, " " * 1_000, "e\u0301 " * 300],
    ids=["one word", "characters", "marks", "address", "words", "control", "surrogate", "emoji",
         "spaces", "combining"],
)  # fmt: skip
def test_any_text_gives_runs_that_a_page_can_hold(text: str, redacted: bool) -> None:
    half = len(text) // 2
    for changed in (text[:half] + "q" + text[half:], text[:half], text[::-1], text.upper()):
        runs = shown_runs(align(text, changed), redacted=redacted)
        assert sum(len(run.text) for run in runs) < 5_000
