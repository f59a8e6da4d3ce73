"""Metrics that are somebody else's function."""

from __future__ import annotations

import importlib
import inspect
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from numbers import Real
from typing import Any

import numpy as np

from auditkit.errors import AuditkitError, CheckError
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import Custom
from auditkit.metrics.estimators.base import (
    Array,
    Bounds,
    Draw,
    Estimate,
    percentile,
    row_replicates,
)
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["CustomEstimator"]

_LONGEST_NOTE = 200


class CustomEstimator:
    """A function somebody else wrote, with a row bootstrap around it.

    Where the function raises or returns no number the metric is not measurable, and the note
    says why; a warning of it is a note too. Where every draw gives the same value nothing is known
    of rows not seen, so there is no interval.
    """

    bounds: Bounds = (-np.inf, np.inf)

    def __init__(
        self, columns: Columns, statistic: Custom, labels: Sequence[str], positive: str | None
    ) -> None:
        self._function = _loaded(statistic.function)
        self._draws = statistic.draws
        self._arguments = dict(statistic.arguments)
        takes = _parameters(self._function)
        for name, value in (("labels", tuple(labels)), ("positive", positive)):
            if name in takes:
                self._arguments[name] = value
        self._frame = columns.frame(list(_columns(columns, statistic.columns, labels)))

    def value(self, rows: Index) -> Estimate:
        if not len(rows):
            return Estimate(float("nan"), 0, "no examples")
        with _heard() as said:
            try:
                value = self._measured(rows)
                note = None if np.isfinite(value) else "not defined here"
            except AuditkitError:
                raise
            except Exception as error:
                value, note = float("nan"), f"{type(error).__name__}: {error}"
        return Estimate(value, len(rows), _short(note or next(iter(said), None)))

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        with warnings.catch_warnings(action="ignore"):
            replicates = np.array(
                [
                    self._replicate(rows[draw.rng.integers(0, len(rows), len(rows))])
                    for _ in range(min(draw.draws, self._draws))
                ]
            )
        method = f"row bootstrap, {len(replicates)} draws"
        if _are_equal(replicates):
            return Interval(-np.inf, np.inf, draw.confidence, method)
        return percentile(replicates, draw.confidence, method)

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        with warnings.catch_warnings(action="ignore"):
            drawn = row_replicates(grouping, self._replicate, min(draws, self._draws), rng)
        unknown = np.array([_are_equal(group) for group in drawn.replicates.T], dtype=bool)
        replicates = np.where(unknown, np.nan, drawn.replicates)
        return replace(drawn, replicates=replicates, undefined=np.isnan(replicates).sum(axis=0))

    def _measured(self, rows: Index) -> float:
        value = self._function(self._frame.iloc[rows], **self._arguments)
        if not isinstance(value, Real):
            raise TypeError(f"returned a {type(value).__name__}, not a number")
        return float(value)

    def _replicate(self, rows: Index) -> float:
        try:
            value = self._measured(rows)
        except AuditkitError:
            raise
        except Exception:
            return float("nan")
        return value if np.isfinite(value) else float("nan")


def _loaded(function: str) -> Callable[..., Any]:
    module, _, name = function.partition(":")
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:
        raise CheckError(f"cannot load the metric {function!r}: {error}") from error
    if not callable(found):
        raise CheckError(f"cannot load the metric {function!r}: it is no function")
    return found  # type: ignore[no-any-return]


def _parameters(function: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(function).parameters
    except (TypeError, ValueError):  # some functions written in C do not say
        return {}


def _are_equal(replicates: Array) -> bool:
    known = replicates[~np.isnan(replicates)]
    return len(known) > 0 and bool(np.ptp(known) == 0)


def _columns(columns: Columns, names: Sequence[str], labels: Sequence[str]) -> Iterator[str]:
    """Yield the columns that are asked for, each family in the order of the labels."""
    for name in names:
        if not name.endswith(":*"):
            yield name
            continue
        family = columns.family(name.removesuffix(":*"))
        if not family:
            raise CheckError(f"the evidence has no columns '{name.removesuffix('*')}<label>'")
        yield from (family[label] for label in labels if label in family)


@contextmanager
def _heard() -> Iterator[list[str]]:
    """Keep warnings from the terminal; what is said of numbers is collected when it ends."""
    said: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield said
    said += [
        f"{one.category.__name__}: {one.message}"
        for one in caught
        if issubclass(one.category, UserWarning | RuntimeWarning)
    ]


def _short(note: str | None) -> str | None:
    if note is None:
        return None
    line = note.strip().partition("\n")[0]
    return line if len(line) <= _LONGEST_NOTE else f"{line[: _LONGEST_NOTE - 1]}…"
