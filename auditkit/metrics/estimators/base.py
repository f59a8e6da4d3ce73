"""What an estimator is: one statistic over the columns of one table of evidence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
import numpy.typing as npt

from auditkit.metrics.columns import Grouping, Index
from auditkit.statistics import GroupReplicates, Interval

__all__ = [
    "ROW_DRAWS",
    "Array",
    "Bounds",
    "ComparedByAnother",
    "Draw",
    "Estimate",
    "Estimator",
    "percentile",
    "row_replicates",
]

Array: TypeAlias = npt.NDArray[np.float64]
Bounds: TypeAlias = tuple[float, float]

ROW_DRAWS = 500
"""Most draws of rows: what has no cells is measured anew on each, so there are fewer."""


@dataclass(frozen=True)
class Estimate:
    """A value on some rows: NaN where it is not defined, and ``note`` then says why."""

    value: float
    n: int
    note: str | None = None


@dataclass(frozen=True)
class Draw:
    """How an interval is made: how sure, from how many draws, out of which generator."""

    confidence: float
    draws: int
    rng: np.random.Generator


class Estimator(Protocol):
    """One statistic over the columns of one table of evidence."""

    bounds: Bounds

    def value(self, rows: Index) -> Estimate:
        """The value on ``rows``."""
        ...

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        """The interval around a defined estimate; None where none can be made."""
        ...

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        """Joint replicates of the value in every group of ``grouping``."""
        ...


@runtime_checkable
class ComparedByAnother(Protocol):
    """An estimator whose bias hangs on n: groups of unequal size are compared by another one."""

    @property
    def for_groups(self) -> Estimator:
        """What groups are compared by."""
        ...

    @property
    def why(self) -> str:
        """What a reader of the comparison must know."""
        ...


def percentile(replicates: Array, confidence: float, method: str) -> Interval | None:
    """Return the percentile interval, or None where a twentieth of the draws is undefined."""
    usable = replicates[np.isfinite(replicates)]
    if len(usable) < 0.95 * len(replicates):
        return None
    tail = (1 - confidence) / 2
    low, high = np.quantile(usable, [tail, 1 - tail])
    return Interval(float(low), float(high), confidence, method)


def row_replicates(
    grouping: Grouping, function: Callable[[Index], float], draws: int, rng: np.random.Generator
) -> GroupReplicates:
    """Draw rows jointly over the groups of a grouping and measure every group on them."""
    groups = range(len(grouping.slices))
    rows = np.flatnonzero(grouping.patterns >= 0)
    replicates = np.empty((min(draws, ROW_DRAWS), len(groups)))
    for draw in range(len(replicates)):
        taken = rows[rng.integers(0, len(rows), len(rows))]
        patterns = grouping.patterns[taken]
        for group in groups:
            replicates[draw, group] = function(taken[grouping.membership[group, patterns]])
    center = np.array([function(grouping.rows(group)) for group in groups])
    return GroupReplicates(center, replicates, np.isnan(replicates).sum(axis=0))
