"""Whether the model's probabilities can be taken at their word."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from auditkit.evaluators.base import Evaluator
from auditkit.evaluators.base import Params as BaseParams
from auditkit.metrics import (
    Brier,
    CalibrationError,
    Metric,
    ReliabilityDiagram,
    RiskCoverageCurve,
    SelectiveRisk,
    Table,
)

__all__ = ["Calibration"]


class Calibration(Evaluator):
    """Agreement of stated probabilities with how often they come true.

    With one label a text, a row's confidence is the probability of its prediction, and what comes
    true is that the prediction is right. With several labels a text, errors are those of the
    probability of each label against whether it holds: their mean over labels, for
    ``maximum_calibration_error`` the largest.

    ``expected_calibration_error`` (Guo et al. 2017) is biased upwards. Beside it stand its value
    if the model were calibrated and a debiased estimate; a requirement on it fails only on the
    debiased estimate's interval, and groups are compared by that estimate.
    ``adaptive_calibration_error`` is the same over bins of equally many rows (Nguyen and O'Connor
    2015), of the prediction's confidence, and ``classwise_calibration_error`` that of each label's
    probability (Kull et al. 2019).

    ``brier_score`` is the sum over labels of squared errors, in [0, 2] with two labels too: twice
    scikit-learn's. ``area_under_risk_coverage`` (Geifman and El-Yaniv 2017) and
    ``accuracy_at_coverage`` tell whether the model is right where it is sure; with several
    labels a text confidence is then the mean over labels of max(p, 1 - p), and right is the whole
    set.
    """

    name = "calibration"
    version = "1"

    class Params(BaseParams):
        """Settings."""

        bins: Annotated[int, Field(ge=2, le=100)] = 15
        """Bins of confidence, of equal width or of equally many rows."""
        coverage: Annotated[float, Field(gt=0, le=1)] = 0.8
        """Share of examples that are answered in ``accuracy_at_coverage``."""

    params: Params

    def metrics(self) -> Sequence[Metric]:
        """Return the metrics, overall and for each label."""
        bins = self.params.bins
        error = "expected_calibration_error"
        return (
            Metric(error, CalibrationError("plug_in", bins), "lower"),
            Metric(f"{error}_debiased", CalibrationError("debiased", bins), "lower"),
            Metric(f"{error}_if_calibrated", CalibrationError("if_calibrated", bins), "none"),
            Metric(
                "adaptive_calibration_error", CalibrationError("plug_in", bins, "mass"), "lower"
            ),
            Metric("maximum_calibration_error", CalibrationError("maximum", bins), "lower"),
            Metric("brier_score", Brier(), "lower"),
            Metric("area_under_risk_coverage", SelectiveRisk("area"), "lower"),
            Metric(
                "accuracy_at_coverage", SelectiveRisk("accuracy", self.params.coverage), "higher"
            ),
            Metric(
                "classwise_calibration_error",
                CalibrationError("plug_in", bins, per_label=True),
                "lower",
            ),
        )

    def tables(self) -> Sequence[Table]:
        """Return the reliability diagram and the risk-coverage curve."""
        return (ReliabilityDiagram(self.params.bins), RiskCoverageCurve())
