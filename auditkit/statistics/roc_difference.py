"""The area between the ROC curves of groups (ABROCA), and the interval of the largest.

The area between two curves is an integral of an absolute value, so noise mostly adds to it: two
equal curves show an area above 0, and a larger one the fewer the rows. A percentile bootstrap adds
that bias once more. Here the noise is bounded instead: the area seen and the true one differ by no
more than the area under the absolute error of the difference of curves, and that can be drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np

from auditkit.statistics.intervals import (
    BoolArray,
    FloatArray,
    IntArray,
    Interval,
    check_confidence,
)

__all__ = [
    "LargestRocDifference",
    "RocCurve",
    "largest_roc_difference",
    "roc_curve",
    "roc_difference",
]

_GRID = (np.arange(200) + 0.5) / 200
"""False positive rates at which the errors of curves are drawn."""

_CELLS = 256
"""Rows are drawn from at most this many cells of scores, so that draws cost the same for any n."""

_LENT_POSITIVES = 4.0
"""Positives of the pooled curve lent to each group, so that no group's errors are all 0."""


@dataclass(frozen=True, eq=False)
class RocCurve:
    """An ROC curve: rows at each distinct score, from the highest down. Arrays are ``[levels]``."""

    hits: FloatArray
    """Positives."""
    misses: FloatArray
    """Negatives."""

    @cached_property
    def true_positive_rate(self) -> FloatArray:
        """``[1 + levels]``, from 0 to 1; between its points the curve is straight."""
        return _shares(self.hits)

    @cached_property
    def false_positive_rate(self) -> FloatArray:
        """``[1 + levels]``, from 0 to 1."""
        return _shares(self.misses)


def roc_curve(scores: FloatArray | IntArray, positive: BoolArray) -> RocCurve:
    """Return the ROC curve; rows of equal score are passed at once, by a straight line.

    Parameters
    ----------
    scores
        ``[n]``, higher for the positive class. Ranks give the same curve.
    positive
        ``[n]``, which rows are positive.

    Raises
    ------
    ValueError
        If a class is missing or a score is NaN.
    """
    score = np.asarray(scores)
    held = np.asarray(positive, dtype=np.bool_)
    if score.ndim != 1 or score.shape != held.shape or np.isnan(score).any():
        raise ValueError(f"needs one score a label, none NaN, got {score.shape}, {held.shape}")
    if not held.any() or held.all():
        raise ValueError(f"needs both classes, got {int(held.sum())} positive of {len(held)}")
    levels, at = np.unique(score, return_inverse=True)
    rows = np.bincount(at, minlength=len(levels))[::-1]
    hits = np.bincount(at[held], minlength=len(levels))[::-1]
    return RocCurve(hits.astype(np.float64), (rows - hits).astype(np.float64))


def roc_difference(one: RocCurve, other: RocCurve) -> float:
    """Return the area between two ROC curves, in [0, 1] (ABROCA).

    The integral of the absolute difference of the true positive rates over the false positive rate,
    exact for curves of straight pieces.

    References
    ----------
    Gardner, Brooks and Baker, Learning Analytics & Knowledge (2019) 225-234.

    Examples
    --------
    >>> perfect = roc_curve(np.array([0.9, 0.1]), np.array([True, False]))
    >>> chance = roc_curve(np.array([0.5, 0.5]), np.array([True, False]))
    >>> roc_difference(perfect, chance)
    0.5
    """
    # A stable sort joins two ascending runs in one pass.
    at = np.sort(
        np.concatenate([one.false_positive_rate, other.false_positive_rate]), kind="stable"
    )
    at = at[np.append(True, at[1:] > at[:-1])]
    start, end = at[:-1], at[1:]
    (left, right), (their_left, their_right) = (_ends(curve, start, end) for curve in (one, other))
    left, right = left - their_left, right - their_right
    # Where the sign changes within an interval it is two triangles, otherwise a trapezium.
    size = np.abs(left) + np.abs(right)
    crossing = left * right < 0.0
    triangles = np.divide(left**2 + right**2, size, out=np.zeros_like(size), where=crossing)
    return float((end - start) @ np.where(crossing, triangles, size) / 2.0)


@dataclass(frozen=True)
class LargestRocDifference:
    """The largest area between the ROC curves of two groups, of each of several families."""

    value: float
    """The area."""
    pair: tuple[int, int]
    """Positions of the two groups."""
    interval: Interval
    """Its interval, which allows for the choice of the largest."""
    if_equal: float
    """What the largest would be on average were the curves of all groups equal."""


