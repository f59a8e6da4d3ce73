"""The record of an audit: what was asked, examined, measured and judged, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations

import numpy as np

from auditkit.collection import Collected
from auditkit.environment import environment
from auditkit.errors import CheckError
from auditkit.evidence import open_evidence
from auditkit.metrics.columns import MOST_GROUPS
from auditkit.metrics.measure import DRAWS
from auditkit.models.base import ModelInfo
from auditkit.prepared import Prepared
from auditkit.record import (
    CheckRecord,
    DataRecord,
    EngineRecord,
    ModelRecord,
    Record,
    SuiteRecord,
    sealed,
)
from auditkit.saved import judge_run

__all__ = ["make_record"]


def make_record(
    audit: Prepared, checks: list[CheckRecord], predictions: Mapping[str, Collected | CheckError]
) -> Record:
    """Put the record together, with the verdicts on the suite's requirements."""
    record = Record(
        id=audit.id,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        partial=audit.partial(),
        suite=SuiteRecord(
            name=audit.suite.name,
            source=audit.suite.source,
            digest=audit.suite.digest,
            content=audit.suite.model_dump(mode="json"),
            positive=audit.positive,
            implied=audit.suite.implied,
        ),
        model=_model_record(audit),
        data=[_data_record(audit, key, predictions[key]) for key in audit.data],
        checks=checks,
        verdicts=[],
        engine=_engine_record(audit),
        environment=environment(seed=audit.options.seed, draws=DRAWS, threads=_threads(audit)),
    )
    verdicts = judge_run(record, audit.folder, audit.suite.requirements, allow_plugins=True)
    return sealed(record.model_copy(update={"verdicts": verdicts}))


def _model_record(audit: Prepared) -> ModelRecord:
    if audit.supplied is not None:
        return ModelRecord(
            kind="predictions",
            source=audit.supplied.source,
            digest=audit.supplied.digest,
            task=audit.suite.task,
            labels=list(audit.supplied.labels),
            multi_label=audit.supplied.multi_label,
        )
    known = ModelRecord.model_fields.keys() - {"kind", "task"}
    return ModelRecord(task=audit.suite.task, **{key: getattr(audit.info, key) for key in known})


def _engine_record(audit: Prepared) -> EngineRecord | None:
    if audit.supplied is not None:
        return None
    stats = audit.engine.stats
    counts = EngineRecord.model_fields.keys() - {"search_dtype", "shapes"}
    return EngineRecord(
        search_dtype=audit.engine.search_dtype,
        **{key: getattr(stats, key) for key in counts},
        shapes={str(length): rows for length, rows in sorted(stats.shapes.items())},
    )


def _data_record(audit: Prepared, key: str, predictions: Collected | CheckError) -> DataRecord:
    examples, config = audit.data[key], audit.configs[key]
    evidence = predictions.parts if isinstance(predictions, Collected) else []
    truncated = None
    if evidence and audit.supplied is None:
        column = open_evidence(audit.folder, evidence).to_table(columns=["truncated"]).column(0)
        truncated = int(np.count_nonzero(column.to_numpy()))
    columns = {
        role: name
        for role in ("text", "pair", "label", "id", "rationale")
        if (name := getattr(config, role)) is not None
    }
    if audit.supplied is not None:
        columns = dict(audit.supplied.columns)
    groups = examples.group_counts
    return DataRecord(
        id=key,
        source=examples.source,
        revision=examples.revision,
        split=config.split,
        fingerprint=examples.fingerprint,
        rows=len(examples),
        rows_total=examples.rows_total,
        columns={**columns, **{f"group:{group}": group for group in examples.groups}},
        label_counts=dict(examples.label_counts),
        groups=groups,
        unknown_groups=dict(examples.unknown_groups),
        truncated=truncated,
        notes=[*examples.notes, *_group_notes(groups)],
        evidence=evidence,
    )


def _group_notes(groups: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    for group, counts in groups.items():
        if len(counts) > MOST_GROUPS:
            yield f"'{group}' has {len(counts):,} values; the {MOST_GROUPS} largest are measured"
    for first, second in combinations(groups, 2):
        if len(groups[first]) * len(groups[second]) > MOST_GROUPS:
            yield (
                f"'{first}' and '{second}' may have {len(groups[first]) * len(groups[second]):,} "
                f"intersections; the {MOST_GROUPS} largest are measured"
            )


def _threads(audit: Prepared) -> int | None:
    return audit.info.threads if isinstance(audit.info, ModelInfo) else None
