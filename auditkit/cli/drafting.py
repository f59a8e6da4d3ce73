"""Commands that write a beginning: ``init`` and ``schema``."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from auditkit.cli.app import app
from auditkit.cli.command import Command
from auditkit.errors import PluginError, UsageError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from auditkit.drafting import Draft

__all__ = ["init", "schema"]

_SCHEMA_FILE = "auditkit.schema.json"


@app.command(cls=Command)
def init(
    data: Annotated[
        str | None,
        typer.Argument(metavar="DATA", help="CSV, TSV, JSON Lines or Parquet, also .gz."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            help="The suite's file, or the plugin's folder. [default: suite.yaml, auditkit-NAME]"
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The suite's name. [default: the data file's]")
    ] = None,
    text: Annotated[str | None, typer.Option(help="Column of the texts.")] = None,
    label: Annotated[str | None, typer.Option(help="Column of the labels.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the suite's file.")] = False,
    plugin: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Write a package with an evaluator called NAME instead."),
    ] = None,
) -> int:
    """Write a first suite for a data file, its columns guessed from the first 5,000 rows.

    What is guessed and why is printed and stands in the suite. No text of the data is.
    """
    if (data is None) == (plugin is None):
        raise UsageError(
            "give either a data file or --plugin",
            hint="Write `auditkit init DATA` for a suite, `auditkit init --plugin NAME` for a "
            "package with an evaluator",
        )
    if plugin is not None:
        _write_plugin(plugin, output)
    if data is not None:
        _write_suite(data, output or Path("suite.yaml"), name, text, label, force=force)
    return 0


def _write_plugin(name: str, output: Path | None) -> None:
    from auditkit.scaffold import write_plugin

    folder = output or Path(f"auditkit-{name.replace('_', '-')}")
    for path in write_plugin(name, folder):
        print(f"Wrote {path}")  # noqa: T201
    print(f"Install and test it: cd {folder} && pip install -e '.[dev]' && pytest")  # noqa: T201


def _write_suite(
    data: str, output: Path, name: str | None, text: str | None, label: str | None, *, force: bool
) -> None:
    from auditkit.drafting import describe_rows, guess_columns, sample_file, write_suite
    from auditkit.plugins import find_evaluators

    if name is not None and not re.fullmatch(r"[A-Za-z0-9_-]+", name):
        raise UsageError(f"--name is '{name}'", hint="Use letters, digits, '-' and '_' only")
    if output.exists() and not force:
        raise UsageError(
            f"'{output}' is there already", hint="Choose another --output, or give --force"
        )
    sample = sample_file(data)
    draft = guess_columns(sample, text=text, label=label)
    schema = output.parent / _SCHEMA_FILE
    content = write_suite(
        draft,
        sample,
        name=name or _name_of(data),
        evaluators=[one.name for one in find_evaluators()],
        schema=_SCHEMA_FILE if schema.is_file() else None,
    )
    _write(output, content)
    print(f"Wrote {output} from {describe_rows(sample)} of {data}. Guessed:")  # noqa: T201
    _print_guesses(draft)
    print(  # noqa: T201
        f"Correct it, fill in requirements, then: auditkit validate {output}"
    )


def _print_guesses(draft: Draft) -> None:
    found = {"text": draft.text, "pair": draft.pair, "label": draft.label, "id": draft.id}
    for role, guess in found.items():
        said = f"'{guess.column}' ({guess.why})" if guess else "none"
        print(f"  {role + ':':<11}{said}")  # noqa: T201
    for guess in draft.groups:
        print(f"  {'group:':<11}'{guess.column}' ({guess.why})")  # noqa: T201
    if draft.rationale is not None:
        print(f"  {'rationale:':<11}'{draft.rationale.column}' ({draft.rationale.why})")  # noqa: T201


def _name_of(data: str) -> str:
    """Return the name of a data file as a suite may be called.

    >>> _name_of("data/My reviews.csv.gz")
    'My-reviews'
    """
    stem = Path(data).name.partition(".")[0]
    return re.sub(r"[^A-Za-z0-9_-]+", "-", stem).strip("-") or "suite"


def _write(path: Path, content: str) -> None:
    from auditkit.record import write_atomically

    try:
        write_atomically(path, content.encode())
    except OSError as error:
        raise UsageError(f"'{path}' cannot be written ({os.strerror(error.errno or 0)})") from None


@app.command(cls=Command)
def schema(
    output: Annotated[
        Path | None, typer.Option(help="The file to write. [default: stdout]")
    ] = None,
) -> int:
    """Print the JSON Schema of suite files, for editors that complete and check YAML.

    The line '# yaml-language-server: $schema=auditkit.schema.json' at the top of a suite names it.
    """
    from auditkit.suite.json_schema import suite_json_schema

    content = json.dumps(suite_json_schema(_settings()), ensure_ascii=False, indent=2)
    if output is None:
        print(content)  # noqa: T201
    else:
        _write(output, content + "\n")
    return 0


def _settings() -> dict[str, type[BaseModel] | None]:
    """Return the settings of the evaluators that are installed; None for one that is broken."""
    from auditkit.plugins import find_evaluators, load_evaluator

    settings: dict[str, type[BaseModel] | None] = {}
    for listing in find_evaluators():
        try:
            settings[listing.name] = load_evaluator(listing.name).Params
        except PluginError:
            settings[listing.name] = None
    return settings
