"""What the commands share beyond their flags: ``AUDITKIT_*`` variables, and errors as JSON.

Flags beat variables, variables beat the suite.
"""

from __future__ import annotations

import difflib
import os
import sys
from typing import Any

from typer.core import TyperCommand, TyperOption

from auditkit.cli.output import Format, print_error
from auditkit.errors import AuditkitError, UserError

__all__ = ["Command", "CommandWithVariables"]

PREFIX = "AUDITKIT_"
OTHER_VARIABLES = frozenset({f"{PREFIX}CACHE", f"{PREFIX}CACHE_SIZE"})
"""Variables that are read elsewhere and are no flags."""
_OF_THE_TESTS = (f"{PREFIX}TEST_", f"{PREFIX}REQUIRE_DATA")


class Command(TyperCommand):
    """A command whose errors are one JSON document where ``--format json`` asks for it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read flags and variables."""
        _point_out_unknown(ctx)
        try:
            return super().parse_args(ctx, args)
        except Exception:
            _name_variables(ctx)
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except AuditkitError as error:
            if isinstance(error, UserError):
                _name_variables(ctx)
            if ctx.params.get("format") == Format.JSON:
                print_error(error)
            raise


class CommandWithVariables(Command):
    """A command whose flags can also be given as variables: ``--model`` as ``AUDITKIT_MODEL``."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if isinstance(parameter, TyperOption):
                parameter.envvar = f"{PREFIX}{str(parameter.name).upper()}"
                parameter.show_envvar = False  # said once for all flags, below them
        self.epilog = (
            f"Each flag can also be set as a variable: --dry-run as {PREFIX}DRY_RUN=1. Flags beat "
            "variables, variables beat the suite; several values are parted by spaces."
        )


def _name_variables(ctx: Any) -> None:
    """Say which variables took part in what is about to be reported as wrong."""
    named = sorted(
        parameter.envvar
        for parameter in ctx.command.params
        if isinstance(parameter.envvar, str)
        and getattr(ctx.get_parameter_source(parameter.name), "name", "") == "ENVIRONMENT"
    )
    if named:
        print(f"auditkit: set by the environment: {', '.join(named)}", file=sys.stderr)  # noqa: T201


def _point_out_unknown(ctx: Any) -> None:
    """Warn of variables that look like flags and are none, such as ``AUDITKIT_MODLE``."""
    commands = ctx.find_root().command.commands.values()
    known = OTHER_VARIABLES | {
        parameter.envvar
        for command in commands
        for parameter in command.params
        if isinstance(parameter.envvar, str)
    }
    for name in sorted(os.environ):
        if not name.startswith(PREFIX) or name in known or name.startswith(_OF_THE_TESTS):
            continue
        close = difflib.get_close_matches(name, sorted(known), n=1)
        hint = f". Did you mean {close[0]}?" if close else ""
        print(  # noqa: T201
            f"auditkit: the variable {name} means nothing and is ignored{hint}", file=sys.stderr
        )
