"""Evidence of one check: shards of examples become parts on disk."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from auditkit.errors import AuditkitError, CheckError
from auditkit.evidence import EvidenceFolder, part_key, prepare_rows
from auditkit.execution.base import Executor
from auditkit.progress import Progress
from auditkit.record import PartRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from auditkit.data import Examples
    from auditkit.evaluators.base import Collector, Context

__all__ = ["Collected", "collect"]


@dataclass(frozen=True)
class Collected:
    """What collecting came to."""

    parts: list[PartRecord]
    """The parts, all of them there."""
    resumed: int
    """How many of them an earlier run had made."""


def collect(
    collector: Collector,
    examples: Examples,
    folder: EvidenceFolder,
    executor: Executor,
    *,
    facts: Callable[[], Mapping[str, Any]],
    context: Callable[[pa.Table], Context],
    fresh: bool,
    progress: Progress,
) -> Collected:
    """Collect what is not on disk yet.

    Parameters
    ----------
    collector
        The evaluator that collects.
    examples
        What it is to examine; it is cut into shards of the collector's size.
    folder
        Where the parts go.
    executor
        Runs the shards.
    facts
        Everything but the shard's content that the rows depend on, as it is when a part is made.
    context
        Makes a shard's context from the shard.
    fresh
        Make every part anew.
    progress
        Told of examples done.

    Raises
    ------
    CheckError
        If a shard fails; parts that were finished stay.
    """
    shards = list(examples.shards(collector.shard_size))
    fingerprints = [shard.fingerprint for shard in shards]

    def key(part: int) -> str:
        return part_key({**facts(), "shard": fingerprints[part]})

    missing = [part for part in range(len(shards)) if fresh or not folder.holds(part, key(part))]
    resumed = len(shards) - len(missing)
    size = {part: len(shards[part]) for part in missing}
    progress.start(folder.name, len(examples), len(examples) - sum(size.values()))
    writing = threading.Lock()

    def job(part: int) -> Callable[[], None]:
        def run() -> None:
            shard = shards[part]
            rows = collector.collect(shard, context(shard.table))
            table = prepare_rows(rows, shard.table, folder.name)
            with writing:
                folder.write(part, key(part), table)

        return run

    for finished in executor.run([job(part) for part in missing]):
        if finished.error is not None:
            raise _as_check_error(folder.name, finished.error) from finished.error
        progress.advance(size[missing[finished.index]])
    progress.finish()
    folder.keep_only(len(shards))
    return Collected(folder.records(len(shards)), resumed)


def _as_check_error(name: str, error: Exception) -> CheckError:
    if isinstance(error, AuditkitError):
        return CheckError(str(error))
    return CheckError(f"'{name}' raised {type(error).__name__}: {error}")
