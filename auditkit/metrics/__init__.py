"""Metrics as declared statistics over columns of evidence, and what follows from that.

From a declaration alone the harness computes the value, its interval, every slice, the gap
between groups and the worst group, without the evaluator that declared it.
"""

from auditkit.metrics.declare import (
    Area,
    Brier,
    CalibrationError,
    Cells,
    ConfusionMatrix,
    Constant,
    Curve,
    Custom,
    Mean,
    Metric,
    Quantile,
    Ratio,
    ReliabilityDiagram,
    RiskCoverageCurve,
    SelectiveRisk,
    Statistic,
    Table,
    metric_from_dict,
    metric_to_dict,
)

__all__ = [
    "Area",
    "Brier",
    "CalibrationError",
    "Cells",
    "ConfusionMatrix",
    "Constant",
    "Curve",
    "Custom",
    "Mean",
    "Metric",
    "Quantile",
    "Ratio",
    "ReliabilityDiagram",
    "RiskCoverageCurve",
    "SelectiveRisk",
    "Statistic",
    "Table",
    "metric_from_dict",
    "metric_to_dict",
]
