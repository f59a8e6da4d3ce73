"""The columns of a file of predictions as codes and numbers, each cell valid.

Read once, in batches that Arrow holds; what stays is a code or a number for each cell.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from auditkit.data.batches import ColumnFile
from auditkit.data.coding import Coder, Form
from auditkit.data.problems import Problems
from auditkit.errors import did_you_mean
from auditkit.suite import DataConfig

__all__ = ["PredictionColumns", "column_roles"]

_MOST_LABELS = 1_000
_MOST_GROUPS = 100_000
_SUM_TOLERANCE = 1e-3
_IS_SCORE = "Scores are probabilities: apply softmax or sigmoid first, or leave them out"

_Scores = npt.NDArray[np.float64]


def column_roles(config: DataConfig) -> dict[str, str]:
    """Return which column serves as what, in the order they are named in messages."""
    roles = {"label": config.label}
    if config.prediction is not None:
        roles["prediction"] = config.prediction
    if config.score is not None:
        roles["score"] = config.score
    roles |= {f"probability:{label}": column for label, column in config.scores.items()}
    if config.id is not None:
        roles["id"] = config.id
    return roles | {f"group:{name}": name for name in config.groups}


class PredictionColumns:
    """Reads the columns that ``config`` names, and refuses cells that cannot be used.

    Raises
    ------
    DataError
        If a column is not there, a label or prediction is missing, a score is no probability,
        scores of all labels do not add up to 1, or an id occurs twice.
    """

    def __init__(self, file: ColumnFile, config: DataConfig, *, multi_label: bool) -> None:
        self.file = file
        self._config = config
        self._multi_label = multi_label
        self._problems = Problems(file.place, file.locate)
        roles = column_roles(config)
        for role, column in roles.items():
            if column not in file.columns:
                raise file.place.error(
                    f"is not there (asked for by '{role.partition(':')[0]}')",
                    column=column,
                    hint=did_you_mean(column, file.columns),
                )
        self.truth = self._coder(config.label, "label")
        named = config.prediction
        self.prediction = None if named is None else self._coder(named, "prediction")
        self.groups = {
            name: Coder(
                name, "group", form="either", split=False, most=_MOST_GROUPS, missing=None,
                problems=self._problems,
            )
            for name in config.groups
        }  # fmt: skip
        self._score_columns = [config.score] if config.score else list(config.scores.values())
        self._scores: list[list[_Scores]] = [[] for _ in self._score_columns]
        self._ids: list[pa.Array] = []
        self.rows = 0
        for batch in file.read(list(dict.fromkeys(roles.values()))):
            self._add(batch)
        if not self.rows:
            raise file.place.error("there are no rows")
        self._problems.check()
        self._check_ids()

    def _coder(self, column: str, what: str) -> Coder:
        form: Form = "list" if self._multi_label else "value"
        return Coder(
            column,
            what,
            form=form,
            split=self.file.cells_are_text,
            most=_MOST_LABELS,
            missing=f"Remove these rows, or give each a {what}",
            problems=self._problems,
        )

    def take_scores(self) -> _Scores | None:
        """Hand over all scores ``[columns, rows]``; they are kept once only."""
        if not self._scores:
            return None
        found = np.empty((len(self._scores), self.rows))
        for row, parts in zip(found, self._scores, strict=True):
            np.concatenate(parts, out=row)
            parts.clear()
        return found

    @property
    def ids(self) -> pa.ChunkedArray | None:
        """The column of ids."""
        return pa.chunked_array(self._ids, pa.string()) if self._ids else None

    def _add(self, batch: Mapping[str, pa.Array]) -> None:
        coders = [self.truth, *([self.prediction] if self.prediction else [])]
        for coder in [*coders, *self.groups.values()]:
            coder.add(batch[coder.column], self.rows)
        scores = [self._numbers(batch[column], column) for column in self._score_columns]
        for parts, one in zip(self._scores, scores, strict=True):
            parts.append(one)
        if self._config.scores and not self._multi_label:
            total = np.sum(scores, axis=0)
            self._note(
                np.abs(total - 1.0) > _SUM_TOLERANCE,
                self._score_columns[0],
                "the scores of all labels do not add up to 1",
                "Apply softmax first, name the column of every label, or leave the scores out",
            )
        if self._config.id is not None:
            ids = batch[self._config.id].cast(pa.string())
            empty = pc.or_kleene(pc.is_null(ids), pc.equal(pc.fill_null(ids, ""), ""))
            self._note(
                empty.to_numpy(zero_copy_only=False),
                self._config.id,
                "the id is missing",
                "Give each row an id, or name no column of ids",
            )
            self._ids.append(ids)
        self.rows += len(batch[self._config.label])

    def _numbers(self, array: pa.Array, column: str) -> _Scores:
        """Return scores as numbers; what is none, or no probability, becomes a problem."""
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_string(array.type) or pa.types.is_large_string(array.type):
            array = pc.utf8_trim_whitespace(array)
            missing = pc.fill_null(pc.equal(array, ""), True).to_numpy(zero_copy_only=False)
            numbers = _parsed(array, missing)
        else:
            missing = array.is_null().to_numpy(zero_copy_only=False)
            try:
                numbers = array.cast(pa.float64()).fill_null(0.5).to_numpy(zero_copy_only=False)
            except pa.ArrowException:
                raise self.file.place.error(
                    f"holds {array.type} where scores should be", column=column
                ) from None
        hint = "Remove these rows, or leave the scores out"
        self._note(missing, column, "the score is missing", hint)
        self._note(np.isnan(numbers), column, "the score is not a number", hint)
        outside = (numbers < 0.0) | (numbers > 1.0)
        self._note(outside, column, "the score is not between 0 and 1", _IS_SCORE)
        return np.asarray(numbers, dtype=np.float64)

    def _note(self, rows: npt.NDArray[np.bool_], column: str, message: str, hint: str) -> None:
        self._problems.add_rows(np.flatnonzero(rows) + self.rows + 1, column, message, hint)

    def _check_ids(self) -> None:
        ids = self.ids
        if ids is None or pc.count_distinct(ids).as_py() == self.rows:
            return
        counted = pc.value_counts(ids)
        twice = counted.filter(pc.greater(counted.field("counts"), 1))[0]["values"].as_py()
        rows = np.flatnonzero(pc.equal(ids, twice).to_numpy())[:2] + 1
        where = self.file.place.positions(self.file.locate(rows.tolist()), 2)
        raise self.file.place.error(
            f"the id '{twice}' occurs twice ({where})",
            column=self._config.id,
            hint="Make the ids unique, or name no column of ids",
        )


def _parsed(array: pa.Array, missing: npt.NDArray[np.bool_]) -> _Scores:
    """Return texts as numbers, NaN for what is none; 0.5 where there is nothing."""
    filled = pc.if_else(pa.array(missing), "0.5", array)
    try:
        return np.asarray(filled.cast(pa.float64()).to_numpy(zero_copy_only=False))
    except pa.ArrowInvalid:
        return np.array([_number(text) for text in filled.to_pylist()])


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
