"""Commands on suites: ``validate`` and ``list``."""

from __future__ import annotations

from typing import Annotated

import typer

from auditkit.cli.app import app

__all__ = ["list_", "validate"]


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
