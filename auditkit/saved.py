"""What can be asked of a saved run: verdicts, also on other requirements.

Needs the run's folder alone: neither the model, nor the data, nor any evaluator.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.errors import RecordError
from auditkit.metrics.declare import Custom, metric_from_dict
from auditkit.record import CheckRecord, Measurement, PartRecord, Record, Verdict
from auditkit.requirements import hold_requirement, judge

if TYPE_CHECKING:
    from auditkit.metrics.measure import Settings
    from auditkit.suite import Requirement

__all__ = ["evidence_of", "judge_run", "plugin_metrics", "requirements_of", "settings_of"]


def judge_run(
    record: Record,
    folder: Path,
    requirements: Sequence[Requirement],
    *,
    allow_plugins: bool = False,
) -> list[Verdict]:
    """Return the verdicts on ``requirements``.

    Intervals at a confidence the record does not hold are measured from the evidence; those of
    a plugin's metrics only with ``allow_plugins``, since that runs its code.

    Raises
    ------
    RecordError
        If evidence is needed and cannot be read.
    """

    def remeasure(
        check: CheckRecord, metric: str, slice_: Mapping[str, str], confidence: float
    ) -> Measurement | None:
        from auditkit.evidence import open_evidence
        from auditkit.metrics.measure import measure_one

        if metric.partition(".")[0] in plugin_metrics(check) and not allow_plugins:
            return None
        parts = evidence_of(record, check)
        evidence = open_evidence(folder, parts)
        _hold_digests(folder, parts)
        return measure_one(
            evidence,
            [metric_from_dict(one) for one in check.metrics],
            settings_of(record, check, confidence),
            metric,
            slice_,
        )

    return judge(requirements, record.checks, remeasure)


def _hold_digests(folder: Path, parts: Sequence[PartRecord]) -> None:
    """Refuse evidence that is not what the record was made from."""
    from auditkit.evidence import digest_file

    for part in parts:
        if digest_file(folder / part.file) != part.digest:
            raise RecordError(
                "evidence is not what the record was made from",
                file=folder / part.file,
                hint="Run the audit again",
            )


def plugin_metrics(check: CheckRecord) -> set[str]:
    """Return the names of a check's metrics that only a plugin's code can measure."""
    metrics = [metric_from_dict(one) for one in check.metrics]
    return {metric.name for metric in metrics if isinstance(metric.statistic, Custom)}


def requirements_of(record: Record, file: Path | None = None) -> tuple[Requirement, ...]:
    """Return the requirements of a run's suite, or those of ``file``.

    Raises
    ------
    SuiteError
        If ``file`` cannot be read, or asks for what the run's checks do not measure.
    """
    from auditkit.errors import SuiteError, UsageError
    from auditkit.suite import Requirement, load_requirements

    if file is None:
        return tuple(
            Requirement.model_validate(one) for one in record.suite.content["requirements"]
        )
    checks = {check.name: check for check in record.checks}
    requirements = load_requirements(file, list(checks))
    for requirement in requirements:
        check = checks[requirement.check]
        metrics = [metric_from_dict(one) for one in check.metrics]
        data = next(data for data in record.data if data.id == check.data)
        try:
            hold_requirement(requirement, metrics, tuple(data.groups))
        except UsageError as error:
            raise SuiteError(
                error.message, file=file, line=requirement.line, hint=error.hint
            ) from None
    return requirements


def evidence_of(record: Record, check: CheckRecord) -> list[PartRecord]:
    """Return the parts a check rests on: its own, or the predictions on its data."""
    if check.evidence:
        return check.evidence
    return next(data.evidence for data in record.data if data.id == check.data)


def settings_of(record: Record, check: CheckRecord, confidence: float) -> Settings:
    """Return the settings a check was measured with, at another confidence."""
    from auditkit.metrics.measure import Settings

    data = next(data for data in record.data if data.id == check.data)
    return Settings(
        labels=tuple(record.model.labels),
        groups=tuple(data.groups),
        positive=record.suite.positive,
        minimum_group=check.minimum_group,
        confidence=confidence,
        draws=record.environment.draws,
        seed=record.environment.seed,
        note=record.ran_on if check.volatile else None,
    )
