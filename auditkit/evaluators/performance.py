"""How often the model is right: accuracy, precision, recall, F1 and areas under curves."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, Strict, field_validator

from auditkit.evaluators.base import Evaluator, Params
from auditkit.evaluators.stated import OrText
from auditkit.metrics import Area, Cells, ConfusionMatrix, Curve, Mean, Metric, Table
from auditkit.metrics.hugging_face import Uses, declare

__all__ = ["HuggingFaceMetric", "Performance", "PerformanceParams"]

_LABELS = ("label", "prediction")
Better: TypeAlias = Literal["higher", "lower", "none"]

_AVERAGED = tuple(
    f"{name}_{average}"
    for name in ("precision", "recall", "f1")
    for average in ("macro", "micro", "weighted")
)
_DIRECTIONS: dict[str, Better] = {
    **dict.fromkeys(
        ("accuracy", "f1", "precision", "recall", "matthews_correlation", "roc_auc"), "higher"
    ),
    **dict.fromkeys(("brier_score", "mae", "mse"), "lower"),
}
"""Which way Hugging Face's own metrics are better."""


class HuggingFaceMetric(Params):
    """A metric of Hugging Face ``evaluate``; running it runs its code.

    Labels are given as whole numbers in the order of the model's, several labels a text as a 0/1
    matrix. Scores of two labels are the probability of the positive one, and the true labels 1
    where it holds; other scores are the matrix of probabilities.
    """

    metric: str = Field(min_length=1)
    """An id on the hub (``f1``, ``org/name``) or a path (``./my_metric``, ``./my_metric.py``)."""
    name: str | None = None
    """Its name in requirements; by default ``evaluate_`` and its key, or its own name."""
    key: str | None = None
    """Which of the numbers it returns, where they are several."""
    better: Better | None = None
    """Which way it is better; by default what is known of Hugging Face's own, else ``none``,
    and there is no gap and no worst group."""
    uses: Uses = "labels"
    """What it is given: predicted ``labels``, or ``scores``."""
    config: str | None = None
    """The configuration of a metric that has several."""
    revision: str | None = None
    """The commit, tag or branch of a metric on the hub."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments of its ``compute``, such as ``{average: macro}``."""

    @field_validator("name")
    @classmethod
    def _is_name(cls, name: str | None) -> str | None:
        if name is not None and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise ValueError("should be lower case letters, digits and underscores")
        return name

    def declared(self) -> Metric:
        """Load it and return it as a declared metric.

        Raises
        ------
        PluginError
            If it cannot be loaded or does not take its arguments.
        """
        own = PurePath(self.metric).stem
        said = re.sub(r"[^a-z0-9]+", "_", (self.key or own).lower()).strip("_")
        return declare(
            self.metric,
            name=self.name or f"evaluate_{said}",
            better=self.better or _DIRECTIONS.get(self.metric, "none"),
            uses=self.uses,
            key=self.key,
            config=self.config,
            revision=self.revision,
            arguments=self.arguments,
        )


def _in_full(metric: Any) -> Any:
    return {"metric": metric} if isinstance(metric, str) else metric


_Stated = Annotated[HuggingFaceMetric, BeforeValidator(_in_full), OrText()]


class PerformanceParams(Params):
    """Settings of :class:`Performance`."""

    evaluate: Annotated[tuple[_Stated, ...], Strict(False)] = ()
    """Metrics of Hugging Face ``evaluate`` to measure as well: ids, paths, or mappings."""


class Performance(Evaluator):
    """Agreement of predictions with labels, as scikit-learn defines it.

    Accuracy of several labels a text is that of whole label sets; log loss is then the mean
    over labels of the binary log losses. Balanced accuracy and Matthews' correlation are
    defined for one label a text only.
    """

    name = "performance"
    version = "1"
    Params = PerformanceParams
    params: PerformanceParams

    def metrics(self) -> Sequence[Metric]:
        """Return the metrics, overall and for each label, and those of ``evaluate``."""
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
            *(metric.declared() for metric in self.params.evaluate),
        )

    def tables(self) -> Sequence[Table]:
        """Return the confusion matrix and the two curves."""
        return (
            ConfusionMatrix(),
            Curve("roc_curve", "roc"),
            Curve("precision_recall_curve", "precision_recall"),
        )
