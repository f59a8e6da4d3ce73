"""The application, and how a command's errors become messages and exit codes."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer

from auditkit._version import __version__
from auditkit.errors import AuditkitError

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
