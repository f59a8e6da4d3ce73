"""Selective prediction: how often a model is wrong where it answers only when it is sure.

Rows are taken from the most confident on. Rows of equal confidence have no order, so every value is
the mean over all their orders, and does not depend on how the rows are sorted.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from auditkit.statistics.auc import area_interval
from auditkit.statistics.intervals import (
    FloatArray,
    IntArray,
    Interval,
    constant_range,
    constant_variance,
    critical_z,
)

__all__ = [
    "accuracy_at_coverage",
    "area_under_risk_coverage",
    "risk_coverage",
    "selective_interval",
    "selective_variance",
]


def risk_coverage(confidence: FloatArray, wrong: FloatArray) -> tuple[FloatArray, IntArray]:
    """Return the risk among the most confident 1, 2, ..., n rows.

    Parameters
    ----------
    confidence
        ``[n]``, finite.
    wrong
        ``[n]``, 1 where the prediction is wrong and 0 where not.

    Returns
    -------
    risk
        ``[n]``: the share of errors among the first i + 1 rows, on average over the orders of rows
        of equal confidence.
    ends
        The places in ``risk`` where a row of lower confidence, or the end, follows.

    Raises
    ------
    ValueError
        If there is no row or a confidence is not finite.
    """
    _, errors, ends, _ = _ordered(confidence, wrong)
    return np.cumsum(errors) / np.arange(1, len(errors) + 1), ends


def area_under_risk_coverage(confidence: FloatArray, wrong: FloatArray) -> tuple[float, FloatArray]:
    """Return the mean risk over all coverages and each row's influence on it.

    Returns
    -------
    area
        The mean over i of the risk among the i most confident rows (Geifman and El-Yaniv, 2017).
    influence
        ``[n]``: the derivative of the value in the row's share of the sample, over n; the squares
        sum to the asymptotic variance (delta method).

    Raises
    ------
    ValueError
        As `risk_coverage`.
    """
    place, errors, ends, sizes = _ordered(confidence, wrong)
    n = len(errors)
    rank = np.arange(1, n + 1)
    risk = np.cumsum(errors) / rank
    # A row is among the most confident from its own place on.
    own = np.cumsum((1.0 / rank)[::-1])[::-1]
    others = np.cumsum((risk / rank)[::-1])[::-1]

    def over_ties(values: FloatArray) -> FloatArray:
        sums = np.diff(np.cumsum(values)[ends], prepend=0.0)
        return np.repeat(sums / sizes, sizes)[place]

    area = float(risk.mean())
    wrong = np.asarray(wrong, dtype=np.float64)
    influence = over_ties(risk) + wrong * over_ties(own) - over_ties(others) - area
    return area, influence / n


def accuracy_at_coverage(
    confidence: FloatArray, wrong: FloatArray, coverage: float
) -> tuple[float, int, FloatArray]:
    """Return the accuracy among the most confident rows and each row's influence on it.

    Parameters
    ----------
    confidence, wrong
        As for `risk_coverage`.
    coverage
        Share of rows that are answered, in (0, 1]; the number of them is rounded up.

    Returns
    -------
    accuracy, answered
        The accuracy, on average over the orders of rows of equal confidence, and how many rows
        it is the accuracy of.
    influence
        As for `area_under_risk_coverage`. The threshold is estimated too, so the accuracy of the
        rows nearest to it counts.

    Raises
    ------
    ValueError
        As `risk_coverage`, or if the coverage is not in (0, 1].
    """
    if not 0.0 < coverage <= 1.0:
        raise ValueError(f"coverage must be above 0 and at most 1, got {coverage}")
    place, errors, ends, sizes = _ordered(confidence, wrong)
    n = len(errors)
    # 1e-9 forgives binary fractions: 0.8 of 10 rows are 8.
    answered = max(1, math.ceil(coverage * n - 1e-9))
    accuracy = 1.0 - float(errors[:answered].mean())
    taken = (np.arange(n) < answered).astype(np.float64)
    share = np.repeat(np.diff(np.cumsum(taken)[ends], prepend=0.0) / sizes, sizes)[place]
    near = max(5, math.isqrt(n))
    window = errors[max(0, answered - near) : answered + near]
    at_threshold = 1.0 - float(window.mean()) if answered < n else accuracy
    right = 1.0 - np.asarray(wrong, dtype=np.float64)
    influence = share * (right - at_threshold) - answered / n * (accuracy - at_threshold)
    return accuracy, answered, influence / answered


def selective_interval(value: float, influence: FloatArray, n: int, confidence: float) -> Interval:
    """Return the interval of a value in [0, 1], by the delta method on the logit scale.

    Towards the farther bound it is never narrower than what z^2 rows not seen, all at that bound,
    would change: Wilson's interval where the value is 0 or 1.

    Parameters
    ----------
    value, influence
        The value and each row's influence on it.
    n
        Rows it rests on.
    confidence
        Nominal coverage.
    """
    z = critical_z(confidence)
    low, high = constant_range(value, n, z * z, (0.0, 1.0))
    if not 0.0 < value < 1.0:
        return Interval(low, high, confidence, "score at the bounds")
    interval = area_interval(value, float(influence @ influence), confidence)
    # What few rows hide is the farther bound: errors of a model that has made hardly any.
    if value < 0.5:
        interval = replace(interval, high=max(high, interval.high))
    else:
        interval = replace(interval, low=min(low, interval.low))
    return replace(interval, method="delta method (logit)")


def selective_variance(value: float, influence: FloatArray, n: int) -> float:
    """Return the variance of a value in [0, 1], raised where few rows show too little of it."""
    return max(float(influence @ influence), constant_variance(value, n, (0.0, 1.0)))


def _ordered(
    confidence: FloatArray, wrong: FloatArray
) -> tuple[IntArray, FloatArray, IntArray, IntArray]:
    """Return each row's place, errors in order with ties averaged, ends and sizes of ties."""
    c = np.asarray(confidence, dtype=np.float64)
    if not len(c) or not np.isfinite(c).all() or c.shape != np.shape(wrong):
        raise ValueError("needs one outcome for each of at least one finite confidence")
    _, tie, sizes = np.unique(-c, return_inverse=True, return_counts=True)
    mean = np.bincount(tie, weights=wrong) / sizes
    order = np.argsort(tie, kind="stable")
    place = np.empty(len(c), dtype=np.int64)
    place[order] = np.arange(len(c))
    return place, np.repeat(mean, sizes), np.cumsum(sizes) - 1, sizes
