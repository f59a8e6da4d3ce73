"""The area under the ROC curve: its value, DeLong's variance and interval."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from auditkit.statistics.intervals import (
    BoolArray,
    FloatArray,
    IntArray,
    Interval,
    constant_variance,
    critical_z,
    wilson,
)

__all__ = [
    "area_interval",
    "area_variance",
    "auc_influence",
    "average_precision_influence",
    "average_precision_interval",
    "average_precision_variance",
    "delong",
    "roc_auc",
]


_SPARSEST = 8
"""Ranks up to this many times the rows are counted, sparser ones are sorted."""


def _components(scores: FloatArray, positive: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return DeLong's structural components, ties counting one half.

    For each positive the share of negatives below it, for each negative the share of positives
    above it.
    """
    scores = np.asarray(scores)
    positive = np.asarray(positive, dtype=np.bool_)
    if scores.ndim != 1 or scores.shape != positive.shape:
        raise ValueError(f"needs one score a label, got shapes {scores.shape}, {positive.shape}")
    if np.isnan(scores).any():
        raise ValueError("a score is NaN")
    at, rows, hits = _levels(scores, positive)
    misses = rows - hits
    positives, negatives = int(hits.sum()), int(misses.sum())
    if not positives or not negatives:
        raise ValueError(f"needs both classes, got {positives} positive, {negatives} negative")

    def share_below(levels: IntArray, of: IntArray, total: int) -> FloatArray:
        # Twice the number of rows below, and once that of ties.
        twice = 2 * np.cumsum(of) - of
        return np.asarray(twice[levels] / (2.0 * total), dtype=np.float64)

    return (
        share_below(at[positive], misses, negatives),
        1.0 - share_below(at[~positive], hits, positives),
    )


def _levels(
    scores: FloatArray | IntArray, positive: BoolArray
) -> tuple[IntArray, IntArray, IntArray]:
    """Return each row's place among the distinct scores, and the rows and positives at each.

    Scores may be ranks, whole numbers from 0: those need no sorting.
    """
    if scores.dtype.kind in "iu" and int(scores.max(initial=0)) < _SPARSEST * len(scores):
        at = np.asarray(scores)
        rows = np.bincount(at)
        if not rows.all():
            at = (np.cumsum(rows > 0) - 1)[at]
            rows = rows[rows > 0]
    else:
        levels, at = np.unique(scores, return_inverse=True)
        rows = np.bincount(at, minlength=len(levels))
    hits = np.bincount(at[positive], minlength=len(rows))
    return np.asarray(at), rows.astype(np.int64), hits.astype(np.int64)


def roc_auc(scores: FloatArray, positive: BoolArray) -> float:
    """Return the area under the ROC curve: P(positive scores higher), ties counting one half.

    Parameters
    ----------
    scores
        ``[n]``, higher for the positive class; infinities are fine. Ranks, whole numbers from 0,
        give the same areas sooner.
    positive
        ``[n]``, which rows are positive.

    Raises
    ------
    ValueError
        If a class is missing or a score is NaN.

    Notes
    -----
    The Mann-Whitney form, in O(n log n).
    """
    return float(_components(scores, positive)[0].mean())


def auc_influence(scores: FloatArray, positive: BoolArray) -> tuple[float, FloatArray]:
    """Return the area and each row's influence on it.

    ``sum(influence**2)`` is DeLong's variance, and the sum of products of two influences on the
    same rows the covariance of two areas (0 in the rows an area does not use). The influence of a
    mean of areas, such as one-vs-rest over classes, is the mean of the influences.

    Returns
    -------
    area
        As `roc_auc`.
    influence
        ``[n]``: the structural components minus the area, over ``sqrt(m (m - 1))`` with m the
        rows of the row's class. NaN for the row of a class that has only one: its variance is
        unknown.

    Raises
    ------
    ValueError
        If a class is missing or a score is NaN.

    References
    ----------
    DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988) 837-845.
    """
    positives, negatives = _components(scores, positive)
    area = float(positives.mean())
    influence = np.empty(len(positives) + len(negatives))
    mask = np.asarray(positive, dtype=np.bool_)
    for rows, component in ((mask, positives), (~mask, negatives)):
        m = len(component)
        influence[rows] = (component - area) / math.sqrt(m * (m - 1)) if m > 1 else math.nan
    return area, influence


def delong(scores: FloatArray, positive: BoolArray, confidence: float) -> Interval:
    """Return the interval of the area under the ROC curve, by DeLong's variance on the logit scale.

    Where that variance is 0 or unknown (perfect separation, a class of one row) the interval
    is Newcombe's method 5: the areas from which the observed one is no more than z standard
    errors away, with the standard error of Hanley and McNeil (1982) at that area.

    Raises
    ------
    ValueError
        If a class is missing, a score is NaN or the confidence is not in (0, 1).

    References
    ----------
    DeLong et al. (1988); Pepe (2003) for the logit; Newcombe, Statistics in Medicine 25 (2006)
    559-573.
    """
    z = critical_z(confidence)
    area, influence = auc_influence(scores, positive)
    variance = float(np.sum(influence**2))
    if not 0.0 < area < 1.0 or not variance > 0.0:
        m = int(np.count_nonzero(positive))
        low, high = _newcombe(area, m, len(influence) - m, z)
        return Interval(low, high, confidence, "Newcombe 5")
    return area_interval(area, variance, confidence)


