"""What goes with a table in words, each thing once."""

from __future__ import annotations

import math

__all__ = ["Notes", "finite"]

_MOST = 20


class Notes:
    """Remarks about a column, a label and a rate, in the order in which they came."""

    def __init__(self) -> None:
        self._said: dict[str, None] = {}

    def add(self, group: str | None, label: str | None, rate: str | None, said: str | None) -> None:
        """Keep a remark, if there is one, with what it is about."""
        if said is None:
            return
        about = ", ".join(
            filter(None, (group, rate, f"label '{label}'" if label is not None else None))
        )
        self._said[f"{about}: {said}" if about else said] = None

    @property
    def text(self) -> str | None:
        """All of it, or None."""
        said = list(self._said)
        if len(said) > _MOST:
            said = [*said[:_MOST], f"and {len(said) - _MOST} more remarks"]
        return "; ".join(said) or None


def finite(value: float) -> float | None:
    """Return the number, or None where it is not one."""
    return float(value) if math.isfinite(value) else None
