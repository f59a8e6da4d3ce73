"""Areas of groups against their background, and the mean of them over a column's groups."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from auditkit import statistics
from auditkit.errors import InternalError
from auditkit.metrics.columns import Columns, Grouping
from auditkit.metrics.declare import Area, Metric
from auditkit.metrics.declare_areas import (
    AverageEqualityGap,
    CalibrationDifference,
    GeneralizedMean,
    RocDifference,
    SubgroupArea,
)
from auditkit.metrics.estimators import NO_SCORES, without_scores
from auditkit.metrics.grouped.base import GroupedMeasure
from auditkit.metrics.grouped.calibration import calibration_difference
from auditkit.metrics.grouped.roc_difference import roc_measures
from auditkit.metrics.grouped.scores import (
    ScoredLabel,
    listing,
    named_rows,
    scored_labels,
    shown,
)
from auditkit.metrics.over_groups import Extreme
from auditkit.metrics.settings import Settings
from auditkit.statistics import Interval

__all__ = ["area_measures"]

Mask: TypeAlias = npt.NDArray[np.bool_]
_Statistic: TypeAlias = SubgroupArea | AverageEqualityGap | GeneralizedMean

_KINDS = {
    "subgroup": ("positives", "negatives of the group"),
    "bpsn": ("positives of the background", "negatives of the group"),
    "bnsp": ("positives of the group", "negatives of the background"),
}
"""Which rows should score higher, and which lower."""


def area_measures(
    columns: Columns, metric: Metric, grouping: Grouping, settings: Settings
) -> list[GroupedMeasure]:
    """Return what follows from a statistic of ``declare_areas`` for one grouping.

    Raises
    ------
    CheckError
        If the evidence lacks a column.
    """
    statistic = metric.statistic
    whole = {"group": grouping.name}
    if isinstance(statistic, CalibrationDifference):
        make = partial(calibration_difference, columns, metric, grouping, settings)
        return [GroupedMeasure(whole, make)]
    if not isinstance(
        statistic, SubgroupArea | AverageEqualityGap | GeneralizedMean | RocDifference
    ):
        raise InternalError(f"{type(statistic).__name__} is not measured here")
    if without_scores(columns, Area(statistic.score, statistic.label)):
        return _absent(columns, metric, grouping, settings)
    labels = scored_labels(columns, statistic.score, statistic.label, settings)
    if isinstance(statistic, RocDifference):
        return roc_measures(metric, labels, grouping, settings)
    named = statistic.background == "named"
    compared = [
        _Compared(label, grouping, named_rows(columns, grouping) if named else None)
        for label in labels
    ]
    if isinstance(statistic, GeneralizedMean):
        return [
            GroupedMeasure(
                whole | one.label.slice, partial(_generalized_mean, one, statistic, settings)
            )
            for one in compared
        ]
    return [
        GroupedMeasure(
            {**slice_, **one.label.slice}, partial(_of_group, one, group, statistic, settings)
        )
        for group, slice_ in enumerate(grouping.slices)
        for one in compared
    ]


@dataclass(frozen=True, eq=False)
class _Sample:
    """The rows that one area rests on, and which of them should score higher."""

    rows: Mask
    """``[all rows]``."""
    scores: npt.NDArray[Any]
    """Of these rows."""
    higher: Mask
    """Of these rows: which should score higher."""
    counts: str
    """How many there are of each kind, in words."""
    note: str | None

    @property
    def ups(self) -> int:
        """Rows that should score higher."""
        return int(np.count_nonzero(self.higher))

    @property
    def downs(self) -> int:
        """Rows that should score lower."""
        return len(self.higher) - self.ups

    @property
    def has_both(self) -> bool:
        """Whether there is an area."""
        return self.ups > 0 and self.downs > 0


@dataclass(frozen=True, eq=False)
class _Compared:
    """One label's scores in the groups of a grouping."""

    label: ScoredLabel
    grouping: Grouping
    named: Mask | None
    """Rows that a background may hold; None for all."""

    def sample(self, group: int, statistic: _Statistic) -> _Sample:
        """Return the rows of one group's area."""
        label, rows = self.label, self.grouping.rows(group)
        member = np.zeros(len(label.known), dtype=np.bool_)
        member[rows] = True
        background = ~member if self.named is None else self.named & ~member
        if isinstance(statistic, AverageEqualityGap):
            held = label.positive if statistic.of == "positive" else ~label.positive
            chosen, should_be_higher = held & (member | background), member
            words = (f"{statistic.of}s of the group", f"{statistic.of}s of the background")
        else:
            chosen = statistics.subgroup_rows(statistic.kind, member, background, label.positive)
            should_be_higher = label.positive
            words = _KINDS[statistic.kind]
        chosen = chosen & label.known
        higher = should_be_higher[chosen]
        ups = int(np.count_nonzero(higher))
        counts = f"{ups:,} {words[0]} and {len(higher) - ups:,} {words[1]}"
        return _Sample(chosen, label.scores[chosen], higher, counts, label.missing(rows))

    @property
    def said(self) -> str | None:
        """What a reader must know of the background, where it is not every other row."""
        if self.named is None:
            return None
        left = int(np.count_nonzero(~self.named))
        columns = " and ".join(f"'{column}'" for column in self.grouping.slices[0])
        return f"background without {left:,} rows that name no group of {columns}"


