"""Statistics that the counts of rows in cells determine: proportions, F1 and their kin."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from auditkit import statistics
from auditkit.metrics.columns import Grouping, Index
from auditkit.metrics.estimators.base import Array, Bounds, Draw, Estimate
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["CountEstimator", "boolean_codes", "proportion"]


class CountEstimator:
    """A function of how many rows fall into each cell."""

    def __init__(
        self,
        codes: npt.NDArray[np.int32],
        cells: int,
        function: Callable[[Array], Array],
        *,
        bounds: Bounds = (0.0, 1.0),
        proportion: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None = None,
        undefined: str = "its denominator is empty",
        certain: bool = False,
    ) -> None:
        self._codes = codes
        self._cells = cells
        self._function = function
        self._proportion = proportion
        self._undefined = undefined
        self._certain = certain
        self.bounds = bounds

    def _counts(self, rows: Index) -> npt.NDArray[np.int64]:
        codes = self._codes[rows]
        return np.bincount(codes[codes >= 0], minlength=self._cells)[: self._cells].astype(np.int64)

    def value(self, rows: Index) -> Estimate:
        counts = self._counts(rows)
        n = int(counts.sum())
        if n == 0:
            return Estimate(float("nan"), 0, "no examples")
        value = float(self._function(counts.astype(float)))
        if self._proportion is not None:
            n = int(counts[self._proportion[1]].sum())
        return Estimate(value, n, None if np.isfinite(value) else self._undefined)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        if self._certain:
            return Interval(estimate.value, estimate.value, draw.confidence, "exact count")
        counts = self._counts(rows)
        if self._proportion is not None:
            successes, trials = (int(counts[mask].sum()) for mask in self._proportion)
            return statistics.wilson(successes, trials, draw.confidence)
        return statistics.cell_bootstrap(
            counts, self._function, draw.confidence, draw.draws, draw.rng
        )

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        patterns = grouping.membership.shape[1]
        valid = (grouping.patterns >= 0) & (self._codes >= 0)
        flat = grouping.patterns[valid].astype(np.int64) * self._cells + self._codes[valid]
        counts = np.bincount(flat, minlength=patterns * self._cells)
        # Cells without a row stay: an outcome that was not seen is still thinkable.
        return statistics.group_replicates(
            counts.reshape(patterns, self._cells).astype(np.int64),
            grouping.membership,
            self._function,
            draws,
            rng,
        )


def _share(
    numerator: npt.NDArray[np.bool_], denominator: npt.NDArray[np.bool_]
) -> Callable[[Array], Array]:
    def function(counts: Array) -> Array:
        top = np.asarray(counts[..., numerator].sum(axis=-1), dtype=float)
        bottom = np.asarray(counts[..., denominator].sum(axis=-1), dtype=float)
        result = np.full(top.shape, np.nan)
        np.divide(top, bottom, out=result, where=bottom > 0)
        return result

    return function


def proportion(
    codes: npt.NDArray[np.int32],
    successes: npt.NDArray[np.bool_],
    trials: npt.NDArray[np.bool_],
    undefined: str = "its denominator is empty",
) -> CountEstimator:
    """Return the share of rows in the cells ``successes`` among those in ``trials``.

    ``successes`` and ``trials`` are boolean over cells; its interval is Wilson's.
    """
    return CountEstimator(
        codes,
        len(trials),
        _share(successes, trials),
        proportion=(successes, trials),
        undefined=undefined,
    )


def boolean_codes(values: Array) -> npt.NDArray[np.int32]:
    """Return 0 and 1 as cells, and -1 for NaN."""
    return np.where(np.isnan(values), -1, values).astype(np.int32)
