"""The contract of a kind of perturbation: a small, seeded change to one text."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from enum import StrEnum
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Expectation", "Keeps", "Perturbation", "Script", "has_script"]


class Expectation(StrEnum):
    """What a sound model does with a perturbed text (Ribeiro et al. 2020, CheckList)."""

    INVARIANT = "invariant"
    """It predicts what it predicted before."""
    TURNS = "turns"
    """It predicts something else, as after a negation."""


class Script(StrEnum):
    """What a text has to hold for a kind to make sense."""

    LATIN = "Latin"
    HAN = "Han"
    ANY = "any"


class Keeps(StrEnum):
    """What a kind promises to leave alone, whatever the text."""

    LENGTH = "the number of characters"
    WORDS = "the number of words between white space"
    LETTERS = "which characters there are, and how many of each"
    SCRIPT = "the scripts of its letters: none that was not there"
    DIGITS = "the digits, in order"
    CASE_INSENSITIVE_TEXT = "the text, but for upper and lower case"
    WHITESPACE_INSENSITIVE_TEXT = "the text, but for white space"
    PUNCTUATION_INSENSITIVE_TEXT = "the text, but for punctuation and white space"
    ORIGINAL_AS_PART = "the whole text, as a part of the new one"


class Perturbation(ABC):
    """A kind of change to a text.

    A subclass is a pure function of its arguments: it reads no files, draws from no generator but
    the one it is given, and keeps nothing between calls. It may be called in several threads.
    """

    name: ClassVar[str]
    """Name in suites, such as ``typo_swap``."""
    summary: ClassVar[str]
    """What it does in a few words, such as "neighbouring letters swapped"."""
    script: ClassVar[Script] = Script.ANY
    """The script it makes sense for."""
    severities: ClassVar[tuple[int, ...]] = (1, 2, 3, 4, 5)
    """The severities that differ, from mild to strong; ``(1,)`` where there is only one."""
    expectation: ClassVar[Expectation] = Expectation.INVARIANT
    """What a sound model does with the new text."""
    keeps: ClassVar[frozenset[Keeps]] = frozenset()
    """What it never changes, whatever the text."""

    @abstractmethod
    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        """Return the changed text, or ``text`` itself where there is nothing to change.

        Parameters
        ----------
        text
            Any string, the empty one and one with lone surrogates included.
        severity
            One of ``severities``; the class says what it means.
        rng
            Decides everything that is left to chance: the same state, the same result.
        """


_LETTERS = {
    Script.LATIN: re.compile("[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff]"),
    Script.HAN: re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"),
}


def has_script(text: str, script: Script) -> bool:
    """Whether ``text`` holds a letter of ``script``; any text does of ``Script.ANY``.

    >>> has_script("crème brûlée", Script.LATIN), has_script("12.50 €", Script.LATIN)
    (True, False)
    """
    return script is Script.ANY or _LETTERS[script].search(text) is not None
