"""Every kind of perturbation: what it promises on any text, and what it does to some."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from collections import Counter
from difflib import SequenceMatcher
from statistics import mean

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from auditkit.errors import UsageError
from auditkit.perturbations import (
    KINDS,
    Expectation,
    Keeps,
    Script,
    describe_kinds,
    find_kind,
    has_script,
)

PIECES = """
do n't|don't|cannot|is not|it 's|It's|they've|I'd|good|GREAT|The film|there is a|a|really|n't|'s|’|"
1,000|1000|2004|3.5|$50|two hours|9 sequels|twenty-five|colour|center|Emma Wilson|London|Dr. Smith
Well , .|and|this|their|to|:)|<3|pizza|...|. .|!?|,|-|--|http://a.b/c|@you|#tag|中文，好。|日本|שלום|é|e\u0301|ﬁ|ß|İ|ı|ſ
\u212a|\u0345|µ|ς|ǆ|👨\u200d👩\u200d👧|❤\ufe0f|\ud800|\udfff|\x00|\x1c|\u00a0|\u200d|\u202e|rn|l0|O
""".replace("\n", "|").split("|")

ANY_TEXT = st.lists(
    st.one_of(
        st.sampled_from(PIECES),
        st.text(st.characters(), max_size=6),
        st.sampled_from([" ", "  ", "\t", "\n", " . "]),
    ),
    max_size=14,
).flatmap(lambda parts: st.sampled_from([" ".join(parts), "".join(parts)]))


def _scripts(text: str) -> set[str]:
    """The first words of the letters' Unicode names: LATIN, CYRILLIC, HEBREW, ..."""
    return {unicodedata.name(one, "?").split()[0] for one in text if one.isalpha()}


def _without_punctuation(text: str) -> str:
    return "".join(one for one in text if not one.isspace() and unicodedata.category(one)[0] != "P")


KEPT = {
    Keeps.LENGTH: lambda old, new: len(old) == len(new),
    Keeps.WORDS: lambda old, new: len(old.split()) == len(new.split()),
    Keeps.LETTERS: lambda old, new: Counter(old) == Counter(new),
    Keeps.SCRIPT: lambda old, new: _scripts(new) <= _scripts(old),
    Keeps.DIGITS: lambda old, new: (
        [one for one in old if one.isdigit()] == [one for one in new if one.isdigit()]
    ),
    Keeps.CASE_INSENSITIVE_TEXT: lambda old, new: old.casefold() == new.casefold(),
    Keeps.WHITESPACE_INSENSITIVE_TEXT: lambda old, new: (
        "".join(old.split()) == "".join(new.split())
    ),
    Keeps.PUNCTUATION_INSENSITIVE_TEXT: lambda old, new: (
        _without_punctuation(old) == _without_punctuation(new)
    ),
    Keeps.ORIGINAL_AS_PART: lambda old, new: old in new,
}


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(text=ANY_TEXT, seed=st.integers(0, 2**32), strength=st.integers(0, 4))
def test_any_text_goes_through_and_what_is_promised_stays(name, text, seed, strength):
    kind = KINDS[name]()
    severity = kind.severities[min(strength, len(kind.severities) - 1)]
    new = kind.apply(text, severity, np.random.default_rng(seed))
    assert type(new) is str
    assert new == KINDS[name]().apply(text, severity, np.random.default_rng(seed))
    assert [keep for keep in kind.keeps if not KEPT[keep](text, new)] == []


@pytest.mark.parametrize("text", ["", " ", "\n\t ", "\ud800", "👨\u200d👩\u200d👧"])
@pytest.mark.parametrize("name", sorted(KINDS.keys() - {"emoji", "url"}))
def test_a_text_without_anything_to_change_stays_itself(name, text):
    kind = KINDS[name]()
    for severity in kind.severities:
        assert kind.apply(text, severity, np.random.default_rng(0)) == text


ENGLISH = [
    "I've been using this phone for two years, and it still doesn't disappoint: 1,000 good hours!",
    "Emma Wilson moved from London to Norway, where the colour of the centre isn't what it is.",
    "there is a fabric of complex ideas here , and it 's a film that does n't take them lightly .",
    "The staff are friendly, but they do not realize how slow they are; we waited for 45 minutes.",
    "Would you write to our office by the end of the week? We cannot wait for four more, or so.",
]
CHINESE = ["今天的天气真好，我们一起去公园散步吧。", "这部电影的故事太简单了，演员的表演也不行！"]
GRADED = [name for name, kind in KINDS.items() if len(kind.severities) > 1]


