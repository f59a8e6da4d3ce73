"""What data of a given size could have shown, and how much more would settle a question."""

from __future__ import annotations

import math

import numpy as np

from auditkit.statistics.intervals import NORMAL, FloatArray, IntArray
from auditkit.statistics.pairwise import PairwiseBand

__all__ = ["rows_to_bound", "smallest_detectable"]


def smallest_detectable(error: float, critical: float, power: float = 0.8) -> float:
    """Return the smallest true difference that its interval would show not to be 0.

    ``(critical + z) * error`` with z the standard normal quantile of ``power``: a difference D is
    estimated with that standard error, and its interval is clear of 0 where the estimate exceeds
    ``critical * error``, which has the probability ``Phi(D / error - critical)``. The standard
    error is taken to be what it is in the data at hand.

    Parameters
    ----------
    error
        Standard error of the difference.
    critical
        Half the width of the interval in standard errors, as in `PairwiseBand`.
    power
        Probability of showing it.

    Raises
    ------
    ValueError
        If ``power`` is not between 0 and 1, or the others are negative.

    Examples
    --------
    >>> round(smallest_detectable(0.02, critical=1.96), 3)
    0.056
    """
    if not 0.0 < power < 1.0 or error < 0.0 or critical < 0.0:
        raise ValueError(f"needs 0 < power < 1, error and critical not negative, got {power}")
    return max(0.0, critical + NORMAL.inv_cdf(power)) * error


def rows_to_bound(
    band: PairwiseBand,
    error: FloatArray,
    rows: IntArray,
    limit: float,
    groups: IntArray | None = None,
) -> IntArray | None:
    """Return about how many more rows of each group would bound every difference by ``limit``.

    A difference is bounded where the far end of its interval is: ``|d| + critical * se <= limit``.
    With k more rows like the n it has, a group's part of the squared standard error falls to
    n / (n + k) of what it is. The pair that is farthest from its bound is taken first, and gets
    the fewest rows in all that do; then the next.

    Parameters
    ----------
    band
        Intervals of the differences; positions are into K values.
    error
        ``[K]``: the standard error of each value.
    rows
        ``[G]``: rows of each group.
    limit
        What the differences should be bounded by.
    groups
        ``[K]``: which group each value is of, where there are values of several rates: a new row of
        a group counts for each. By default there is one value a group, in order.

    Returns
    -------
    array or None
        ``[G]``: rounded up to two significant digits, 0 where no more are needed. None where
        a difference itself reaches ``limit``, which no number of rows changes.

    Raises
    ------
    ValueError
        If a group has no row or shapes do not fit.
    """
    n = np.asarray(rows, dtype=np.float64)
    of = np.arange(len(error)) if groups is None else np.asarray(groups)
    if not len(n) or not (n > 0).all() or of.shape != np.shape(error) or of.max() >= len(n):
        raise ValueError("needs the rows of each group, at least one, and a group for each value")
    distance = np.abs(band.difference)
    if (distance >= limit).any():
        return None
    parts = np.asarray(error, dtype=np.float64) ** 2
    first, second = parts[band.first], parts[band.second]
    apart = first + second
    # Groups that share rows have another error than the sum of theirs; the share of it is kept.
    kept = np.divide(band.error**2, apart, out=np.ones_like(apart), where=apart > 0.0)
    room = np.full(len(distance), np.inf)
    if band.critical > 0.0:
        np.divide(((limit - distance) / band.critical) ** 2, kept, out=room, where=kept > 0.0)
    of_first, of_second = of[band.first], of[band.second]
    share = np.ones(len(n))  # n / (n + k)
    for _ in range(len(room)):
        excess = (first * share[of_first] + second * share[of_second]) / room
        pair = int(excess.argmax())
        if excess[pair] <= 1.0 + 1e-9:
            break
        i, j = of_first[pair], of_second[pair]
        share[i], share[j] = _fewest(
            (float(first[pair]), float(second[pair])),
            (float(n[i]), float(n[j])),
            (float(share[i]), float(share[j])),
            float(room[pair]),
        )
    return np.array([_rounded(k) for k in n / share - n], dtype=np.int64)


def _fewest(
    parts: tuple[float, float], n: tuple[float, float], most: tuple[float, float], room: float
) -> tuple[float, float]:
    """Return the shares u with ``parts @ u = room`` that cost the fewest rows ``n / u``.

    At the minimum u is proportional to the root of n over part (Lagrange); a group that has more
    rows than that already gives the other one less to do.
    """
    roots = [math.sqrt(n[k] * parts[k]) for k in (0, 1)]
    ideal = [
        room / sum(roots) * math.sqrt(n[k] / parts[k]) if parts[k] > 0.0 else math.inf
        for k in (0, 1)
    ]
    for one, other in ((0, 1), (1, 0)):
        if ideal[one] >= most[one]:
            rest = (room - parts[one] * most[one]) / parts[other]
            result = {one: most[one], other: min(rest, most[other])}
            return result[0], result[1]
    return ideal[0], ideal[1]


def _rounded(rows: float) -> int:
    needed = math.ceil(rows - 1e-6)
    unit: int = 10 ** max(0, len(str(needed)) - 2)
    return -(-needed // unit) * unit
