"""The main flow: a suite and a model become evidence, verdicts, a record and a card.

In place of a model there may be a file of its predictions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from auditkit.examine import examine, predict, started_early
from auditkit.options import Options, PredictionsFile
from auditkit.prepared import prepared
from auditkit.progress import Progress, SilentProgress
from auditkit.record import Record
from auditkit.recording import make_record
from auditkit.run_folder import drop_stale, only_run_in, write_run
from auditkit.suite import Suite

__all__ = ["Options", "Plan", "PredictionsFile", "Run", "plan_audit", "run_audit"]


@dataclass(frozen=True)
class Run:
    """A finished audit."""

    record: Record
    """Everything about it."""
    folder: Path
    """Where it lies."""


@dataclass(frozen=True)
class Plan:
    """What an audit would do."""

    folder: Path
    """Where the run would lie."""
    checks: tuple[str, ...]
    """Checks that would run."""
    examples: int
    """Examples of all data sets; predictions are made for each of them."""
    queries: int
    """About how many questions the model would be asked, if nothing is resumed."""
    seconds: float
    """About how long the model would take, from timing a sample on this machine."""
    drawn: Mapping[str, int]
    """Of checks whose setting ``examples`` is below what their data hold: how many at most."""


def run_audit(
    suite: str | Path | Suite | None,
    model: str | None = None,
    options: Options | None = None,
    *,
    predictions: str | Path | PredictionsFile | None = None,
    progress: Progress | None = None,
) -> Run:
    """Audit a checkpoint, or a file of its predictions.

    Parameters
    ----------
    suite
        A suite, its path or its name. None, for a file of predictions only: performance is
        measured, with scores calibration too, and nothing is required.
    model
        A folder, or a hub id with ``@revision`` if need be.
    options
        Everything else.
    predictions
        In place of a model: a file of labels, predictions, scores and groups. Checks that need a
        model are skipped.
    progress
        Told how far it is.

    Returns
    -------
    Run
        The record and the folder that holds it, its evidence and its card.

    Raises
    ------
    UserError
        If suite, model, data or predictions cannot be used. Checks that fail do not raise: they
        are recorded as in error, and their requirements as missing.
    """
    options, progress = options or Options(), progress or SilentProgress()
    with prepared(suite, model, options, progress, predictions=predictions) as audit:
        folder = audit.folder
        with only_run_in(folder):
            drop_stale(folder, audit.id, audit.suite, progress.say)
            with started_early(audit) as started:
                base = {key: predict(audit, key) for key in audit.data}
                checks = [examine(audit, check, base, started) for check in audit.checks]
            record = make_record(audit, checks, base)
            write_run(record, folder)
    return Run(record, folder)


def plan_audit(
    suite: str | Path | Suite | None,
    model: str | None = None,
    options: Options | None = None,
    *,
    predictions: str | Path | PredictionsFile | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Validate everything an audit needs and estimate its cost, without running it.

    Takes the arguments of :func:`run_audit` and raises the same errors. Writes nothing.
    """
    # Answers from the disk would make the model look faster than it is.
    options = replace(options or Options(), answer_cache=False)
    progress = progress or SilentProgress()
    with prepared(suite, model, options, progress, predictions=predictions) as audit:
        checks = [check for check in audit.checks if check.skipped is None]
        queries = sum(len(examples) for examples in audit.examples.values())
        drawn: dict[str, int] = {}
        for check in checks:
            if check.collector is None:
                continue
            held = len(audit.examples[audit.data_of[check.name]])
            queries += check.collector.queries(held)
            wanted = getattr(check.collector.params, "examples", None)
            if isinstance(wanted, int) and wanted < held:
                drawn[check.name] = wanted
        return Plan(
            folder=audit.folder,
            checks=tuple(check.name for check in checks),
            examples=sum(len(examples) for examples in audit.data.values()),
            queries=queries,
            seconds=queries * audit.seconds_per_query(),
            drawn=drawn,
        )
