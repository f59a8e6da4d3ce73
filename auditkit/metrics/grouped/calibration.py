"""How far groups lie apart in calibration."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from auditkit.errors import InternalError
from auditkit.metrics.columns import Columns, Grouping
from auditkit.metrics.declare import Area, CalibrationError, Metric
from auditkit.metrics.declare_areas import CalibrationDifference
from auditkit.metrics.estimators import NO_SCORES, estimators, without_scores
from auditkit.metrics.over_groups import Extreme, GroupComparison
from auditkit.metrics.settings import Settings

__all__ = ["calibration_difference"]


def calibration_difference(
    columns: Columns, metric: Metric, grouping: Grouping, settings: Settings
) -> Extreme:
    """Return the largest minus the smallest debiased calibration error over the groups.

    It is the gap of :class:`~auditkit.metrics.CalibrationError`, under its own name.

    Raises
    ------
    CheckError
        If probabilities lie outside [0, 1] or the evidence lacks a column.
    """
    statistic = metric.statistic
    if not isinstance(statistic, CalibrationDifference):
        raise InternalError(f"{type(statistic).__name__} is not a calibration difference")
    if without_scores(columns, Area("probability", "label")):
        n = int(np.count_nonzero(grouping.patterns >= 0))
        return Extreme(float("nan"), None, n, NO_SCORES)
    error = CalibrationError("debiased", statistic.bins, statistic.binning)
    ((_, estimator),) = estimators(
        columns, replace(metric, statistic=error), settings.labels, settings.positive
    )
    return GroupComparison(
        estimator,
        grouping,
        minimum_group=settings.minimum_group,
        confidence=settings.confidence,
        draws=settings.draws,
        rng=settings.rng(metric.name, {"group": grouping.name}),
    ).gap()
