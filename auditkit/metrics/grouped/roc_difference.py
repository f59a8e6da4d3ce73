"""The area between the ROC curves of a column's groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from auditkit import statistics
from auditkit.metrics.columns import Grouping
from auditkit.metrics.declare import Metric
from auditkit.metrics.estimators.base import ROW_DRAWS
from auditkit.metrics.grouped.base import GroupedMeasure
from auditkit.metrics.grouped.scores import ScoredLabel, listing, shown
from auditkit.metrics.over_groups import MAXIMUM_GROUPS, Extreme
from auditkit.metrics.settings import Settings
from auditkit.statistics import RocCurve

__all__ = ["roc_measures"]


def roc_measures(
    metric: Metric, labels: Sequence[ScoredLabel], grouping: Grouping, settings: Settings
) -> list[GroupedMeasure]:
    """Return the largest area between curves for each label, and over labels if there are several.

    All of them rest on the same draws, and on one band.
    """
    whole = {"group": grouping.name}
    comparison = _RocComparison(metric, labels, grouping, settings)
    if len(labels) == 1:
        return [GroupedMeasure(whole | labels[0].slice, partial(comparison.of_label, 0))]
    each = [
        GroupedMeasure(whole | label.slice, partial(comparison.of_label, place))
        for place, label in enumerate(labels)
    ]
    return [GroupedMeasure(whole, comparison.over_labels), *each]


@dataclass(frozen=True)
class _Curves:
    """The curves of one label, in groups that are large enough and have both classes."""

    names: tuple[str, ...]
    curves: tuple[RocCurve, ...]
    n: int
    left_out: str


@dataclass(frozen=True, eq=False)
class _RocComparison:
    metric: Metric
    labels: Sequence[ScoredLabel]
    grouping: Grouping
    settings: Settings

    def of_label(self, place: int) -> Extreme:
        """Return the largest area of one label."""
        return self._found[place]

    def over_labels(self) -> Extreme:
        """Return the largest area of any label."""
        named = zip(self.labels, self._found, strict=True)
        measured = [(label.name, one) for label, one in named if np.isfinite(one.value)]
        n = max(one.n for one in self._found)
        if not measured:
            notes = dict.fromkeys(one.note or "" for one in self._found)
            return Extreme(float("nan"), None, n, "; ".join(notes))
        name, largest = max(measured, key=lambda one: one[1].value)
        intervals = [one.interval for _, one in measured if one.interval is not None]
        interval = replace(
            intervals[0],
            low=max(one.low for one in intervals),
            high=max(one.high for one in intervals),
        )
        absent = [
            f"'{label.name}'"
            for label, one in zip(self.labels, self._found, strict=True)
            if not np.isfinite(one.value)
        ]
        said = f"largest for '{name}': {largest.note}"
        if absent:
            said += f"; not measurable for {listing(absent)}"
        return Extreme(largest.value, interval, n, said)

    @cached_property
    def _found(self) -> list[Extreme]:
        every = [self._curves(label) for label in self.labels]
        usable = [one for one in every if 2 <= len(one.curves) <= MAXIMUM_GROUPS]
        if not usable:
            return [self._refused(one) for one in every]
        found = iter(
            statistics.largest_roc_difference(
                [one.curves for one in usable],
                self.settings.confidence,
                min(self.settings.draws, ROW_DRAWS),
                self.settings.rng(self.metric.name, {"group": self.grouping.name}),
            )
        )
        result = []
        for one in every:
            if not 2 <= len(one.curves) <= MAXIMUM_GROUPS:
                result.append(self._refused(one))
                continue
            largest = next(found)
            first, second = (one.names[place] for place in largest.pair)
            said = (
                f"largest between '{first}' and '{second}'; "
                f"equal curves would show about {largest.if_equal:.2g} here"
            )
            note = "; ".join(filter(None, (said, one.left_out)))
            result.append(Extreme(largest.value, largest.interval, one.n, note))
        return result

    def _curves(self, label: ScoredLabel) -> _Curves:
        names, curves, small, undefined = [], [], [], []
        n = missing = 0
        for group, slice_ in enumerate(self.grouping.slices):
            every = self.grouping.rows(group)
            rows = every[label.known[every]]
            held = label.positive[rows]
            positives = int(np.count_nonzero(held))
            name = shown(slice_)
            missing += len(every) - len(rows)
            if len(rows) < self.settings.minimum_group:
                small.append(f"'{name}' ({len(rows)})")
            elif not 0 < positives < len(rows):
                what = "no positives" if not positives else "no negatives"
                undefined.append(f"'{name}' ({what} in {len(rows)})")
            else:
                names.append(name)
                curves.append(statistics.roc_curve(label.scores[rows], held))
                n += len(rows)
        minimum = self.settings.minimum_group
        left = [
            f"left out, fewer than {minimum} examples: {listing(small)}" if small else "",
            f"left out, not measurable: {listing(undefined)}" if undefined else "",
            f"left out, {missing} rows without a score or a label" if missing else "",
        ]
        return _Curves(tuple(names), tuple(curves), n, "; ".join(filter(None, left)))

    def _refused(self, curves: _Curves) -> Extreme:
        why = f"needs two groups of at least {self.settings.minimum_group} examples with both kinds"
        if len(curves.curves) > MAXIMUM_GROUPS:
            why = f"more than {MAXIMUM_GROUPS} groups"
        note = "; ".join(filter(None, (why, curves.left_out)))
        return Extreme(float("nan"), None, curves.n, note)
