"""Typing errors: inside words of four letters or more, as readers hardly notice them."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from auditkit.perturbations.base import Keeps, Perturbation, Script
from auditkit.perturbations.editing import LIGHT_SHARES, chosen, edited, pick

if TYPE_CHECKING:
    import numpy as np

__all__ = ["RepeatedLetters", "Typo", "TypoDrop", "TypoKeyboard", "TypoSwap"]

_LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
# A letter of an address, a tag, a code or of "didn't" is no place for a mistake: it would name
# something else. Neither is one under a combining mark.
_TOKEN = re.compile(r"\S+")
_ADDRESS = re.compile(r"[@#/\\_\d]|\w\.\w")
_WORD = re.compile(rf"(?<![{_LATIN}\u0300-\u036f])[{_LATIN}]{{3,}}+(?![\u0300-\u036f]|['’][tT]\b)")
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_VOWELS = "aeiou"


def _neighbours() -> dict[str, str]:
    """Return the letters whose keys touch each letter's on a US keyboard.

    A row lies a quarter to a half of a key to the right of the row above it, so that a key touches
    two of the row below: its own column's and the one before.
    """
    near: dict[str, str] = {letter: "" for row in _ROWS for letter in row}
    pairs = [(row[i], row[i + 1]) for row in _ROWS for i in range(len(row) - 1)]
    for upper, lower in pairwise(_ROWS):
        for column, letter in enumerate(lower):
            pairs += [(letter, upper[column]), (letter, upper[column + 1])]
    for one, other in pairs:
        near[one] += other
        near[other] += one
    return near | {letter.upper(): others.upper() for letter, others in near.items()}


_NEAR = _neighbours()


def _words(text: str, least: int) -> list[tuple[int, int]]:
    """Return where the words of at least so many letters are, without addresses and codes."""
    return [
        (token.start() + word.start(), token.start() + word.end())
        for token in _TOKEN.finditer(text)
        if not _ADDRESS.search(token.group())
        for word in _WORD.finditer(token.group())
        if word.end() - word.start() >= least
    ]


class _WordTypo(Perturbation):
    """One mistake in each of some words.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the words that can have one, at least one.
    """

    script = Script.LATIN
    least = 4

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        words = [span for span in _words(text, self.least) if self.places(text[slice(*span)])]
        return edited(
            text,
            (
                (*words[one], self.mistyped(text[slice(*words[one])], rng))
                for one in chosen(len(words), LIGHT_SHARES[severity - 1], rng)
            ),
        )

    @abstractmethod
    def places(self, word: str) -> Sequence[int]:
        """Return the letters of a word where a mistake can be made."""

    @abstractmethod
    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        """Return a word that has such a place with one mistake."""


class TypoKeyboard(_WordTypo):
    """A letter replaced by its neighbour on a US keyboard.

    Severities 1 to 5: one inner letter in 5, 10, 20, 35 and 50% of the words of four letters or
    more, at least one word. First and last letters stay, as in Pruthi et al. (2019), since readers
    go by them. Addresses, tags and words with digits stay too. A few results are words as well
    ("live", "love"); no dictionary is asked.
    """

    name = "typo_keyboard"
    summary = "letters replaced by neighbours on a keyboard"
    keeps = frozenset({Keeps.LENGTH, Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def places(self, word: str) -> Sequence[int]:
        return [place for place in range(1, len(word) - 1) if word[place] in _NEAR]

    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        place = pick(self.places(word), rng)
        return word[:place] + pick(_NEAR[word[place]], rng) + word[place + 1 :]


class TypoSwap(_WordTypo):
    """Two neighbouring letters swapped.

    Severities 1 to 5: one pair of inner letters in 5, 10, 20, 35 and 50% of the words of four
    letters or more, at least one word; a word whose inner letters are the same stays. See
    :class:`TypoKeyboard` for what else stays.
    """

    name = "typo_swap"
    summary = "neighbouring letters swapped"
    keeps = frozenset({Keeps.LENGTH, Keeps.WORDS, Keeps.LETTERS, Keeps.SCRIPT, Keeps.DIGITS})

    def places(self, word: str) -> Sequence[int]:
        return [place for place in range(1, len(word) - 2) if word[place] != word[place + 1]]

    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        place = pick(self.places(word), rng)
        return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


class TypoDrop(_WordTypo):
    """A letter left out.

    Severities 1 to 5: one inner letter in 5, 10, 20, 35 and 50% of the words of four letters or
    more, at least one word. See :class:`TypoKeyboard` for what stays.
    """

    name = "typo_drop"
    summary = "letters left out"
    keeps = frozenset({Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})

    def places(self, word: str) -> Sequence[int]:
        return range(1, len(word) - 1)

    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        place = pick(self.places(word), rng)
        return word[:place] + word[place + 1 :]


class Typo(_WordTypo):
    """One of the three typing errors, drawn for each word.

    Severities 1 to 5: 5, 10, 20, 35 and 50% of the words of four letters or more, at least one
    word, get what :class:`TypoKeyboard`, :class:`TypoSwap` or :class:`TypoDrop` does.
    """

    name = "typo"
    summary = "typing errors: neighbouring keys, swapped and missing letters"
    keeps = TypoDrop.keeps

    _ways = (TypoKeyboard(), TypoSwap(), TypoDrop())

    def places(self, word: str) -> Sequence[int]:
        return range(1, len(word) - 1)

    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        ways = [way for way in self._ways if way.places(word)]
        return pick(ways, rng).mistyped(word, rng)


class RepeatedLetters(_WordTypo):
    """A letter drawn out, as in "sooo" and "greaaat".

    Severities 1 to 5: the last vowel or the last letter is written three to five times in 5, 10,
    20, 35 and 50% of the words of three letters or more, at least one word. See
    :class:`TypoKeyboard` for what stays.
    """

    name = "repeated_letters"
    summary = "letters drawn out: sooo good"
    keeps = frozenset({Keeps.WORDS, Keeps.SCRIPT, Keeps.DIGITS})
    least = 3

    def places(self, word: str) -> Sequence[int]:
        last = len(word) - 1
        vowels = [place for place in range(1, last) if word[place].lower() in _VOWELS]
        return [*vowels[-1:], last]

    def mistyped(self, word: str, rng: np.random.Generator) -> str:
        place = pick(self.places(word), rng)
        return word[:place] + word[place] * (3 + int(rng.random() * 3)) + word[place + 1 :]
