"""Means over rows that come in clusters, and how far the means of terms lie apart."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import numpy.typing as npt

from auditkit.errors import CheckError
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare_clustered import ClusteredMean, TermSpread
from auditkit.metrics.estimators.base import (
    Array,
    Bounds,
    Draw,
    Estimate,
    Estimator,
    row_replicates,
)
from auditkit.metrics.estimators.moments import InfluenceEstimator
from auditkit.statistics import GroupReplicates, Interval, constant_variance
from auditkit.statistics.clustered import (
    cluster_influence,
    cluster_sums,
    clustered_mean_interval,
    spread_interval,
)

__all__ = ["clustered_estimator"]

_NO_BOUNDS: Bounds = (-np.inf, np.inf)


def clustered_estimator(columns: Columns, statistic: ClusteredMean | TermSpread) -> Estimator:
    """Return the estimator of a statistic of clustered rows."""
    if isinstance(statistic, TermSpread):
        return SpreadEstimator(columns, statistic)
    return ClusteredEstimator(columns, statistic)


class ClusteredEstimator(InfluenceEstimator):
    """A mean whose rows come in clusters; ``n`` counts the clusters."""

    sizes_are_n = True
    """A group is as large as it has clusters: rows of the same text say little more than one."""

    def __init__(self, columns: Columns, statistic: ClusteredMean) -> None:
        self._values = columns.numbers(statistic.column)
        self._clusters = columns.codes(statistic.cluster).codes
        self.bounds = statistic.bounds or _NO_BOUNDS
        if statistic.bounds is None and columns.is_boolean(statistic.column):
            self.bounds = (0.0, 1.0)
        low, high = self.bounds
        known = self._values[~np.isnan(self._values)]
        # What rounding leaves outside of the bounds is not an error.
        if len(known) and not low - 1e-9 <= known.min() <= known.max() <= high + 1e-9:
            raise CheckError(
                f"column {statistic.column!r} of the evidence has values outside of {low:g} to "
                f"{high:g}"
            )
        self._values = np.clip(self._values, low, high)

    def _known(self, rows: Index) -> Index:
        return rows[~np.isnan(self._values[rows]) & (self._clusters[rows] >= 0)]

    def value(self, rows: Index) -> Estimate:
        known = self._known(rows)
        if not len(known):
            return Estimate(float("nan"), 0, "no examples")
        clusters = len(np.unique(self._clusters[known]))
        note = f"{len(known):,} rows in {clusters:,} clusters" if len(known) > clusters else None
        return Estimate(float(self._values[known].mean()), clusters, note)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        known = self._known(rows)
        return clustered_mean_interval(
            self._values[known],
            self._clusters[known],
            draw.confidence,
            draw.draws,
            draw.rng,
            self.bounds,
        )

    def influence(self, rows: Index) -> tuple[Index, Array]:
        known = self._known(rows)
        if not len(known):
            return known, np.zeros(0)
        found = cluster_sums(self._values[known], self._clusters[known])
        # A cluster's error stands at its first row of all: there groups that share it meet.
        return self._places[self._clusters[known[found.first]]], cluster_influence(found)

    @cached_property
    def _places(self) -> Index:
        """The first row of each cluster."""
        places = np.zeros(int(self._clusters.max(initial=0)) + 1, dtype=np.int64)
        codes, first = np.unique(self._clusters, return_index=True)
        places[codes[codes >= 0]] = first[codes >= 0]
        return places

    def unseen_variance(self, rows: Index) -> float:
        known = self._known(rows)
        if not len(known):
            return 0.0
        found = cluster_sums(self._values[known], self._clusters[known])
        # One cluster, or clusters that are all alike, show no error, whatever their rows do.
        if np.abs(cluster_influence(found)).max() > 1e-12:
            return 0.0
        if not np.isfinite(self.bounds).all():
            return np.inf
        mean = float(np.clip(found.mean, *self.bounds))
        return constant_variance(mean, len(found.sums), self.bounds)


class SpreadEstimator:
    """The largest mean of a term minus the smallest."""

    bounds: Bounds = (0.0, 1.0)

    def __init__(self, columns: Columns, statistic: TermSpread) -> None:
        self._values = columns.numbers(statistic.column)
        codes = columns.codes(statistic.term)
        self._terms, self._names = codes.codes, codes.values
        self._clusters = columns.codes(statistic.cluster).codes

    def _table(
        self, rows: Index
    ) -> tuple[Array, Array, npt.NDArray[np.int64], list[str], int] | None:
        """Return means and influences of the terms in two clusters or more, and their names."""
        known = rows[~np.isnan(self._values[rows]) & (self._terms[rows] >= 0)]
        known = known[self._clusters[known] >= 0]
        clusters, place = np.unique(self._clusters[known], return_inverse=True)
        means: list[float] = []
        influences: list[Array] = []
        counts: list[int] = []
        names: list[str] = []
        for term in np.unique(self._terms[known]):
            at = np.flatnonzero(self._terms[known] == term)
            found = cluster_sums(self._values[known[at]], place.reshape(-1)[at])
            if len(found.sums) < 2:
                continue
            influence = np.zeros(len(clusters))
            influence[place.reshape(-1)[at][found.first]] = cluster_influence(found)
            means.append(found.mean)
            influences.append(influence)
            counts.append(len(found.sums))
            names.append(self._names[term][0])
        if len(means) < 2:
            return None
        return np.array(means), np.array(influences), np.array(counts), names, len(clusters)

    def value(self, rows: Index) -> Estimate:
        table = self._table(rows)
        if table is None:
            return Estimate(float("nan"), 0, "needs two terms in two templates or more")
        means, _, _, names, clusters = table
        note = f"highest for '{names[means.argmax()]}', lowest for '{names[means.argmin()]}'"
        same = np.ptp(means) <= 1e-12
        said = f"{len(means):,} terms" if same else f"{note} of {len(means):,} terms"
        return Estimate(float(np.ptp(means)), clusters, said)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        table = self._table(rows)
        if table is None:
            return None
        means, influences, counts, _, _ = table
        return spread_interval(influences, means, counts, draw.confidence, 1.0)

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        return row_replicates(grouping, lambda rows: self.value(rows).value, draws, rng)
