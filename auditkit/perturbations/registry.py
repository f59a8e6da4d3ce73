"""The kinds of perturbation that auditkit brings, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from auditkit.errors import UsageError, did_you_mean
from auditkit.perturbations.additions import Emoji, Url
from auditkit.perturbations.base import Perturbation
from auditkit.perturbations.characters import Homoglyph, Ocr
from auditkit.perturbations.chinese import (
    CharacterDrop,
    CharacterSwap,
    Homophone,
    PunctuationWidth,
)
from auditkit.perturbations.contraction import Contraction
from auditkit.perturbations.entities import Entity
from auditkit.perturbations.intensifier import Intensifier
from auditkit.perturbations.negation import Negation
from auditkit.perturbations.numbers import Numbers
from auditkit.perturbations.speech import Speech
from auditkit.perturbations.spelling import Spelling
from auditkit.perturbations.surface import Case, Punctuation, Whitespace
from auditkit.perturbations.typos import RepeatedLetters, Typo, TypoDrop, TypoKeyboard, TypoSwap
from auditkit.perturbations.word_drop import WordDrop

__all__ = ["KINDS", "describe_kinds", "find_kind"]

_CLASSES: tuple[type[Perturbation], ...] = (
    Typo,
    TypoKeyboard,
    TypoSwap,
    TypoDrop,
    RepeatedLetters,
    Case,
    Punctuation,
    Whitespace,
    Contraction,
    Spelling,
    Numbers,
    Ocr,
    Homoglyph,
    Emoji,
    Url,
    Entity,
    Speech,
    WordDrop,
    Intensifier,
    Negation,
    CharacterDrop,
    CharacterSwap,
    Homophone,
    PunctuationWidth,
)

KINDS: Mapping[str, type[Perturbation]] = MappingProxyType({kind.name: kind for kind in _CLASSES})
"""Every kind that auditkit brings, by its name."""


def find_kind(name: str) -> type[Perturbation]:
    """Return the kind that is called ``name``.

    Raises
    ------
    UsageError
        If there is none; the hint names the closest one.
    """
    if name not in KINDS:
        raise UsageError(
            f"no kind of perturbation is called '{name}'", hint=did_you_mean(name, list(KINDS))
        )
    return KINDS[name]


def describe_kinds() -> dict[str, str]:
    """Return the name and the summary of each kind."""
    return {name: kind.summary for name, kind in KINDS.items()}
