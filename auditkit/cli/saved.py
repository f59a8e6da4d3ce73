"""Commands on a saved run: ``gate``, ``report`` and ``verify``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.arguments import FormatFlag, QuietFlag, RunArgument
from auditkit.cli.command import Command, CommandWithVariables
from auditkit.cli.output import Format, print_json, run_document, verification_document

__all__ = ["gate", "report", "verify"]


@app.command(cls=CommandWithVariables)
def gate(
    run: RunArgument,
    requirements: Annotated[
        Path | None,
        typer.Option(help="Judge these requirements, or a suite's (YAML), instead of its own."),
    ] = None,
    quiet: QuietFlag = False,
    format: FormatFlag = Format.TEXT,  # noqa: A002
) -> int:
    """Judge a saved run, on its suite's requirements or on others; needs no model.

    Exit code 0: every requirement passed; 1: one failed; 3: one could not be judged.
    """
    from auditkit.record import read_record
    from auditkit.requirements import outcome
    from auditkit.saved import judge_run, requirements_of
    from auditkit.suite import is_suite
    from auditkit.terminal import print_verdicts

    record = read_record(run)
    folder = run if run.is_dir() else run.parent
    asked = requirements_of(record, requirements)
    if requirements is not None and is_suite(requirements) and not quiet:
        print(  # noqa: T201
            f"Judging the {len(asked)} requirements of the suite {requirements}", file=sys.stderr
        )
    verdicts = judge_run(record, folder, asked)
    result = outcome(verdicts, record.checks)
    if format is Format.JSON:
        print_json(run_document(record, verdicts, folder))
    else:
        print_verdicts(verdicts, result, record.partial, quiet=quiet)
    return result.exit_code


@app.command(cls=Command)
def report(run: RunArgument, quiet: QuietFlag = False) -> int:
    """Render card and summary of a saved run again; needs no model."""
    from auditkit.record import read_record
    from auditkit.report.card import write_card
    from auditkit.report.summary import write_summary

    record = read_record(run)
    folder = run if run.is_dir() else run.parent
    write_summary(record, folder)
    card = write_card(record, folder)
    if not quiet:
        print(f"Card: {card}")  # noqa: T201
    return 0


@app.command(cls=CommandWithVariables)
def verify(
    run: RunArgument,
    allow_plugins: Annotated[
        bool,
        typer.Option("--allow-plugins", help="Run the code of metrics that are a plugin's."),
    ] = False,
    quiet: QuietFlag = False,
    format: FormatFlag = Format.TEXT,  # noqa: A002
) -> int:
    """Hold a saved run against its own evidence: every byte, figure and verdict.

    Needs no model. Rendered pages are not covered. Exit code 0: all holds; 1: something does not;
    3: nothing is wrong, but a plugin's metric was not verified.
    """
    from auditkit.terminal import print_verification
    from auditkit.verify import verify_run

    found = verify_run(run, allow_plugins=allow_plugins)
    if format is Format.JSON:
        print_json(verification_document(found))
    else:
        print_verification(found, run if run.is_dir() else run.parent, quiet=quiet)
    return found.exit_code
