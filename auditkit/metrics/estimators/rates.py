"""Functions of labels and predictions: of all labels together, or of one against the rest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditkit.errors import CheckError, did_you_mean
from auditkit.metrics.cells import CELL_FUNCTIONS, PER_LABEL_FUNCTIONS
from auditkit.metrics.columns import Columns
from auditkit.metrics.declare import Cells, Disparity, ImpactRatio, Rate
from auditkit.metrics.estimators.base import Array, Estimator
from auditkit.metrics.estimators.counts import CountEstimator, proportion
from auditkit.metrics.estimators.decisions import Decisions

__all__ = ["CellRate", "cell_estimators", "decisions_of", "label_rate", "rate_estimators", "whole"]

_CERTAIN = ("support", "count")
"""Functions that are mere counts."""


@dataclass(frozen=True, eq=False)
class CellRate:
    """A ratio of two weighted counts of cells: every rate is one, and so is F1.

    Called with counts of cells ``[..., C]`` it returns ``[...]``, NaN where the denominator is 0.
    """

    numerator: Array
    """``[C]``: what a row of each cell adds above."""
    denominator: Array
    """``[C]``: and below."""
    undefined: str
    """Why there is no value where the denominator is 0."""

    def __call__(self, counts: Array) -> Array:
        """Return the rate of counts of cells."""
        top, bottom = counts @ self.numerator, counts @ self.denominator
        result = np.full(np.shape(top), np.nan)
        np.divide(top, bottom, out=result, where=bottom > 0)
        return result

    def estimator(self, codes: npt.NDArray[np.int32]) -> Estimator:
        """Return its estimator over rows in these cells; that of a proportion where it is one."""
        above, below = self.numerator, self.denominator
        if np.isin(above, (0, 1)).all() and np.isin(below, (0, 1)).all():
            return proportion(codes, above > 0, below > 0, self.undefined)
        return CountEstimator(codes, len(above), self, undefined=self.undefined)


def decisions_of(
    columns: Columns,
    statistic: Cells | Rate | Disparity | ImpactRatio,
    labels: Sequence[str],
    positive: str | None = None,
) -> Decisions:
    """Return the decisions that a statistic is about; they are made once for each evidence.

    Raises
    ------
    CheckError
        If the evidence lacks a column, or cannot be read at the operating point.
    """
    point = None if isinstance(statistic, Cells) else statistic.operating_point
    key = ("decisions", statistic.columns, tuple(labels), point, positive)
    return columns.derived(
        key, lambda: Decisions.of(columns, statistic.columns, labels, point, positive)
    )


def cell_estimators(
    columns: Columns, statistic: Cells, labels: Sequence[str]
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimator of a function of cells, or one for each label.

    Raises
    ------
    CheckError
        If the function is not known, or the evidence lacks a column.
    """
    function = statistic.function
    known = PER_LABEL_FUNCTIONS if statistic.per_label else CELL_FUNCTIONS
    if function not in known:
        raise CheckError(
            f"there is no cell function {function!r}",
            hint=did_you_mean(function, sorted(known)),
        )
    decisions = decisions_of(columns, statistic, labels)
    if statistic.per_label:
        return [
            ({"label": label}, _of_label(decisions.of_label(label), function))
            for label in decisions.labels
        ]
    of_all = CELL_FUNCTIONS[function]
    bounds = {"matthews_correlation": (-1.0, 1.0), "count": (0.0, np.inf)}
    estimator = CountEstimator(
        decisions.codes,
        decisions.cells,
        lambda counts: of_all(decisions.one_vs_rest(counts)),
        bounds=bounds.get(function, (0.0, 1.0)),
        undefined="not defined here: it needs labels that exclude each other and more than "
        "one of them among labels and predictions",
        certain=function in _CERTAIN,
    )
    return [({}, estimator)]


def _of_label(decisions: Decisions, function: str) -> Estimator:
    if function in _CERTAIN:
        held = decisions.is_true[:, 0].astype(float)
        return CountEstimator(
            decisions.codes,
            decisions.cells,
            lambda counts: np.asarray(counts @ held),
            bounds=(0.0, np.inf),
            certain=True,
        )
    return label_rate(decisions, function).estimator(decisions.codes)


def rate_estimators(
    columns: Columns, statistic: Rate, labels: Sequence[str], positive: str | None
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimator of a rate: of the positive label, or of each where they are several.

    Raises
    ------
    CheckError
        If the evidence lacks a column, or cannot be read at the operating point.
    """
    decisions = decisions_of(columns, statistic, labels, positive)
    found: list[tuple[dict[str, str], Estimator]] = []
    if statistic.function == "accuracy":
        codes, rate = whole(decisions)
        found.append(({}, rate.estimator(codes)))
        if decisions.exclusive:
            return found
    elif decisions.is_binary:
        one = decisions.of_label(decisions.positive(positive))
        return [({}, label_rate(one, statistic.function).estimator(one.codes))]
    for label in decisions.labels:
        one = decisions.of_label(label)
        found.append(({"label": label}, label_rate(one, statistic.function).estimator(one.codes)))
    return found


def whole(decisions: Decisions) -> tuple[npt.NDArray[np.int32], CellRate]:
    """Return accuracy over all labels, with the cell of each row.

    It is that of rows, or where several labels may hold of single decisions. Cells are numbers of
    right decisions: what else labels and predictions say does not matter here.
    """
    decided = 1 if decisions.exclusive else max(1, len(decisions.labels))
    share = np.arange(decided + 1) / decided
    return decisions.right, CellRate(share, np.ones(decided + 1), "no examples")


def label_rate(decisions: Decisions, function: str) -> CellRate:
    """Return a rate of one label, over the cells of :meth:`Decisions.of_label`.

    Known are ``accuracy`` and what :class:`Rate` knows; ``recall`` is another name of
    ``true_positive_rate``.
    """
    (label,) = decisions.labels
    true, given = decisions.is_true[:, 0], decisions.is_predicted[:, 0]
    every = np.ones(len(true), dtype=bool)
    none = f"no example is labelled '{label}'"
    if function == "f1":
        neither = f"'{label}' is neither a label nor a prediction here"
        return CellRate(np.where(true & given, 2.0, 0.0), true.astype(float) + given, neither)
    above, below, undefined = {
        "accuracy": (true == given, every, "no examples"),
        "selection_rate": (given, every, "no examples"),
        "recall": (true & given, true, none),
        "true_positive_rate": (true & given, true, none),
        "false_negative_rate": (true & ~given, true, none),
        "false_positive_rate": (~true & given, ~true, f"every example is labelled '{label}'"),
        "precision": (true & given, given, f"'{label}' was never predicted"),
    }[function]
    return CellRate(above.astype(float), below.astype(float), undefined)
