"""What the first rows of a data file tell of its columns."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

import pyarrow.parquet as pq

from auditkit.data.columns import spelling
from auditkit.data.files import Number, Source, open_file

__all__ = ["MOST_VALUES", "ROWS", "ColumnProfile", "Sample", "sample_file"]

ROWS = 5000
"""So many rows are looked at, a few more if a batch ends later."""
MOST_VALUES = 200
"""Columns with more different values have no counts: they are no labels and no groups."""
LONGEST_VALUE = 60
"""A column with a longer value holds texts, whatever their number."""
COUNTED_BYTES = 1 << 26
"""Larger files are not read to the end just to count their rows."""

Kind: TypeAlias = Literal["text", "number", "list", "written list", "other", "empty"]

_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@dataclass(frozen=True)
class ColumnProfile:
    """A column as its first rows show it."""

    name: str
    kind: Kind
    """What the cells hold; ``written list`` is a list spelled out in a text cell."""
    filled: int
    """Rows with a value."""
    distinct: int
    """Different values."""
    mean_length: float
    """Characters of a value on average."""
    counts: Mapping[str, int]
    """Rows by value, or by member where cells are lists.

    Empty where values are many, long, or seldom there twice: then they may be people's texts.
    """


@dataclass(frozen=True)
class Sample:
    """The first rows of a data file."""

    path: str
    rows: int
    """Rows that were looked at."""
    total: int | None
    """Rows of the file; None where counting them would take long."""
    columns: tuple[ColumnProfile, ...]


@dataclass
class _Tally:
    """Counts the cells of one column."""

    name: str
    cells_are_text: bool
    kinds: set[Kind] = field(default_factory=set)
    filled: int = 0
    characters: int = 0
    seen: set[str] = field(default_factory=set)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, cell: Any) -> None:
        members = [spelling(one) for one in cell] if isinstance(cell, list) else [spelling(cell)]
        values = [one for one in members if one is not None and one.strip()]
        if not values:
            return
        self.filled += 1
        self.kinds.add(self._kind(cell))
        whole = "\0".join(values)
        self.characters += len(whole)
        self.seen.add(whole)
        if len(self.counts) <= MOST_VALUES:
            self.counts.update(values)

    def _kind(self, cell: Any) -> Kind:
        if isinstance(cell, list):
            return "list"
        if isinstance(cell, dict):
            return "other"
        if isinstance(cell, str) and not isinstance(cell, Number):
            if self.cells_are_text and _NUMBER.fullmatch(cell):
                return "number"
            text = cell.strip()
            return "written list" if text.startswith("[") and text.endswith("]") else "text"
        return "number"

    def profile(self) -> ColumnProfile:
        values = len(self.counts)
        few = values <= MOST_VALUES and 2 * values <= self.filled
        short = all(len(value) <= LONGEST_VALUE for value in self.counts)
        kinds = self.kinds - {"number"} if "text" in self.kinds else self.kinds
        return ColumnProfile(
            name=self.name,
            kind="empty" if not kinds else next(iter(kinds)) if len(kinds) == 1 else "other",
            filled=self.filled,
            distinct=len(self.seen),
            mean_length=self.characters / self.filled if self.filled else 0.0,
            counts=dict(self.counts.most_common()) if few and short else {},
        )


def sample_file(path: str) -> Sample:
    """Read the first rows of a CSV, TSV, JSON Lines or Parquet file.

    Raises
    ------
    DataError
        If the file cannot be read, naming the line.
    """
    source = open_file(path, None)
    tallies = [_Tally(name, source.cells_are_text) for name in _columns(source)]
    wanted = [tally.name for tally in tallies]
    rows = 0
    ended = True
    for batch in source.read(wanted):
        for tally in tallies:
            for cell in batch.columns[tally.name]:
                tally.add(cell)
        rows += len(batch.positions)
        if rows >= ROWS:
            ended = False
            break
    profiles = tuple(tally.profile() for tally in tallies)
    _hold_header(source, profiles)
    return Sample(path, rows, rows if ended else _total(path, source), profiles)


def _columns(source: Source) -> list[str]:
    """Return the names of the columns; one that is there twice cannot be asked for."""
    if source.columns is None:
        batches = source.read([])
        next(batches, None)
        batches.close()  # type: ignore[attr-defined]  # an iterator that is a generator
    names = list(source.columns or ())
    return [name for name in names if names.count(name) == 1]


def _hold_header(source: Source, profiles: Sequence[ColumnProfile]) -> None:
    """Refuse a header that looks like the first row of data, so that it is never shown."""
    for profile in profiles:
        if len(profile.name) > LONGEST_VALUE or profile.name in profile.counts:
            raise source.place.error(
                "begins with data where the names of the columns should be",
                hint="Add a first line with a short name for each column",
            )


def _total(path: str, source: Source) -> int | None:
    file = Path(path).expanduser()
    if file.suffix.lower() == ".parquet":
        count: int = pq.read_metadata(file).num_rows
        return count
    if file.stat().st_size > COUNTED_BYTES:
        return None
    return sum(len(batch.positions) for batch in source.read([]))
