"""A file of predictions in place of a model: what is audited, by which suite, and its evidence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.checks import Check, prepare_checks
from auditkit.collection import Collected
from auditkit.errors import UsageError
from auditkit.evidence import EvidenceFolder, part_key
from auditkit.options import Options, PredictionsFile
from auditkit.progress import Progress
from auditkit.suite import Suite

if TYPE_CHECKING:
    from auditkit.data.batches import ColumnFile
    from auditkit.data.predictions_table import PredictionsTable

__all__ = ["load_supplied", "take_supplied"]

_NAME = "predictions"
"""Of the suite that is made where there is none."""

_NAME_THEM = "Name them with --label, --prediction, --score and --group, or in a suite"

_ABOUT_A_MODEL = ("device", "dtype", "search_dtype", "allow_pickle", "trust_remote_code")


def load_supplied(
    suite: Suite | None, predictions: PredictionsFile, options: Options, progress: Progress
) -> tuple[Suite, list[Check], PredictionsTable]:
    """Read a file of predictions and make its checks ready.

    Parameters
    ----------
    suite
        Names the columns and what to measure; without one the columns are guessed, performance
        (and with scores calibration) is measured, and nothing is required.
    predictions
        The file; columns it names beat those of the suite.
    options
        Those that are about a model are refused.
    progress
        Told what was guessed, and what a reader of the results should know.

    Returns
    -------
    tuple
        The suite with the columns in place; its checks, those that need a model skipped; and
        what the file says.

    Raises
    ------
    UsageError
        If an option is about a model.
    UserError
        If the suite or the file cannot be used.
    """
    from auditkit.data.batches import ColumnFile
    from auditkit.data.predictions import load_predictions

    for name in _ABOUT_A_MODEL:
        if getattr(options, name) != getattr(Options(), name):
            raise UsageError(
                f"--{name.replace('_', '-')} is about a model, and --predictions loads none",
                hint="Leave it out",
            )
    notes: list[str] = []
    path = str(predictions.path)
    if suite is None:
        progress.say(f"Reading predictions {path}")
        file = ColumnFile(path)
        suite, said = _implied(file, predictions)
        if said:
            notes.append(said)
            progress.say(f"{said}. {_NAME_THEM}")
    else:
        suite = suite.replace_data(
            label=predictions.label,
            prediction=predictions.prediction,
            score=predictions.score,
            groups=predictions.groups,
            id=predictions.id,
            positive=predictions.positive,
        )
    checks = [
        _without_model(check, suite)
        for check in prepare_checks(suite, options.only, offline=options.offline)
    ]
    if not suite.implied:
        progress.say(f"Reading predictions {path}")
        file = ColumnFile(path, suite.data.quoting)
    table = load_predictions(
        file,
        suite.data,
        multi_label=suite.multi_label,
        positive=suite.positive,
        limit=options.limit,
        seed=options.seed,
    )
    for note in table.notes:
        progress.say(note)
    table = dataclasses.replace(table, notes=(*notes, *table.notes))
    return suite, checks, table


def _implied(file: ColumnFile, predictions: PredictionsFile) -> tuple[Suite, str | None]:
    """Return a suite for a file that comes without one, and what was guessed for it."""
    from auditkit.data.predictions_guess import guess_columns

    guess = guess_columns(
        file,
        label=predictions.label,
        prediction=predictions.prediction,
        score=predictions.score,
        groups=predictions.groups,
        id=predictions.id,
    )
    checks = ["performance"]
    if "score" in guess.columns or guess.columns.get("scores"):
        checks.append("calibration")
    if guess.columns.get("groups"):
        checks.append("fairness")
    suite = Suite.model_validate(
        {
            "auditkit": 1,
            "name": _NAME,
            "task": "text-classification",
            "multi_label": guess.multi_label,
            "data": {},
            "positive": predictions.positive,
            "checks": {name: {"name": name, "evaluator": name} for name in checks},
        }
    ).replace_data(**guess.columns)
    suite._implied = True
    return suite, guess.said


def _without_model(check: Check, suite: Suite) -> Check:
    """Skip a check that a file of predictions says nothing of."""
    if check.skipped is not None:
        return check
    why = None
    if check.collector is not None:
        why = "needs a model; a file of predictions has none"
    elif check.data != suite.data:
        why = "has data of its own; the file of predictions stands for the suite's"
    return dataclasses.replace(check, skipped=why)


def take_supplied(
    table: PredictionsTable, run: Path, options: Options, progress: Progress
) -> Collected:
    """Write the predictions of a file as evidence, or find them written."""
    folder = EvidenceFolder(run, f"predictions-{table.fingerprint[:8]}")
    facts = table.facts()
    keys = [part_key({**facts, "part": part}) for part in range(table.parts)]
    missing = [
        part for part, key in enumerate(keys) if options.fresh or not folder.holds(part, key)
    ]
    rows = {part: table.part_rows(part) for part in missing}
    progress.start(folder.name, len(table), len(table) - sum(rows.values()))
    for part in missing:
        folder.write(part, keys[part], table.part(part))
        progress.advance(rows[part])
    progress.finish()
    folder.keep_only(table.parts)
    return Collected(folder.records(table.parts), table.parts - len(missing))
