"""The evidence of perturbations: what was changed, what the model said of it, and one row each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import pyarrow as pa

from auditkit.perturbations import Expectation, Perturbation

__all__ = ["Answer", "Change", "Side", "Text", "change_row", "label_rows", "row_schema"]

Side: TypeAlias = Literal["text", "pair"]
"""Which text of a pair is changed."""

Text: TypeAlias = str | tuple[str, str]
"""A single text, or a pair of texts."""


@dataclass(frozen=True)
class Change:
    """One text of an example, changed in one way."""

    row: int
    """The example's row in its shard."""
    kind: Perturbation
    severity: int
    side: Side | None
    """Which text of a pair; None for single texts."""
    original: Text
    perturbed: Text | None
    """None where the kind leaves the text as it is."""

    @property
    def is_compared(self) -> bool:
        """Whether the model should say of it what it said before."""
        return self.perturbed is not None and self.kind.expectation is Expectation.INVARIANT


class Answer(NamedTuple):
    """What the model says of a changed text."""

    prediction: Any
    """A label, or a list of labels."""
    correct: bool


def change_row(change: Change, before: Mapping[str, Any], answer: Answer | None) -> dict[str, Any]:
    """Return the evidence of one change; ``before`` is what the model said of the original."""
    row: dict[str, Any] = {
        "kind": change.kind.name,
        "severity": str(change.severity),
        "side": change.side,
        "expectation": str(change.kind.expectation),
        "changed": answer is not None,
        "original_prediction": before["prediction"],
        "original_correct": before["correct"],
        **_texts("original", change.original),
        **_texts("perturbed", change.perturbed),
    }
    if answer is None:
        return row
    differs = answer.prediction != before["prediction"]
    row["prediction"] = answer.prediction
    if change.kind.expectation is Expectation.TURNS:
        return row | {"should_turn": True, "turned": differs}
    return row | {
        "compared": True,
        "correct": answer.correct,
        "dropped": float(before["correct"]) - float(answer.correct),
        "flipped": differs,
    }


def label_rows(row: Mapping[str, Any], labels: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row for each label: whether it was given to one text and not to the other."""
    before, after = set(row["original_prediction"]), set(row["prediction"])
    slice_ = {key: row[key] for key in ("example_id", "kind", "severity", "side")}
    return [
        {
            **slice_,
            "label": label,
            "label_compared": True,
            "label_flipped": (label in before) != (label in after),
        }
        for label in labels
    ]


def row_schema(*, multi_label: bool) -> pa.Schema:
    """Return the columns of evidence, the same for every shard.

    ``compared`` and ``should_turn`` are true or null: what is not compared is in no rate, so that
    groups are as large as the rows a rate rests on.
    """
    said = pa.list_(pa.string()) if multi_label else pa.string()
    return pa.schema(
        [
            *((name, pa.string()) for name in ("example_id", "kind", "severity", "side", "label")),
            ("expectation", pa.string()),
            ("changed", pa.bool_()),
            ("original_prediction", said),
            ("prediction", said),
            ("compared", pa.bool_()),
            ("original_correct", pa.bool_()),
            ("correct", pa.bool_()),
            ("flipped", pa.bool_()),
            ("dropped", pa.float64()),
            ("should_turn", pa.bool_()),
            ("turned", pa.bool_()),
            ("label_compared", pa.bool_()),
            ("label_flipped", pa.bool_()),
            ("worst_case_examined", pa.bool_()),
            ("worst_case_correct", pa.bool_()),
            ("original_text", pa.string()),
            ("original_pair", pa.string()),
            ("perturbed_text", pa.string()),
            ("perturbed_pair", pa.string()),
        ]
    )


def _texts(name: str, given: Text | None) -> dict[str, str | None]:
    """Return the columns of a text, or of a pair of texts."""
    text, pair = given if isinstance(given, tuple) else (given, None)
    return {f"{name}_text": text, f"{name}_pair": pair}
