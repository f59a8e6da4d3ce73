"""Lexicons: terms by which texts name a group of people, and what stands for what."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from importlib.resources import files
from typing import TYPE_CHECKING, TypeVar

from auditkit.errors import DataError, did_you_mean

if TYPE_CHECKING:
    from auditkit.counterfactuals.reading import Row

__all__ = ["BUILT_IN", "HAN", "Form", "Lexicon", "Match", "Term", "find_lexicon", "lexicon_of"]

_Kind = TypeVar("_Kind", bound=StrEnum)

HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Chinese characters, as the inside of a character class."""

_HAN = re.compile(f"[{HAN}]")


class Form(StrEnum):
    """Which place in a sentence a term takes; a term is replaced by one of the same form."""

    NOUN = "noun"
    PLURAL = "plural"
    ADJECTIVE = "adjective"
    NAME = "name"
    TITLE = "title"
    SUBJECT = "subject"
    """she, he"""
    OBJECT = "object"
    """her, him"""
    DETERMINER = "determiner"
    """her, his: before what is owned"""
    POSSESSIVE = "possessive"
    """hers, his: by itself"""
    REFLEXIVE = "reflexive"
    OTHER = "other"


class Match(StrEnum):
    """Where a term counts as one."""

    ANY = ""
    """In any case, as a whole word."""
    EXACT = "exact"
    """As it is written in the lexicon, or in capitals where the whole text is."""
    NOT_NAME = "not_name"
    """As ``exact``, and not where it looks like somebody's name: right before another capitalised
    word, or at the beginning of a sentence unless a word for people follows."""
    PERSON = "person"
    """Right before a word for people: "old man", not "old house"."""
    NEVER = "never"
    """Nowhere: what is found here hides the terms inside it, as "Burger King" does "king"."""


@dataclass(frozen=True)
class Term:
    """A word or phrase that names a group."""

    text: str
    group: str
    """The group; empty where ``match`` is ``never``."""
    set: str
    """Terms of one set and form stand for each other."""
    form: Form
    match: Match = Match.ANY

    @property
    def is_han(self) -> bool:
        """Whether it is written in Chinese characters, which have no spaces between words."""
        return _HAN.search(self.text) is not None


@dataclass(frozen=True, eq=False)
class Lexicon:
    """Terms of two groups or more; one is equal to itself alone."""

    name: str
    terms: tuple[Term, ...] = field(repr=False)

    @cached_property
    def groups(self) -> tuple[str, ...]:
        """The groups, in the order in which they come first."""
        return tuple(dict.fromkeys(term.group for term in self.terms if term.group))

    @property
    def is_turned(self) -> bool:
        """Whether there are two groups: a text is then turned as a whole."""
        return len(self.groups) == 2

    @cached_property
    def is_han(self) -> bool:
        """Whether it is Chinese."""
        return any(term.is_han for term in self.terms)

    def counterpart(self, term: Term, group: str) -> Term | None:
        """Return what stands for ``term`` in another group: the first of its set and form."""
        return self._first.get((term.set, term.form, group))

    @cached_property
    def _first(self) -> Mapping[tuple[str, Form, str], Term]:
        found: dict[tuple[str, Form, str], Term] = {}
        for term in self.terms:
            found.setdefault((term.set, term.form, term.group), term)
        return found


BUILT_IN = (
    "age",
    "disability",
    "ethnicity",
    "gender",
    "gender_zh",
    "nationality",
    "religion",
    "sexual_orientation",
)
"""The lexicons that auditkit brings."""


def find_lexicon(name: str) -> Lexicon:
    """Return a lexicon that auditkit brings.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    if name not in BUILT_IN:
        raise DataError(
            f"there is no lexicon '{name}'",
            hint=f"{did_you_mean(name, list(BUILT_IN))}; one of your own is a file, ./{name}.csv",
        )
    return _built_in(name)


@cache
def _built_in(name: str) -> Lexicon:
    from auditkit.counterfactuals.reading import rows_of

    file = files("auditkit") / "resources" / "identity" / f"{name}.csv"
    return lexicon_of(name, rows_of(file.read_text(encoding="utf-8"), f"{name}.csv"), f"{name}.csv")


def lexicon_of(name: str, rows: list[Row], file: str) -> Lexicon:
    """Return the lexicon that rows of a file make.

    Raises
    ------
    DataError
        Naming file, line and column, if a cell is not what it should be, a term stands for two
        things at once, or a set has terms of one group only.
    """
    terms: list[Term] = []
    lines: dict[Term, int] = {}
    by_text: dict[str, list[Term]] = {}
    for row in rows:
        term = _term(row, file)
        for other in by_text.get(term.text.lower(), ()):
            _hold_distinct(term, other, row.line, lines[other], file)
        by_text.setdefault(term.text.lower(), []).append(term)
        lines[term] = row.line
        terms.append(term)
    lexicon = Lexicon(name, tuple(terms))
    if len(lexicon.groups) < 2:
        raise DataError("has terms of fewer than two groups", file=file, column="group")
    for term in terms:
        if term.match is Match.NEVER:
            continue
        if all(
            lexicon.counterpart(term, one) is None for one in lexicon.groups if one != term.group
        ):
            raise DataError(
                f"the set '{term.set}' has a {term.form} of the group '{term.group}' only",
                file=file,
                line=lines[term],
                column="set",
                hint="Give the term's counterpart in another group the same set and form",
            )
    return lexicon


def _term(row: Row, file: str) -> Term:
    text = " ".join(row.cells["term"].split())
    group, set_ = row.cells["group"].strip(), row.cells["set"].strip()
    form = _member(Form, row.cells.get("form", "").strip() or "other", "form", row.line, file)
    match = _member(Match, row.cells.get("match", "").strip(), "match", row.line, file)
    wanted = {"term": text, "group": group, "set": set_}
    if match is Match.NEVER:
        wanted = {"term": text}
        group = set_ = ""
    for column, value in wanted.items():
        if not value:
            raise DataError("the cell is empty", file=file, line=row.line, column=column)
    if not (text[0].isalnum() and any(one.isalpha() for one in text)):
        raise DataError(
            f"'{text}' does not begin with a letter or a digit, or has no letter",
            file=file,
            line=row.line,
            column="term",
        )
    if "→" in group or "↔" in group:
        raise DataError("a group's name holds no arrow", file=file, line=row.line, column="group")
    return Term(text, group, set_, form, match)


def _member(kind: type[_Kind], value: str, column: str, line: int, file: str) -> _Kind:
    try:
        return kind(value)
    except ValueError:
        known = [str(one) for one in kind if str(one)]
        raise DataError(
            f"there is no {column} '{value}'",
            file=file,
            line=line,
            column=column,
            hint=did_you_mean(value, known),
        ) from None


def _hold_distinct(term: Term, other: Term, line: int, at: int, file: str) -> None:
    """Refuse a term of two groups, and one that could stand for two things in the same place."""
    if (term.group, term.set) != (other.group, other.set):
        what = f"group '{other.group}'" if term.group != other.group else f"set '{other.set}'"
    elif term.form == other.form:
        what = f"form '{other.form}'"
    else:
        return
    raise DataError(
        f"'{term.text}' is in line {at} already, with the {what}",
        file=file,
        line=line,
        column="term",
        hint="Keep one of the two lines",
    )
