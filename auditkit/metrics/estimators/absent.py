"""What cannot be measured from predictions that came without scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from auditkit.errors import InternalError
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import (
    Area,
    Curve,
    Custom,
    Mean,
    Statistic,
)
from auditkit.metrics.estimators.base import Bounds, Draw, Estimate, Estimator
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["NO_SCORES", "absent_estimators", "without_scores"]

NO_SCORES = "there are no scores in the file of predictions"
"""Why there is no value."""

_OF_PREDICTIONS = {"label", "prediction", "correct"}
_MADE_OF_SCORES = {"log_loss", "probability"}


def without_scores(columns: Columns, statistic: Statistic | Curve) -> bool:
    """Whether it rests on probabilities, and the evidence is predictions that have none."""
    if isinstance(statistic, Mean):
        needed = statistic.column
    elif isinstance(statistic, Area | Curve):
        needed = statistic.score
    elif isinstance(statistic, Custom) and "probability:*" not in statistic.columns:
        return False
    elif getattr(statistic, "operating_point", None) is not None or isinstance(statistic, Custom):
        needed = "probability"
    else:
        return False
    return (
        needed in _MADE_OF_SCORES
        and set(columns.names) >= _OF_PREDICTIONS
        and not columns.family("probability")
    )


def absent_estimators(
    statistic: Statistic, labels: Sequence[str]
) -> list[tuple[dict[str, str], Estimator]]:
    """Return estimators without a value, where those of ``statistic`` would be."""
    if getattr(statistic, "per_label", False):
        return [({"label": label}, _Absent()) for label in labels]
    return [({}, _Absent())]


class _Absent:
    """A statistic that has no value on any rows."""

    bounds: Bounds = (-np.inf, np.inf)

    def value(self, rows: Index) -> Estimate:
        return Estimate(float("nan"), len(rows), NO_SCORES)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        return None

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        raise InternalError("groups without a value are left out before they are compared")
