"""One check after the other: collect what it needs, measure it, record what goes wrong."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from auditkit.checks import Check
from auditkit.collection import Collected, collect
from auditkit.environment import collecting_versions
from auditkit.errors import AuditkitError, CheckError
from auditkit.evaluators.base import Collector, Context
from auditkit.evaluators.predictions import Predictions
from auditkit.evidence import EvidenceFolder, open_evidence
from auditkit.metrics.declare import metric_to_dict, table_to_dict
from auditkit.metrics.measure import Settings, measure
from auditkit.metrics.tables import tabulate
from auditkit.plugins import source_digest
from auditkit.prepared import Prepared
from auditkit.record import CheckRecord, PartRecord

if TYPE_CHECKING:
    import pyarrow as pa

    from auditkit.data import Examples

__all__ = ["examine", "predict"]


def predict(audit: Prepared, key: str) -> Collected | CheckError:
    """Collect the predictions on a data set; what went wrong is returned, not raised."""
    collector = Predictions(Predictions.Params())
    folder = EvidenceFolder(audit.folder, f"predictions-{key}")
    try:
        return _collect(
            audit,
            collector,
            "predictions",
            source_digest(Predictions),
            folder,
            audit.examples[key],
            lambda shard: _context(audit, "predictions", shard.select([])),
        )
    except CheckError as error:
        return error


def examine(
    audit: Prepared, check: Check, predictions: Mapping[str, Collected | CheckError]
) -> CheckRecord:
    """Collect and measure one check; what goes wrong in it is recorded."""
    started = time.perf_counter()
    if check.skipped is not None:
        return _check_record(audit, check, "skipped", 0.0, error=check.skipped)
    base = predictions[audit.data_of[check.name]]
    if isinstance(base, CheckError):
        return _check_record(audit, check, "error", 0.0, error=str(base))
    try:
        found = _examine(audit, check, base)
    except Exception as error:
        message = (
            str(error)
            if isinstance(error, AuditkitError)
            else f"'{check.name}' raised {type(error).__name__}: {error}"
        )
        audit.progress.say(f"Check {check.name} is in error: {message}")
        return _check_record(audit, check, "error", time.perf_counter() - started, error=message)
    return _check_record(audit, check, "ok", time.perf_counter() - started, **found)


def _examine(audit: Prepared, check: Check, base: Collected) -> dict[str, Any]:
    examples = audit.examples[audit.data_of[check.name]]
    own: list[PartRecord] = []
    resumed = 0
    if check.collector is not None:
        collected = _collect_check(audit, check, check.collector, examples, base)
        own, resumed = collected.parts, collected.resumed
        if not own:
            raise CheckError(f"'{check.name}' selected no examples")
    audit.progress.say(f"Measuring {check.name}")
    source = open_evidence(audit.folder, own or base.parts)
    settings = Settings(
        labels=audit.info.labels,
        groups=examples.groups,
        positive=audit.positive,
        minimum_group=check.minimum_group,
        seed=audit.options.seed,
    )
    return {
        "resumed_parts": resumed,
        "evidence": own,
        "measurements": measure(source, check.metrics, settings),
        "tables": tabulate(source, check.evaluator.tables(), settings),
    }


def _collect_check(
    audit: Prepared, check: Check, collector: Collector, examples: Examples, base: Collected
) -> Collected:
    whole = open_evidence(audit.folder, base.parts).to_table()
    everything = _context(audit, check.name, whole)
    chosen = collector.select(examples, everything)
    position = {one: row for row, one in enumerate(whole.column("example_id").to_pylist())}

    def context(shard: pa.Table) -> Context:
        rows = [position[one] for one in shard.column("example_id").to_pylist()]
        return _context(audit, check.name, whole.take(rows))

    return _collect(
        audit,
        collector,
        check.name,
        check.digest,
        EvidenceFolder(audit.folder, check.name),
        chosen,
        context,
    )


def _collect(
    audit: Prepared,
    collector: Collector,
    name: str,
    digest: str,
    folder: EvidenceFolder,
    examples: Examples,
    context: Any,
) -> Collected:
    constant = {
        "check": name,
        "evaluator": collector.name,
        "version": collector.version,
        "source": digest,
        "params": collector.params.model_dump(mode="json"),
        "positive": audit.positive,
        "seed": audit.options.seed,
        "model": audit.model_facts(),
        "libraries": collecting_versions(),
    }
    return collect(
        collector,
        examples,
        folder,
        audit.executor,
        # Shapes are asked for when a part is made: they change where memory runs out.
        facts=lambda: {**constant, "shapes": audit.engine.shapes},
        context=context,
        fresh=audit.options.fresh,
        progress=audit.progress,
    )


def _context(audit: Prepared, check: str, predictions: pa.Table) -> Context:
    return Context(
        engine=audit.engine,
        labels=audit.info.labels,
        positive=audit.positive,
        predictions=predictions,
        check=check,
        seed=audit.options.seed,
    )


def _check_record(
    audit: Prepared, check: Check, status: Any, seconds: float, **found: Any
) -> CheckRecord:
    return CheckRecord(
        name=check.name,
        evaluator=check.evaluator.name,
        evaluator_version=check.evaluator.version,
        source_digest=check.digest,
        params=check.evaluator.params.model_dump(mode="json"),
        minimum_group=check.minimum_group,
        data=audit.data_of[check.name],
        status=status,
        seconds=round(seconds, 3),
        metrics=[metric_to_dict(metric) for metric in check.metrics],
        declared_tables=[table_to_dict(table) for table in check.evaluator.tables()],
        **found,
    )
