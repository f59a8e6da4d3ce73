"""Whether the model treats the groups of people alike that the data name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from auditkit.evaluators.base import Evaluator, Task
from auditkit.evaluators.base import Params as BaseParams
from auditkit.metrics import (
    AverageEqualityGap,
    CalibrationDifference,
    Cells,
    Disparity,
    GapSignificance,
    GeneralizedMean,
    ImpactRatio,
    ImpactRatios,
    Metric,
    PairwiseDifferences,
    Rate,
    RocDifference,
    SubgroupArea,
    Table,
    ThresholdExploration,
)
from auditkit.metrics.declare_areas import SubgroupKind

__all__ = ["Fairness"]

Better: TypeAlias = Literal["higher", "lower", "none"]

_RATES: tuple[tuple[str, Better], ...] = (
    # Whether it is good to be selected is not the metric's to say.
    ("selection_rate", "none"),
    ("accuracy", "higher"),
    ("f1", "higher"),
    ("true_positive_rate", "higher"),
    ("false_positive_rate", "lower"),
    ("false_negative_rate", "lower"),
    ("precision", "higher"),
)
_ODDS = ("true_positive_rate", "false_positive_rate")
_AREAS: tuple[SubgroupKind, ...] = ("subgroup", "bpsn", "bnsp")


class Fairness(Evaluator):
    """Rates of each group, and how far they lie apart.

    Rates are about the suite's positive label; with several labels they are one-vs-rest, and a
    summary over a group column is that of the label where groups lie farthest apart. Groups are
    the values of each group column and the intersections of every two; an example may be in
    several groups of one column. Groups with fewer than ``minimum_group`` examples are left out of
    summaries and named, and so is, for one rate, a group where it has no denominator: no rate is 0
    for want of examples.

    Scores are compared besides decisions: the areas of Borkan et al. (2019) of each group against
    its background, and for a group column ``abroca``, the area between two ROC curves, and the
    difference of debiased calibration errors. They have no value where there are no scores.

    Values of rates are those of fairlearn's ``MetricFrame``. Intervals of summaries come from a
    simultaneous band over all pairs of groups (max-T): the largest of several differences is biased
    upwards, and a percentile bootstrap of it is biased twice.
    """

    name = "fairness"
    version = "1"

    class Params(BaseParams):
        """Settings."""

        background: Literal["all", "named"] = "all"
        """What the scores of a group are compared with, as in ``bpsn_auc``: all other examples, or
        only those that name at least one group of the column."""
        operating_point: Annotated[float, Field(gt=0, lt=1)] | None = None
        """Decide by the positive label's probability being at least this, not by the prediction;
        for two labels, or several labels a text."""
        explore_thresholds: bool = False
        """Try out thresholds for each group, fitted on half of the examples and looked at on the
        other; an exploration, and no part of any verdict."""

    params: Params
    _multi_label = False

    def for_task(self, task: Task) -> Fairness:
        """Return the evaluator for texts with one or with several labels."""
        self._multi_label = task in (Task.TEXT_MULTI_LABEL, Task.PAIR_MULTI_LABEL)
        return self

    def hold_groups(self, groups: Sequence[str]) -> None:
        """Refuse data without group columns.

        Raises
        ------
        ValueError
            If there is none.
        """
        if not groups:
            raise ValueError("fairness compares groups, and the data have no group columns")

    def hold_labels(self, labels: Sequence[str]) -> None:
        """Refuse an operating point for three or more labels that exclude each other.

        Raises
        ------
        ValueError
            If that is so.
        """
        if self.params.operating_point is not None and len(labels) > 2 and not self._multi_label:
            raise ValueError(
                "'operating_point' is for two labels, or for several labels a text: with "
                f"{len(labels)} labels the prediction is the most probable one"
            )

    def metrics(self) -> Sequence[Metric]:
        """Return the rates of groups, and what is made of them for each group column."""
        point = self.params.operating_point

        def gap(name: str, *of: str) -> Metric:
            return Metric(name, Disparity(of, "difference", operating_point=point), "lower")

        def ratio(name: str, *of: str) -> Metric:
            return Metric(name, Disparity(of, "ratio", operating_point=point), "higher")

        def worst(name: str, of: str) -> Metric:
            return Metric(name, Disparity((of,), "worst", operating_point=point), "higher")

        return (
            Metric("count", Cells(("label", "prediction"), "count"), "none"),
            *(Metric(name, Rate(name, operating_point=point), better) for name, better in _RATES),
            gap("demographic_parity_difference", "selection_rate"),
            ratio("demographic_parity_ratio", "selection_rate"),
            gap("equalized_odds_difference", *_ODDS),
            ratio("equalized_odds_ratio", *_ODDS),
            gap("equal_opportunity_difference", "true_positive_rate"),
            gap("predictive_parity_difference", "precision"),
            gap("accuracy_difference", "accuracy"),
            gap("f1_difference", "f1"),
            worst("worst_group_accuracy", "accuracy"),
            worst("worst_group_f1", "f1"),
            Metric("impact_ratio", ImpactRatio(operating_point=point), "higher"),
            *self._of_scores(),
        )

    def _of_scores(self) -> Sequence[Metric]:
        background = self.params.background
        signs: tuple[Literal["positive", "negative"], ...] = ("positive", "negative")
        return (
            *(Metric(f"{kind}_auc", SubgroupArea(kind, background), "higher") for kind in _AREAS),
            # Above or below 0, it is shifted all the same.
            *(
                Metric(f"{sign}_average_equality_gap", AverageEqualityGap(sign, background), "none")
                for sign in signs
            ),
            *(
                Metric(
                    f"generalized_mean_{kind}_auc",
                    GeneralizedMean(kind, background=background),
                    "higher",
                )
                for kind in _AREAS
            ),
            Metric("abroca", RocDifference(), "lower"),
            Metric("calibration_difference", CalibrationDifference(), "lower"),
        )

    def tables(self) -> Sequence[Table]:
        """Return what a gap means and what it would take, and the impact ratios as a table."""
        point = self.params.operating_point
        return (
            PairwiseDifferences(operating_point=point),
            GapSignificance(operating_point=point),
            ImpactRatios(operating_point=point),
            *([ThresholdExploration(operating_point=point)] * self.params.explore_thresholds),
        )
