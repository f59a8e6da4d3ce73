"""Tables of counterfactuals: how a score moves between groups, and with which terms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from auditkit.metrics.columns import Columns, Index
from auditkit.metrics.declare_clustered import PairShifts, TermShifts
from auditkit.metrics.settings import Settings
from auditkit.record import TableRecord
from auditkit.statistics.clustered import clustered_mean_interval, clustered_mean_p
from auditkit.statistics.pairwise import holm

__all__ = ["MOST_PAIRS", "pair_shifts", "term_shifts"]

MOST_PAIRS = 500
"""Pairs that are listed of a lexicon; the adjustment is over all of them."""

_SOURCES = ("data", "template")
_Cell = str | float | int | None


def pair_shifts(columns: Columns, table: PairShifts, settings: Settings) -> TableRecord:
    """Return for each pair of groups how far the score moves, with Holm-adjusted p-values.

    Of swaps in the data (``source`` ``data``) the shift is from the text as it is; of templates it
    is from the sentence with no group named. p is that of a mean shift of 0 (Student's t between
    clusters), p_holm its adjustment over all pairs of the lexicon and source with two clusters or
    more; those with one have none.
    """
    heads = [
        *("lexicon", "source", "pair", "n", "clusters", "flip_rate", "signed_shift"),
        *("low", "high", "p", "p_holm"),
    ]
    rows: list[list[_Cell]] = []
    left_out = 0
    for part in _parts(columns, table.column, "pair", table.cluster):
        flips = columns.numbers(_of(table.flipped, part.source))
        made: list[tuple[float, list[_Cell], float | None]] = []
        for name, at in part.by_name():
            values, clusters = part.values[at], part.clusters[at]
            count = part.count(at)
            p = clustered_mean_p(values, clusters) if count > 1 else None
            ends = _ends(part, at, settings, f"{table.name}|{part.lexicon}|{part.source}|{name}")
            shift = float(values.mean())
            figures = [len(at), count, float(flips[at].mean()), shift, *ends]
            made.append((shift, [part.lexicon, part.source, name, *figures], p))
        tested = [p for _, _, p in made if p is not None]
        adjusted = iter(holm(np.array(tested)).tolist() if tested else [])
        # The clearest first, then the largest; names came in order.
        order = sorted(made, key=lambda one: (2.0 if one[2] is None else one[2], -abs(one[0])))
        by_pair = {id(one): None if one[2] is None else next(adjusted) for one in made}
        full = [[*one[1], one[2], by_pair[id(one)]] for one in order]
        rows += full[:MOST_PAIRS]
        left_out += max(0, len(full) - MOST_PAIRS)
    note = f"{left_out:,} pairs with the largest p-values are left out" if left_out else None
    return TableRecord(name=table.name, columns=heads, rows=rows, note=note)


def term_shifts(columns: Columns, table: TermShifts, settings: Settings) -> TableRecord:
    """Return the terms that move the score most, the largest mean shift first.

    Of swaps in the data it is the shift where the term, and no other one, is replaced; of
    templates the shift where the term is put in.
    """
    heads = ["lexicon", "source", "term", "group", "n", "clusters", "mean_shift", "low", "high"]
    groups = columns.codes("term_group")
    rows: list[list[_Cell]] = []
    left_out = rare = 0
    for part in _parts(columns, table.column, "term", table.cluster):
        found = [(float(part.values[at].mean()), name, at) for name, at in part.by_name()]
        if part.source == "data":
            every = len(found)
            found = [one for one in found if part.count(one[2]) >= table.fewest]
            rare += every - len(found)
        found.sort(key=lambda one: (-abs(one[0]), one[1]))
        left_out += max(0, len(found) - table.most)
        for mean, name, at in found[: table.most]:
            ends = _ends(part, at, settings, f"{table.name}|{part.lexicon}|{part.source}|{name}")
            group = groups.values[int(groups.codes[at[0]])][0]
            figures = [len(at), part.count(at), mean, *ends]
            rows.append([part.lexicon, part.source, name, group, *figures])
    notes = []
    if left_out:
        notes.append(f"{left_out:,} that move the score less left out")
    if rare:
        what = "term" if rare == 1 else "terms"
        notes.append(f"{rare:,} {what} in fewer than {table.fewest} texts of the data left out")
    return TableRecord(name=table.name, columns=heads, rows=rows, note="; ".join(notes) or None)


@dataclass(frozen=True)
class _Part:
    """The rows of one lexicon and source."""

    lexicon: str
    source: str
    rows: Index
    names: npt.NDArray[np.int32]
    values_of: tuple[tuple[str, ...], ...]
    values: npt.NDArray[np.float64]
    """Of the whole evidence, as are ``clusters``."""
    clusters: npt.NDArray[np.int32]

    def count(self, at: Index) -> int:
        """Return in how many clusters some rows are."""
        return len(np.unique(self.clusters[at]))

    def by_name(self) -> Iterator[tuple[str, Index]]:
        """Yield each name with its rows."""
        order = np.argsort(self.names[self.rows], kind="stable")
        codes = self.names[self.rows][order]
        starts = np.flatnonzero(np.diff(codes, prepend=-1))
        for code, at in zip(codes[starts], np.split(self.rows[order], starts[1:]), strict=True):
            yield self.values_of[code][0], at


def _of(column: str, source: str) -> str:
    return column if source == "data" else f"template_{column}"


def _parts(columns: Columns, column: str, name: str, cluster: str) -> Iterator[_Part]:
    lexicons, names = columns.codes("lexicon"), columns.codes(name)
    clusters = columns.codes(cluster).codes
    for code, lexicon in enumerate(lexicons.values):
        for source in _SOURCES:
            values = columns.numbers(_of(column, source))
            known = (lexicons.codes == code) & (names.codes >= 0) & (clusters >= 0)
            rows = np.flatnonzero(known & ~np.isnan(values))
            if len(rows):
                yield _Part(lexicon[0], source, rows, names.codes, names.values, values, clusters)


def _ends(part: _Part, at: Index, settings: Settings, name: str) -> list[float | None]:
    interval = clustered_mean_interval(
        np.clip(part.values[at], -1.0, 1.0),
        part.clusters[at],
        settings.confidence,
        settings.draws,
        settings.rng(name, {}),
        (-1.0, 1.0),
    )
    return [float(interval.low), float(interval.high)]
