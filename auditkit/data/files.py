"""Local files as batches of rows: CSV, TSV, JSON Lines, Parquet.

Text formats are read with the standard library's ``csv`` (strict) and ``json``: both keep the
spelling of every cell and tell the line of what is wrong. pandas, which the ``datasets`` library
reads CSV with, fills short rows up without a word, and the library's JSON reader names no line.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from auditkit.data.problems import Place
from auditkit.errors import DataError, did_you_mean

__all__ = ["Number", "Rows", "Source", "is_local", "open_file"]

BATCH_ROWS = 4096
BATCH_CHARACTERS = 1 << 24
"""A batch of long texts ends before its rows are full."""
MAX_CELL = 1 << 24
"""Characters of one CSV cell; what is longer is a quote that never closes."""

_KINDS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}
_READABLE = "CSV, TSV, JSON Lines (each also .gz) and Parquet can be read"
_KNOWN_SUFFIXES = {*_KINDS, ".gz", ".zip", ".xlsx", ".xls", ".txt", ".arrow", ".feather"}


@dataclass(frozen=True)
class Rows:
    """A batch of rows: their positions and the cells of the columns asked for."""

    positions: list[int]
    columns: dict[str, list[Any]]


class Source(ABC):
    """What rows can be read from."""

    place: Place
    key: str
    """Identifies the content, for the cache."""
    revision: str | None = None
    """The commit of a hub data set."""
    notes: tuple[str, ...] = ()
    columns: Sequence[str] | None = None
    """Names of the columns; None while only reading the rows can tell."""
    class_names: Mapping[str, Sequence[str]] = MappingProxyType({})
    """Names of the ids in a column, where the data set declares them."""
    cells_are_text = False
    """Whether every cell is text, so that a list is written as text too."""

    @abstractmethod
    def read(self, wanted: Sequence[str]) -> Iterator[Rows]:
        """Yield the cells of the wanted columns; None where a row has none."""


class Number(str):
    """A number of a JSON file as it is spelled there."""

    __slots__ = ()


def is_local(path: str) -> bool:
    """Whether a path is a file's: it exists, ends or begins (``.``, ``/``, ``~``) like one."""
    return (
        path.startswith((".", "/", "~"))
        or Path(path).suffix.lower() in _KNOWN_SUFFIXES
        or Path(path).exists()
        or Path(path).is_absolute()
    )


def open_file(path: str, quoting: str | None) -> Source:
    """Return the reader of a local file.

    Raises
    ------
    DataError
        If the file is missing, a folder, cannot be read, or of a kind that is not known.
    """
    file = Path(path).expanduser()
    _check_readable(path, file)
    suffixes = [suffix.lower() for suffix in file.suffixes[-2:]]
    gzipped = suffixes[-1:] == [".gz"]
    kind = _KINDS.get((suffixes[:-1] if gzipped else suffixes)[-1:][0] if suffixes else "")
    if kind is None or (kind == "parquet" and gzipped):
        hint = "Unpack it first; " if suffixes[-1:] == [".zip"] else ""
        raise DataError("files of this kind cannot be read", file=path, hint=f"{hint}{_READABLE}")
    if quoting is not None and kind not in ("csv", "tsv"):
        raise DataError("'quoting' is for CSV and TSV only", file=path, hint="Remove it")
    digest = _digest(path, file)
    if kind == "parquet":
        return _Parquet(path, file, digest)
    if kind == "jsonl":
        return _JsonLines(path, file, digest, gzipped)
    quoting = quoting or ("none" if kind == "tsv" else "minimal")
    delimiter = "\t" if kind == "tsv" else ","
    key = f"{digest}-{quoting}"
    return _Delimited(path, file, key, gzipped, delimiter=delimiter, quoting=quoting)


def _check_readable(path: str, file: Path) -> None:
    if file.is_dir():
        inside = sorted(p.name for p in file.iterdir() if _kind_of(p.name))[:8]
        hint = f"Name one of its files: {', '.join(inside)}" if inside else _READABLE
        raise DataError("is a folder, not a file", file=path, hint=hint)
    if not file.exists():
        if not file.parent.is_dir():
            raise DataError("there is no such file, and no such folder", file=path)
        nearby = sorted(p.name for p in file.parent.iterdir() if _kind_of(p.name))
        hint = did_you_mean(file.name, nearby[:20]) if nearby else "The folder has no data files"
        raise DataError("there is no such file", file=path, hint=hint)
    if file.stat().st_size == 0:
        raise DataError("the file is empty", file=path)


