"""Columns of few different values as codes, batch by batch: labels, predictions, groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.data.columns import spelling
from auditkit.data.problems import Problems

__all__ = ["Coded", "Coder", "Form"]

Form: TypeAlias = Literal["value", "list", "either"]
"""What a cell holds: one value, a list of values, or, the same in all cells, either."""

Values: TypeAlias = tuple[str, ...]
"""What one code stands for: a single value, or the values of a list."""

_BETWEEN = "\x1f"
_SPLIT_HINT = "Remove these rows, or write text"


@dataclass(frozen=True, eq=False)
class Coded:
    """A column: ``codes[row]`` is an index into ``values``, or -1 where there is no value."""

    codes: npt.NDArray[np.int32]
    values: tuple[Values, ...]
    is_list: bool

    def take(self, rows: npt.NDArray[np.int64]) -> Coded:
        """Return some of the rows."""
        return Coded(self.codes[rows], self.values, self.is_list)

    def array(self, rows: slice) -> pa.Array:
        """Return rows as text, or as lists of text; null where there is no value."""
        codes = pa.array(self.codes[rows])
        known = pc.if_else(pc.less(codes, 0), None, codes)
        if self.is_list:
            return pa.array(list(self.values), pa.list_(pa.string())).take(known)
        return pa.array([value for (value,) in self.values], pa.string()).take(known)

    @property
    def unknown(self) -> int:
        """How many rows have no value."""
        return int(np.count_nonzero(self.codes < 0))

    def counts(self) -> dict[str, int]:
        """How many rows have each value, of those that occur, sorted by value."""
        rows = np.bincount(self.codes[self.codes >= 0], minlength=len(self.values))
        found: dict[str, int] = {}
        for values, count in zip(self.values, rows.tolist(), strict=True):
            for value in values:
                found[value] = found.get(value, 0) + count
        return {value: found[value] for value in sorted(found) if found[value]}


class Coder:
    """Gathers one column.

    Parameters
    ----------
    column
        Its name in the file.
    what
        What a value is, for messages: ``label``, ``prediction``, ``group``.
    form
        What a cell holds.
    split
        The cells are text, and a list is written with ``|`` between its values.
    most
        Refuse a column with more different values.
    missing
        The next step for rows without a value; None if a value may be missing.
    problems
        Where rows that cannot be used are noted.
    """

    def __init__(
        self,
        column: str,
        what: str,
        *,
        form: Form,
        split: bool,
        most: int,
        missing: str | None,
        problems: Problems,
    ) -> None:
        self.column = column
        self._what = what
        self._is_list = {"value": False, "list": True, "either": None}[form]
        self._form = form
        self._split = split and form == "list"
        self._most = most
        self._missing = missing
        self._problems = problems
        self._codes: list[npt.NDArray[np.int32]] = []
        self._code: dict[Values, int] = {}
        self.first: dict[Values, int] = {}
        """The row, from 1, a value was first seen in."""

    def add(self, array: pa.Array, before: int) -> None:
        """Add a batch that follows ``before`` rows."""
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        indices, raws = self._distinct(array, before)
        # The last entry is for rows that are null.
        lookup = np.full(len(raws) + 1, -1, dtype=np.int32)
        first = np.zeros(len(raws) + 1, dtype=np.int64)
        first[indices[::-1]] = np.arange(before + len(indices), before, -1)
        refused: dict[str, list[int]] = {}
        for place, raw in enumerate(raws):
            try:
                values = self._values(raw)
            except ValueError as error:
                refused.setdefault(str(error), []).append(place)
                lookup[place] = -2
                continue
            if values is not None:
                lookup[place] = self._code_of(values, int(first[place]))
        for message, places in refused.items():
            self._note(np.isin(indices, places), before, message)
        codes = lookup[indices]
        if self._missing is not None:
            verb = "s are" if self._form == "list" else " is"
            self._note(codes == -1, before, f"the {self._what}{verb} missing", self._missing)
        self._codes.append(codes)

    def _code_of(self, values: Values, row: int) -> int:
        if values not in self._code:
            if len(self._code) >= self._most:
                raise self._problems.place.error(
                    f"has more than {self._most:,} different values",
                    column=self.column,
                    hint=f"Is this the column of the {self._what}s?",
                )
            self._code[values] = len(self._code)
            self.first[values] = row
        return self._code[values]

    def finish(self) -> Coded:
        """Return the whole column."""
        return Coded(np.concatenate(self._codes), tuple(self._code), bool(self._is_list))

    def _note(
        self, rows: npt.NDArray[np.bool_], before: int, message: str, hint: str = _SPLIT_HINT
    ) -> None:
        positions = np.flatnonzero(rows) + before + 1
        self._problems.add_rows(positions, self.column, message, hint)

    def _distinct(self, array: pa.Array, before: int) -> tuple[npt.NDArray[np.int64], list[Any]]:
        """Return for each row which of the distinct values it has, -1 for null, and those."""
        if array.null_count == len(array):
            return np.full(len(array), -1), []
        is_list = pa.types.is_list(array.type) or pa.types.is_large_list(array.type)
        if pa.types.is_nested(array.type) and not is_list:
            raise self._problems.place.error(
                f"holds {array.type} where a {self._what} should be", column=self.column
            )
        if self._is_list is None:
            self._is_list = is_list
        if is_list != (self._is_list and not self._split):
            wanted = f"lists of {self._what}s" if self._is_list else f"one {self._what} a row"
            raise self._problems.place.error(
                f"holds {'lists' if is_list else 'single values'} where {wanted} should be",
                column=self.column,
                hint="Several labels need 'multi_label: true' in a suite"
                if self._form != "either"
                else "Write lists throughout, or single values throughout",
            )
        if is_list:
            joined = pc.binary_join(array.cast(pa.list_(pa.string())), _BETWEEN)
            unnamed = pc.and_(pc.is_valid(array), pc.is_null(joined))
            self._note(
                unnamed.to_numpy(zero_copy_only=False),
                before,
                f"there is a {self._what} without a name",
                "Write text, or null for the whole list",
            )
            # Already noted: whatever stands here is not used.
            array = pc.if_else(unnamed, "", joined)
        encoded = array.dictionary_encode()
        indices = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
        return np.asarray(indices, dtype=np.int64), encoded.dictionary.to_pylist()

    def _values(self, raw: Any) -> Values | None:
        """Return what a cell means; None where it says that there is no value."""
        if not self._is_list:
            value = spelling(raw)
            return (value,) if value else None
        between = "|" if self._split else _BETWEEN
        parts = [part.strip() if self._split else part for part in raw.split(between)]
        if parts == [""]:
            return ()
        if not all(parts):
            raise ValueError(f"there is a {self._what} without a name")
        if len(set(parts)) < len(parts):
            if self._form == "either":
                return tuple(dict.fromkeys(parts))
            raise ValueError(f"a list names a {self._what} twice")
        return tuple(parts)


def members(values: Sequence[Values]) -> list[str]:
    """Return every single value that occurs, in the order they were first seen."""
    return list(dict.fromkeys(value for one in values for value in one))