def _of_group(
    compared: _Compared,
    group: int,
    statistic: SubgroupArea | AverageEqualityGap,
    settings: Settings,
) -> Extreme:
    sample = compared.sample(group, statistic)
    is_within = isinstance(statistic, SubgroupArea) and statistic.kind == "subgroup"
    said = _joined(sample.counts, None if is_within else compared.said, sample.note)
    if not sample.has_both:
        note = f"needs rows of both kinds; there are {said}"
        return Extreme(float("nan"), None, len(sample.scores), note)
    area = statistics.roc_auc(sample.scores, sample.higher)
    interval = statistics.delong(sample.scores, sample.higher, settings.confidence)
    if isinstance(statistic, AverageEqualityGap):
        interval = replace(interval, low=0.5 - interval.high, high=0.5 - interval.low)
        area = 0.5 - area
    return Extreme(area, interval, len(sample.scores), said)


def _generalized_mean(
    compared: _Compared, statistic: GeneralizedMean, settings: Settings
) -> Extreme:
    slices, minimum = compared.grouping.slices, settings.minimum_group
    kept, small, undefined = [], [], []
    used = np.zeros(len(compared.label.known), dtype=np.bool_)
    for group, slice_ in enumerate(slices):
        rows, sample = len(compared.grouping.rows(group)), compared.sample(group, statistic)
        if rows < minimum:
            small.append(f"'{shown(slice_)}' ({rows})")
        elif not sample.has_both:
            undefined.append(f"'{shown(slice_)}' ({sample.counts})")
        else:
            kept.append(group)
            used |= sample.rows
    n = int(np.count_nonzero(used))
    left_out = _joined(
        f"left out, fewer than {minimum} examples: {listing(small)}" if small else None,
        f"left out, not measurable: {listing(undefined)}" if undefined else None,
        None if statistic.kind == "subgroup" else compared.said,
    )
    if not kept:
        why = f"needs a group of at least {minimum} examples with rows of both kinds"
        return Extreme(float("nan"), None, n, _joined(why, left_out))
    values, interval = _mean_area(compared, kept, statistic, settings.confidence)
    lowest = int(values.argmin())
    said = (
        f"over {len(kept)} group{'s' * (len(kept) != 1)}, lowest in "
        f"'{shown(slices[kept[lowest]])}' ({values[lowest]:.2f})"
    )
    why_none = None if interval else "no interval: a group has an area of 0"
    mean = statistics.generalized_mean(values, statistic.power)
    return Extreme(mean, interval, n, _joined(said, why_none, left_out))


def _mean_area(
    compared: _Compared, groups: Sequence[int], statistic: GeneralizedMean, confidence: float
) -> tuple[npt.NDArray[np.float64], Interval | None]:
    """Return the groups' areas and the interval of their generalized mean."""
    areas, variances, unseen = [], [], []
    for group in groups:
        sample = compared.sample(group, statistic)
        area, influence = statistics.auc_influence(sample.scores, sample.higher)
        seen = float(np.nansum(influence**2))
        areas.append(area)
        variances.append(statistics.area_variance(area, seen, sample.ups, sample.downs))
        unseen.append(variances[-1] - seen)
    values = np.array(areas)
    if statistics.generalized_mean(values, statistic.power) == 0.0:
        return values, None
    weights = statistics.generalized_mean_weights(values, statistic.power)
    # The errors of areas are sums over rows, which groups and backgrounds share; so is that of
    # their mean. Influences are made again rather than kept: they are as long as the data.
    error = np.zeros(len(compared.label.known))
    for group, weight in zip(groups, weights, strict=True):
        sample = compared.sample(group, statistic)
        influence = statistics.auc_influence(sample.scores, sample.higher)[1]
        error[sample.rows] += weight * np.nan_to_num(influence)
    variance = float(error @ error + weights**2 @ np.array(unseen))
    return values, statistics.generalized_mean_interval(
        values, np.array(variances), variance, statistic.power, confidence
    )


def _joined(*said: str | None) -> str:
    return "; ".join(filter(None, said))


def _absent(
    columns: Columns, metric: Metric, grouping: Grouping, settings: Settings
) -> list[GroupedMeasure]:
    """Return measures without a value, where those of scores would be."""

    def make(n: int) -> Callable[[], Extreme]:
        return lambda: Extreme(float("nan"), None, n, NO_SCORES)

    several = len(settings.labels) > 2 or columns.codes("label").is_list
    labels: list[dict[str, str]] = (
        [{"label": label} for label in settings.labels] if several else [{}]
    )
    if isinstance(metric.statistic, RocDifference) and several:
        labels.append({})
    slices: list[tuple[dict[str, str], int]] = [
        ({"group": grouping.name}, int(np.count_nonzero(grouping.patterns >= 0)))
    ]
    if metric.by_value:
        slices = [
            (slice_, len(grouping.rows(group))) for group, slice_ in enumerate(grouping.slices)
        ]
    return [
        GroupedMeasure({**slice_, **label}, make(n)) for slice_, n in slices for label in labels
    ]
