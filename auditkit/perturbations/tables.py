"""Tables of words that come with auditkit."""

from __future__ import annotations

import csv
from importlib.resources import files

__all__ = ["read_table"]


def read_table(name: str) -> list[dict[str, str]]:
    """Return the rows of ``auditkit/resources/<name>.csv``, by column."""
    table = files("auditkit") / "resources" / f"{name}.csv"
    return list(csv.DictReader(table.read_text(encoding="utf-8").splitlines()))
