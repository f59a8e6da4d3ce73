"""Quantiles of a column, and figures that are the same in every row."""

from __future__ import annotations

import numpy as np

from auditkit import statistics
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import Constant, Quantile
from auditkit.metrics.estimators.base import Array, Bounds, Draw, Estimate, row_replicates
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["ConstantEstimator", "QuantileEstimator"]


class _ColumnEstimator:
    """A function of the values that a numeric column has in some rows."""

    bounds: Bounds = (-np.inf, np.inf)

    def __init__(self, values: Array) -> None:
        self._values = values

    def _known(self, rows: Index) -> Array:
        values = self._values[rows]
        return values[~np.isnan(values)]

    def value(self, rows: Index) -> Estimate:
        raise AssertionError

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        return row_replicates(grouping, lambda rows: self.value(rows).value, draws, rng)


class QuantileEstimator(_ColumnEstimator):
    """A quantile, interpolated between the two nearest values as numpy does by default."""

    def __init__(self, columns: Columns, statistic: Quantile) -> None:
        super().__init__(columns.numbers(statistic.column))
        self._q = statistic.q

    def value(self, rows: Index) -> Estimate:
        known = self._known(rows)
        if not len(known):
            return Estimate(float("nan"), 0, "no values")
        return Estimate(float(np.quantile(known, self._q)), len(known))

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        return statistics.quantile_interval(self._known(rows), self._q, draw.confidence)


class ConstantEstimator(_ColumnEstimator):
    """The one value that a column has; not measurable where it has several."""

    def __init__(self, columns: Columns, statistic: Constant) -> None:
        super().__init__(columns.numbers(statistic.column))
        self._column = statistic.column

    def value(self, rows: Index) -> Estimate:
        known = self._known(rows)
        if not len(known):
            return Estimate(float("nan"), 0, "no values")
        if np.ptp(known) > 0:
            return Estimate(float("nan"), len(known), f"{self._column} differs between rows")
        return Estimate(float(known[0]), len(known))

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        return Interval(estimate.value, estimate.value, draw.confidence, "exact count")
