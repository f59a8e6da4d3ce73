"""How often the model is right: accuracy, precision, recall, F1 and areas under curves."""

from __future__ import annotations

from collections.abc import Sequence

from auditkit.evaluators.base import Evaluator
from auditkit.metrics import Area, Cells, ConfusionMatrix, Curve, Mean, Metric, Table

__all__ = ["Performance"]

_LABELS = ("label", "prediction")
_AVERAGED = tuple(
    f"{name}_{average}"
    for name in ("precision", "recall", "f1")
    for average in ("macro", "micro", "weighted")
)


class Performance(Evaluator):
    """Agreement of predictions with labels, as scikit-learn defines it.

    Accuracy of several labels a text is that of whole label sets; log loss is then the mean
    over labels of the binary log losses. Balanced accuracy and Matthews' correlation are
    defined for one label a text only.
    """

    name = "performance"
    version = "1"

    def metrics(self) -> Sequence[Metric]:
        """Return the metrics, overall and for each label."""
        return (
            Metric("accuracy", Mean("correct"), "higher"),
            Metric("balanced_accuracy", Cells(_LABELS, "balanced_accuracy"), "higher"),
            *(Metric(name, Cells(_LABELS, name), "higher") for name in _AVERAGED),
            Metric("matthews_correlation", Cells(_LABELS, "matthews_correlation"), "higher"),
            Metric("log_loss", Mean("log_loss"), "lower"),
            Metric("roc_auc", Area("probability", "label"), "higher"),
            Metric("average_precision", Area("probability", "label", "precision_recall"), "higher"),
            *(
                Metric(name, Cells(_LABELS, name, per_label=True), "higher")
                for name in ("precision", "recall", "f1")
            ),
            Metric("support", Cells(_LABELS, "support", per_label=True), "none"),
        )

    def tables(self) -> Sequence[Table]:
        """Return the confusion matrix and the two curves."""
        return (
            ConfusionMatrix(),
            Curve("roc_curve", "roc"),
            Curve("precision_recall_curve", "precision_recall"),
        )
