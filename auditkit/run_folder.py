"""The folder of a run: held by one audit at a time, and never with verdicts of another."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from auditkit.errors import AuditkitError, UsageError
from auditkit.record import RECORD_NAME, Record, read_record, write_record

__all__ = ["RENDERED", "drop_stale", "only_run_in", "write_run"]

RENDERED = ("card.html", "summary.md")
"""Pages made from the record; the card also shows texts from the evidence."""


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


def drop_stale(folder: Path, audit_id: str) -> None:
    """Remove the record of another audit, so that old verdicts never lie beside new evidence."""
    if not (folder / RECORD_NAME).exists():
        return
    try:
        if read_record(folder).id == audit_id:
            return
    except AuditkitError:
        pass
    for name in (RECORD_NAME, *RENDERED):
        (folder / name).unlink(missing_ok=True)


def write_run(record: Record, folder: Path) -> None:
    """Write record, summary and card."""
    from auditkit.report.card import write_card
    from auditkit.report.summary import write_summary

    write_record(record, folder)
    write_summary(record, folder)
    write_card(record, folder)