@pytest.mark.parametrize("name", GRADED)
def test_a_higher_severity_changes_more(name):
    kind = KINDS[name]()
    texts = CHINESE if kind.script is Script.HAN else ENGLISH

    def distance(severity: int) -> float:
        return mean(
            1 - SequenceMatcher(None, text, kind.apply(text, severity, rng), autojunk=False).ratio()
            for text in texts
            for rng in map(np.random.default_rng, range(12))
        )

    distances = [distance(severity) for severity in kind.severities]
    assert distances == sorted(distances)
    assert distances[0] < distances[-1]


# Kind, severity, text, what may come out.
EXAMPLES = [
    ("typo_keyboard", 1, "a cat", {"a cat"}),
    ("typo_keyboard", 5, "Zap at abut.", {f"Zap at {a}." for a in ("avut", "agut",
     "ahut", "anut", "abyt", "abit", "abht", "abjt")}),
    ("typo_swap", 5, "Good film, couldn't", {"Good flim, couldn't"}),
    ("typo_swap", 5, "http://some.where @handle b00k", {"http://some.where @handle b00k"}),
    ("typo_drop", 3, "WORD", {"WRD", "WOD"}),
    ("typo", 1, "béée", {"bée"}),
    ("repeated_letters", 1, "no cry", {"no cry" + "y" * n for n in (2, 3, 4)}),
    ("case", 5, "so", {"So", "SO", "sO"}),
    ("punctuation", 5, "Oh, no", {"Oh no.", "Oh,, no."}),
    ("punctuation", 5, "It is 3.5 :)", {"It is 3.5 :)"}),
    ("punctuation", 5, "fine , it 's ok", {"fine it 's ok .", "fine ,, it 's ok ."}),
    ("whitespace", 1, "no thing", {"no  thing", "no\tthing", "no\u00a0thing"}),
    ("whitespace", 1, "look,well", {"look,well"}),
    ("whitespace", 1, "look, well", {"look,  well", "look,\twell", "look,\u00a0well", "look,well"}),
    ("contraction", 5, "I don't know.", {"I do not know."}),
    ("contraction", 5, "We do not know.", {"We don't know."}),
    ("contraction", 5, "it 's a film we ca n't see .", {"it is a film we cannot see ."}),
    ("contraction", 5, "they can not see it , really .", {"they ca n't see it , really ."}),
    ("contraction", 5, "It isn’t. You WON'T go.", {"It is not. You WILL NOT go."}),
    ("contraction", 5, "He's lost. It's been fun.", {"He's lost. It has been fun."}),
    ("contraction", 5, "John's dog, isn't it? Why don't we?",
     {"John's dog, isn't it? Why don't we?"}),
    ("contraction", 5, "It is not only bad. Whatever it is, fine.",
     {"It is not only bad. Whatever it is, fine."}),
    ("contraction", 5, "I'd like it; I'd better go; I'd seen.",
     {"I would like it; I had better go; I had seen."}),
    ("spelling", 5, "My favourite COLOR", {"My favorite COLOUR"}),
    ("spelling", 5, "We saw Pearl Harbor. Harbor seals swim.",
     {"We saw Pearl Harbor. Harbour seals swim."}),
    ("spelling", 5, "Check the tire and the program.", {"Check the tire and the program."}),
    ("spelling", 5, "a cheque for a tyre", {"a check for a tire"}),
    ("numbers", 5, "9 sequels and three hundred and five years",
     {"nine sequels and 305 years"}),
    ("numbers", 5, "5000 people, $1000", {"5,000 people, $1,000",
     "five thousand people, $1,000"}),
    ("numbers", 5, "12,345 votes", {"12345 votes"}),
    ("numbers", 5, "In 2004, section 9, at 10:30, 3.5%, 007, 1,000–2,000 m and 2004 films",
     {"In 2004, section 9, at 10:30, 3.5%, 007, 1,000–2,000 m and 2004 films"}),
    ("ocr", 1, "ax m", {"ax rn"}),
    ("homoglyph", 5, "bka", {"bk\u0430"}),
    ("emoji", 1, "Nice :)", {"Nice \U0001f642 " + one for one in "📌📎📝💬📅🔹🔸📁"}),
    ("entity", 1, "Mark has Hope in May.", {"Mark has Hope in May."}),
    ("entity", 1, "the Bank of England and Boston, Massachusetts",
     {"the Bank of England and Boston, Massachusetts"}),
    ("entity", 1, "A. Eugene sang on MAX Spain", {"A. Eugene sang on MAX Spain"}),
    ("entity", 1, "emma lives in london", {"emma lives in london"}),
    ("speech", 1, "Well-made, isn't it?", {"well made isn't it"}),
    ("speech", 2, "In 1978 it 's $3.5!",
     {"in nineteen seventy eight it's three point five dollars"}),
    ("word_drop", 5, "a few", {"a few"}),
    ("word_drop", 5, "The film isn't good.", {"Film isn't good."}),
    ("word_drop", 5, "There are many, not all.", {"There are many, not all."}),
    ("intensifier", 1, "It's good enough but it was awful.",
     {"It's good enough but it was really awful."}),
    ("intensifier", 1, "It is not good, is it?", {"It is not good, is it?"}),
    ("intensifier", 1, "This film works.", {"I really think that this film works."}),
    ("intensifier", 1, "i love it .", {"i love it ."}),
    ("negation", 1, "The film is good.", {"The film is not good."}),
    ("negation", 1, "it 's a charming journey .", {"it 's not a charming journey ."}),
    ("negation", 1, "She loves it!", {"She does not love it!"}),
    ("negation", 1, "I had a great time", {"I did not have a great time"}),
    ("negation", 1, "They have improved.", {"They have not improved."}),
    ("negation", 1, "You can trust them.", {"You cannot trust them."}),
    ("negation", 1, "There is a point.", {"There is no point."}),
    ("negation", 1, "This acting works.", {"This acting does not work."}),
    *[("negation", 1, text, {text}) for text in (
        "It is not good.", "It is only good.", "It is good but long.", "Is it good?",
        "It is good. I like it.", "The man who sings is good.", "A film.", "It never works.",
        "It is too long.", "It works, and it is cheap.", "You must go.",
        "We Were Soldiers won.", "Well , .", "And.", "The", "Whatever you do is fine.",
    )],
]  # fmt: skip


