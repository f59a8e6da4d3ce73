"""Quantiles of values whose distribution nobody knows."""

from __future__ import annotations

import math

import numpy as np

from auditkit.statistics.intervals import FloatArray, Interval, check_confidence

__all__ = ["quantile_interval"]


def quantile_interval(values: FloatArray, q: float, confidence: float) -> Interval:
    """Return the interval of a quantile between two of the sorted values.

    Of n independent values the number below the q-quantile is binomial with n and q, whatever their
    distribution, so the ranks that hold the quantile with a given confidence follow from n and q
    alone. Ranks are whole, so it covers at least as often as it says, and each side errs at most
    half of the time that is left. With too few values one of the two ranks does not exist, and that
    end is infinite: a 95th percentile needs 72 values for both ends at 95%.

    Parameters
    ----------
    values
        ``[n]``, finite.
    q
        Which quantile, between 0 and 1.
    confidence
        Nominal two-sided coverage.

    Raises
    ------
    ValueError
        If there is no value, one is not finite, or ``q`` or ``confidence`` is not between 0 and 1.

    References
    ----------
    Hahn, Meeker and Escobar (2017), Statistical Intervals, section 5.2.

    Examples
    --------
    >>> interval = quantile_interval(np.arange(1.0, 11.0), 0.5, 0.95)
    >>> interval.low, interval.high
    (2.0, 9.0)
    """
    # Imported here: commands on saved runs mostly do without.
    from scipy.special import bdtr

    check_confidence(confidence)
    x = np.sort(np.asarray(values, dtype=np.float64))
    if x.ndim != 1 or not len(x) or not np.isfinite(x).all():
        raise ValueError("needs one axis of at least one value, all of them finite")
    if not 0.0 < q < 1.0:
        raise ValueError(f"a quantile lies between 0 and 1, got {q}")
    n, tail = len(x), (1.0 - confidence) / 2.0
    # below[k] is the chance that at most k values lie below the quantile.
    below = bdtr(np.arange(n, dtype=np.float64), n, q)
    # The lower end is above the quantile where fewer values than its rank lie below that.
    lower = int(np.searchsorted(below, tail, side="right"))
    upper = int(np.searchsorted(below, 1.0 - tail, side="left"))
    low = float(x[lower - 1]) if lower > 0 else -math.inf
    high = float(x[upper]) if upper < n else math.inf
    return Interval(low, high, confidence, "order statistics")
