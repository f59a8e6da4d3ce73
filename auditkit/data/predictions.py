"""From a file of predictions to a table: labels, predictions, scores and groups, all validated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from shlex import quote

import numpy as np
import numpy.typing as npt

from auditkit.data.batches import ColumnFile
from auditkit.data.coding import Coded, Coder, Values
from auditkit.data.loading import draw_rows
from auditkit.data.predictions_columns import PredictionColumns, column_roles
from auditkit.data.predictions_labels import LabelNames, ValuesOf, name_labels, note_strays
from auditkit.data.predictions_table import PredictionsTable
from auditkit.errors import InternalError, did_you_mean
from auditkit.suite import DataConfig

__all__ = ["PREDICTION", "load_predictions"]

PREDICTION = "prediction"
"""Column of the predicted labels where none is named."""

_THRESHOLD = 0.5

_Codes = npt.NDArray[np.int32]
_Scores = npt.NDArray[np.float64]


def load_predictions(
    file: ColumnFile,
    config: DataConfig,
    *,
    multi_label: bool,
    positive: str | None,
    limit: int | None,
    seed: int,
) -> PredictionsTable:
    """Read a file of labels and predictions.

    A file without a column of predictions gets them from its scores: the label with the largest;
    of two labels with one column of scores the positive one where it is at least 0.5; of several
    labels a row those with at least 0.5.

    Parameters
    ----------
    file
        CSV, TSV, JSON Lines (each also gzipped) or Parquet.
    config
        Names the columns; its ``path`` and ``text`` do not matter.
    multi_label
        Whether several labels may hold for one example.
    positive
        The label that ``config.score`` is the probability of, in any case; the last by default.
    limit
        Draw this many rows without replacement and keep their order; None for all.
    seed
        Seeds the draw.

    Raises
    ------
    DataError
        If the file cannot be read, or a cell or a column cannot be used: see
        :class:`auditkit.data.predictions_columns.PredictionColumns` and
        :func:`auditkit.data.predictions_labels.name_labels`. It names the line or row.
    """
    config = _with_prediction(config, file)
    read = PredictionColumns(file, config, multi_label=multi_label)
    names = name_labels(
        _values_of(read.truth),
        _values_of(read.prediction) if read.prediction else None,
        config,
        positive=positive,
        place=file.place,
        locate=file.locate,
    )
    table = _table(config, read, names, multi_label=multi_label)
    if limit is not None and limit < len(table):
        table = table.draw(draw_rows(len(table), limit, seed))
    return table


def _with_prediction(config: DataConfig, file: ColumnFile) -> DataConfig:
    """Return the config with the column of predictions that there is, or none."""
    if config.prediction is not None:
        return config
    if PREDICTION in file.columns:
        return config.model_copy(update={"prediction": PREDICTION})
    if config.score is None and not config.scores:
        raise file.place.error(
            f"has no column '{PREDICTION}', and no scores are named to make predictions from",
            hint=f"Name it with --prediction. {did_you_mean(PREDICTION, file.columns)}",
        )
    return config


def _values_of(coder: Coder) -> ValuesOf:
    first: dict[str, int] = {}
    for values, row in coder.first.items():
        for value in values:
            first.setdefault(value, row)
    return ValuesOf(coder.column, first)


def _table(
    config: DataConfig,
    read: PredictionColumns,
    names: LabelNames,
    *,
    multi_label: bool,
) -> PredictionsTable:
    sets = _LabelSets(names.labels, multi_label=multi_label)
    truth = sets.recode(read.truth.finish(), names.truth)
    scores = read.take_scores()
    suggested = None if scores is None else sets.by_scores(scores, names.positive)
    notes = list(names.notes)
    if read.prediction is not None:
        predicted = read.prediction.finish()
        prediction = sets.recode(predicted, names.prediction)
        if not config.scores:
            notes += note_strays(
                _values_of(read.prediction),
                names,
                predicted.counts(),
                place=read.file.place,
                locate=read.file.locate,
            )
        if suggested is not None and (other := np.count_nonzero(suggested != prediction)):
            said = (
                f"{other:,} of {read.rows:,} predictions are not what the scores alone would give"
            )
            if config.score is not None and 2 * other > read.rows:
                (mirrored,) = {*names.labels} - {names.positive}
                said += (
                    f": '{config.score}' may be the probability of '{mirrored}', not of "
                    f"'{names.positive}'; if so, the positive label is '{mirrored}' "
                    f"(--positive {quote(mirrored)})"
                )
            notes.append(said)
    elif suggested is not None:
        prediction = suggested
        notes.append(_how_predicted(config, names.positive, multi_label=multi_label))
    else:
        raise InternalError("a file with neither predictions nor scores was not refused")
    values = sets.values
    table = PredictionsTable(
        source=read.file.place.source,
        digest=read.file.digest,
        labels=names.labels,
        multi_label=multi_label,
        positive=names.positive,
        columns=column_roles(config),
        truth=Coded(truth, values, multi_label),
        prediction=Coded(prediction, values, multi_label),
        scores=scores,
        group_columns={name: coder.finish() for name, coder in read.groups.items()},
        ids=read.ids,
        rows_total=read.rows,
        notes=tuple(notes),
    )
    if impossible := table.impossible:
        shown = (
            f"the label of {impossible:,} of {read.rows:,} examples has a probability of 0, which "
            "the log loss reads as 2.2e-16"
        )
        table = replace(table, notes=(*notes, shown))
    return table


def _how_predicted(config: DataConfig, positive: str | None, *, multi_label: bool) -> str:
    if config.score is not None:
        return f"predictions are made from '{config.score}': '{positive}' from {_THRESHOLD} on"
    rule = f"each label with at least {_THRESHOLD}" if multi_label else "the label with the largest"
    return f"predictions are made from the scores: {rule}"


class _LabelSets:
    """Codes of what an example may be labelled: a label, or a set of labels."""

    def __init__(self, labels: tuple[str, ...], *, multi_label: bool) -> None:
        self._order = {label: place for place, label in enumerate(labels)}
        self._labels = labels
        self._multi_label = multi_label
        self._codes: dict[Values, int] = {}
        if not multi_label:
            for label in labels:
                self._code([label])

    @property
    def values(self) -> tuple[Values, ...]:
        """What each code stands for."""
        return tuple(self._codes)

    def _code(self, labels: list[str]) -> int:
        held = tuple(sorted(set(labels), key=self._order.__getitem__))
        return self._codes.setdefault(held, len(self._codes))

    def recode(self, column: Coded, names: Mapping[str, str]) -> _Codes:
        """Return the codes of a column whose values name labels."""
        codes = [self._code([names[value] for value in values]) for values in column.values]
        return np.array(codes, dtype=np.int32)[column.codes]

    def by_scores(self, scores: _Scores, positive: str | None) -> _Codes:
        """Return what the scores alone would predict."""
        if self._multi_label:
            return self._above(scores >= _THRESHOLD)
        if len(scores) == len(self._labels):
            return np.asarray(scores.argmax(axis=0), dtype=np.int32)
        chosen = self._order[positive or ""]
        return np.where(scores[0] >= _THRESHOLD, chosen, 1 - chosen).astype(np.int32)

    def _above(self, held: npt.NDArray[np.bool_]) -> _Codes:
        packed = np.ascontiguousarray(np.packbits(held, axis=0).T)
        rows = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
        _, first, inverse = np.unique(rows, return_index=True, return_inverse=True)
        codes = [
            self._code([self._labels[place] for place in np.flatnonzero(held[:, row])])
            for row in first
        ]
        return np.array(codes, dtype=np.int32)[inverse.ravel()]
