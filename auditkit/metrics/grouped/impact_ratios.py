"""Impact ratios: each group's selection rate over the highest one of its column."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from auditkit import statistics
from auditkit.metrics.columns import Columns, Grouping
from auditkit.metrics.declare import ImpactRatio
from auditkit.metrics.grouped.base import GroupedMeasure
from auditkit.metrics.grouped.rates import GroupRates, group_rates
from auditkit.metrics.over_groups import MAXIMUM_GROUPS, Extreme
from auditkit.metrics.settings import Settings

__all__ = ["impact_measures"]


def impact_measures(
    columns: Columns, statistic: ImpactRatio, grouping: Grouping, settings: Settings
) -> list[GroupedMeasure]:
    """Return the impact ratio of each group, for each label where they are several.

    Raises
    ------
    CheckError
        If the evidence lacks a column, or cannot be read at the operating point.
    """
    every = group_rates(columns, statistic, ["selection_rate"], grouping, settings)
    found = []
    for rates in every:
        label = {} if len(every) == 1 or rates.label is None else {"label": rates.label}
        ratios = _ImpactRatios(rates, settings)
        found += [
            GroupedMeasure({**slice_, **label}, partial(ratios.measured, group))
            for group, slice_ in enumerate(rates.slices)
        ]
    return found


@dataclass(frozen=True, eq=False)
class _ImpactRatios:
    """Impact ratios of one label over the groups of one grouping."""

    rates: GroupRates
    settings: Settings

    def measured(self, group: int) -> Extreme:
        """Return the ratio of a group, with its interval or why it has none."""
        rates = self.rates
        n = int(rates.sizes[group])
        if not rates.large[group]:
            few = f"left out, fewer than {rates.minimum_group} examples"
            return Extreme(float("nan"), None, n, few)
        if self._refusal is not None:
            return Extreme(float("nan"), None, n, self._refusal)
        values, large = rates.values[0], np.flatnonzero(rates.large)
        highest = int(large[values[large].argmax()])
        value = float(values[group] / values[highest])
        where = f"highest selection_rate in '{rates.names[highest]}' ({values[highest]:.3g})"
        at = int(np.searchsorted(large, group))
        return Extreme(
            value, self._interval(at), n, "; ".join(filter(None, (where, rates.too_few)))
        )

    @property
    def _refusal(self) -> str | None:
        rates = self.rates
        count = int(rates.large.sum())
        reason = None
        if count < 2:
            reason = f"needs two groups of at least {rates.minimum_group} examples"
        elif count > MAXIMUM_GROUPS:
            reason = f"more than {MAXIMUM_GROUPS} groups"
        elif not rates.values[0][rates.large].any():
            reason = "selection_rate is 0 in every group"
        if reason is None:
            return None
        return "; ".join(filter(None, (reason, rates.too_few)))

    @cached_property
    def _bands(self) -> list[statistics.Interval]:
        return statistics.ratios_to_highest(
            self.rates.values[0][self.rates.large],
            self.rates.replicates,
            self.settings.confidence,
        )

    def _interval(self, at: int) -> statistics.Interval:
        return self._bands[at]
