"""Arguments and flags that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from auditkit.cli.output import Format

__all__ = ["FormatFlag", "QuietFlag", "RunArgument"]

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="The folder of a run, or its record.json.")
]
FormatFlag = Annotated[
    Format, typer.Option("--format", help="text, or json: one document on stdout.")
]
QuietFlag = Annotated[
    bool,
    typer.Option("--quiet", "-q", help="No progress and no figures: only what is not a pass."),
]
