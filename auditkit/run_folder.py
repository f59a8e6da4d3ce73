"""The folder of a run: held by one audit at a time, and never with verdicts of another."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.errors import AuditkitError, UsageError
from auditkit.record import RECORD_NAME, Record, read_record, write_record

if TYPE_CHECKING:
    from auditkit.suite import Suite

__all__ = ["RENDERED", "REPLACED", "drop_stale", "only_run_in", "write_run"]

RENDERED = ("card.html", "summary.md")
"""Pages made from the record; the card also shows texts from the evidence."""

REPLACED = "replaced"
"""Folder in a run's folder with the records of other audits that were there before."""


@contextmanager
def only_run_in(folder: Path) -> Iterator[None]:
    """Hold the folder, so that two runs at once do not write over each other."""
    from filelock import FileLock, Timeout

    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock")
        lock.acquire(timeout=0)
    except Timeout:
        raise UsageError(
            f"another run is writing to {folder}", hint="Wait for it, or name another --output"
        ) from None
    except OSError as error:
        raise UsageError(
            f"cannot write to {folder}: {error.strerror}", hint="Name another folder with --output"
        ) from None
    try:
        yield
    finally:
        lock.release()


def drop_stale(
    folder: Path,
    audit_id: str,
    suite: Suite | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> None:
    """Put the record of another audit aside, so that old verdicts never lie beside new evidence.

    The record is kept in :data:`REPLACED`; its pages, which can hold people's texts, are not. The
    evidence stays where it is: what the audit that begins can use of it is used, the rest goes.

    Parameters
    ----------
    folder
        The run's folder.
    audit_id
        The audit that begins; its own record stays until it is replaced.
    suite
        Its suite, to say in what way the other audit was another one.
    say
        Told which run is replaced and where its record is kept, before anything is moved.
    """
    path = folder / RECORD_NAME
    if not path.exists():
        return
    try:
        earlier = read_record(folder)
    except AuditkitError:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        kept = Path(REPLACED) / f"record-unreadable-{digest[:8]}.json"
        told = "a run whose record cannot be read"
    else:
        if earlier.id == audit_id:
            return
        kept = Path(REPLACED) / f"record-{earlier.id}.json"
        told = f"the run of {earlier.created}{_difference(earlier, suite)}"
    say(f"Replaces {told} in {folder}; its record is kept as {kept.as_posix()}")
    (folder / REPLACED).mkdir(exist_ok=True)
    path.replace(folder / kept)
    for name in RENDERED:
        (folder / name).unlink(missing_ok=True)


def _difference(earlier: Record, suite: Suite | None) -> str:
    """Return in what way an earlier run was of another audit, as the end of a clause."""
    if suite is None:
        return ""
    if earlier.suite.digest == suite.digest:
        return " (the same suite with other data, settings or model)"
    if earlier.suite.source != suite.source:
        return f" (another suite called '{earlier.suite.name}', from {earlier.suite.source})"
    return " (the suite was changed since)"


def write_run(record: Record, folder: Path) -> None:
    """Write record, summary and card."""
    from auditkit.report.card import write_card
    from auditkit.report.summary import write_summary

    write_record(record, folder)
    write_summary(record, folder)
    write_card(record, folder)