def _kind_of(name: str) -> str | None:
    return _KINDS.get(Path(name.lower().removesuffix(".gz")).suffix)


def _digest(path: str, file: Path) -> str:
    try:
        with file.open("rb") as stream:
            return f"{hashlib.file_digest(stream, 'sha256').hexdigest()}-{_kind_of(file.name)}"
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=path) from None


class _TextFile(Source):
    """What the text formats share: lines, decoded one by one so that a bad one can be named."""

    def __init__(self, path: str, file: Path, key: str, gzipped: bool) -> None:
        self.place = Place(path, "line")
        self.key = key
        self._file = file
        self._gzipped = gzipped

    @contextmanager
    def _lines(self) -> Iterator[Iterator[str]]:
        opener: Callable[..., IO[bytes]] = gzip.open if self._gzipped else open  # type: ignore[assignment]
        try:
            with opener(self._file, "rb") as stream:
                yield self._decoded(stream)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self.place.error(f"is no complete gzip file ({error})") from None
        except OSError as error:
            raise self.place.error(f"cannot be read ({error.strerror})") from None

    def _decoded(self, stream: IO[bytes]) -> Iterator[str]:
        for number, raw in enumerate(stream, 1):
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise self.place.error("is UTF-16", position=1, hint="Save it as UTF-8")
            if b"\0" in raw:
                raise self.place.error(
                    "holds a NUL byte, as UTF-16 does", position=number, hint="Save it as UTF-8"
                )
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self.place.error(
                    f"is not UTF-8 (byte 0x{raw[error.start]:02x})",
                    position=number,
                    hint="Save it as UTF-8",
                ) from None


class _Delimited(_TextFile):
    """CSV and TSV: a header, then one record for each row. Blank lines are passed over."""

    cells_are_text = True

    def __init__(
        self, path: str, file: Path, key: str, gzipped: bool, *, delimiter: str, quoting: str
    ) -> None:
        super().__init__(path, file, key, gzipped)
        self._delimiter = delimiter
        self._quoting: Literal[0, 3] = csv.QUOTE_NONE if quoting == "none" else csv.QUOTE_MINIMAL
        with self._records() as records:
            header = next(records, None)
        if header is None:
            raise self.place.error("the file is empty")
        self._header_line, self._header = header
        self.columns = self._header

    def read(self, wanted: Sequence[str]) -> Iterator[Rows]:
        for name in wanted:
            if self._header.count(name) > 1:
                raise self.place.error(
                    "the header has this column twice",
                    position=self._header_line,
                    column=name,
                    hint="Rename one of the two",
                )
        indices = [self._header.index(name) for name in wanted]
        with self._records() as records:
            next(records)
            batch = _Batch(wanted)
            for line, cells in records:
                if len(cells) != len(self._header):
                    raise self._ragged(line, cells)
                yield from batch.add(line, [cells[index] for index in indices])
            yield from batch.rest()

    @contextmanager
    def _records(self) -> Iterator[Iterator[tuple[int, list[str]]]]:
        limit = csv.field_size_limit(MAX_CELL)  # the limit is global: put it back
        try:
            with self._lines() as lines:
                yield self._numbered(lines)
        finally:
            csv.field_size_limit(limit)

    def _numbered(self, lines: Iterator[str]) -> Iterator[tuple[int, list[str]]]:
        """Yield the records with the line each begins on."""
        reader = csv.reader(
            lines, delimiter=self._delimiter, quoting=self._quoting, strict=True
        )  # fmt: skip
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise self._malformed(line, str(error)) from None
            if cells:
                yield line, cells

    def _malformed(self, line: int, message: str) -> DataError:
        hint = (
            "Double the quotes inside a quoted cell, or set 'quoting: none' if they are plain text"
        )
        if "unexpected end of data" in message or "field limit" in message:
            return self.place.error(
                "a quote that opens in this row never closes", position=line, hint=hint
            )
        if "expected after" in message:
            return self.place.error(
                "a closing quote is followed by more text", position=line, hint=hint
            )
        if "new-line character" in message:
            return self.place.error(
                "holds a carriage return without a line feed",
                position=line,
                hint="Save it with line ends of Unix or Windows",
            )
        return self.place.error(f"is malformed ({message})", position=line)

    def _ragged(self, line: int, cells: list[str]) -> DataError:
        fields = "1 field" if len(cells) == 1 else f"{len(cells)} fields"
        what = "tab" if self._delimiter == "\t" else "comma"
        return self.place.error(
            f"has {fields} where the header has {len(self._header)}",
            position=line,
            hint=f"Quote cells that hold a {what}" if what == "comma" else "Remove stray tabs",
        )


