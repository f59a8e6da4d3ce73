"""The examples an audit runs on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["GROUP_PREFIX", "Examples"]

GROUP_PREFIX = "group:"

_Indices: TypeAlias = Sequence[int] | npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Examples:
    """Examples as an Arrow table, memory-mapped where it was read from a file.

    The columns are ``example_id``, ``text``, ``text_pair`` (where the task is about pairs),
    ``label`` (text, or a list of texts where several labels may hold), ``group:<name>`` (text, or
    a list of the groups an example is a member of; null where unknown) and ``rationale`` (0 or 1
    for each word of ``text.split()``; null where nobody marked any).
    """

    table: pa.Table
    source: str
    """The path or hub id as the user wrote it."""
    rows_total: int
    """Rows of the data set, before a limit."""
    revision: str | None = None
    """The commit of a hub data set."""
    limited: bool = False
    """Whether the rows are a draw from the data set."""
    notes: tuple[str, ...] = ()
    """What a reader of the results should know about the data."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Pickled as it is, a slice takes the buffers of the whole table along.
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, self.table.schema) as writer:
            writer.write_table(self.table)
        facts = (self.source, self.rows_total, self.revision, self.limited, self.notes)
        return _restore, (sink.getvalue().to_pybytes(), facts)

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the group columns, without their prefix."""
        names: list[str] = self.table.column_names
        return tuple(name[len(GROUP_PREFIX) :] for name in names if name.startswith(GROUP_PREFIX))

    @property
    def has_pairs(self) -> bool:
        """Whether the inputs are pairs of texts."""
        return "text_pair" in self.table.column_names

    @cached_property
    def label_counts(self) -> dict[str, int]:
        """How many examples have each label, by label."""
        return _counts(self.table["label"])

    @cached_property
    def group_counts(self) -> dict[str, dict[str, int]]:
        """How many examples each value of each group column has, by column and value."""
        return {name: _counts(self.table[GROUP_PREFIX + name]) for name in self.groups}

    @cached_property
    def unknown_groups(self) -> dict[str, int]:
        """For each group column, how many examples have no known value."""
        return {name: self.table[GROUP_PREFIX + name].null_count for name in self.groups}

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over names, types and values of the columns, in the order of the rows.

        It does not depend on the format of the file the values came from.
        """
        digest = hashlib.sha256()
        for name in sorted(self.table.column_names):
            column = self.table[name]
            digest.update(f"{name}\0{column.type}\0".encode())
            digest.update(_column_digest(column))
        return digest.hexdigest()

    def inputs(self) -> list[str | tuple[str, str]]:
        """Return the texts, or the pairs of texts, as the engine takes them."""
        texts: list[Any] = self.table["text"].to_pylist()
        if not self.has_pairs:
            return texts
        return list(zip(texts, self.table["text_pair"].to_pylist(), strict=True))

    def take(self, indices: _Indices) -> Examples:
        """Return the rows at ``indices`` (from 0), in that order."""
        return replace(self, table=self.table.take(pa.array(indices, pa.int64())))

    def shards(self, size: int) -> Iterator[Examples]:
        """Yield consecutive parts of ``size`` rows; the last may be shorter.

        Raises
        ------
        ValueError
            If ``size`` is below 1.
        """
        if size < 1:
            raise ValueError("the size of a shard is at least 1")
        for start in range(0, len(self), size):
            yield replace(self, table=self.table.slice(start, size))


def _restore(stream: bytes, facts: tuple[Any, ...]) -> Examples:
    return Examples(pa.ipc.open_stream(stream).read_all(), *facts)


def _counts(column: pa.ChunkedArray) -> dict[str, int]:
    """Count the known values of a column, or those in its lists, sorted by value."""
    if pa.types.is_list(column.type):
        column = pc.list_flatten(column)
    counted = pc.value_counts(column.drop_null()).to_pylist()
    return dict(sorted((entry["values"], entry["counts"]) for entry in counted))


def _column_digest(column: pa.ChunkedArray) -> bytes:
    """Digest a column of texts, integers or lists of them, whatever its chunks are.

    Lengths and bytes are digested apart and then together, so no value can pass for two.
    """
    lengths, content = hashlib.sha256(), hashlib.sha256()
    kind = column.type
    if pa.types.is_list(kind):
        for chunk in column.chunks:
            lengths.update(_little_endian(pc.list_value_length(chunk)))
        content.update(_column_digest(pc.list_flatten(column)))
    elif pa.types.is_string(kind):
        for chunk in column.chunks:
            lengths.update(_little_endian(pc.binary_length(chunk)))
            # What lies under a null, or outside of a slice, is no part of the values.
            compact = pc.drop_null(chunk)
            if len(compact) == 0:
                continue
            offsets = np.frombuffer(compact.buffers()[1], np.int32)
            first, last = offsets[compact.offset], offsets[compact.offset + len(compact)]
            if last > first:
                content.update(memoryview(compact.buffers()[2])[first:last])
    else:
        for chunk in column.chunks:
            content.update(_little_endian(chunk))
    return lengths.digest() + content.digest()


def _little_endian(numbers: pa.Array) -> bytes:
    """Return integers as 8 bytes each, null as -1, which no length and no 0 or 1 is."""
    filled = pc.fill_null(pc.cast(numbers, pa.int64()), -1)
    values: npt.NDArray[np.int64] = filled.to_numpy(zero_copy_only=False)
    return values.astype("<i8").tobytes()
