"""Evidence of one check: shards of examples become parts on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.errors import CheckError
from auditkit.evidence import EvidenceFolder, part_key
from auditkit.execution.base import Executor, Job, Overdue, Shard
from auditkit.progress import Progress
from auditkit.record import PartRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from auditkit.data import Examples

__all__ = ["Collected", "collect"]


@dataclass(frozen=True)
class Collected:
    """What collecting came to."""

    parts: list[PartRecord]
    """The parts, all of them there."""
    resumed: int
    """How many of them an earlier run had made."""


def collect(
    job: Job,
    examples: Examples,
    folder: EvidenceFolder,
    executor: Executor,
    *,
    facts: Callable[[], Mapping[str, Any]],
    predictions: Callable[[pa.Table], pa.Table],
    fresh: bool,
    timeout: float | None,
    progress: Progress,
) -> Collected:
    """Collect what is not on disk yet.

    Parameters
    ----------
    job
        The evaluator that collects, and what it is given with every shard.
    examples
        What it is to examine; it is cut into shards of the collector's size.
    folder
        Where the parts go.
    executor
        Runs the shards.
    facts
        Everything but the shard's content that the rows depend on, as it is when a part is made.
    predictions
        Returns what the model said of a shard's examples, in their order.
    fresh
        Make every part anew.
    timeout
        Seconds it may take; None for no end.
    progress
        Told of examples done.

    Raises
    ------
    CheckError
        If a shard fails or the time runs out; parts that were finished stay.
    """
    shards = list(examples.shards(job.collector.shard_size))
    fingerprints = [shard.fingerprint for shard in shards]

    def key(part: int) -> str:
        return part_key({**facts(), "shard": fingerprints[part]})

    missing = [part for part in range(len(shards)) if fresh or not folder.holds(part, key(part))]
    resumed = len(shards) - len(missing)
    left = sum(len(shards[part]) for part in missing)
    progress.start(folder.name, len(examples), len(examples) - left)
    errors: list[CheckError] = []

    def waiting() -> Iterator[Shard]:
        for part in missing:
            if errors:  # no more are begun, but those that are may end and stay
                return
            yield Shard(part, shards[part], predictions(shards[part].table))

    try:
        with closing(executor.run(job, waiting(), timeout)) as finished_shards:
            for finished in finished_shards:
                if finished.error is not None:
                    errors.append(finished.error)
                    continue
                folder.write(finished.index, key(finished.index), finished.rows)
                progress.advance(len(shards[finished.index]))
    except Overdue:
        raise CheckError(
            f"'{job.check}' took longer than its timeout of {timeout:g} s",
            hint="Finished parts are kept: the same command goes on from there",
        ) from None
    if errors:
        raise errors[0]
    progress.finish()
    folder.keep_only(len(shards))
    return Collected(folder.records(len(shards)), resumed)
