"""Commands that run a model: ``run`` and ``demo``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.arguments import FormatFlag, QuietFlag, SuiteArgument
from auditkit.cli.command import Command, CommandWithVariables
from auditkit.cli.output import Format, print_json, run_document
from auditkit.errors import UsageError

__all__ = ["demo", "run"]


@app.command(cls=CommandWithVariables)
def run(
    suite: SuiteArgument,
    model: Annotated[str, typer.Option(help="A folder, or a hub id such as org/name@revision.")],
    data: Annotated[
        str | None, typer.Option(help="Data instead of the suite's: a file or a hub id.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the texts.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the labels.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the data.")] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the run. [default: reports/SUITE/MODEL-DIGEST]"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    limit: Annotated[
        int | None,
        typer.Option(help="Examine a sample of this size; the run is then partial."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of samples and bootstraps.")] = 0,
    only: Annotated[
        list[str] | None,
        typer.Option(help="Run only this check; may be repeated. The run is then partial."),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Touch no network.")] = False,
    workers: Annotated[
        str, typer.Option(help="Threads that ask the engine: auto, or a number.")
    ] = "auto",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make all evidence anew instead of resuming.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Validate everything and estimate the cost.")
    ] = False,
    allow_pickle: Annotated[
        bool,
        typer.Option("--allow-pickle", help="Load pickled weights, which can run code."),
    ] = False,
    trust_remote_code: Annotated[
        bool,
        typer.Option("--trust-remote-code", help="Run code that comes with the checkpoint."),
    ] = False,
    quiet: QuietFlag = False,
    format: FormatFlag = Format.TEXT,  # noqa: A002
) -> int:
    """Audit a model: collect evidence, measure, judge, and write record and card.

    The same command again goes on where an interrupted run stopped. Exit code 0: every
    requirement passed; 1: one failed; 2: suite, data, model or usage; 3: one could not be judged.
    """
    from auditkit.suite import load_suite

    chosen = load_suite(suite).replace_data(path=data, text=text, label=label, split=split)

    from auditkit.audit import Options, plan_audit, run_audit
    from auditkit.requirements import outcome
    from auditkit.terminal import print_run, progress

    options = Options(
        output=output,
        device=device,
        dtype=dtype,
        limit=limit,
        seed=seed,
        only=tuple(only or ()),
        offline=offline,
        workers=_workers(workers),
        fresh=fresh,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    if dry_run:
        plan = plan_audit(chosen, model, options, progress=progress(quiet=quiet))
        if format is Format.JSON:
            print_json({"plan": dataclasses.asdict(plan), "exit_code": 0})
            return 0
        print(  # noqa: T201
            f"Suite, model and data are valid; nothing was run.\n"
            f"checks:   {', '.join(plan.checks)}\n"
            f"examples: {plan.examples:,}\n"
            f"queries:  about {plan.queries:,}\n"
            f"time:     about {_duration(plan.seconds)} for the model on this machine\n"
            f"folder:   {plan.folder}"
        )
        return 0
    finished = run_audit(chosen, model, options, progress=progress(quiet=quiet))
    record = finished.record
    if format is Format.JSON:
        print_json(run_document(record, record.verdicts, finished.folder))
    else:
        print_run(record, finished.folder, quiet=quiet)
    return outcome(record.verdicts, record.checks).exit_code


def _workers(text: str) -> int | None:
    if text == "auto":
        return None
    if not text.isdecimal() or int(text) > 256:
        raise UsageError(f"--workers is '{text}'", hint="Write auto, or a number from 0 to 256")
    return int(text)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"


@app.command(cls=Command)
def demo(
    output: Annotated[Path, typer.Option(help="Folder for data, models and runs.")] = Path(
        "reports/demo"
    ),
    quiet: QuietFlag = False,
) -> int:
    """Train two small models, one with a planted defect, and audit both."""
    from auditkit.demo.walkthrough import run_demo
    from auditkit.terminal import progress

    return run_demo(output, progress(quiet=quiet), quiet=quiet)
