"""What is not in the words: capitals, punctuation, white space."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation
from auditkit.perturbations.editing import (
    LIGHT_SHARES,
    WHOLE_SHARES,
    Site,
    SiteKind,
    chosen,
    edited,
    is_tokenised,
)

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Case", "Punctuation", "Whitespace"]

_TOKEN = re.compile(r"\S+")
_HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# ASCII marks count at the end of a word or alone: neither the point of 3.5 nor the eyes of ":)".
# Full-width ones count anywhere.
_MARKS = re.compile(r'(?<![\s.,;:!?…]) ?[.,;:!?…]+(?=["”]|\s|\Z)|[。，！？；：、]+')
_OPEN_END = re.compile(r"[^\W_]\Z")
_GAP = re.compile(rf"(?<=\S)\s+(?=\S)|(?<=[{_HAN}])(?=[{_HAN}])")
_LETTER = re.compile(r"[^\W\d_]")
_LONG = re.compile(r"[^\W\d_]{4}")


class Case(Perturbation):
    """Letters in upper and lower case.

    Severities 1 to 5: 20, 40, 60, 80 and 100% of the words that have two cases are written in
    lower case, in capitals, capitalised or with each letter at random: one way for the whole text,
    drawn among those that change something.
    """

    name = "case"
    summary = "words in lower case, capitals, capitalised or at random"
    keeps = frozenset(
        {Keeps.LENGTH, Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS, Keeps.CASE_INSENSITIVE_TEXT}
    )

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        words = [word for word in _TOKEN.finditer(text) if _upper(word[0]) != _lower(word[0])]
        some = [words[one] for one in chosen(len(words), WHOLE_SHARES[severity - 1], rng)]
        at_random = "".join(
            _upper(letter) if draw < 0.5 else _lower(letter)
            for letter, draw in zip(text, rng.random(len(text)), strict=True)
        )
        ways = (_lower(text), _upper(text), _capitalised(text), at_random)
        for way in rng.permutation(len(ways)).tolist():
            new = edited(
                text, ((*word.span(), ways[way][word.start() : word.end()]) for word in some)
            )
            if new != text:
                return new
        return text


def _upper(text: str) -> str:
    """Return ``text`` in capitals, without letters whose capital is no single one of theirs."""
    return "".join(_if_same(letter, letter.upper()) for letter in text)


def _lower(text: str) -> str:
    return "".join(_if_same(letter, letter.lower()) for letter in text)


def _capitalised(text: str) -> str:
    return _TOKEN.sub(lambda word: _upper(word[0][0]) + _lower(word[0][1:]), text)


def _if_same(letter: str, other: str) -> str:
    """Return ``other`` if it is ``letter`` in the other case and leads back to it."""
    return other if letter in (other.lower(), other.upper()) else letter


class Punctuation(SiteKind):
    """Marks dropped, doubled or added.

    Severities 1 to 5: of the places, 20, 40, 60, 80 and 100% are changed, at least one. A place is
    a full stop, comma, colon, semicolon, question or exclamation mark, or a run of them, that ends
    a word or stands alone; it is dropped, or its last mark is written once more. The end of
    a text that has no mark there is a place too, where a full stop is added. Quotes, hyphens,
    emoticons and marks inside numbers or words stay. Full-width marks are treated alike.
    """

    name = "punctuation"
    summary = "marks dropped, doubled or added"
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS, Keeps.PUNCTUATION_INSENSITIVE_TEXT})

    def sites(self, text: str) -> Sequence[Site]:
        found = [Site(*mark.span(), ("", mark[0] + mark[0][-1])) for mark in _MARKS.finditer(text)]
        end = len(text.rstrip())
        if _OPEN_END.search(text, max(0, end - 1), end):
            stop = "。" if re.match(f"[{_HAN}]", text[end - 1]) else "."
            found.append(Site(end, end, (" ." if is_tokenised(text) else stop,)))
        return found


class Whitespace(SiteKind):
    """Spaces doubled, left out, or written as tabs and no-break spaces.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the gaps between words are changed, at least one.
    A space is left out only after a mark or between two words of four letters or more, so that
    "no thing" does not become "nothing". Between two Chinese characters a space is added.
    """

    name = "whitespace"
    summary = "spaces doubled, missing, tabs, no-break spaces"
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS, Keeps.WHITESPACE_INSENSITIVE_TEXT})
    shares = LIGHT_SHARES

    def sites(self, text: str) -> Sequence[Site]:
        return [Site(*gap.span(), _other_gaps(text, *gap.span())) for gap in _GAP.finditer(text)]


def _other_gaps(text: str, start: int, end: int) -> tuple[str, ...]:
    """Return what a gap may be replaced by."""
    if start == end:
        return (" ",)
    gap = text[start:end]
    others = tuple(new for new in (gap + " ", "\t", "\u00a0") if new != gap)
    after_mark = text[start - 1] in ".,;:!?" and _LETTER.match(text, end)
    between_long = _LONG.fullmatch(text, max(0, start - 4), start) and _LONG.match(text, end)
    return (*others, "") if after_mark or between_long else others