class _JsonLines(_TextFile):
    """One JSON object on each line. Blank lines are passed over."""

    def read(self, wanted: Sequence[str]) -> Iterator[Rows]:
        seen: dict[str, None] = {}
        try:
            with self._lines() as lines:
                batch = _Batch(wanted)
                for number, text in enumerate(lines, 1):
                    if text.isspace():
                        continue
                    row = self._parse(number, text)
                    if row.keys() - seen.keys():
                        seen.update(dict.fromkeys(row))
                    yield from batch.add(number, [row.get(name) for name in wanted], len(text))
                yield from batch.rest()
        finally:
            self.columns = list(seen)  # also those of the first rows, where a reader stops there

    def _parse(self, number: int, text: str) -> dict[str, Any]:
        try:
            row = json.loads(text, parse_int=Number, parse_float=Number, object_pairs_hook=_object)
        except json.JSONDecodeError as error:
            raise self.place.error(
                f"is not valid JSON: {error.msg} (character {error.pos + 1})",
                position=number,
                hint="Write one object on each line",
            ) from None
        except _DuplicateKeyError as error:
            raise self.place.error(f"has the key '{error}' twice", position=number) from None
        except RecursionError:
            raise self.place.error("is nested too deeply", position=number) from None
        if not isinstance(row, dict):
            kind = "an array" if isinstance(row, list) else "a single value"
            raise self.place.error(
                f"is {kind}, not an object", position=number, hint="Write one object on each line"
            )
        return row


class _DuplicateKeyError(Exception):
    pass


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return row


class _Parquet(Source):
    """A Parquet file; rows count from 1."""

    def __init__(self, path: str, file: Path, key: str) -> None:
        self.place = Place(path, "row")
        self.key = key
        self._file = file
        with self._opened() as parquet:
            schema = parquet.schema_arrow
        self.columns = list(schema.names)
        self.class_names = _declared_classes(schema.metadata or {})

    @contextmanager
    def _opened(self) -> Iterator[pq.ParquetFile]:
        try:
            with pq.ParquetFile(self._file, memory_map=True) as parquet:
                yield parquet
        except (pa.ArrowException, OSError) as error:
            reason = str(error).splitlines()[0]
            raise self.place.error(f"is no complete Parquet file ({reason})") from None

    def read(self, wanted: Sequence[str]) -> Iterator[Rows]:
        for name in wanted:
            if (self.columns or []).count(name) > 1:
                raise self.place.error("the file has this column twice", column=name)
        with self._opened() as parquet:
            start = 1
            for batch in parquet.iter_batches(BATCH_ROWS, columns=list(wanted)):
                cells = {name: batch.column(name).to_pylist() for name in wanted}
                yield Rows(list(range(start, start + batch.num_rows)), cells)
                start += batch.num_rows


def _declared_classes(metadata: Mapping[bytes, bytes]) -> dict[str, Sequence[str]]:
    """Return the names of ids that the ``datasets`` library left in a Parquet file."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
        return {
            column: feature["names"]
            for column, feature in features.items()
            if feature.get("_type") == "ClassLabel"
        }
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


class _Batch:
    """Gathers rows until a batch is full."""

    def __init__(self, wanted: Sequence[str]) -> None:
        self._wanted = list(wanted)
        self._clear()

    def _clear(self) -> None:
        self._positions: list[int] = []
        self._cells: list[list[Any]] = []
        self._characters = 0

    def add(self, position: int, cells: list[Any], characters: int | None = None) -> Iterator[Rows]:
        """Add a row; yield the batch if that fills it."""
        self._positions.append(position)
        self._cells.append(cells)
        self._characters += sum(map(len, cells)) if characters is None else characters
        if len(self._cells) >= BATCH_ROWS or self._characters >= BATCH_CHARACTERS:
            yield from self.rest()

    def rest(self) -> Iterator[Rows]:
        """Yield what was gathered, if anything."""
        if self._cells:
            columns = zip(*self._cells, strict=True)
            yield Rows(self._positions, dict(zip(self._wanted, map(list, columns), strict=True)))
            self._clear()
