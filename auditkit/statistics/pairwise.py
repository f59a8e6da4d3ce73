"""Differences between every two groups: simultaneous intervals, and Holm's correction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditkit.statistics.groups import GroupReplicates
from auditkit.statistics.intervals import FloatArray, check_confidence

__all__ = ["PairwiseBand", "holm", "pairwise_band"]


@dataclass(frozen=True, eq=False)
class PairwiseBand:
    """Differences of pairs of groups, with intervals that hold all of them at once.

    ``first`` and ``second`` ``[pairs]`` are positions among the values; ``difference`` is the
    first value minus the second, ``error`` its standard error, and the interval is
    ``difference ± critical * error``, from ``low`` to ``high``.
    """

    first: npt.NDArray[np.intp]
    second: npt.NDArray[np.intp]
    difference: FloatArray
    error: FloatArray
    critical: float

    @property
    def low(self) -> FloatArray:
        """Lower ends ``[pairs]``."""
        return self.difference - self.critical * self.error

    @property
    def high(self) -> FloatArray:
        """Upper ends ``[pairs]``."""
        return self.difference + self.critical * self.error


def pairwise_band(
    values: FloatArray,
    replicates: GroupReplicates,
    confidence: float,
    families: Sequence[int] | None = None,
) -> PairwiseBand:
    """Return simultaneous intervals of all differences between two groups.

    The band that `max_t_gap` takes the largest difference from: the critical value is the quantile
    of the largest studentised deviation over all pairs.

    Parameters
    ----------
    values
        ``[K]``: the groups' values.
    replicates
        Of the same groups, in the same order.
    confidence
        Probability that every interval holds its difference.
    families
        ``[K]``: only values of the same family are compared, in one band over all families.

    Raises
    ------
    ValueError
        If a value is not finite, no family has two groups, shapes do not fit, or the replicates
        of a pair have no two defined values.

    References
    ----------
    Hothorn, Bretz and Westfall (2008), Simultaneous inference in general parametric models.
    """
    check_confidence(confidence)
    x = np.asarray(values, dtype=np.float64)
    labels = np.zeros(len(x), dtype=np.int64) if families is None else np.asarray(families)
    if labels.shape != x.shape or replicates.replicates.shape[1:] != x.shape:
        raise ValueError("values, families and replicates do not fit")
    if not np.isfinite(x).all():
        raise ValueError("a group without a value must be left out first")
    first, second = np.triu_indices(len(x), 1)
    alike = labels[first] == labels[second]
    first, second = first[alike], second[alike]
    if not len(first):
        raise ValueError("a difference needs two groups")
    deviations = replicates.replicates - replicates.center
    scale = float(np.nanmax(np.abs(deviations), initial=0.0))
    largest = np.zeros(len(deviations))
    error = np.empty(len(first))
    for group in np.unique(first):  # one group against the later ones, to hold B x G at a time
        pairs = np.flatnonzero(first == group)
        apart = deviations[:, second[pairs]] - deviations[:, [group]]
        if ((~np.isnan(apart)).sum(axis=0) < 2).any():
            raise ValueError("a group without replicates must be left out first")
        spread = np.nanstd(apart, axis=0, ddof=1)
        error[pairs] = spread
        # Pairs without error beyond rounding are differences of equal groups: they bind nothing.
        divisor = np.where(spread > 1e-12 * scale, spread, np.inf)
        largest = np.fmax(largest, np.fmax.reduce(np.abs(apart) / divisor, axis=1))
    critical = float(np.quantile(largest, confidence))
    return PairwiseBand(first, second, x[first] - x[second], error, critical)


def holm(p: FloatArray) -> FloatArray:
    """Return p-values adjusted for how many there are, by Holm's step-down method (1979).

    Rejecting those at most alpha keeps the probability of any false rejection below alpha,
    however the tests depend on each other. NaN stays NaN and is not counted.

    Raises
    ------
    ValueError
        If a p-value is not within 0 and 1.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).tolist()
    [0.03, 0.06, 0.06]
    """
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    known = np.flatnonzero(~np.isnan(values))
    if ((values[known] < 0.0) | (values[known] > 1.0)).any():
        raise ValueError("a p-value lies between 0 and 1")
    order = known[np.argsort(values[known], kind="stable")]
    factors = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(factors * values[order]))
    return adjusted
