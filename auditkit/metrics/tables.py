"""What is drawn rather than judged: confusion matrices and curves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from auditkit.metrics.columns import Columns
from auditkit.metrics.declare import ConfusionMatrix, Curve, Table
from auditkit.metrics.estimators import score_classes
from auditkit.metrics.measure import Settings
from auditkit.record import TableRecord

__all__ = ["tabulate"]

_CURVE_POINTS = 200


def tabulate(source: Any, tables: Sequence[Table], settings: Settings) -> list[TableRecord]:
    """Return what is drawn: confusion matrices, ROC and precision-recall curves."""
    columns = Columns(source)
    return [
        _confusion(columns, table, settings)
        if isinstance(table, ConfusionMatrix)
        else _curve(columns, table, settings)
        for table in tables
    ]


def _confusion(columns: Columns, table: ConfusionMatrix, settings: Settings) -> TableRecord:
    true, predicted = columns.codes(table.label), columns.codes(table.prediction)
    both = (true.codes >= 0) & (predicted.codes >= 0)
    width = max(1, len(predicted.values))
    pairs = np.bincount(
        true.codes[both].astype(np.int64) * width + predicted.codes[both],
        minlength=len(true.values) * width,
    ).reshape(len(true.values), width)
    known = {*true.members, *predicted.members}
    names = list(settings.labels) if known <= set(settings.labels) else sorted(known)
    rows: list[list[str | float | int | None]] = []
    if not (true.is_list or predicted.is_list):
        at_true = {values[0]: code for code, values in enumerate(true.values)}
        at_predicted = {values[0]: code for code, values in enumerate(predicted.values)}
        for label in names:
            for prediction in names:
                if label in at_true and prediction in at_predicted:
                    count = int(pairs[at_true[label], at_predicted[prediction]])
                else:
                    count = 0
                rows.append([label, prediction, count])
        return TableRecord(name=table.name, columns=["label", "prediction", "count"], rows=rows)
    for name in names:
        holds, given = true.holds(name), predicted.holds(name)
        for label, in_label in (("yes", holds), ("no", ~holds)):
            for prediction, in_prediction in (("yes", given), ("no", ~given)):
                count = int(pairs[np.ix_(in_label, in_prediction)].sum())
                rows.append([name, label, prediction, count])
    return TableRecord(
        name=table.name, columns=["class", "label", "prediction", "count"], rows=rows
    )


def _curve(columns: Columns, table: Curve, settings: Settings) -> TableRecord:
    from sklearn.metrics import precision_recall_curve, roc_curve

    classes = score_classes(columns, table.score, table.label, settings.labels)
    if len(classes) == 2 and not columns.codes(table.label).is_list:
        chosen = settings.positive if settings.positive in classes else list(classes)[-1]
        classes = {chosen: classes[chosen]}
    rows: list[list[str | float | int | None]] = []
    absent: list[str] = []
    thinned = False
    for name, (scores, positive) in classes.items():
        if not positive.any() or positive.all():
            absent.append(name)
            continue
        if table.curve == "roc":
            across, along, thresholds = roc_curve(positive, scores)
        else:
            along, across, thresholds = precision_recall_curve(positive, scores)
            thresholds = np.append(thresholds, np.inf)
        chosen_points = _thin(across, along)
        thinned |= len(chosen_points) < len(across)
        for point in chosen_points:
            threshold = float(thresholds[point])
            rows.append(
                [
                    name,
                    float(across[point]),
                    float(along[point]),
                    threshold if np.isfinite(threshold) else None,
                ]
            )
    axes = (
        ["false_positive_rate", "true_positive_rate"]
        if table.curve == "roc"
        else ["recall", "precision"]
    )
    notes = []
    if thinned:
        notes.append(f"thinned to at most {_CURVE_POINTS} points for each class")
    if absent:
        notes.append("no curve, all examples alike: " + ", ".join(f"'{one}'" for one in absent))
    return TableRecord(
        name=table.name,
        columns=["class", *axes, "threshold"],
        rows=rows,
        note="; ".join(notes) or None,
    )


def _thin(across: npt.NDArray[Any], along: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Choose points evenly along the length of a curve, its ends among them."""
    if len(across) <= _CURVE_POINTS:
        return np.arange(len(across))
    length = np.append(0.0, np.cumsum(np.abs(np.diff(across)) + np.abs(np.diff(along))))
    wanted = np.linspace(0, length[-1], _CURVE_POINTS)
    chosen = np.unique(np.searchsorted(length, wanted).clip(0, len(across) - 1))
    return np.union1d(chosen, [0, len(across) - 1])
