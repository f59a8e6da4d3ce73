"""The command that gets what checks need besides model and data: ``fetch``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from auditkit.cli.app import app
from auditkit.cli.arguments import FormatFlag, QuietFlag
from auditkit.cli.command import CommandWithVariables
from auditkit.cli.output import Format, print_json
from auditkit.errors import ResourceError

if TYPE_CHECKING:
    from auditkit.needs import Need
    from auditkit.progress import Progress
    from auditkit.resources import Resources

__all__ = ["fetch"]

_MEGABYTE = 1_000_000
_MISSING = 3
_SWITCHED_OFF = (
    "the network is switched off by --offline or HF_HUB_OFFLINE, and this would have to be fetched"
)


@app.command(cls=CommandWithVariables)
def fetch(
    suite: Annotated[str, typer.Argument(metavar="SUITE", help="A suite file, or a suite's name.")],
    resources: Annotated[
        Path | None,
        typer.Option(help="Folder to keep it in. [default: resources, in the cache]"),
    ] = None,
    offline: Annotated[bool, typer.Option("--offline", help="Touch no network.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what is there and what is missing.")
    ] = False,
    quiet: QuietFlag = False,
    format: FormatFlag = Format.TEXT,  # noqa: A002
) -> int:
    """Get what a suite's checks need besides model and data.

    That may be NLTK data, checkpoints or word vectors. What is there already is left alone; if
    that is everything, no network is touched.

    Exit code 0: everything is there; 2: something cannot be had; 3: something is missing, with
    --dry-run, which fetches nothing.
    """
    from auditkit.checks import prepare_checks
    from auditkit.needs import list_needs, missing_error
    from auditkit.resources import Resources
    from auditkit.resources.hub import network_is_off
    from auditkit.suite import load_suite
    from auditkit.terminal import progress

    chosen = load_suite(suite)
    store = Resources(resources, offline=offline or network_is_off())
    checks = prepare_checks(chosen, offline=offline)
    before = list_needs(checks, store)
    missing = [need for need in before if need.found is None]
    fetched: set[str] = set()
    if missing and not dry_run:
        if store.offline:
            raise missing_error(_SWITCHED_OFF, missing, store, chosen)
        _fetch_all(missing, store, progress(quiet=quiet))
        fetched = {str(need.resource) for need in missing}
    needs = list_needs(checks, store) if fetched else before
    lacks = any(need.found is None for need in needs)
    code = _MISSING if lacks else 0
    if format is Format.JSON:
        print_json({"resources": [_described(need, fetched) for need in needs], "exit_code": code})
        return code
    for need in needs:
        if need.found is None or not quiet:
            print(_line(need, fetched))  # noqa: T201
    if lacks or not quiet:
        print(_outcome(needs, len(fetched)))  # noqa: T201
    return code


def _fetch_all(missing: list[Need], store: Resources, told: Progress) -> None:
    """Get everything that can be had, then say what could not."""
    from auditkit.resources.download import Transfer
    from auditkit.resources.fetching import fetch as get

    if not sys.stderr.isatty():  # bars of the hub's client would fill a log
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()
    failures: list[ResourceError] = []
    for need in missing:
        told.say(f"Fetching {need.resource}")
        meter = _Meter(need.resource.name, told)
        try:
            get(need.resource, store, Transfer(meter.began, meter.got))
        except ResourceError as error:
            failures.append(error)
        else:
            meter.close()
    if len(failures) == 1:
        raise failures[0]
    if failures:
        hints = dict.fromkeys(error.hint for error in failures if error.hint)
        listed = "\n".join(f"  {error.message}" for error in failures)
        raise ResourceError(
            f"could not be fetched:\n{listed}\n{len(failures)} of {len(missing)} are still missing",
            hint=". ".join(hints) or None,
        )


class _Meter:
    """Turns the bytes of a download into steps of a megabyte."""

    def __init__(self, name: str, told: Progress) -> None:
        self._name = name
        self._told = told
        self._bytes: int | None = None

    def began(self, total: int, done: int) -> None:
        self._bytes = done
        self._told.start(self._name, total // _MEGABYTE, done // _MEGABYTE, unit="MB")

    def got(self, size: int) -> None:
        before = self._bytes or 0
        self._bytes = before + size
        self._told.advance(self._bytes // _MEGABYTE - before // _MEGABYTE)

    def close(self) -> None:
        if self._bytes is not None:
            self._told.finish()


def _line(need: Need, fetched: set[str]) -> str:
    if need.found is None:
        return f"missing  {need}"
    word = "fetched" if str(need.resource) in fetched else "there"
    return f"{word:<8} {need} [{need.found.origin}: {need.found.path}]"


def _described(need: Need, fetched: set[str]) -> dict[str, Any]:
    resource, found = need.resource, need.found
    there = "fetched" if str(resource) in fetched else "there"
    return {
        "kind": resource.kind,
        "name": resource.name,
        "purpose": resource.purpose,
        "checks": list(need.checks),
        "status": "missing" if found is None else there,
        "origin": found and found.origin,
        "path": found and found.path,
    }


def _outcome(needs: list[Need], fetched: int) -> str:
    if not needs:
        return "The suite needs nothing besides model and data."
    missing = sum(need.found is None for need in needs)
    if missing:
        return f"{missing} of {len(needs)} are missing; nothing was fetched."
    if fetched:
        return f"Fetched {fetched} of {len(needs)}; the suite has all it needs."
    return "Everything the suite needs is there; no network was touched."
