"""Scores of each label against the rest, and the groups they are compared between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.estimators import score_classes
from auditkit.metrics.settings import Settings

__all__ = ["ScoredLabel", "listing", "named_rows", "scored_labels", "shown"]

_MOST_NAMED = 8


@dataclass(frozen=True, eq=False)
class ScoredLabel:
    """One label's scores and where it holds. Arrays are ``[rows]``."""

    name: str
    slice: dict[str, str]
    """``{"label": name}`` where there are several labels."""
    scores: npt.NDArray[Any]
    """Ranks, or numbers where some are NaN."""
    positive: npt.NDArray[np.bool_]
    """Where the label holds."""
    known: npt.NDArray[np.bool_]
    """Which rows have a score and a label; the others are left out."""

    def missing(self, rows: Index) -> str | None:
        """What to say of rows without a score or a label; None where there is none."""
        lacking = int(np.count_nonzero(~self.known[rows]))
        if not lacking:
            return None
        return f"{lacking} of {len(rows)} rows of the group have no score or no label"


def scored_labels(
    columns: Columns, score: str, label: str, settings: Settings
) -> list[ScoredLabel]:
    """Return the labels that areas are about: the positive one of two, or each of several.

    Raises
    ------
    CheckError
        If the evidence lacks a column.
    """
    family = columns.family(score)
    every = score_classes(columns, score, label, settings.labels)
    told = columns.codes(label).codes >= 0 if family else ~np.isnan(columns.numbers(label))
    names = list(every)
    several = bool(family) and (len(names) > 2 or columns.codes(label).is_list)
    if len(names) == 2 and not several:
        names = [settings.positive if settings.positive in every else names[-1]]
    return [
        ScoredLabel(
            name=name,
            slice={"label": name} if several else {},
            scores=columns.ranks(family.get(name, score)),
            positive=every[name][1],
            known=told & ~np.isnan(every[name][0]),
        )
        for name in names
    ]


def named_rows(columns: Columns, grouping: Grouping) -> npt.NDArray[np.bool_]:
    """Return which rows have a value in every column of a grouping: ``[rows]``.

    Where a column holds lists, a row needs at least one member.
    """
    named = np.ones(columns.rows, dtype=np.bool_)
    for column in grouping.slices[0] if grouping.slices else ():
        codes = columns.codes(f"group:{column}")
        named &= np.array([*(bool(members) for members in codes.values), False])[codes.codes]
    return named


def shown(slice_: dict[str, str]) -> str:
    """Return the name of a group or an intersection as a reader sees it."""
    return " and ".join(slice_.values())


def listing(items: Sequence[str]) -> str:
    """Return items in a row, the first few of many."""
    first = ", ".join(items[:_MOST_NAMED])
    return first if len(items) <= _MOST_NAMED else f"{first} and {len(items) - _MOST_NAMED} more"
