"""Functions of counts: precision, recall, F1 and their kin.

Rows of evidence are summarised to cells, the distinct combinations of labels and predicted
labels, with counts. Every function here takes one-vs-rest counts for the labels and is
vectorised over leading axes, so that a bootstrap over thousands of draws is one call. Counts
need not be whole numbers.

The definitions are scikit-learn's with ``zero_division=0``: an average is over the labels that
occur among the labels or the predictions of the slice. A value that has no denominator at all
is NaN, never 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["CELL_FUNCTIONS", "PER_LABEL_FUNCTIONS", "OneVsRest"]

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class OneVsRest:
    """Counts for each label against the rest, each ``[..., labels]``; ``total`` is ``[...]``.

    ``exclusive`` says whether exactly one label holds in a row.
    """

    true_positive: Array
    false_positive: Array
    false_negative: Array
    total: Array
    exclusive: bool

    @property
    def support(self) -> Array:
        """Rows whose label it is."""
        return self.true_positive + self.false_negative

    @property
    def predicted(self) -> Array:
        """Rows for which it was predicted."""
        return self.true_positive + self.false_positive


def _divide(numerator: Array, denominator: Array, otherwise: float) -> Array:
    result = np.full(np.broadcast(numerator, denominator).shape, otherwise)
    np.divide(numerator, denominator, out=result, where=denominator > 0)
    return result


def _precision(counts: OneVsRest, otherwise: float = np.nan) -> Array:
    return _divide(counts.true_positive, counts.predicted, otherwise)


def _recall(counts: OneVsRest, otherwise: float = np.nan) -> Array:
    return _divide(counts.true_positive, counts.support, otherwise)


def _selection_rate(counts: OneVsRest) -> Array:
    return _divide(counts.predicted, counts.total[..., None], np.nan)


def _false_positive_rate(counts: OneVsRest) -> Array:
    return _divide(counts.false_positive, counts.total[..., None] - counts.support, np.nan)


def _false_negative_rate(counts: OneVsRest) -> Array:
    return _divide(counts.false_negative, counts.support, np.nan)


def _f1(counts: OneVsRest, otherwise: float = np.nan) -> Array:
    return _divide(2 * counts.true_positive, counts.support + counts.predicted, otherwise)


_Part = Callable[[OneVsRest, float], Array]


def _macro(part: _Part) -> Callable[[OneVsRest], Array]:
    def average(counts: OneVsRest) -> Array:
        present = (counts.support + counts.predicted) > 0
        total = np.where(present, part(counts, 0.0), 0.0).sum(axis=-1)
        return _divide(total, present.sum(axis=-1).astype(float), np.nan)

    return average


def _weighted(part: _Part) -> Callable[[OneVsRest], Array]:
    def average(counts: OneVsRest) -> Array:
        support = counts.support
        return _divide((part(counts, 0.0) * support).sum(axis=-1), support.sum(axis=-1), np.nan)

    return average


def _micro(part: _Part) -> Callable[[OneVsRest], Array]:
    def average(counts: OneVsRest) -> Array:
        pooled = OneVsRest(
            counts.true_positive.sum(axis=-1),
            counts.false_positive.sum(axis=-1),
            counts.false_negative.sum(axis=-1),
            counts.total,
            counts.exclusive,
        )
        return part(pooled, np.nan)

    return average


def _balanced_accuracy(counts: OneVsRest) -> Array:
    if not counts.exclusive:
        return np.full(counts.total.shape, np.nan)
    present = counts.support > 0
    return _divide(_recall(counts, 0.0).sum(axis=-1), present.sum(axis=-1).astype(float), np.nan)


def _matthews_correlation(counts: OneVsRest) -> Array:
    """Matthews' correlation for any number of labels (Gorodkin 2004)."""
    if not counts.exclusive:
        return np.full(counts.total.shape, np.nan)
    correct = counts.true_positive.sum(axis=-1)
    total = counts.total
    covariance = correct * total - (counts.predicted * counts.support).sum(axis=-1)
    predicted = total**2 - (counts.predicted**2).sum(axis=-1)
    labels = total**2 - (counts.support**2).sum(axis=-1)
    # A constant column has no correlation; scikit-learn says 0, a reader should hear "undefined".
    return _divide(covariance, np.sqrt(np.maximum(predicted * labels, 0.0)), np.nan)


def _accuracy(counts: OneVsRest) -> Array:
    if not counts.exclusive:
        return np.full(counts.total.shape, np.nan)
    return _divide(counts.true_positive.sum(axis=-1), counts.total, np.nan)


CELL_FUNCTIONS: dict[str, Callable[[OneVsRest], Array]] = {
    "accuracy": _accuracy,
    "count": lambda counts: counts.total,
    "balanced_accuracy": _balanced_accuracy,
    "matthews_correlation": _matthews_correlation,
    **{
        f"{name}_{average}": make(part)
        for name, part in (("precision", _precision), ("recall", _recall), ("f1", _f1))
        for average, make in (("macro", _macro), ("micro", _micro), ("weighted", _weighted))
    },
}
"""Functions that give one value for all labels together: ``[...]``."""

PER_LABEL_FUNCTIONS: dict[str, Callable[[OneVsRest], Array]] = {
    "precision": _precision,
    "recall": _recall,
    "f1": _f1,
    "support": lambda counts: counts.support,
    "selection_rate": _selection_rate,
    "true_positive_rate": _recall,
    "false_positive_rate": _false_positive_rate,
    "false_negative_rate": _false_negative_rate,
}
"""Functions that give one value for each label: ``[..., labels]``."""
