"""Commands that run a model: ``run`` and ``demo``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.arguments import FormatFlag, QuietFlag
from auditkit.cli.command import Command, CommandWithVariables
from auditkit.cli.output import Format, print_json, run_document
from auditkit.errors import UsageError

if TYPE_CHECKING:
    from auditkit.audit import Plan

__all__ = ["demo", "run"]


@app.command(cls=CommandWithVariables)
def run(
    suite: Annotated[
        str | None,
        typer.Argument(
            metavar="[SUITE]",
            help="A suite file, or the name of a suite; --predictions does without.",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="A folder, or a hub id such as org/name@revision.")
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(help="In place of a model: a file of labels, predictions, scores, groups."),
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Data instead of the suite's: a file or a hub id.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the texts.")] = None,
    pair: Annotated[str | None, typer.Option(help="Column of the second texts of pairs.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the labels.")] = None,
    split: Annotated[str | None, typer.Option(help="Split of the data.")] = None,
    prediction: Annotated[
        str | None, typer.Option(help="Column of the predicted labels, with --predictions.")
    ] = None,
    score: Annotated[
        str | None,
        typer.Option(help="Column of the positive label's probability, with --predictions."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(help="Column of groups; may be repeated."),
    ] = None,
    identifier: Annotated[
        str | None, typer.Option("--id", help="Column of unique example ids.")
    ] = None,
    positive: Annotated[
        str | None, typer.Option(help="The label that rates and areas are about.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(help="Folder of the run. [default: reports/SUITE/MODEL-DIGEST]"),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto, float32, bfloat16 or float16.")] = "auto",
    search_dtype: Annotated[
        str, typer.Option(help="What attacks search in: auto, float32 or bfloat16.")
    ] = "auto",
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
    resources: Annotated[
        Path | None,
        typer.Option(help="Folder of what checks need besides; see auditkit fetch."),
    ] = None,
    workers: Annotated[
        str,
        typer.Option(
            help="Threads or processes that collect evidence: auto, or a number; 0 for none."
        ),
    ] = "auto",
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Make all evidence anew instead of resuming.")
    ] = False,
    no_cache: Annotated[
        bool,
        typer.Option("--no-cache", help="Ask the model again what the cache on disk could answer."),
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
    """Audit a model, or a file of its predictions, and write record and card.

    With --predictions no model is loaded, and SUITE may be left out: columns that are not named
    are then guessed, and the guesses printed.

    The same command again goes on where an interrupted run stopped. Exit code 0: every
    requirement passed; 1: one failed; 2: suite, data, model or usage; 3: one could not be judged.
    """
    from auditkit.suite import load_suite

    about_data = {"data": data, "text": text, "pair": pair, "split": split}
    about_file = {"prediction": prediction, "score": score}
    refused = about_data if predictions is not None else about_file
    for flag, value in refused.items():
        if value is not None:
            other = "--predictions" if predictions is None else "--model"
            raise UsageError(f"--{flag} goes with {other} only", hint="Leave it out")
    chosen = None if suite is None else load_suite(suite)
    if chosen is not None and predictions is None:
        chosen = chosen.replace_data(
            path=data,
            text=text,
            pair=pair,
            label=label,
            split=split,
            groups=group or None,
            id=identifier,
            positive=positive,
        )

    from auditkit.audit import Options, PredictionsFile, plan_audit, run_audit
    from auditkit.requirements import outcome
    from auditkit.terminal import print_run, progress

    options = Options(
        output=output,
        device=device,
        dtype=dtype,
        search_dtype=search_dtype,
        limit=limit,
        seed=seed,
        only=tuple(only or ()),
        offline=offline,
        resources=resources,
        workers=_workers(workers),
        fresh=fresh,
        answer_cache=not no_cache,
        allow_pickle=allow_pickle,
        trust_remote_code=trust_remote_code,
    )
    file = predictions and PredictionsFile(
        predictions,
        label=label,
        prediction=prediction,
        score=score,
        groups=tuple(group) if group else None,
        id=identifier,
        positive=positive,
    )
    if dry_run:
        plan = plan_audit(chosen, model, options, predictions=file, progress=progress(quiet=quiet))
        if format is Format.JSON:
            print_json({"plan": dataclasses.asdict(plan), "exit_code": 0})
            return 0
        print(_planned(plan, with_model=file is None))  # noqa: T201
        return 0
    finished = run_audit(chosen, model, options, predictions=file, progress=progress(quiet=quiet))
    record = finished.record
    if format is Format.JSON:
        print_json(run_document(record, record.verdicts, finished.folder))
    else:
        print_run(record, finished.folder, quiet=quiet)
    return outcome(record.verdicts, record.checks).exit_code


def _planned(plan: Plan, *, with_model: bool) -> str:
    valid = "Suite, model and data are valid" if with_model else "The predictions are valid"
    checks = [
        f"{name} (at most {plan.drawn[name]:,} of them)" if name in plan.drawn else name
        for name in plan.checks
    ]
    lines = [
        f"{valid}; nothing was run.",
        f"examples: {plan.examples:,}",
        f"checks:   {', '.join(checks)}",
    ]
    if with_model:
        lines += [
            f"queries:  about {plan.queries:,}",
            f"time:     about {_duration(plan.seconds)} for the model on this machine",
        ]
    return "\n".join([*lines, f"folder:   {plan.folder}"])


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
