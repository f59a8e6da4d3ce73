"""What a model costs: its size, its speed on this machine, and the memory it takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from auditkit.evaluators.base import Collector, Context, Params
from auditkit.metrics import Constant, Metric, Quantile, Ratio, Statistic

if TYPE_CHECKING:
    from typing import Literal

    from auditkit.data import Examples

__all__ = ["Efficiency"]

_MOST_EXAMPLES = 100_000

_COLUMNS = pa.schema(
    [
        ("example_id", pa.string()),
        ("round", pa.int64()),
        ("tokens", pa.int64()),
        ("latency", pa.float64()),
        ("texts", pa.int64()),
        ("seconds", pa.float64()),
        ("parameters", pa.int64()),
        ("size_on_disk", pa.int64()),
        ("peak_memory", pa.int64()),
    ]
)


class EfficiencyParams(Params):
    """How much is timed."""

    examples: Annotated[int, Field(ge=1, le=_MOST_EXAMPLES)] = 256
    """Examples drawn from the data, by the run's seed."""
    rounds: Annotated[int, Field(ge=1, le=1000)] = 5
    """How often all of them are run in batches."""


class Efficiency(Collector):
    """Parameters, size on disk, throughput, latency and memory.

    ``latency_p50`` and ``latency_p95`` are seconds for one text by itself, tokenization included,
    without padding, each text once. ``throughput`` is texts a second in the engine's batches,
    tokenization included, over all rounds; a round is one observation, since its texts share
    batches. ``peak_memory`` is, on a GPU, the most that was allocated while this was timed; on a
    CPU the most that was resident of the whole process since it began. Nothing else is on the
    device meanwhile, no cache answers, and everything was run once before.

    The intervals tell how sure the figures are on this machine as it was then. They say nothing of
    other hardware, which is named beside every figure.
    """

    name = "efficiency"
    version = "1"
    volatile = True
    # One part: what is timed in pieces does not share batches.
    shard_size = _MOST_EXAMPLES
    Params = EfficiencyParams
    params: EfficiencyParams

    def metrics(self) -> Sequence[Metric]:
        """Return the metrics, all of them over all examples together."""

        def metric(
            name: str, statistic: Statistic, better: Literal["higher", "lower"] = "lower"
        ) -> Metric:
            return Metric(name, statistic, better, by_group=False)

        return (
            metric("throughput", Ratio("texts", "seconds"), "higher"),
            metric("latency_p50", Quantile("latency", 0.50)),
            metric("latency_p95", Quantile("latency", 0.95)),
            metric("peak_memory", Constant("peak_memory")),
            metric("parameters", Constant("parameters")),
            metric("size_on_disk", Constant("size_on_disk")),
        )

    def select(self, data: Examples, context: Context) -> Examples:
        """Draw examples by the run's seed and the check's name."""
        count = min(self.params.examples, len(data))
        chosen = context.rng("sample").choice(len(data), count, replace=False)
        return data.take(np.sort(chosen))

    def queries(self, examples: int) -> int:
        """How many texts are run, those that warm up included."""
        return min(self.params.examples, examples) * (self.params.rounds + 2)

    def collect(self, shard: Examples, context: Context) -> pa.Table:
        """Return a row for each text, and one for each round with the id of the first text."""
        speed = context.engine.measure_speed(shard.inputs(), self.params.rounds)
        info = context.engine.info
        identifiers = shard.table.column("example_id").to_pylist()
        rows: list[dict[str, object]] = [
            {
                "example_id": identifier,
                "tokens": int(tokens),
                "latency": float(latency),
                "parameters": info.parameters,
                "size_on_disk": info.size_on_disk,
                "peak_memory": speed.peak_memory,
            }
            for identifier, tokens, latency in zip(
                identifiers, speed.tokens, speed.latencies, strict=True
            )
        ]
        rows += [
            {
                "example_id": min(identifiers),
                "round": number,
                "texts": len(identifiers),
                "seconds": float(seconds),
            }
            for number, seconds in enumerate(speed.batch_seconds, start=1)
        ]
        return pa.Table.from_pylist(rows, schema=_COLUMNS).sort_by(
            [("example_id", "ascending"), ("round", "ascending")]
        )
