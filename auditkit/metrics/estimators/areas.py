"""Areas under ROC and precision-recall curves, of one class or the mean over several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from auditkit import statistics
from auditkit.metrics.columns import Columns, Index
from auditkit.metrics.declare import Area, CurveKind
from auditkit.metrics.estimators.base import Array, Draw, Estimate, Estimator
from auditkit.metrics.estimators.moments import InfluenceEstimator
from auditkit.statistics import Interval

__all__ = ["area_estimators", "score_classes"]

_Class: TypeAlias = tuple[str, Array, npt.NDArray[np.bool_]]
"""A class's name, the rank of each row's score for it, and whether it holds."""


def area_estimators(
    columns: Columns, statistic: Area, labels: Sequence[str], positive: str | None
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimator of an area, or one for each label.

    Raises
    ------
    CheckError
        If the evidence lacks a column.
    """
    scores = _score_columns(columns, statistic.score, statistic.label, labels)
    names = list(scores)
    if len(names) == 2 and not statistic.per_label and not columns.codes(statistic.label).is_list:
        names = [positive if positive in scores else names[-1]]
    # Ranks: an area depends on the order alone, and each slice need not be sorted again.
    every = [
        (name, columns.ranks(scores[name]), _holds(columns, statistic.score, statistic.label, name))
        for name in names
    ]
    if statistic.per_label:
        return [({"label": one[0]}, _AreaEstimator([one], statistic.curve)) for one in every]
    return [({}, _AreaEstimator(every, statistic.curve))]


def score_classes(
    columns: Columns, score: str, label: str, labels: Sequence[str]
) -> dict[str, tuple[Array, npt.NDArray[np.bool_]]]:
    """Return scores and whether the label holds, for each class that has scores."""
    return {
        name: (columns.numbers(column), _holds(columns, score, label, name))
        for name, column in _score_columns(columns, score, label, labels).items()
    }


def _score_columns(
    columns: Columns, score: str, label: str, labels: Sequence[str]
) -> dict[str, str]:
    """Return the column of scores of each class."""
    family = columns.family(score)
    if not family:
        return {label: score}
    return {
        name: family[name] for name in [one for one in labels if one in family] or sorted(family)
    }


def _holds(columns: Columns, score: str, label: str, name: str) -> npt.NDArray[np.bool_]:
    if not columns.family(score):
        return columns.numbers(label) > 0
    codes = columns.codes(label)
    return np.append(codes.holds(name), False)[codes.codes]


class _AreaEstimator(InfluenceEstimator):
    """The mean area over classes, of those that have positives and negatives."""

    bounds = (0.0, 1.0)

    def __init__(self, classes: list[_Class], curve: CurveKind) -> None:
        self._classes = classes
        self._is_roc = curve == "roc"

    def _measurable(
        self, rows: Index
    ) -> tuple[list[tuple[Array, npt.NDArray[np.bool_]]], list[str]]:
        usable: list[tuple[Array, npt.NDArray[np.bool_]]] = []
        absent: list[str] = []
        for name, scores, positive in self._classes:
            held = positive[rows]
            if held.any() and not held.all():
                usable.append((scores[rows], held))
            else:
                absent.append(name)
        return usable, absent

    def _one(self, scores: Array, positive: npt.NDArray[np.bool_]) -> tuple[float, Array]:
        """Return one class's area and the influence of each row."""
        if self._is_roc:
            return statistics.auc_influence(scores, positive)
        return statistics.average_precision_influence(scores, positive)

    def value(self, rows: Index) -> Estimate:
        if not len(rows):
            return Estimate(float("nan"), 0, "no examples")
        usable, absent = self._measurable(rows)
        note = None
        if absent:
            shown = ", ".join(f"'{name}'" for name in absent)
            note = f"needs examples with and without the label; not so for {shown}"
        if not usable:
            return Estimate(float("nan"), len(rows), note)
        return Estimate(float(np.mean([self._one(*one)[0] for one in usable])), len(rows), note)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        usable, _ = self._measurable(rows)
        if len(usable) == 1:
            alone = statistics.delong if self._is_roc else statistics.average_precision_interval
            return alone(*usable[0], draw.confidence)
        if not 0.0 < estimate.value < 1.0:
            # Perfect in every class: no surer than the class with the fewest positives.
            held = min(int(positive.sum()) for _, positive in usable)
            return statistics.wilson(int(held * estimate.value), held, draw.confidence)
        variance = float((self.influence(rows)[1] ** 2).sum())
        method = "DeLong (logit)" if self._is_roc else "delta method (logit)"
        return replace(
            statistics.area_interval(estimate.value, variance, draw.confidence), method=method
        )

    def influence(self, rows: Index) -> tuple[Index, Array]:
        usable, _ = self._measurable(rows)
        influence = [np.nan_to_num(self._one(*one)[1]) for one in usable]
        return rows, np.mean(influence, axis=0) if usable else np.zeros(len(rows))

    def unseen_variance(self, rows: Index) -> float:
        usable, _ = self._measurable(rows)
        more = 0.0
        for scores, positive in usable:
            value, influence = self._one(scores, positive)
            seen = float(np.nansum(influence**2))
            held = int(positive.sum())
            if self._is_roc:
                needed = statistics.area_variance(value, seen, held, len(positive) - held)
            else:
                needed = statistics.average_precision_variance(value, seen, held)
            more += max(0.0, needed - seen)
        return more / max(1, len(usable)) ** 2
