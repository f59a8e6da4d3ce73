"""What a file of predictions says, held as codes and numbers, and the evidence it makes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.data.coding import Coded
from auditkit.data.examples import GROUP_PREFIX, Examples

__all__ = ["PART_ROWS", "PredictionsTable"]

PART_ROWS = 1_000_000
"""Rows of one part of evidence."""

_VERSION = 1
"""Changes whenever the same file gives other evidence."""
_ID_DIGITS = 7
_SMALLEST = float(np.finfo(np.float64).eps)
"""A probability below counts as this much in the log loss, as in scikit-learn."""


@dataclass(frozen=True, eq=False)
class PredictionsTable:
    """Examples with their labels, predictions, scores and groups, and where they come from."""

    source: str
    """The file as the user wrote it."""
    digest: str
    """SHA-256 of the file's bytes."""
    labels: tuple[str, ...]
    """Names of the labels; of two the positive one need not be the last."""
    multi_label: bool
    """Whether several labels may hold for one example."""
    positive: str | None
    """The label that rates and areas are about, where there is one."""
    columns: Mapping[str, str]
    """Which column of the file served as what."""
    truth: Coded
    """The labels; where one holds a row, its code is its place in ``labels``."""
    prediction: Coded
    """The predictions, with the codes of ``truth``: equal ones are right answers."""
    scores: npt.NDArray[np.float64] | None
    """Probability of each label ``[labels, examples]``, or of the positive one ``[1, examples]``"""
    group_columns: Mapping[str, Coded]
    """Which groups an example is in, by column."""
    ids: pa.ChunkedArray | None
    """Example ids, where the file has them; else they are the numbers of the rows."""
    rows_total: int
    """Rows of the file, before a limit."""
    chosen: npt.NDArray[np.int64] | None = None
    """Row numbers of a draw from the file, from 0; None for all."""
    notes: tuple[str, ...] = ()
    """What a reader of the results should know about the data."""

    revision: None = None
    """A file has no revision."""

    def __len__(self) -> int:
        return len(self.truth.codes)

    @property
    def limited(self) -> bool:
        """Whether the rows are a draw from the file."""
        return self.chosen is not None

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the group columns."""
        return tuple(self.group_columns)

    @cached_property
    def label_counts(self) -> dict[str, int]:
        """How many examples have each label, by label."""
        return self.truth.counts()

    @cached_property
    def group_counts(self) -> dict[str, dict[str, int]]:
        """How many examples each value of each group column has."""
        return {name: column.counts() for name, column in self.group_columns.items()}

    @property
    def unknown_groups(self) -> dict[str, int]:
        """For each group column, how many examples have no known value."""
        return {name: column.unknown for name, column in self.group_columns.items()}

    @property
    def parts(self) -> int:
        """Number of parts of evidence."""
        return -(-len(self) // PART_ROWS)

    def part_rows(self, part: int) -> int:
        """Return how many rows a part has."""
        return len(self.truth.codes[_rows(part)])

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hex) over ids, labels and groups, whatever was predicted of them.

        Files of two models' predictions on the same examples have the same.
        """
        digest = hashlib.sha256()
        for part in range(self.parts):
            digest.update(Examples(self._examples(part), "", 0).fingerprint.encode())
        return digest.hexdigest()

    def facts(self) -> dict[str, Any]:
        """Return what the evidence depends on; with the number of a part it is the part's key."""
        return {
            "predictions": self.digest,
            "columns": dict(self.columns),
            "labels": self.labels,
            "multi_label": self.multi_label,
            "positive": self.positive,
            "examples": self.fingerprint,
            "part_rows": PART_ROWS,
            "version": _VERSION,
            "numpy": np.__version__,
        }

    def draw(self, chosen: npt.NDArray[np.int64]) -> PredictionsTable:
        """Return some of the rows, by ascending row numbers from 0."""
        return replace(
            self,
            truth=self.truth.take(chosen),
            prediction=self.prediction.take(chosen),
            scores=None if self.scores is None else self.scores[:, chosen],
            group_columns={name: one.take(chosen) for name, one in self.group_columns.items()},
            ids=None if self.ids is None else self.ids.take(pa.array(chosen)),
            chosen=chosen,
        )

    def part(self, part: int) -> pa.Table:
        """Return one part as evidence, sorted by example id.

        The columns are those that a model's predictions have, as far as a file can know them:
        ``example_id``, ``label``, ``prediction``, ``correct``; with scores ``log_loss`` and
        ``probability:<label>``; ``group:<name>``.
        """
        rows = _rows(part)
        examples = self._examples(part)
        columns = {
            "example_id": examples.column("example_id"),
            "label": examples.column("label"),
            "prediction": self.prediction.array(rows),
            "correct": pa.array(self.truth.codes[rows] == self.prediction.codes[rows]),
        }
        if self.scores is not None:
            probabilities = self._probabilities(self.scores[:, rows])
            columns["log_loss"] = pa.array(self._log_loss(rows, probabilities))
            for label, probability in zip(self.labels, probabilities, strict=True):
                columns[f"probability:{label}"] = pa.array(probability)
        for name in self.group_columns:
            columns[GROUP_PREFIX + name] = examples.column(GROUP_PREFIX + name)
        table = pa.table(columns)
        return table if self.ids is None else table.sort_by("example_id")

    def _examples(self, part: int) -> pa.Table:
        rows = _rows(part)
        columns = {"example_id": self._ids(rows), "label": self.truth.array(rows)}
        for name, column in self.group_columns.items():
            columns[GROUP_PREFIX + name] = column.array(rows)
        return pa.table(columns)

    def _ids(self, rows: slice) -> pa.Array | pa.ChunkedArray:
        if self.ids is not None:
            return self.ids.slice(rows.start, rows.stop - rows.start)
        last = min(rows.stop, len(self))
        numbers = (np.arange(rows.start, last) if self.chosen is None else self.chosen[rows]) + 1
        width = max(_ID_DIGITS, len(str(self.rows_total)))
        return pc.utf8_lpad(pa.array(numbers).cast(pa.string()), width, "0")

    def _probabilities(self, scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """Return the probability of each label, ``[labels, rows]``."""
        if len(scores) == len(self.labels):
            return scores
        both = np.concatenate([1.0 - scores, scores])
        return both if self.labels[1] == self.positive else both[::-1]

    def _log_loss(
        self, rows: slice, probabilities: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return −log of the probability given to the label; of several labels, their mean."""
        given = np.clip(self._given(rows, probabilities), _SMALLEST, 1.0 - _SMALLEST)
        return np.asarray(-np.log(given).mean(axis=0))

    def _given(
        self, rows: slice, probabilities: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64]:
        """Return the probability given to what holds: ``[1, rows]``, or for each label a row."""
        codes = self.truth.codes[rows]
        if not self.multi_label:
            return probabilities[codes, np.arange(len(codes))][None]
        held = np.array(
            [[label in values for values in self.truth.values] for label in self.labels]
        )[:, codes]
        return np.where(held, probabilities, 1.0 - probabilities)

    @cached_property
    def impossible(self) -> int:
        """How many examples have a label that was given a probability of 0."""
        if self.scores is None:
            return 0
        found = 0
        for rows in map(_rows, range(self.parts)):
            given = self._given(rows, self._probabilities(self.scores[:, rows]))
            found += int(np.count_nonzero((given < _SMALLEST).any(axis=0)))
        return found


def _rows(part: int) -> slice:
    return slice(part * PART_ROWS, (part + 1) * PART_ROWS)
