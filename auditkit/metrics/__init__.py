"""Metrics as declared statistics over columns of evidence, and what follows from that.

From a declaration alone the harness computes the value, its interval, every slice, the gap
between groups and the worst group, without the evaluator that declared it.
"""

from auditkit.metrics.declare import (
    Area,
    Cells,
    ConfusionMatrix,
    Curve,
    Custom,
    Mean,
    Metric,
    Ratio,
    Statistic,
    Table,
    metric_from_dict,
    metric_to_dict,
)

__all__ = [
    "Area",
    "Cells",
    "ConfusionMatrix",
    "Curve",
    "Custom",
    "Mean",
    "Metric",
    "Ratio",
    "Statistic",
    "Table",
    "metric_from_dict",
    "metric_to_dict",
]
