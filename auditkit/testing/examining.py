"""An evaluator run on a few examples, without files and without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.contract import declared_metrics, declared_tables, made_evaluator, verify_evaluator
from auditkit.evaluators.base import Collector, Evaluator, Task
from auditkit.execution.base import Job, Shard
from auditkit.execution.shards import collect_shard
from auditkit.metrics.measure import Settings, measure
from auditkit.metrics.tables import tabulate
from auditkit.testing.building import fitting_engine, has_several_labels, predicted

if TYPE_CHECKING:
    import pyarrow as pa
    from pydantic import BaseModel

    from auditkit.data import Examples
    from auditkit.inference.base import Engine
    from auditkit.metrics import Metric
    from auditkit.record import Measurement, TableRecord

__all__ = ["Examined", "Prepared", "examine"]

_DRAWS = 200


@dataclass(frozen=True, eq=False)
class Examined:
    """What an evaluator came to."""

    evidence: pa.Table
    """The rows it collected, with the groups of their examples; the predictions, where it
    collects none."""
    measurements: Sequence[Measurement]
    """Everything that was measured."""
    tables: Sequence[TableRecord]
    """What is drawn."""

    def value(self, metric: str, **where: str) -> float | None:
        """Return the value of a metric in a slice, such as ``value("accuracy", gender="female")``.

        Raises
        ------
        KeyError
            If it was not measured.
        """
        for one in self.measurements:
            if one.metric == metric and one.slice == where:
                return one.value
        raise KeyError(f"{metric} was not measured in {where or 'all examples'}")


def examine(
    evaluator_class: type[Evaluator],
    examples: Examples,
    engine: Engine | None = None,
    *,
    params: BaseModel | Mapping[str, Any] | None = None,
    positive: str | None = None,
    seed: int = 0,
) -> Examined:
    """Run an evaluator on examples as an audit does, in the calling thread.

    Parameters
    ----------
    evaluator_class
        The evaluator.
    examples
        What to examine, from :func:`make_examples`.
    engine
        Answers about the model; a :class:`FakeEngine` over the labels of ``examples`` by default.
    params
        Its settings.
    positive
        The label that rates are about.
    seed
        The run's seed.

    Returns
    -------
    Examined
        Evidence and measurements. Groups of any size are compared; intervals are from 200 draws.

    Raises
    ------
    PluginError
        If the class does not keep the contract.
    CheckError
        If its rows or its metrics do not.
    """
    prepared = Prepared(evaluator_class, examples, engine, params, positive=positive, seed=seed)
    return prepared.measured(prepared.rows())


class Prepared:
    """An evaluator with everything it needs; takes the arguments of :func:`examine`."""

    def __init__(
        self,
        evaluator_class: type[Evaluator],
        examples: Examples,
        engine: Engine | None,
        params: BaseModel | Mapping[str, Any] | None,
        *,
        positive: str | None = None,
        seed: int = 0,
    ) -> None:
        called = f"the evaluator '{getattr(evaluator_class, '__name__', evaluator_class)}'"
        kind = verify_evaluator(evaluator_class, called)
        if params is None or isinstance(params, Mapping):
            params = kind.Params.model_validate(dict(params or {}))
        task = Task.of(pairs=examples.has_pairs, multi_label=has_several_labels(examples))
        self.evaluator = made_evaluator(kind, params, task, called)
        self.metrics: tuple[Metric, ...] = declared_metrics(self.evaluator, called)
        self._tables = declared_tables(self.evaluator, called)
        self.examples = examples
        self.engine = engine or fitting_engine(examples)
        self._positive = positive
        self._seed = seed
        self._predictions = predicted(examples, self.engine)
        identifiers = examples.table.column("example_id").to_pylist()
        self._row = {one: row for row, one in enumerate(identifiers)}

    @property
    def job(self) -> Job:
        """What the evaluator is given with every shard.

        Raises
        ------
        TypeError
            If it collects nothing.
        """
        if not isinstance(self.evaluator, Collector):
            raise TypeError(f"{self.evaluator.name} collects nothing")
        return Job(
            collector=self.evaluator,
            digest="",  # nothing is written that it could belong to
            engine=self.engine,
            labels=self.engine.labels,
            positive=self._positive,
            check=self.evaluator.name,
            seed=self._seed,
        )

    def selected(self) -> Examples:
        """Return the examples it chooses."""
        return self.job.collector.select(self.examples, self.job.context(self._predictions))

    def shards(self, examples: Examples, size: int) -> list[Shard]:
        """Cut examples into shards, each with its predictions."""
        return [
            Shard(index, shard, self._predictions.take(self._rows_of(shard)))
            for index, shard in enumerate(examples.shards(size))
        ]

    def _rows_of(self, shard: Examples) -> list[int]:
        return [self._row[one] for one in shard.table.column("example_id").to_pylist()]

    def rows(self) -> pa.Table:
        """Return the rows it collects, or the predictions where it collects none."""
        if not isinstance(self.evaluator, Collector):
            return self._predictions.sort_by("example_id")
        shards = self.shards(self.selected(), self.evaluator.shard_size)
        return joined([collect_shard(self.job, shard) for shard in shards])

    def measured(self, rows: pa.Table) -> Examined:
        """Measure everything it declares from its rows."""
        import pyarrow.dataset as ds

        source = ds.dataset(rows)
        settings = Settings(
            labels=self.engine.labels,
            groups=self.examples.groups,
            positive=self._positive,
            minimum_group=1,
            draws=_DRAWS,
            seed=self._seed,
        )
        measurements = measure(source, self.metrics, settings)
        return Examined(rows, measurements, tabulate(source, self._tables, settings))


def joined(parts: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of parts in one table, sorted by example.

    Raises
    ------
    ValueError
        If a column holds what does not go together, such as numbers here and texts there.
    """
    import pyarrow as pa

    plain = [part.replace_schema_metadata(None) for part in parts]
    try:
        return pa.concat_tables(plain, promote_options="permissive").sort_by("example_id")
    except pa.ArrowException as error:
        raise ValueError(str(error)) from error
