"""Examples and contexts from plain lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from auditkit.evaluators.base import Context
from auditkit.testing.fake_engine import FakeEngine

if TYPE_CHECKING:
    import pyarrow as pa

    from auditkit.data import Examples
    from auditkit.inference.base import Engine

__all__ = ["fitting_engine", "has_several_labels", "make_context", "make_examples", "predicted"]


def make_examples(
    texts: Sequence[str],
    labels: Sequence[str] | Sequence[Sequence[str]],
    *,
    pairs: Sequence[str] | None = None,
    ids: Sequence[str] | None = None,
    groups: Mapping[str, Sequence[str | None] | Sequence[Sequence[str]]] | None = None,
    rationales: Sequence[Sequence[int] | None] | None = None,
) -> Examples:
    """Return examples as an audit reads them from a file.

    Parameters
    ----------
    texts
        A text an example.
    labels
        A label an example, or a list of labels.
    pairs
        Second texts, where the task is about pairs.
    ids
        Example ids; ``e0000``, ``e0001``, … by default.
    groups
        By name of the group column, a value an example: a text, None where it is not known, or a
        list of texts.
    rationales
        0 or 1 for each word of ``text.split()``, or None.

    Raises
    ------
    ValueError
        If the lists are of different lengths.

    Examples
    --------
    >>> make_examples(["fine"], ["positive"], groups={"region": ["north"]}).groups
    ('region',)
    """
    import pyarrow as pa

    from auditkit.data import Examples

    def column(values: Sequence[object], several: pa.DataType) -> pa.Array:
        is_list = any(not isinstance(value, str | None) for value in values)
        return pa.array(values, several if is_list else pa.string())

    lists = pa.list_(pa.string())
    columns = {
        "example_id": pa.array(
            [f"e{number:04d}" for number in range(len(texts))] if ids is None else ids, pa.string()
        ),
        "text": pa.array(texts, pa.string()),
    }
    if pairs is not None:
        columns["text_pair"] = pa.array(pairs, pa.string())
    columns["label"] = column(labels, lists)
    for name, values in (groups or {}).items():
        columns[f"group:{name}"] = column(values, lists)
    if rationales is not None:
        columns["rationale"] = pa.array(rationales, pa.list_(pa.int8()))
    for name, values in columns.items():
        if len(values) != len(texts):
            raise ValueError(f"{len(texts)} texts, but {len(values)} values of '{name}'")
    return Examples(pa.table(columns), source="a test", rows_total=len(texts))


def make_context(
    examples: Examples,
    engine: Engine | None = None,
    *,
    positive: str | None = None,
    check: str = "check",
    seed: int = 0,
) -> Context:
    """Return the context in which an evaluator collects ``examples``.

    Parameters
    ----------
    examples
        What is to be collected.
    engine
        Answers about the model; a :class:`FakeEngine` over the labels of ``examples`` by default.
    positive
        The label that rates are about.
    check, seed
        What :meth:`Context.rng` depends on, besides the example.
    """
    engine = engine or fitting_engine(examples)
    return Context(
        engine=engine,
        labels=engine.labels,
        positive=positive,
        predictions=predicted(examples, engine),
        check=check,
        seed=seed,
    )


def fitting_engine(examples: Examples) -> FakeEngine:
    """Return an engine whose labels are those of the examples."""
    labels = sorted(examples.label_counts)
    if len(labels) < 2:
        labels.append("other")
    return FakeEngine(labels=labels, multi_label=has_several_labels(examples))


def has_several_labels(examples: Examples) -> bool:
    """Whether an example has a list of labels."""
    import pyarrow as pa

    return bool(pa.types.is_list(examples.table.schema.field("label").type))


def predicted(examples: Examples, engine: Engine) -> pa.Table:
    """Return the predictions on examples as an audit collects them, in the examples' order."""
    import pyarrow as pa

    from auditkit.evaluators.predictions import predictions_table
    from auditkit.evidence import prepare_rows

    inputs = examples.inputs()
    rows = predictions_table(
        examples.table,
        engine.predict(inputs),
        engine.truncated(inputs),
        labels=engine.labels,
        multi_label=engine.multi_label,
    )
    rows = prepare_rows(rows, examples.table, "predictions")
    place = {one: row for row, one in enumerate(rows.column("example_id").to_pylist())}
    order = [place[one] for one in examples.table.column("example_id").to_pylist()]
    return rows.take(pa.array(order, pa.int64()))
