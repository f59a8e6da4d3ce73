"""Metrics that are somebody else's function."""

from __future__ import annotations

import importlib

import numpy as np

from auditkit.errors import CheckError
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import Custom
from auditkit.metrics.estimators.base import (
    ROW_DRAWS,
    Bounds,
    Draw,
    Estimate,
    percentile,
    row_replicates,
)
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["CustomEstimator"]


class CustomEstimator:
    """A function somebody else wrote, with a row bootstrap around it."""

    bounds: Bounds = (-np.inf, np.inf)

    def __init__(self, columns: Columns, statistic: Custom) -> None:
        module, _, name = statistic.function.partition(":")
        try:
            self._function = getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError, ValueError) as error:
            raise CheckError(f"cannot load the metric {statistic.function!r}: {error}") from error
        self._frame = columns.frame(statistic.columns)

    def value(self, rows: Index) -> Estimate:
        if not len(rows):
            return Estimate(float("nan"), 0, "no examples")
        value = float(self._function(self._frame.iloc[rows]))
        return Estimate(value, len(rows), None if np.isfinite(value) else "not defined here")

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        replicates = np.array(
            [
                self._function(self._frame.iloc[rows[draw.rng.integers(0, len(rows), len(rows))]])
                for _ in range(min(draw.draws, ROW_DRAWS))
            ],
            dtype=float,
        )
        return percentile(replicates, draw.confidence, "row bootstrap")

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        return row_replicates(grouping, lambda rows: self.value(rows).value, draws, rng)
