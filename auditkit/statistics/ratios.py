"""Ratios of groups' values to the highest of them."""

from __future__ import annotations

import math

import numpy as np

from auditkit.statistics.groups import GroupReplicates, max_t_worst
from auditkit.statistics.intervals import FloatArray, Interval

__all__ = ["ratios_to_highest"]


def ratios_to_highest(
    values: FloatArray, replicates: GroupReplicates, confidence: float
) -> list[Interval]:
    """Return the interval of each group's ratio to the highest value, in [0, 1].

    The ratio of a group is the smallest of its ratios to every group. Its interval follows, as for
    `max_t_worst`, from a band on the logarithms of those ratios that holds all of them at once, so
    which group is the highest need not be known. It is about one group: intervals of several do
    not hold together.

    Parameters
    ----------
    values
        ``[G]``: the groups' values, not negative.
    replicates
        Of the same groups, in the same order.
    confidence
        Two-sided confidence of each interval.

    Returns
    -------
    list of Interval
        One for each group. Errors of logarithms are taken as in `max_t_ratio`: a value of 0 makes
        the low end 0, and for the high end counts as one standard error.

    Raises
    ------
    ValueError
        If there are fewer than two groups, a value is NaN or negative, all are 0, or shapes do not
        fit.

    References
    ----------
    Westfall and Young (1993) on max-T.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or len(x) < 2 or not (x >= 0.0).all() or not x.any():
        raise ValueError("needs the values of two groups, none negative and one above 0")
    deviations = replicates.replicates - replicates.center
    error = np.nanstd(deviations, axis=0, ddof=1)
    scale = np.fmax(np.where(replicates.center > 0.0, replicates.center, x), error)
    scale = np.where(np.isfinite(scale) & (scale > 0.0), scale, 1.0)
    relative = deviations / scale
    logarithms = np.log(np.where(x > 0.0, x, scale))
    found = []
    for group in range(len(x)):
        others = np.delete(np.arange(len(x)), group)
        pairs = GroupReplicates(
            np.zeros(len(others)),
            relative[:, [group]] - relative[:, others],
            replicates.undefined[others],
        )
        band = max_t_worst(
            logarithms[group] - logarithms[others],
            pairs,
            confidence,
            lowest_is_worst=True,
            bounds=(-math.inf, math.inf),
        )
        low = math.exp(min(0.0, band.low)) if x[group] > 0.0 else 0.0
        high = math.exp(min(0.0, band.high))
        found.append(Interval(low, high, confidence, "max-T band (log)", band.undefined))
    return found
