"""One shard: the collector is asked, and its rows are made ready to be written."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from auditkit.evaluators.base import Collector, Context, Isolation
from auditkit.evidence import prepare_rows
from auditkit.execution.base import Finished, Job, Shard, as_check_error

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from auditkit.data import Examples

__all__ = ["attempt", "collect_shard"]


def attempt(job: Job, shard: Shard) -> Finished:
    """Collect a shard; what goes wrong is returned, but for Ctrl-C."""
    try:
        return Finished(shard.index, collect_shard(job, shard))
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # SystemExit too: a library may call sys.exit()
        return Finished(shard.index, None, as_check_error(job.check, error))


def collect_shard(job: Job, shard: Shard) -> pa.Table:
    """Return the rows of a shard, held against the contract, with their groups.

    A collector that has its process to itself is walked through the shard example by example,
    each with generators seeded for it alone, so that no example can change another's rows.

    Raises
    ------
    CheckError
        If the rows do not keep the contract. Whatever the collector raises passes through.
    """
    if job.collector.isolation != Isolation.PROCESS:
        rows = job.collector.collect(shard.examples, job.context(shard.predictions))
        return prepare_rows(rows, shard.examples.table, job.check)
    tables = []
    for row, example in enumerate(shard.examples.shards(1)):
        context = job.context(shard.predictions.slice(row, 1))
        rows = _collect_seeded(job.collector, example, context)
        tables.append(prepare_rows(rows, example.table, job.check))
    return _concatenated(tables)


def _collect_seeded(
    collector: Collector, example: Examples, context: Context
) -> pd.DataFrame | pa.Table:
    """Collect one example, again if a package was imported meanwhile.

    Importing may draw from the generators, or bring one that was not there to be seeded. That
    holds too where another slot of the process imported it, while this one waited for its turn.
    Each package is imported once, so this comes to an end.
    """
    identifier = example.table.column("example_id")[0].as_py()
    while True:
        before = set(sys.modules)
        with context.seeded(identifier):
            rows = collector.collect(example, context)
        new = set(sys.modules) - before
        if not (new and _packages(new) - _packages(before)):
            return rows


def _packages(modules: set[str]) -> set[str]:
    """Return the packages that modules are in, without those that come with Python."""
    return {name.partition(".")[0] for name in modules} - sys.stdlib_module_names


def _concatenated(tables: list[pa.Table]) -> pa.Table:
    import pyarrow as pa

    # A table without rows may lack columns, or types for them.
    full = [table for table in tables if table.num_rows] or tables[:1]
    plain = [table.replace_schema_metadata(None) for table in full]
    return pa.concat_tables(plain, promote_options="permissive").sort_by("example_id")