def largest_roc_difference(
    families: Sequence[Sequence[RocCurve]],
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> list[LargestRocDifference]:
    """Return the largest area between two groups' ROC curves, family by family and of them all.

    Parameters
    ----------
    families
        Curves of the groups, at least two in each family: only curves of one family are compared.
        One family for each label, where there are several.
    confidence
        Nominal two-sided coverage of the intervals of all families together.
    draws
        Draws of the curves' errors.
    rng
        Source of all randomness.

    Returns
    -------
    list
        One for each family. The largest of their values, low ends and high ends are the value and
        the interval of the largest of all.

    Raises
    ------
    ValueError
        If there is no family or one has fewer than two curves, or ``draws < 2``.

    Notes
    -----
    With d the area between two groups' curves, s the root mean square of the area under the drawn
    absolute error of their difference and c the quantile of the largest ratio of these areas to
    their s: from ``max(d - c s)``, at least 0, to ``max(d + c s)``. That needs no more than the
    triangle inequality, so it holds for curves that cross or not, and is too wide where errors
    cancel out: its high end for equal curves lies at about twice the areas that noise shows.

    A group's errors are those of drawing as many positives and negatives from its own curve, mixed
    with four positives of the pooled one: a group that happens to be separated perfectly would
    otherwise seem to have no error. They are widened by the share by which the variance of
    Student's t exceeds the normal's, to first order, for the rows of the rarer class. Groups are
    drawn apart; where they share rows, their errors go the same way, and the interval is wider
    than it need be.

    Normal scores, 250 samples a case, nominal 95%. Equal curves: 0 was held in 94% to 99.6% (two
    groups of 100 or of 1,000 rows; 2,000 and 40; 2,000 and 30 with 3 positives; five of 40 to 800;
    ten of 200; scores of few values; groups that share half of their rows). True areas of 0.08 to
    0.17, of curves that cross or not: held in 94% to 100%.
    """
    check_confidence(confidence)
    if draws < 2 or not families or min(len(curves) for curves in families) < 2:
        raise ValueError("needs two draws or more, and at least two curves in each family")
    values: list[FloatArray] = []
    errors: list[FloatArray] = []
    pairs: list[list[tuple[int, int]]] = []
    for curves in families:
        pooled = _pooled(curves)
        drawn = [_errors(curve, pooled, draws, rng) for curve in curves]
        pairs.append(list(combinations(range(len(curves)), 2)))
        values.append(np.array([roc_difference(curves[i], curves[j]) for i, j in pairs[-1]]))
        errors.append(
            np.stack([np.abs(drawn[i] - drawn[j]).mean(axis=1) for i, j in pairs[-1]], axis=1)
        )
    scale = [np.sqrt((one**2).mean(axis=0)) for one in errors]
    largest = np.max([(one / s).max(axis=1) for one, s in zip(errors, scale, strict=True)], axis=0)
    critical = float(np.quantile(largest, confidence))
    found = []
    for d, s, one, between in zip(values, scale, errors, pairs, strict=True):
        at = int(d.argmax())
        low = max(0.0, float((d - critical * s).max()))
        high = min(1.0, float((d + critical * s).max()))
        interval = Interval(low, high, confidence, "max-T band of absolute errors")
        found.append(
            LargestRocDifference(float(d[at]), between[at], interval, float(one.max(axis=1).mean()))
        )
    return found


def _ends(curve: RocCurve, start: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the height of a curve just right of ``start`` and just left of ``end``."""
    across, up = curve.false_positive_rate, curve.true_positive_rate
    before = np.searchsorted(across, start, side="right") - 1
    slope = (up[before + 1] - up[before]) / (across[before + 1] - across[before])
    return (
        up[before] + slope * (start - across[before]),
        up[before] + slope * (end - across[before]),
    )


def _shares(counts: FloatArray) -> FloatArray:
    """Return shares of the total up to each level, from 0: ``[..., 1 + levels]``."""
    total = np.cumsum(counts, axis=-1)
    zero = np.zeros((*counts.shape[:-1], 1))
    # The last is 1 without rounding: a sum divided by itself.
    return np.concatenate([zero, total / total[..., -1:]], axis=-1)


def _pooled(curves: Sequence[RocCurve]) -> FloatArray:
    """Return the mean curve, weighted by positives, at evenly spaced false positive rates."""
    at = np.linspace(0.0, 1.0, len(_GRID) + 1)
    heights = [np.interp(at, one.false_positive_rate, one.true_positive_rate) for one in curves]
    return np.asarray(np.average(heights, axis=0, weights=[one.hits.sum() for one in curves]))


def _errors(
    curve: RocCurve, pooled: FloatArray, draws: int, rng: np.random.Generator
) -> FloatArray:
    """Draw the errors of a curve: ``[draws, grid]``."""
    hits, misses = _cells(curve)
    positives, negatives = int(hits.sum()), int(misses.sum())
    across = _shares(misses)
    lent = np.interp(across, np.linspace(0.0, 1.0, len(pooled)), pooled)
    lent[0] = 0.0  # so that what the pooled curve has at 0 goes to the first cell
    mixed = hits + _LENT_POSITIVES * np.diff(lent)
    up = _shares(rng.multinomial(positives, mixed / mixed.sum(), size=draws).astype(np.float64))
    right = _shares(
        rng.multinomial(negatives, misses / misses.sum(), size=draws).astype(np.float64)
    )
    center = np.interp(_GRID, across, _shares(mixed))
    drawn = np.array([np.interp(_GRID, *points) for points in zip(right, up, strict=True)])
    return np.asarray((drawn - center) * np.sqrt(1.0 + 2.0 / min(positives, negatives)))


def _cells(curve: RocCurve) -> tuple[FloatArray, FloatArray]:
    """Return positives and negatives in cells of neighbouring scores, about equal in rows."""
    rows = curve.hits + curve.misses
    if len(rows) <= _CELLS:
        return curve.hits, curve.misses
    middle = np.cumsum(rows) - rows / 2.0
    cell = np.minimum(middle * _CELLS / rows.sum(), _CELLS - 1).astype(np.int64)
    hits = np.zeros(_CELLS)
    misses = np.zeros(_CELLS)
    np.add.at(hits, cell, curve.hits)
    np.add.at(misses, cell, curve.misses)
    return hits, misses