@pytest.mark.parametrize(("name", "severity", "text", "allowed"), EXAMPLES)
def test_examples_worked_by_hand(name, severity, text, allowed):
    kind = KINDS[name]()
    seen = {kind.apply(text, severity, np.random.default_rng(seed)) for seed in range(60)}
    assert seen <= allowed
    assert len(seen) >= min(2, len(allowed))


def test_names_are_exchanged_for_their_sort_throughout_a_text():
    text = "Emma Wilson met Dr. Smith in Oslo. Wilson liked Oslo, an Australia fan told Emma."
    pattern = re.compile(
        r"(?P<first>\w+) (?P<last>\w+) met Dr\. (?P<other>\w+) in (?P<city>[AEIOU][\w ]+)\. "
        r"(?P=last) liked (?P=city), an (?P<country>[AEIOU][\w ]+) fan told (?P=first)\."
    )
    old = pattern.fullmatch(text)
    for seed in range(20):
        new = pattern.fullmatch(KINDS["entity"]().apply(text, 1, np.random.default_rng(seed)))
        assert not set(new.groups()) & set(old.groups())
        assert len(set(new.groups())) == 5


def test_a_link_or_a_handle_is_added():
    kind = KINDS["url"]()
    added = {
        kind.apply("Nice", 1, np.random.default_rng(seed))
        .removeprefix("Nice ")
        .rstrip("0123456789")[:1]
        for seed in range(20)
    }
    assert added == {"h", "@"}
    assert all(kind.apply(text, 1, np.random.default_rng(0)) == text for text in ("", "  "))


def test_only_negation_is_expected_to_turn_a_prediction():
    turning = {name for name, kind in KINDS.items() if kind.expectation is Expectation.TURNS}
    assert turning == {"negation"}


@pytest.mark.parametrize(
    ("text", "latin", "han"),
    [("abc", True, False), ("é", True, False), ("中1", False, True), ("12 !", False, False),
     ("привет", False, False), ("", False, False), ("a中", True, True)],
)  # fmt: skip
def test_scripts_are_told_by_letters(text, latin, han):
    assert has_script(text, Script.LATIN) is latin
    assert has_script(text, Script.HAN) is han
    assert has_script(text, Script.ANY)


def test_a_misspelt_kind_is_named_with_the_closest():
    with pytest.raises(UsageError, match=r"'typo_swop'.*Did you mean 'typo_swap'"):
        find_kind("typo_swop")
    assert find_kind("typo_swap") is KINDS["typo_swap"]
    assert describe_kinds()["typo_swap"] == KINDS["typo_swap"].summary


def test_kinds_are_cheap_to_import():
    code = "import sys, auditkit.perturbations; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"torch", "pandas", "nltk", "transformers"} & set(done.stdout.split())
