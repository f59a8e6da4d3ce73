"""What a statistic of groups comes to: slices, and how the value of each is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from auditkit.metrics.over_groups import Extreme

__all__ = ["GroupedMeasure"]


@dataclass(frozen=True)
class GroupedMeasure:
    """One value of a statistic of groups, made when it is asked for.

    ``slice`` is ``{"group": column}`` or the values of a group, with a ``label`` where there are
    several. ``make`` returns value, interval, n and note.
    """

    slice: dict[str, str]
    make: Callable[[], Extreme]
