"""Statistics of scores by group: subgroup areas, areas between curves, calibration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, TypeAlias

from auditkit.metrics.declare_grouped import GroupStatistic

__all__ = [
    "AREA_STATISTICS",
    "AverageEqualityGap",
    "Background",
    "CalibrationDifference",
    "GeneralizedMean",
    "RocDifference",
    "SubgroupArea",
    "SubgroupKind",
]

SubgroupKind: TypeAlias = Literal["subgroup", "bpsn", "bnsp"]
Background: TypeAlias = Literal["all", "named"]


def _hold(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ValueError(f"{name}={value!r} is not one of {', '.join(map(repr, known))}")


@dataclass(frozen=True)
class SubgroupArea(GroupStatistic):
    """Area under the ROC curve of a group, or of a group against its background.

    In the slice of the group, ``{"gender": "female"}``. With two labels that exclude each other it
    is about the probability of the positive one; with more, or where ``label`` holds lists, there
    is one measurement for each label, one-vs-rest, with a ``label`` in the slice.

    Parameters
    ----------
    kind
        ``subgroup``: within the group. ``bpsn`` (background positive, subgroup negative): its
        negatives against the background's positives, low where its negatives score too high.
        ``bnsp``: its positives against the background's negatives, low where its positives score
        too low.
    background
        ``all``: every row that is not in the group. ``named``: of these, only rows that have a
        value in the group column, or name at least one group where it holds lists.
    score, label
        Columns ``score:<label>`` and the column of labels.

    Raises
    ------
    ValueError
        If the kind or the background is not known.

    References
    ----------
    Borkan et al. (2019), "Nuanced Metrics for Measuring Unintended Bias with Real Data for Text
    Classification".
    """

    kind: SubgroupKind
    background: Background = "all"
    score: str = "probability"
    label: str = "label"
    by_value: ClassVar[bool] = True
    takes_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _hold("kind", self.kind, ("subgroup", "bpsn", "bnsp"))
        _hold("background", self.background, ("all", "named"))


@dataclass(frozen=True)
class AverageEqualityGap(GroupStatistic):
    """How far a group's scores lie from those of its background, among rows of one true label.

    One half minus the probability that a row of the group scores higher than a row of the
    background, ties counting one half: 0 where they are alike, up to 0.5 where the group scores
    lower, down to -0.5 where it scores higher. Slices as for :class:`SubgroupArea`.

    Parameters
    ----------
    of
        ``positive``: rows that have the label; ``negative``: rows that do not.
    background, score, label
        As for :class:`SubgroupArea`.

    Raises
    ------
    ValueError
        If ``of`` or the background is not known.

    References
    ----------
    Borkan et al. (2019): 1/2 minus the Mann-Whitney U over the product of the numbers of rows.
    """

    of: Literal["positive", "negative"]
    background: Background = "all"
    score: str = "probability"
    label: str = "label"
    by_value: ClassVar[bool] = True
    takes_label: ClassVar[bool] = True
    bounds: ClassVar[tuple[float, float] | None] = (-0.5, 0.5)

    def __post_init__(self) -> None:
        _hold("of", self.of, ("positive", "negative"))
        _hold("background", self.background, ("all", "named"))


@dataclass(frozen=True)
class GeneralizedMean(GroupStatistic):
    """Generalized mean of a subgroup area over the groups of a column.

    In the slice ``{"group": column}``, with a ``label`` besides where there are several labels. The
    mean of powers makes the lowest areas count most. Groups below the minimum group size, or
    without an area, are left out and named.

    Parameters
    ----------
    kind, background, score, label
        As for :class:`SubgroupArea`.
    power
        Borkan et al. take -5. At most 1, not 0.

    Raises
    ------
    ValueError
        If the kind or the background is not known, or the power is above 1 or 0.
    """

    kind: SubgroupKind
    power: float = -5.0
    background: Background = "all"
    score: str = "probability"
    label: str = "label"
    takes_label: ClassVar[bool] = True

    def __post_init__(self) -> None:
        _hold("kind", self.kind, ("subgroup", "bpsn", "bnsp"))
        _hold("background", self.background, ("all", "named"))
        if not self.power <= 1.0 or self.power == 0.0:
            raise ValueError(f"the power is at most 1 and not 0, got {self.power}")


@dataclass(frozen=True)
class RocDifference(GroupStatistic):
    """Area between the ROC curves of two groups (ABROCA), the largest over the pairs of a column.

    In the slice ``{"group": column}``. With several labels there is one measurement for each label,
    one-vs-rest, ``{"group": column, "label": …}``, and ``{"group": column}`` is the label where
    it is largest. It sees curves that cross, whose areas may be equal.

    Parameters
    ----------
    score, label
        Columns ``score:<label>`` and the column of labels.

    References
    ----------
    Gardner, Brooks and Baker (2019), "Evaluating the Fairness of Predictive Student Models Through
    Slicing Analysis".
    """

    score: str = "probability"
    label: str = "label"
    takes_label: ClassVar[bool] = True


@dataclass(frozen=True)
class CalibrationDifference(GroupStatistic):
    """Largest minus smallest calibration error over the groups of a column.

    In the slice ``{"group": column}``. It compares the debiased error of
    :class:`~auditkit.metrics.CalibrationError`, as the usual one grows as groups get smaller.

    Parameters
    ----------
    bins, binning
        As for ``CalibrationError``.

    Raises
    ------
    ValueError
        If there is no bin, or the binning is not known.
    """

    bins: int = 15
    binning: Literal["width", "mass"] = "width"

    def __post_init__(self) -> None:
        _hold("binning", self.binning, ("width", "mass"))
        if self.bins < 1:
            raise ValueError(f"needs at least one bin, got {self.bins}")


AREA_STATISTICS: dict[str, type[GroupStatistic]] = {
    "subgroup_area": SubgroupArea,
    "average_equality_gap": AverageEqualityGap,
    "generalized_mean": GeneralizedMean,
    "roc_difference": RocDifference,
    "calibration_difference": CalibrationDifference,
}
"""Kinds of statistics in a record; every class of this file is among them."""
