"""Areas under the ROC curve of a subgroup, of it against its background, and their mean.

Borkan, Dixon, Sorensen, Thain and Vasserman (2019), "Nuanced Metrics for Measuring Unintended Bias
with Real Data for Text Classification". A model may rank well within a group and within all other
rows, and yet score the two apart: the areas across the two show that, whatever the threshold.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

import numpy as np

from auditkit.statistics.intervals import BoolArray, FloatArray, Interval, critical_z

__all__ = [
    "SubgroupAreaKind",
    "generalized_mean",
    "generalized_mean_interval",
    "generalized_mean_weights",
    "subgroup_rows",
]

SubgroupAreaKind: TypeAlias = Literal["subgroup", "bpsn", "bnsp"]


def subgroup_rows(
    kind: SubgroupAreaKind, member: BoolArray, background: BoolArray, positive: BoolArray
) -> BoolArray:
    """Return the rows whose area under the ROC curve is meant.

    Parameters
    ----------
    kind
        ``subgroup``: the rows of the group. ``bpsn`` (background positive, subgroup negative): its
        negatives and the positives of the background; low where the group's negatives score as
        high as positives elsewhere, so that they are taken for positives. ``bnsp`` (background
        negative, subgroup positive): the other way round.
    member, background
        ``[n]``: which rows are in the group, and which stand against it.
    positive
        ``[n]``: which rows are positive.

    Examples
    --------
    >>> member, positive = np.array([True, True, False, False]), np.array([True, False] * 2)
    >>> subgroup_rows("bpsn", member, ~member, positive).tolist()
    [False, True, True, False]
    """
    if kind == "subgroup":
        return member
    if kind == "bpsn":
        return (member & ~positive) | (background & positive)
    if kind == "bnsp":
        return (member & positive) | (background & ~positive)
    raise ValueError(f"kind={kind!r} is not 'subgroup', 'bpsn' or 'bnsp'")


def generalized_mean(values: FloatArray, power: float) -> float:
    """Return the generalized mean ``(mean(values ** power)) ** (1 / power)``.

    The lower the power, the more it is the lowest values that count; Borkan et al. take -5.

    Parameters
    ----------
    values
        ``[G]``, not negative.
    power
        Not 0.

    Raises
    ------
    ValueError
        If there is no value, one is NaN or negative, or the power is 0.

    Examples
    --------
    >>> generalized_mean(np.array([0.5, 1.0]), -1)  # harmonic
    0.6666666666666666
    """
    x = np.asarray(values, dtype=np.float64)
    if not len(x) or not (x >= 0.0).all() or power == 0.0:
        raise ValueError(f"needs values of at least 0 and a power other than 0, got {x}, {power}")
    largest = float(x.max())
    if largest == 0.0 or (power < 0.0 and not x.all()):
        return 0.0
    # Relative to the largest, so that no power overflows.
    return largest * math.pow(float(np.mean((x / largest) ** power)), 1.0 / power)


def generalized_mean_weights(values: FloatArray, power: float) -> FloatArray:
    """Return the derivative of the generalized mean in each value: ``[G]``.

    The influence of a row on the mean is the sum of these times its influences on the values.

    Raises
    ------
    ValueError
        As `generalized_mean`; also if the mean is 0.
    """
    mean = generalized_mean(values, power)
    if mean == 0.0:
        raise ValueError("a mean of 0 has no derivative")
    x = np.asarray(values, dtype=np.float64)
    return np.asarray((x / mean) ** (power - 1.0) / len(x), dtype=np.float64)


def generalized_mean_interval(
    values: FloatArray, variances: FloatArray, variance: float, power: float, confidence: float
) -> Interval:
    """Return the interval of the generalized mean of areas, by the delta method.

    A low power makes the mean fall when its values scatter, so it lies too low on average: by half
    the sum over its second derivatives times the covariances, which is added before the interval is
    put around it. In 400 samples each of seven kinds, of 3 to 10 groups of 40 to 1,000 rows, it
    held the true mean in 96% or more.

    Parameters
    ----------
    values, variances
        ``[G]``: areas in [0, 1], and the variance of each.
    variance
        Of the mean: that of the sum of the values times `generalized_mean_weights`.
    power
        At most 1, not 0.
    confidence
        Nominal two-sided coverage.

    Returns
    -------
    Interval
        Within [0, 1]; holds the generalized mean of ``values``.

    Raises
    ------
    ValueError
        As `generalized_mean_weights`; also if the power is above 1, or a variance is negative.
    """
    x, each = np.asarray(values, dtype=np.float64), np.asarray(variances, dtype=np.float64)
    weights = generalized_mean_weights(x, power)
    if power > 1.0 or x.shape != each.shape or not (each >= 0.0).all() or not variance >= 0.0:
        raise ValueError(f"needs a power of at most 1 and variances, got {power}, {each}")
    mean = generalized_mean(x, power)
    shortfall = 0.5 * (1.0 - power) * (float(weights @ (each / x)) - variance / mean)
    z, error = critical_z(confidence), math.sqrt(variance)
    center = min(1.0, mean + max(0.0, shortfall))
    low, high = center - z * error, center + z * error
    return Interval(
        max(0.0, min(low, mean)), min(1.0, max(high, mean)), confidence, "DeLong (delta method)"
    )
