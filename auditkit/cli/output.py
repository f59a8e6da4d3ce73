"""What the commands print for programs: one JSON document on stdout.

Its keys are stable: later versions may add keys, and take none away. Progress and messages for
people stay on stderr.
"""

from __future__ import annotations

import dataclasses
import enum
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from auditkit.errors import AuditkitError

if TYPE_CHECKING:
    from auditkit.record import CheckRecord, Record, Verdict
    from auditkit.verify import Verification

__all__ = [
    "Format",
    "outcome_document",
    "print_error",
    "print_json",
    "run_document",
    "verification_document",
]


class Format(enum.StrEnum):
    """How a command prints."""

    TEXT = "text"
    JSON = "json"


def print_json(document: dict[str, Any]) -> None:
    """Print a document on stdout."""
    print(json.dumps(document, ensure_ascii=False, indent=1, default=_written))  # noqa: T201


def _written(value: Any) -> Any:
    if isinstance(value, Path):
        return value.as_posix()
    if isinstance(value, set | frozenset):
        return sorted(value)
    return str(value)


def print_error(error: AuditkitError) -> None:
    """Print an error as ``{"error": {...}, "exit_code": N}``."""
    print_json(
        {
            "error": {
                "kind": type(error).__name__,
                "message": error.message,
                "file": error.file,
                "line": error.line,
                "column": error.column,
                "hint": error.hint,
            },
            "exit_code": error.exit_code,
        }
    )


def outcome_document(
    verdicts: Sequence[Verdict], checks: Sequence[CheckRecord], partial: Sequence[str]
) -> dict[str, Any]:
    """Return what verdicts and checks come to.

    Returns
    -------
    dict
        ``status`` (``pass``, ``fail``, ``inconclusive``, ``missing``, ``error``; ``none`` where
        nothing was judged), ``exit_code``, ``sentence``, ``partial`` (why it is not for release;
        empty for a full run), ``verdicts`` as in the record, and ``checks`` with ``name``,
        ``status`` and ``error``.
    """
    from auditkit.requirements import outcome

    result = outcome(verdicts, checks)
    return {
        "status": result.status,
        "exit_code": result.exit_code,
        "sentence": result.sentence,
        "partial": list(partial),
        "verdicts": [verdict.model_dump(mode="json") for verdict in verdicts],
        "checks": [
            {"name": check.name, "status": check.status, "error": check.error} for check in checks
        ],
    }


def run_document(record: Record, verdicts: Sequence[Verdict], folder: Path) -> dict[str, Any]:
    """Return the outcome of a run and where it lies: ``folder``, ``record`` and ``card``."""
    from auditkit.record import RECORD_NAME

    card = folder / "card.html"
    return {
        **outcome_document(verdicts, record.checks, record.partial),
        "folder": str(folder),
        "record": str(folder / RECORD_NAME),
        "card": str(card) if card.is_file() else None,
    }


def verification_document(found: Verification) -> dict[str, Any]:
    """Return what verifying a run came to."""
    return {
        "status": {0: "verified", 1: "mismatch"}.get(found.exit_code, "not verified"),
        "exit_code": found.exit_code,
        "sentence": found.sentence,
        "held": dict(found.held),
        "mismatches": [dataclasses.asdict(one) for one in found.mismatches],
        "not_verified": list(found.not_verified),
        "not_covered": list(found.not_covered),
    }
