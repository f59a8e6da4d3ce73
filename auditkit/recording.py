"""The record of an audit: what was asked, examined, measured and judged, and where."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from auditkit.collection import Collected
from auditkit.environment import environment
from auditkit.errors import CheckError
from auditkit.evidence import open_evidence
from auditkit.metrics.columns import MOST_GROUPS
from auditkit.metrics.measure import DRAWS
from auditkit.prepared import Prepared, group_counts
from auditkit.record import CheckRecord, DataRecord, EngineRecord, ModelRecord, Record, SuiteRecord
from auditkit.saved import judge_run

if TYPE_CHECKING:
    pass

__all__ = ["make_record"]


def make_record(
    audit: Prepared, checks: list[CheckRecord], predictions: Mapping[str, Collected | CheckError]
) -> Record:
    """Put the record together, with the verdicts on the suite's requirements."""
    stats = audit.engine.stats
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
        ),
        model=ModelRecord(
            task=audit.suite.task,
            **{key: getattr(audit.info, key) for key in ModelRecord.model_fields if key != "task"},
        ),
        data=[_data_record(audit, key, predictions[key]) for key in audit.examples],
        checks=checks,
        verdicts=[],
        engine=EngineRecord(
            **{key: getattr(stats, key) for key in EngineRecord.model_fields if key != "shapes"},
            shapes={str(length): rows for length, rows in sorted(stats.shapes.items())},
        ),
        environment=environment(seed=audit.options.seed, draws=DRAWS, threads=_torch_threads()),
    )
    verdicts = judge_run(record, audit.folder, audit.suite.requirements, allow_plugins=True)
    return record.model_copy(update={"verdicts": verdicts})


def _data_record(audit: Prepared, key: str, predictions: Collected | CheckError) -> DataRecord:
    examples, config = audit.examples[key], audit.configs[key]
    evidence = predictions.parts if isinstance(predictions, Collected) else []
    truncated = None
    if evidence:
        column = open_evidence(audit.folder, evidence).to_table(columns=["truncated"]).column(0)
        truncated = int(np.count_nonzero(column.to_numpy()))
    columns = {
        role: name
        for role in ("text", "pair", "label", "id", "rationale")
        if (name := getattr(config, role)) is not None
    }
    groups = {group: group_counts(examples, group) for group in examples.groups}
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


def _torch_threads() -> int:
    import torch

    return int(torch.get_num_threads())
