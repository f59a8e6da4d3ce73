"""What the model says of each example: the evidence that every check starts from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from auditkit.errors import CheckError
from auditkit.evaluators.base import Collector, Context
from auditkit.metrics import Metric

if TYPE_CHECKING:
    from auditkit.data import Examples

__all__ = ["Decisions", "Predictions", "decide", "hold_finite", "predictions_table"]


class Predictions(Collector):
    """One row an example: label, prediction, and the probability and logit of each label.

    ``correct`` says whether the prediction (of several labels: the whole set) is the label;
    ``log_loss`` is −log of the probability given to the label (of several labels: the mean of
    the binary losses); ``truncated`` whether the model saw only the start of the text.
    """

    name = "predictions"
    version = "1"

    def metrics(self) -> Sequence[Metric]:
        """Return nothing: other checks measure these rows."""
        return ()

    def collect(self, shard: Examples, context: Context) -> pa.Table:
        """Ask the model about every example of the shard."""
        inputs = shard.inputs()
        logits = context.engine.predict(inputs)
        hold_finite(logits, shard.table.column("example_id").to_pylist())
        return predictions_table(
            shard.table,
            logits,
            context.engine.truncated(inputs),
            labels=context.labels,
            multi_label=context.engine.multi_label,
        )


def predictions_table(
    examples: pa.Table,
    logits: npt.NDArray[np.float32],
    truncated: npt.NDArray[np.bool_],
    *,
    labels: Sequence[str],
    multi_label: bool,
) -> pa.Table:
    """Return the rows of predictions, sorted by example id.

    Parameters
    ----------
    examples
        Columns ``example_id`` and ``label``.
    logits
        Float32 ``[examples, labels]``.
    truncated
        Whether each input was cut.
    labels
        Names, in the order of the logits.
    multi_label
        Sigmoid and a threshold of 0.5 for each label, instead of softmax and the largest.
    """
    truth = examples.column("label")
    decisions = decide(truth, logits, labels=labels, multi_label=multi_label)
    columns: dict[str, pa.Array | pa.ChunkedArray] = {
        "example_id": examples.column("example_id"),
        "label": examples.column("label"),
        "prediction": decisions.prediction,
        "correct": pa.array(decisions.correct),
        "log_loss": pa.array(decisions.log_loss),
        "truncated": pa.array(truncated),
    }
    for position, label in enumerate(labels):
        columns[f"probability:{label}"] = pa.array(decisions.probabilities[:, position])
    for position, label in enumerate(labels):
        columns[f"logit:{label}"] = pa.array(logits[:, position])
    return pa.table(columns).sort_by("example_id")


def hold_finite(logits: npt.NDArray[np.float32], asked: Sequence[str]) -> None:
    """Refuse logits that are not finite; ``asked`` says of which example each row is.

    Raises
    ------
    CheckError
        Naming how many they are and the first example.
    """
    broken = np.flatnonzero(~np.isfinite(logits).all(axis=1))
    if len(broken):
        raise CheckError(
            f"the model's logits are not finite for {len(broken)} examples, "
            f"the first is {asked[int(broken[0])]!r}",
            hint="Run it in float32, or look for overflow in the checkpoint",
        )


class Decisions(NamedTuple):
    """What logits come to, given the true labels."""

    prediction: pa.Array
    """A label, or a list of labels, each."""
    correct: npt.NDArray[np.bool_]
    """Whether that is the label, or the whole list of labels."""
    log_loss: npt.NDArray[np.float64]
    """−log of the probability of the label; of several the mean of the binary losses."""
    probabilities: npt.NDArray[np.float64]
    """``[examples, labels]``."""


def decide(
    truth: pa.ChunkedArray | pa.Array,
    logits: npt.NDArray[np.float32],
    *,
    labels: Sequence[str],
    multi_label: bool,
) -> Decisions:
    """Return what the model decides, in the order of the rows.

    Parameters
    ----------
    truth
        The true label, or list of labels, of each row.
    logits
        Float32 ``[rows, labels]``.
    labels
        Names, in the order of the logits.
    multi_label
        Sigmoid and a threshold of 0.5 for each label, instead of softmax and the largest.
    """
    make = _several_labels if multi_label else _one_label
    return make(truth, logits.astype(np.float64), labels)


def _one_label(
    truth: pa.ChunkedArray | pa.Array, logits: npt.NDArray[np.float64], labels: Sequence[str]
) -> Decisions:
    names = np.array(labels, dtype=object)
    position = {label: index for index, label in enumerate(labels)}
    target = np.array([position[label] for label in truth.to_pylist()], dtype=np.int64)
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_probabilities = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    chosen = logits.argmax(axis=1)
    return Decisions(
        pa.array(names[chosen], type=pa.string()),
        chosen == target,
        -log_probabilities[np.arange(len(target)), target],
        np.exp(log_probabilities),
    )


def _several_labels(
    truth: pa.ChunkedArray | pa.Array, logits: npt.NDArray[np.float64], labels: Sequence[str]
) -> Decisions:
    held = np.array(
        [[label in row for label in labels] for row in map(set, truth.to_pylist())], dtype=bool
    ).reshape(len(truth), len(labels))
    # log(1 + exp(-x)) without overflow: the loss of a label that holds, at logit x.
    loss = np.logaddexp(0.0, np.where(held, -logits, logits)).mean(axis=1)
    chosen = logits >= 0
    prediction = [
        [label for label, given in zip(labels, row, strict=True) if given] for row in chosen
    ]
    return Decisions(
        pa.array(prediction, type=pa.list_(pa.string())),
        (chosen == held).all(axis=1),
        loss,
        np.exp(-np.logaddexp(0.0, -logits)),
    )