def area_interval(area: float, variance: float, confidence: float) -> Interval:
    """Return the interval on the logit scale of an area, or a mean of areas, of known variance.

    Raises
    ------
    ValueError
        If the area is not strictly between 0 and 1, the variance is negative, or the confidence
        is not in (0, 1).
    """
    z = critical_z(confidence)
    if not 0.0 < area < 1.0 or not variance >= 0.0:
        raise ValueError(f"needs 0 < area < 1 and a variance, got {area} and {variance}")
    logit = math.log(area / (1.0 - area))
    half = z * math.sqrt(variance) / (area * (1.0 - area))
    # exp of a large positive number overflows; tanh does not.
    low, high = (0.5 + 0.5 * math.tanh(0.5 * end) for end in (logit - half, logit + half))
    return Interval(min(low, area), max(high, area), confidence, "DeLong (logit)")


def area_variance(area: float, variance: float, positives: int, negatives: int) -> float:
    """Return the variance of an area to put into a band over groups, where groups may be small.

    DeLong's variance comes out too small where the area comes out too large, so a band over groups
    accuses the small ones by chance: with 5 groups, the smallest of 12 positives and 28 negatives,
    13% of bands held no gap of 0 (benchmarks/intervals.py). So it is raised to the square of a
    quarter of Newcombe's interval (method 5, at z = 2), and by the share by which the variance of
    Student's t exceeds the normal's, to first order, for the rows of the rarer class.

    Parameters
    ----------
    area
        In [0, 1].
    variance
        DeLong's; 0 or NaN where it says nothing.
    positives, negatives
        Rows of the group, at least one each.

    Returns
    -------
    float
        Above 0, and not below ``variance``. In covariances, replace the diagonal by it.
    """
    if not 0.0 <= area <= 1.0 or positives < 1 or negatives < 1:
        raise ValueError(f"needs an area and both classes, got {area}, {positives}, {negatives}")
    low, high = _newcombe(area, positives, negatives, 2.0)
    floor = ((high - low) / 4.0) ** 2
    return max(floor, variance if variance > 0.0 else 0.0) * (1 + 2 / min(positives, negatives))


def average_precision_influence(
    scores: FloatArray, positive: BoolArray
) -> tuple[float, FloatArray]:
    """Return the average precision and each row's influence on it.

    Average precision is the mean over the positive rows of the precision among all rows that
    score at least as high, ties included (scikit-learn's definition). ``sum(influence**2)`` is
    its asymptotic variance, by the delta method; see `area_interval` for an interval on the logit
    scale, which Boyd, Eng and Page (2013) found to cover best.

    Returns
    -------
    average_precision
        In (0, 1].
    influence
        ``[n]``: the derivative of the value in the row's share of the sample, over n.

    Raises
    ------
    ValueError
        If a class is missing or a score is NaN.
    """
    score = np.asarray(scores)
    held = np.asarray(positive, dtype=np.bool_)
    n, positives = len(score), int(np.count_nonzero(held))
    if not 0 < positives < n or np.isnan(score).any():
        raise ValueError(f"needs both classes and no NaN, got {positives} positive of {n}")
    # Thresholds from low to high; rows at or above each one.
    at, rows, hits = _levels(score, held)
    above = np.cumsum(rows[::-1])[::-1] / n
    precision = np.cumsum(hits[::-1])[::-1] / n / above
    share = hits / positives
    value = float(np.sum(share * precision))
    # A row raises the numbers at every threshold up to its own score.
    as_positive = np.cumsum(share / above)[at]
    as_any = np.cumsum(share * precision / above)[at]
    influence = np.where(held, n / positives * (precision[at] - value) + as_positive, 0.0) - as_any
    return value, influence / n


def average_precision_interval(
    scores: FloatArray, positive: BoolArray, confidence: float
) -> Interval:
    """Return the interval of the average precision, by the delta method on the logit scale.

    Where every positive scores above every negative the variance is 0, and the interval is
    Wilson's of that many successes in as many trials.

    Raises
    ------
    ValueError
        If a class is missing, a score is NaN or the confidence is not in (0, 1).
    """
    value, influence = average_precision_influence(scores, positive)
    positives = int(np.count_nonzero(positive))
    if value >= 1.0:
        return wilson(positives, positives, confidence)
    interval = area_interval(value, float(influence @ influence), confidence)
    # Few positives cannot show how bad the next ones may be: as in Wilson's interval.
    z = critical_z(confidence)
    low = min(interval.low, value * positives / (positives + z * z))
    return replace(interval, low=low, method="delta method (logit)")


def average_precision_variance(value: float, variance: float, positives: int) -> float:
    """Return the variance of an average precision, raised where few positives show too little.

    Never below what four positives not seen could move it by; see `constant_variance`.
    """
    return max(variance, constant_variance(value, positives, (0.0, 1.0)))


def _newcombe(area: float, m: int, n: int, z: float) -> tuple[float, float]:
    """Return the areas that are z of Hanley and McNeil's standard errors from the observed."""
    mean = (m + n) / 2.0

    def excess(theta: float) -> float:
        factor = 2 * mean - 1 - (3 * mean - 3) / ((2 - theta) * (1 + theta))
        variance = theta * (1 - theta) * factor / (m * n)
        return abs(area - theta) - z * math.sqrt(max(variance, 0.0))

    def root(outside: float) -> float:
        if outside == area:
            return area
        inside = area
        for _ in range(200):
            middle = (outside + inside) / 2.0
            if excess(middle) > 0.0:
                outside = middle
            else:
                inside = middle
        return outside

    return root(0.0), root(1.0)
