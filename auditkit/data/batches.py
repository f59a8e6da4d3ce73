"""Whole columns of a file as Arrow batches: for tables of millions of rows.

The rules are those of :mod:`auditkit.data.files`. CSV and TSV are read by Arrow, many times
faster; where it could take a file differently or cannot read it, the strict reader has the word:
it names the line of what is wrong.
"""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq

from auditkit.data.columns import spelling
from auditkit.data.files import Source, open_file
from auditkit.data.problems import Place

__all__ = ["ColumnFile"]

_BLOCK = 1 << 24
_ROWS = 1 << 18
_DELIMITERS = {".csv": ",", ".tsv": "\t"}

Batch = Mapping[str, pa.Array]
"""Arrays of the same length, by name of the column."""


class ColumnFile:
    """A local CSV, TSV, JSON Lines or Parquet file, read column by column.

    Parameters
    ----------
    path
        The file as the user wrote it.
    quoting
        As in :class:`auditkit.suite.DataConfig`.

    Raises
    ------
    DataError
        If it is missing, a folder, cannot be read, or of a kind that is not known.
    """

    def __init__(self, path: str, quoting: str | None = None) -> None:
        self._source: Source = open_file(path, quoting)
        self._file = Path(path).expanduser()
        name = self._file.name.lower()
        self._gzipped = name.endswith(".gz")
        self._kind = Path(name.removesuffix(".gz")).suffix
        self._quoted = (quoting or ("none" if self._kind == ".tsv" else "minimal")) != "none"
        if self._source.columns is None:  # JSON Lines: only reading all rows can tell
            for _ in self._source.read([]):
                pass
        self.columns: list[str] = list(self._source.columns or ())

    @property
    def place(self) -> Place:
        """For messages."""
        return self._source.place

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes."""
        return self._source.key[:64]

    @property
    def cells_are_text(self) -> bool:
        """Whether every cell is text, so that a list is written as text too."""
        return self._source.cells_are_text

    def read(self, wanted: Sequence[str]) -> Iterator[Batch]:
        """Yield the wanted columns in batches; those of text formats hold text.

        Raises
        ------
        DataError
            If a column is there twice, or the file is malformed; with the line.
        """
        twice = any(self.columns.count(name) > 1 for name in wanted)
        if self._kind == ".parquet" and not twice:
            yield from self._parquet(wanted)
        elif self._kind in _DELIMITERS and not twice and self._is_plain():
            yield from self._delimited(wanted)
        else:
            yield from self._strictly(wanted)

    def locate(self, rows: Sequence[int]) -> list[int]:
        """Return the positions (lines of a text file) of rows, which count from 1."""
        if self.place.unit != "line":
            return list(rows)
        found, before = [], 0
        missing = sorted(rows)
        for batch in self._source.read(self.columns[:1]):
            while missing and missing[0] <= before + len(batch.positions):
                found.append(batch.positions[missing.pop(0) - before - 1])
            if not missing:
                break
            before += len(batch.positions)
        return found

    def _parquet(self, wanted: Sequence[str]) -> Iterator[Batch]:
        try:
            with pq.ParquetFile(self._file) as parquet:
                for batch in parquet.iter_batches(_ROWS, columns=list(wanted)):
                    yield {name: batch.column(name) for name in wanted}
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise self.place.error(f"is no complete Parquet file ({reason})") from None

    def _delimited(self, wanted: Sequence[str]) -> Iterator[Batch]:
        try:
            with pa.input_stream(self._file, "gzip" if self._gzipped else None) as stream:
                reader = arrow_csv.open_csv(
                    stream,
                    arrow_csv.ReadOptions(block_size=_BLOCK),
                    arrow_csv.ParseOptions(
                        delimiter=_DELIMITERS[self._kind],
                        quote_char='"' if self._quoted else False,
                        newlines_in_values=self._quoted,
                    ),
                    arrow_csv.ConvertOptions(
                        column_types=dict.fromkeys(wanted, pa.string()),
                        include_columns=list(wanted),
                    ),
                )
                for batch in reader:
                    yield {name: batch.column(name) for name in wanted}
        except (pa.ArrowException, OSError):
            for _ in self._source.read(wanted):
                pass
            raise self.place.error(
                "cannot be read", hint="Write it anew, as Parquet if need be"
            ) from None

    def _strictly(self, wanted: Sequence[str]) -> Iterator[Batch]:
        for rows in self._source.read(wanted):
            yield {
                name: _array(rows.columns[name], rows.positions, self.place, name)
                for name in wanted
            }

    def _is_plain(self) -> bool:
        """Whether Arrow takes the file as the strict reader would."""
        opener: Callable[..., IO[bytes]] = gzip.open if self._gzipped else open  # type: ignore[assignment]
        inner = np.ones(256, dtype=bool)  # what is neither a quote nor next to a cell's end
        inner[[*f'\r\n"{_DELIMITERS[self._kind]}'.encode()]] = False
        quotes, tail = 0, b""
        try:
            with opener(self._file, "rb") as stream:
                while chunk := stream.read(_BLOCK):
                    text = tail + chunk
                    if b"\0" in chunk or text.count(b"\r") != text.count(b"\r\n") + text.endswith(
                        b"\r"
                    ):
                        return False
                    if self._quoted and b'"' in text:
                        quotes += chunk.count(b'"')
                        characters = np.frombuffer(text, dtype=np.uint8)
                        at = np.flatnonzero(characters[1:-1] == ord('"')) + 1
                        if (inner[characters[at - 1]] & inner[characters[at + 1]]).any():
                            return False
                    tail = text[-2:]
        except (OSError, EOFError, zlib.error):
            return False
        return quotes % 2 == 0


def _array(cells: list[Any], positions: list[int], place: Place, column: str) -> pa.Array:
    """Return cells of a text format as texts, or lists of texts where one is a list."""
    lists = [isinstance(cell, list) for cell in cells]
    for cell, is_list, position in zip(cells, lists, positions, strict=True):
        if isinstance(cell, dict) or (any(lists) and cell is not None and not is_list):
            what = "there is an object" if isinstance(cell, dict) else "single values and lists mix"
            raise place.error(what, position=position, column=column, hint="Write text, or lists")
    try:
        if any(lists):
            spelled = [None if cell is None else [spelling(one) for one in cell] for cell in cells]
            return pa.array(spelled, pa.list_(pa.string()))
        return pa.array([spelling(cell) for cell in cells], pa.string())
    except UnicodeEncodeError:  # JSON can spell half of a pair of surrogates
        raise place.error(
            "there is half of a surrogate pair, which is no character, in the rows from this one",
            position=positions[0],
            column=column,
        ) from None
