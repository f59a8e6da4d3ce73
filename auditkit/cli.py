"""The command line. Parses, calls, prints; everything else is elsewhere."""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from typing import Annotated

import typer

from auditkit._version import __version__
from auditkit.errors import AuditkitError, UsageError

__all__ = ["app", "main"]

_INTERRUPTED = 130

app = typer.Typer(
    name="auditkit",
    help="Audit a fine-tuned text classifier before it is deployed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_SuiteArgument = Annotated[
    str, typer.Argument(metavar="SUITE", help="A suite file, or the name of a suite.")
]
_RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run, or its record.json.")
]


def main() -> None:
    """Run the command line and exit with its code."""
    sys.exit(_run(sys.argv[1:]))


def _run(arguments: list[str]) -> int:
    """Run one command; every error becomes a message and an exit code."""
    try:
        result = app(args=arguments, prog_name="auditkit", standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except AuditkitError as error:
        print(f"auditkit: {error}", file=sys.stderr)  # noqa: T201
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = _INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; that is not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        # Typer brings its own copy of click from 0.26 on; what its errors share is how they look.
        show = getattr(error, "show", None)
        if callable(show):
            show()
            return 2
        traceback.print_exc()
        print(f"auditkit {__version__}: internal error, please report it", file=sys.stderr)  # noqa: T201
        return 4
    if code == _INTERRUPTED:  # some versions of typer turn Ctrl-C into this exit code themselves
        print("auditkit: interrupted; the same command goes on from here", file=sys.stderr)  # noqa: T201
    return code


def _version(wanted: bool) -> None:
    if wanted:
        print(f"auditkit {__version__}")  # noqa: T201
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(
    suite: _SuiteArgument,
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
        plan = plan_audit(chosen, model, options, progress=progress())
        print(  # noqa: T201
            f"Suite, model and data are valid; nothing was run.\n"
            f"checks:   {', '.join(plan.checks)}\n"
            f"examples: {plan.examples:,}\n"
            f"queries:  about {plan.queries:,}\n"
            f"time:     about {_duration(plan.seconds)} for the model on this machine\n"
            f"folder:   {plan.folder}"
        )
        return 0
    finished = run_audit(chosen, model, options, progress=progress())
    print_run(finished.record, finished.folder)
    return outcome(finished.record.verdicts, finished.record.checks).exit_code


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


@app.command()
def gate(
    run: _RunArgument,
    requirements: Annotated[
        Path | None,
        typer.Option(help="Judge these requirements (YAML) instead of the suite's."),
    ] = None,
) -> int:
    """Judge a saved run, on its suite's requirements or on others; needs no model.

    Exit code 0: every requirement passed; 1: one failed; 3: one could not be judged.
    """
    from auditkit.record import read_record
    from auditkit.requirements import outcome
    from auditkit.saved import judge_run, requirements_of
    from auditkit.terminal import print_verdicts

    record = read_record(run)
    folder = run if run.is_dir() else run.parent
    verdicts = judge_run(record, folder, requirements_of(record, requirements))
    result = outcome(verdicts, record.checks)
    print_verdicts(verdicts, result, record.partial)
    return result.exit_code


@app.command()
def report(run: _RunArgument) -> int:
    """Render card and summary of a saved run again; needs no model."""
    from auditkit.record import read_record
    from auditkit.report.card import write_card
    from auditkit.report.summary import write_summary

    record = read_record(run)
    folder = run if run.is_dir() else run.parent
    write_summary(record, folder)
    print(f"Card: {write_card(record, folder)}")  # noqa: T201
    return 0


@app.command()
def validate(
    suites: Annotated[list[str], typer.Argument(metavar="SUITE...", help="Files or names.")],
) -> int:
    """Validate suites: keys, values, evaluators, their settings, and requirements."""
    from auditkit.checks import prepare_checks
    from auditkit.suite import load_suite

    for source in suites:
        suite = load_suite(source)
        checks = prepare_checks(suite)
        count = len(suite.requirements)
        print(  # noqa: T201
            f"{source}: valid; checks {', '.join(check.name for check in checks)}; "
            f"{count} requirement{'s' * (count != 1)}"
        )
    return 0


@app.command("list")
def list_() -> int:
    """List the evaluators and suites that can be named, and where each comes from."""
    from auditkit.plugins import find_evaluators
    from auditkit.suite import find_suites

    print("evaluators")  # noqa: T201
    for evaluator in find_evaluators():
        print(f"  {evaluator.name:<20} {evaluator.origin}")  # noqa: T201
    print("suites")  # noqa: T201
    for suite in find_suites():
        print(f"  {suite.name:<20} {suite.origin}")  # noqa: T201
    return 0


@app.command()
def demo(
    output: Annotated[Path, typer.Option(help="Folder for data, models and runs.")] = Path(
        "reports/demo"
    ),
) -> int:
    """Train two small models, one with a planted defect, and audit both."""
    from auditkit.demo.walkthrough import run_demo
    from auditkit.terminal import progress

    return run_demo(output, progress())
