"""Names of people and places exchanged for others of their sort."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from auditkit.perturbations.base import Keeps, Perturbation, Script
from auditkit.perturbations.editing import begins_sentence, edited, pick, word_set
from auditkit.perturbations.tables import read_table

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Entity"]

# Capitalised words in a row, whole: "Emma Wilson", "Rio de Janeiro", "When Emma"; not "Henry V".
_RUN = re.compile(
    r"(?<![\w@#/.’'-])[A-Z][A-Za-z]*[a-z](?: (?:de )?[A-Z][A-Za-z]*[a-z]){0,5}"
    r"(?![\w@/-]|\.\w| [A-Z])"
)
# "A. Eugene", "MAX Spain": part of a longer name.
_NAME_BEFORE = re.compile(r"\b(?:[A-Z]\.|[A-Z]{2,}) \Z")
_TITLE = re.compile(r"\b(?:Mr|Mrs|Ms|Dr|Prof)\.? \Z")
# "Bank of England", "Boston, Massachusetts" and "Oslo, Norway" are about that place.
_PART_BEFORE = re.compile(r"(?:[A-Z]\w* of(?: the)?|\b[A-Z]\w*,) \Z")
_PART_AFTER = re.compile(r", [A-Z]")
_OPENERS = word_set(
    "A After Although An And As At Because Before Both But By Dear Did Does Even For From Has He "
    "Hello Hi How If In Is Like Most My Now Of On Only Our Perhaps She Since So Thanks That The "
    "Then Though To Unlike Was What When Where While Why With Yet"
)

_FIRST_NAMES = ("female", "male")
_PLACES = ("city", "country")


class _Name(NamedTuple):
    start: int
    end: int
    name: str
    sort: str


class Entity(Perturbation):
    """Names of people, cities and countries exchanged for others of the same sort and gender.

    Every name is exchanged that is surely one: capitalised, in a table of some 560 names, and by
    itself or a first and a last name together, or a last name after a title. Names that are words
    too ("Grace", "Mark", "Turkey") are not in it. One name gets one replacement throughout a text,
    and begins with a vowel if the old one did, so that "a" and "an" stay right. What is said of
    well-known people and places is then no longer true; a label that rests on that may turn.
    """

    name = "entity"
    summary = "names of people, cities and countries exchanged for others"
    script = Script.LATIN
    severities = (1,)
    keeps = frozenset({Keeps.SCRIPT, Keeps.DIGITS})

    def apply(self, text: str, severity: int, rng: np.random.Generator) -> str:
        found = _names(text)
        taken = {one.name for one in found}
        new: dict[str, str] = {}
        for one in found:
            if one.name not in new:
                free = [other for other in _others(one.name, one.sort) if other not in taken]
                new[one.name] = pick(free, rng) if free else one.name
                taken.add(new[one.name])
        return edited(text, ((one.start, one.end, new[one.name]) for one in found))


def _names(text: str) -> list[_Name]:
    """Find the names, with last names that stand alone after they stood with a first name."""
    runs = []
    for match in _RUN.finditer(text):
        run, start = match[0], match.start()
        opener, _, rest = run.partition(" ")
        if rest and opener in _OPENERS and begins_sentence(text, start):
            run, start = rest, start + len(opener) + 1
        runs.append((start, run))
    found = [one for start, run in runs for one in _names_in(text, start, run)]
    families = {one.name for one in found if one.sort == "surname"}
    found += [
        _Name(start, start + len(run), run, "surname")
        for start, run in runs
        if run in families and not _TITLE.search(text, max(0, start - 7), start)
    ]
    return sorted(found)


def _names_in(text: str, start: int, run: str) -> Iterator[_Name]:
    """Find the names in capitalised words in a row, which are all of it or nothing."""
    sorts = _sorts()
    end = start + len(run)
    first, _, last = run.partition(" ")
    if _TITLE.search(text, max(0, start - 7), start):
        if "surname" in sorts.get(run, ()):
            yield _Name(start, end, run, "surname")
        return
    if _NAME_BEFORE.search(text, max(0, start - 12), start):
        return
    is_part = _PART_BEFORE.search(text, max(0, start - 24), start) or _PART_AFTER.match(text, end)
    for sort in sorts.get(run, ()):
        if sort in _FIRST_NAMES or (sort in _PLACES and not is_part):
            yield _Name(start, end, run, sort)
    if "surname" in sorts.get(last, ()):
        for sort in sorts.get(first, ()):
            if sort in _FIRST_NAMES:
                yield _Name(start, start + len(first), first, sort)
                yield _Name(end - len(last), end, last, "surname")


@cache
def _sorts() -> Mapping[str, tuple[str, ...]]:
    """Return the sorts of each name."""
    sorts: dict[str, tuple[str, ...]] = {}
    for row in read_table("entities"):
        sorts[row["name"]] = (*sorts.get(row["name"], ()), row["sort"])
    return sorts


@cache
def _others(name: str, sort: str) -> tuple[str, ...]:
    """Return the other names of a sort that begin with a vowel if ``name`` does."""
    return tuple(
        other
        for other, sorts in _sorts().items()
        if sort in sorts and other != name and (other[0] in "AEIOU") == (name[0] in "AEIOU")
    )
