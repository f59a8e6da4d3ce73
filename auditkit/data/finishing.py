"""Columns of the first step → the columns of :class:`Examples`: labels, ids, groups, rationales."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.data.columns import Columns, word_mask
from auditkit.data.examples import GROUP_PREFIX
from auditkit.data.problems import Problems
from auditkit.suite import DataConfig

__all__ = ["Finish"]


class Finish:
    """The second step: labels, ids, groups and rationales in their last form."""

    def __init__(
        self,
        table: pa.Table,
        config: DataConfig,
        columns: Columns,
        *,
        labels: Mapping[str, str],
        model_labels: Sequence[str],
        problems: Problems,
    ) -> None:
        self._table = table
        self._config = config
        self._columns = columns
        self._problems = problems
        self._labels = labels
        self._values = pa.array(list(labels), pa.string())
        self._names = pa.array(list(labels.values()), pa.string())
        self._order = {label: index for index, label in enumerate(model_labels)}
        self._occurrence = _occurrences(columns.digests)
        if config.id is not None:
            self._check_ids(config.id)
        self.schema = pa.schema(self._fields())

    def _fields(self) -> list[pa.Field]:
        fields = [pa.field("example_id", pa.string())]
        for field in self._table.schema:
            if field.name == "id":
                continue
            kind = field.type
            if field.name.startswith(GROUP_PREFIX) and not self._is_list(field.name):
                kind = pa.string()
            elif field.name == "rationale":
                kind = pa.list_(pa.int8())
            fields.append(pa.field(field.name, kind))
        return fields

    def _is_list(self, name: str) -> bool:
        return self._columns.group_kinds.get(name.removeprefix(GROUP_PREFIX)) == "list"

    def _check_ids(self, column: str) -> None:
        """Refuse ids that occur twice; their digests tell which could."""
        candidates = np.flatnonzero(np.isin(self._columns.digests, self._twice()))
        seen: dict[str, int] = {}
        ids = self._table["id"].take(pa.array(candidates)).to_pylist()
        for example_id, row in zip(ids, candidates.tolist(), strict=True):
            position = int(self._columns.positions[row])
            if example_id in seen:
                place = self._problems.place
                raise place.error(
                    f"the id '{example_id}' occurs twice "
                    f"({place.positions([seen[example_id], position], 2)})",
                    column=column,
                    hint="Make the ids unique, or leave 'id' out to have them made",
                )
            seen[example_id] = position

    def _twice(self) -> npt.NDArray[np.uint64]:
        return self._columns.digests[self._occurrence > 1]

    def batches(self, chosen: npt.NDArray[np.int64]) -> Iterator[pa.RecordBatch]:
        """Yield the chosen rows in their last form."""
        start = 0
        for batch in self._table.to_batches():
            low, high = np.searchsorted(chosen, [start, start + batch.num_rows])
            rows = chosen[low:high]
            if len(rows) == batch.num_rows:
                yield self._finish(batch, rows)
            elif len(rows):
                yield self._finish(batch.take(pa.array(rows - start)), rows)
            start += batch.num_rows

    def _finish(self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]) -> pa.RecordBatch:
        arrays = []
        for field in self.schema:
            if field.name == "example_id":
                arrays.append(self._ids(batch, rows))
                continue
            column = batch.column(field.name)
            if field.name == "label":
                column = self._label(column)
            elif field.name == "rationale":
                column = self._rationale(column, batch.column("text"), rows)
            elif field.name.startswith(GROUP_PREFIX) and not self._is_list(field.name):
                column = pc.list_element(column, 0)
            arrays.append(column)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _ids(self, batch: pa.RecordBatch, rows: npt.NDArray[np.int64]) -> pa.Array:
        if self._config.id is not None:
            return batch.column("id")
        digests = self._columns.digests[rows].tolist()
        counts = self._occurrence[rows].tolist()
        return pa.array([f"{d:016x}-{k}" for d, k in zip(digests, counts, strict=True)])

    def _label(self, column: pa.Array) -> pa.Array:
        if pa.types.is_string(column.type):
            return self._names.take(pc.index_in(column, self._values))
        lists = [
            sorted({self._labels[value] for value in values}, key=self._order.__getitem__)
            for values in column.to_pylist()
        ]
        return pa.array(lists, column.type)

    def _rationale(
        self, column: pa.Array, texts: pa.Array, rows: npt.NDArray[np.int64]
    ) -> pa.Array:
        masks: list[list[int] | None] = []
        pairs = zip(column.to_pylist(), texts.to_pylist(), rows.tolist(), strict=True)
        for rationale, text, row in pairs:
            mask = None
            if rationale is not None:
                try:
                    mask = word_mask(rationale, text, self._columns.rationale_form)
                except ValueError as error:
                    self._problems.add(
                        int(self._columns.positions[row]),
                        self._config.rationale or "",
                        str(error),
                        "Words are what text.split() gives",
                    )
            masks.append(mask)
        return pa.array(masks, pa.list_(pa.int8()))


def _occurrences(digests: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return for each digest how often it has occurred up to its row, from 1.

    >>> _occurrences(np.array([7, 5, 7, 7, 5], np.uint64))
    array([1, 1, 2, 3, 2])
    """
    order = np.argsort(digests, kind="stable")
    ordered = digests[order]
    is_first = np.ones(len(ordered), bool)
    is_first[1:] = ordered[1:] != ordered[:-1]
    ranks = np.arange(len(ordered))
    counts = np.empty(len(ordered), np.int64)
    counts[order] = ranks - np.maximum.accumulate(np.where(is_first, ranks, 0)) + 1
    return counts
