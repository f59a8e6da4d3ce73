"""Places of a text, what may stand there instead, and how some of them are chosen."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple, TypeVar

from auditkit.perturbations.base import Perturbation

if TYPE_CHECKING:
    import numpy as np

__all__ = [
    "LIGHT_SHARES",
    "WHOLE_SHARES",
    "WORD",
    "Site",
    "SiteKind",
    "begins_sentence",
    "cased_like",
    "chosen",
    "edited",
    "is_tokenised",
    "pick",
    "word_set",
]

LIGHT_SHARES = (0.05, 0.10, 0.20, 0.35, 0.50)
"""Share of the places changed at severities 1 to 5, for what hurts reading."""
WHOLE_SHARES = (0.2, 0.4, 0.6, 0.8, 1.0)
"""Share of the places changed at severities 1 to 5, for what could stand everywhere."""

WORD = re.compile(r"(?<![\w@#/\\.])[A-Za-z]+(?![\w@/\\]|\.\w)")
"""A word in ASCII letters that is no part of an address, a tag or a code."""
Item = TypeVar("Item")
_TOKENISED = re.compile(r"(?<!\s)\s(?:n't|'(?:s|re|ve|ll|d|m)|[.,;])(?:\s|$)", re.IGNORECASE)


class Site(NamedTuple):
    """A place of a text and what may stand there instead."""

    start: int
    end: int
    options: Sequence[str]


class SiteKind(Perturbation):
    """A kind that finds the places it can change, and changes a share of them, at least one."""

    shares: ClassVar[tuple[float, ...]] = WHOLE_SHARES
    """The share at each of ``severities``."""

    @abstractmethod
    def sites(self, text: str) -> Sequence[Site]:
        """Return the places, in order and without overlap, each with one option or more."""

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        sites = self.sites(text)
        return edited(
            text,
            (
                (sites[one].start, sites[one].end, pick(sites[one].options, rng))
                for one in chosen(len(sites), self.shares[severity - 1], rng)
            ),
        )


def chosen(count: int, share: float, rng: np.random.Generator) -> list[int]:
    """Draw ``share`` of the numbers below ``count``, at least one if there is any, sorted.

    Of two shares, the larger one's numbers hold the smaller one's if the generator is in the same
    state.
    """
    number = min(count, max(1, int(share * count + 0.5)))
    return sorted(rng.permutation(count)[:number].tolist())


def pick(items: Sequence[Item], rng: np.random.Generator) -> Item:
    """Draw one item, each as likely as the others."""
    return items[int(rng.random() * len(items))]


def edited(text: str, edits: Iterable[tuple[int, int, str]]) -> str:
    """Return ``text`` with replacements, each a start, an end and what stands there then.

    They are in order and do not overlap.
    """
    parts: list[str] = []
    at = 0
    for start, end, new in edits:
        parts += (text[at:start], new)
        at = end
    return "".join([*parts, text[at:]])


def cased_like(model: str, word: str) -> str:
    """Return ``word`` in capitals, capitalised or as it is, as ``model`` is written.

    >>> cased_like("Colour", "color"), cased_like("COLOUR", "color"), cased_like("a", "an")
    ('Color', 'COLOR', 'an')
    """
    if len(model) > 1 and model.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if model[:1].isupper() else word


def begins_sentence(text: str, place: int) -> bool:
    """Whether a word that begins at ``place`` is the first of a sentence, as its marks tell."""
    before = text[max(0, place - 6) : place].rstrip(" \t\"“'‘`(")
    return before.endswith((".", "!", "?", ":", "\n")) or (not before and place <= 6)


def is_tokenised(text: str) -> bool:
    """Whether marks and clitics stand apart, as in "it 's fine ."; treebanks are like that."""
    return _TOKENISED.search(text) is not None


def word_set(words: str) -> frozenset[str]:
    """Return the words of a text as a set.

    >>> sorted(word_set("the a an"))
    ['a', 'an', 'the']
    """
    return frozenset(words.split())
