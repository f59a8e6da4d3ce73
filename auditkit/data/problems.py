"""Rows that cannot be used, gathered so that one message can name them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from auditkit.errors import DataError

__all__ = ["Place", "Problems"]

_NAMED = 5


@dataclass(frozen=True)
class Place:
    """Where rows come from, for messages.

    ``unit`` is what a position counts: the lines of a text file, or rows from 1.
    """

    source: str
    unit: str

    def error(
        self,
        message: str,
        *,
        position: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> DataError:
        """Return an error; a position that is no line goes into its message."""
        if position is not None and self.unit != "line":
            message, position = f"{message} ({self.unit} {position})", None
        return DataError(message, file=self.source, line=position, column=column, hint=hint)

    def positions(self, positions: list[int], count: int) -> str:
        """Return the first few of ``count`` positions in words."""
        named = ", ".join(str(position) for position in positions)
        if count == 1:
            return f"{self.unit} {named}"
        more = f" and {count - len(positions)} more" if count > len(positions) else ""
        return f"{self.unit}s {named}{more}"


@dataclass
class Problems:
    """Problems of single rows, by column and kind."""

    place: Place
    locate: Callable[[list[int]], list[int]] | None = None
    """Turns what rows were noted by into positions, where that takes another look at the file."""
    _found: dict[tuple[str, str, str], tuple[list[int], int]] = field(default_factory=dict)

    def add(self, position: int, column: str, message: str, hint: str) -> None:
        """Note a row.

        ``message`` says what is wrong with the cell, in the same words for all rows that have the
        problem; ``hint`` is the next step.
        """
        positions, count = self._found.get((column, message, hint), ([], 0))
        if count < _NAMED:
            positions.append(position)
        self._found[column, message, hint] = (positions, count + 1)

    def add_rows(
        self, positions: npt.NDArray[np.int64], column: str, message: str, hint: str
    ) -> None:
        """Note many rows that have the same problem."""
        if not len(positions):
            return
        named, count = self._found.get((column, message, hint), ([], 0))
        named += positions[: _NAMED - len(named)].tolist()
        self._found[column, message, hint] = (named, count + len(positions))

    def check(self) -> None:
        """Raise for the problem that comes first, if there is any.

        Raises
        ------
        DataError
            Naming the column, how many rows have the problem, and where the first few are.
        """
        if not self._found:
            return
        (column, message, hint), (positions, count) = min(
            self._found.items(), key=lambda item: item[1][0][0]
        )
        if self.locate is not None:
            positions = self.locate(positions)
        rows = "1 row" if count == 1 else f"{count} rows"
        raise DataError(
            f"{message} in {rows} ({self.place.positions(positions, count)})",
            file=self.place.source,
            line=positions[0] if self.place.unit == "line" else None,
            column=column,
            hint=hint,
        )
