"""What each statistic is worth on a set of rows, and how uncertain that is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.metrics.columns import Columns
from auditkit.metrics.declare import Area, Cells, Mean, Metric, Ratio
from auditkit.metrics.estimators.areas import area_estimators, score_classes
from auditkit.metrics.estimators.base import Draw, Estimate, Estimator
from auditkit.metrics.estimators.counts import boolean_codes, cell_estimators, proportion
from auditkit.metrics.estimators.custom import CustomEstimator
from auditkit.metrics.estimators.moments import MomentEstimator

__all__ = ["Draw", "Estimate", "Estimator", "estimators", "score_classes"]


def estimators(
    columns: Columns, metric: Metric, labels: Sequence[str], positive: str | None
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimators of a metric with the slice each is about.

    There is one with an empty slice, or one for each label.

    Raises
    ------
    CheckError
        If the evidence lacks a column, or a function is not known.
    """
    statistic = metric.statistic
    if isinstance(statistic, Mean):
        return [({}, _mean(columns, statistic))]
    if isinstance(statistic, Ratio):
        return [({}, _ratio(columns, statistic))]
    if isinstance(statistic, Cells):
        return cell_estimators(columns, statistic, labels)
    if isinstance(statistic, Area):
        return area_estimators(columns, statistic, labels, positive)
    return [({}, CustomEstimator(columns, statistic))]


def _mean(columns: Columns, statistic: Mean) -> Estimator:
    values = columns.numbers(statistic.column)
    if columns.is_boolean(statistic.column):
        return proportion(
            boolean_codes(values), np.array([False, True]), np.array([True, True]), "no examples"
        )
    return MomentEstimator(values, None)


def _ratio(columns: Columns, statistic: Ratio) -> Estimator:
    top, bottom = columns.numbers(statistic.numerator), columns.numbers(statistic.denominator)
    if columns.is_boolean(statistic.numerator) and columns.is_boolean(statistic.denominator):
        known = ~(np.isnan(top) | np.isnan(bottom))
        if not np.any(known & (top > 0) & (bottom == 0)):
            codes = np.where(known, 2 * bottom + top, -1).astype(np.int32)
            return proportion(
                codes,
                np.array([False, False, False, True]),
                np.array([False, False, True, True]),
                f"no row has {statistic.denominator}",
            )
    return MomentEstimator(top, bottom)
