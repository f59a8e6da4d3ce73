"""Means and ratios of real numbers, and what statistics with an influence share."""

from __future__ import annotations

import numpy as np

from auditkit import statistics
from auditkit.metrics.columns import Grouping, Index
from auditkit.metrics.estimators.base import Array, Bounds, Draw, Estimate
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["InfluenceEstimator", "MomentEstimator"]


class InfluenceEstimator:
    """A statistic whose sampling error is a sum over rows: groups share it through their rows."""

    bounds: Bounds = (-np.inf, np.inf)

    def influence(self, rows: Index) -> tuple[Index, Array]:
        """Rows that count and what each adds to the error; the squares sum to the variance."""
        raise AssertionError

    def unseen_variance(self, rows: Index) -> float:
        """Variance to add for what few rows cannot show; infinite where nothing is known."""
        raise AssertionError

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        from scipy.sparse import csr_matrix

        parts = [self.influence(grouping.rows(group)) for group in range(len(grouping.slices))]
        starts = np.cumsum([0, *(len(rows) for rows, _ in parts)])
        matrix = csr_matrix(
            (
                np.concatenate([values for _, values in parts]),
                np.concatenate([rows for rows, _ in parts]),
                starts,
            ),
            shape=(len(parts), len(grouping.patterns)),
        )
        covariance = np.asarray((matrix @ matrix.T).todense(), dtype=float)
        unseen = np.array(
            [self.unseen_variance(grouping.rows(group)) for group in range(len(parts))]
        )
        known = np.isfinite(unseen)
        # What is not known gets any variance: its replicates are not used.
        covariance += np.diag(np.where(known, unseen, 1.0))
        drawn = statistics.gaussian_group_replicates(covariance, draws, rng)
        replicates = np.where(known, drawn.replicates, np.nan)
        return GroupReplicates(drawn.center, replicates, np.isnan(replicates).sum(axis=0))


class MomentEstimator(InfluenceEstimator):
    """A mean, or a ratio of two sums."""

    def __init__(
        self, top: Array, bottom: Array | None, bounds: Bounds = (-np.inf, np.inf)
    ) -> None:
        self._top = top
        self._bottom = bottom
        self.bounds = bounds

    def _known(self, rows: Index) -> Index:
        known = ~np.isnan(self._top[rows])
        if self._bottom is not None:
            known &= ~np.isnan(self._bottom[rows])
        return rows[known]

    def value(self, rows: Index) -> Estimate:
        known = self._known(rows)
        missing = len(rows) - len(known)
        if self._bottom is not None:
            missing -= int((np.isnan(self._top[rows]) & np.isnan(self._bottom[rows])).sum())
        note = f"{missing} of {len(rows)} rows have no value" if missing else None
        if not len(known):
            return Estimate(float("nan"), 0, note or "no examples")
        if self._bottom is None:
            return Estimate(float(self._top[known].mean()), len(known), note)
        bottom = float(self._bottom[known].sum())
        if bottom == 0:
            return Estimate(float("nan"), len(known), "its denominator sums to 0")
        return Estimate(float(self._top[known].sum()) / bottom, len(known), note)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        known = self._known(rows)
        if self._bottom is None:
            return statistics.mean_interval(
                self._top[known], draw.confidence, draw.draws, draw.rng, self.bounds
            )
        return statistics.ratio_interval(
            self._top[known],
            self._bottom[known],
            draw.confidence,
            draw.draws,
            draw.rng,
            bounds=self.bounds,
        )

    def influence(self, rows: Index) -> tuple[Index, Array]:
        known = self._known(rows)
        n = len(known)
        if n < 2:
            return known, np.zeros(n)
        correction = np.sqrt(n / (n - 1)) / n
        if self._bottom is None:
            values = self._top[known]
            return known, (values - values.mean()) * correction
        top, bottom = self._top[known], self._bottom[known]
        residual = top - top.sum() / bottom.sum() * bottom
        return known, residual / bottom.mean() * correction

    def unseen_variance(self, rows: Index) -> float:
        known = self._known(rows)
        values = self._top[known]
        if self._bottom is not None or len(known) == 0 or np.ptp(values) > 0:
            return 0.0
        if not np.isfinite(self.bounds).all():
            return np.inf
        return statistics.constant_variance(float(values[0]), len(known), self.bounds)
