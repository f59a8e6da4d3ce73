"""How a metric is declared: a name and a statistic over columns of evidence."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

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
    "table_from_dict",
    "table_to_dict",
]

CurveKind: TypeAlias = Literal["roc", "precision_recall"]


@dataclass(frozen=True)
class Mean:
    """Mean of a column. Boolean columns are proportions (Wilson), others real (BCa or t).

    Missing values are left out and counted.
    """

    column: str


@dataclass(frozen=True)
class Ratio:
    """Sum of one column over the sum of another, such as successes over attempts.

    Where both are boolean and the numerator holds only where the denominator does, it is a
    proportion (Wilson); otherwise a ratio of sums.
    """

    numerator: str
    denominator: str


@dataclass(frozen=True)
class Cells:
    """A function of the counts of (label, prediction).

    ``function`` is a name known to :mod:`auditkit.metrics.cells`, such as ``f1_macro``. The
    columns hold one label a row, or a list of labels a row. With ``per_label`` there is one
    measurement for each label, in the slice ``{"label": …}``.
    """

    columns: tuple[str, str]
    function: str
    per_label: bool = False


@dataclass(frozen=True)
class Area:
    """Area under a curve of scores against labels.

    ``score`` names a numeric column that goes with a boolean ``label`` column, or a family of
    columns ``score:<label>``, one for each label, that goes with a column of labels. With a
    family of two the positive label's area is taken, with more the mean of one-vs-rest areas;
    with ``per_label`` there is one measurement for each label.
    """

    score: str
    label: str
    curve: CurveKind = "roc"
    per_label: bool = False


@dataclass(frozen=True)
class Custom:
    """A function of a data frame, named ``package.module:function``.

    It gets the named ``columns`` of the slice's rows and returns a number, NaN where it is not
    defined. Its interval is a row bootstrap. Where its code is not at hand it cannot be
    measured again from a saved run.
    """

    function: str
    columns: tuple[str, ...]


Statistic: TypeAlias = Mean | Ratio | Cells | Area | Custom

_STATISTICS: dict[str, type[Any]] = {
    "mean": Mean,
    "ratio": Ratio,
    "cells": Cells,
    "area": Area,
    "custom": Custom,
}

_NAME = re.compile(r"[a-z][a-z0-9_]*")


@dataclass(frozen=True)
class Metric:
    """A named statistic.

    Parameters
    ----------
    name
        Lower case with underscores, the field's words in full: ``flip_rate``.
    statistic
        What is computed, over which columns.
    better
        Whether a higher or a lower value is better; ``none`` for what is merely described, and
        such metrics have no gap and no worst group.
    slice_by
        Evidence columns that always cut it, such as ``("kind", "severity")``.

    Raises
    ------
    ValueError
        If the name is not a lower-case identifier.
    """

    name: str
    statistic: Statistic
    better: Literal["higher", "lower", "none"]
    slice_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                f"metric name {self.name!r} is not lower case letters, digits and underscores"
            )
        if self.better not in ("higher", "lower", "none"):
            raise ValueError(f"better={self.better!r} is not 'higher', 'lower' or 'none'")

    @property
    def per_label(self) -> bool:
        """Whether it is measured for each label, in the slice ``{"label": …}``."""
        return bool(getattr(self.statistic, "per_label", False))


def metric_to_dict(metric: Metric) -> dict[str, Any]:
    """Return a JSON-ready form of ``metric``; :func:`metric_from_dict` reads it back."""
    kind = next(name for name, of in _STATISTICS.items() if type(metric.statistic) is of)
    fields = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in dataclasses.asdict(metric.statistic).items()
    }
    return {
        "name": metric.name,
        "statistic": {"kind": kind, **fields},
        "better": metric.better,
        "slice_by": list(metric.slice_by),
    }


def metric_from_dict(content: dict[str, Any]) -> Metric:
    """Read back what :func:`metric_to_dict` wrote.

    >>> metric = Metric("f1", Cells(("label", "prediction"), "f1", per_label=True), "higher")
    >>> metric_from_dict(metric_to_dict(metric)) == metric
    True
    """
    fields = dict(content["statistic"])
    statistic = _STATISTICS[fields.pop("kind")]
    values = {
        key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()
    }
    return Metric(
        content["name"], statistic(**values), content["better"], tuple(content["slice_by"])
    )


@dataclass(frozen=True)
class ConfusionMatrix:
    """Counts of (label, prediction), for each label against the rest where several may hold."""

    label: str = "label"
    prediction: str = "prediction"
    name: str = "confusion_matrix"


@dataclass(frozen=True)
class Curve:
    """Points of a receiver operating characteristic or a precision-recall curve."""

    name: str
    curve: CurveKind
    score: str = "probability"
    label: str = "label"


Table: TypeAlias = ConfusionMatrix | Curve


def table_to_dict(table: Table) -> dict[str, Any]:
    """Return a JSON-ready form of a declared table; :func:`table_from_dict` reads it back."""
    return {"kind": type(table).__name__, **dataclasses.asdict(table)}


def table_from_dict(content: dict[str, Any]) -> Table:
    """Read back what :func:`table_to_dict` wrote.

    >>> table_from_dict(table_to_dict(Curve("roc_curve", "roc"))) == Curve("roc_curve", "roc")
    True
    """
    fields = dict(content)
    kind = fields.pop("kind")
    declared: Any = next(one for one in get_args(Table) if one.__name__ == kind)
    table: Table = declared(**fields)
    return table
