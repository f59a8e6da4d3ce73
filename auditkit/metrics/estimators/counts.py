"""Statistics that the counts of rows in cells determine: proportions, F1 and their kin."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from auditkit import statistics
from auditkit.errors import CheckError, did_you_mean
from auditkit.metrics.cells import CELL_FUNCTIONS, PER_LABEL_FUNCTIONS, OneVsRest
from auditkit.metrics.columns import Columns, Grouping, Index
from auditkit.metrics.declare import Cells
from auditkit.metrics.estimators.base import Array, Bounds, Draw, Estimate, Estimator
from auditkit.statistics import GroupReplicates, Interval

__all__ = ["CountEstimator", "boolean_codes", "cell_estimators", "proportion"]


class CountEstimator:
    """A function of how many rows fall into each cell."""

    def __init__(
        self,
        codes: npt.NDArray[np.int32],
        cells: int,
        function: Callable[[Array], Array],
        *,
        bounds: Bounds = (0.0, 1.0),
        proportion: tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]] | None = None,
        undefined: str = "its denominator is empty",
        certain: bool = False,
    ) -> None:
        self._codes = codes
        self._cells = cells
        self._function = function
        self._proportion = proportion
        self._undefined = undefined
        self._certain = certain
        self.bounds = bounds

    def _counts(self, rows: Index) -> npt.NDArray[np.int64]:
        codes = self._codes[rows]
        return np.bincount(codes[codes >= 0], minlength=self._cells)[: self._cells].astype(np.int64)

    def value(self, rows: Index) -> Estimate:
        counts = self._counts(rows)
        n = int(counts.sum())
        if n == 0:
            return Estimate(float("nan"), 0, "no examples")
        value = float(self._function(counts.astype(float)))
        if self._proportion is not None:
            n = int(counts[self._proportion[1]].sum())
        return Estimate(value, n, None if np.isfinite(value) else self._undefined)

    def interval(self, rows: Index, estimate: Estimate, draw: Draw) -> Interval | None:
        if self._certain:
            return Interval(estimate.value, estimate.value, draw.confidence, "exact count")
        counts = self._counts(rows)
        if self._proportion is not None:
            successes, trials = (int(counts[mask].sum()) for mask in self._proportion)
            return statistics.wilson(successes, trials, draw.confidence)
        return statistics.cell_bootstrap(
            counts, self._function, draw.confidence, draw.draws, draw.rng
        )

    def replicates(
        self, grouping: Grouping, draws: int, rng: np.random.Generator
    ) -> GroupReplicates:
        patterns = grouping.membership.shape[1]
        valid = (grouping.patterns >= 0) & (self._codes >= 0)
        flat = grouping.patterns[valid].astype(np.int64) * self._cells + self._codes[valid]
        counts = np.bincount(flat, minlength=patterns * self._cells)
        # Cells without a row stay: an outcome that was not seen is still thinkable.
        return statistics.group_replicates(
            counts.reshape(patterns, self._cells).astype(np.int64),
            grouping.membership,
            self._function,
            draws,
            rng,
        )


def _share(
    numerator: npt.NDArray[np.bool_], denominator: npt.NDArray[np.bool_]
) -> Callable[[Array], Array]:
    def function(counts: Array) -> Array:
        top = np.asarray(counts[..., numerator].sum(axis=-1), dtype=float)
        bottom = np.asarray(counts[..., denominator].sum(axis=-1), dtype=float)
        result = np.full(top.shape, np.nan)
        np.divide(top, bottom, out=result, where=bottom > 0)
        return result

    return function


def proportion(
    codes: npt.NDArray[np.int32],
    successes: npt.NDArray[np.bool_],
    trials: npt.NDArray[np.bool_],
    undefined: str = "its denominator is empty",
) -> CountEstimator:
    """Return the share of rows in the cells ``successes`` among those in ``trials``.

    ``successes`` and ``trials`` are boolean over cells; its interval is Wilson's.
    """
    return CountEstimator(
        codes,
        len(trials),
        _share(successes, trials),
        proportion=(successes, trials),
        undefined=undefined,
    )


def boolean_codes(values: Array) -> npt.NDArray[np.int32]:
    """Return 0 and 1 as cells, and -1 for NaN."""
    return np.where(np.isnan(values), -1, values).astype(np.int32)


def _label_cells(
    columns: Columns, names: tuple[str, str], labels: Sequence[str]
) -> tuple[npt.NDArray[np.int32], Callable[[Array], OneVsRest], tuple[str, ...], int]:
    """Return codes of cells, what turns counts of cells to one-vs-rest counts, labels, cells."""
    true, predicted = columns.codes(names[0]), columns.codes(names[1])
    occurring = sorted({*true.members, *predicted.members})
    known = tuple(labels) if set(occurring) <= set(labels) else tuple(occurring)
    width = max(1, len(predicted.values))
    codes, found = columns.pairs(*names)
    holds = np.array([true.holds(label) for label in known], dtype=bool).reshape(len(known), -1)
    given = np.array([predicted.holds(label) for label in known], dtype=bool).reshape(
        len(known), -1
    )
    is_true = holds[:, found // width].T.astype(float)
    is_predicted = given[:, found % width].T.astype(float)
    exclusive = not (true.is_list or predicted.is_list)
    more_true, more_predicted = _thinkable(len(known), exclusive=exclusive)
    # A label that was never found may be found once: without that a model which gives one answer
    # to everything would seem sure never to do better.
    unfound = np.eye(len(known))[~(is_true * is_predicted).any(axis=0)]
    is_true = np.concatenate([is_true, more_true, unfound])
    is_predicted = np.concatenate([is_predicted, more_predicted, unfound])

    def one_vs_rest(counts: Array) -> OneVsRest:
        hits = counts @ (is_true * is_predicted)
        return OneVsRest(
            true_positive=hits,
            false_positive=counts @ ((1 - is_true) * is_predicted),
            false_negative=counts @ (is_true * (1 - is_predicted)),
            total=np.asarray(counts.sum(axis=-1)),
            exclusive=exclusive,
        )

    return codes, one_vs_rest, known, len(is_true)


def _thinkable(labels: int, *, exclusive: bool) -> tuple[Array, Array]:
    """Return cells of errors, as 0/1 of labels and predictions, that may not have been seen.

    Where no error was seen the evidence alone would claim certainty; the bootstrap's floor needs
    a cell to put unseen rows in. One wrong prediction a label, or one label missed and one too
    many, is enough for that.
    """
    one = np.eye(labels)
    if exclusive:
        return one, np.roll(one, 1, axis=1)
    none = np.zeros((labels, labels))
    return np.concatenate([one, none]), np.concatenate([none, one])


def cell_estimators(
    columns: Columns, statistic: Cells, labels: Sequence[str]
) -> list[tuple[dict[str, str], Estimator]]:
    """Return the estimator of a function of cells, or one for each label.

    Raises
    ------
    CheckError
        If the function is not known, or the evidence lacks a column.
    """
    known = PER_LABEL_FUNCTIONS if statistic.per_label else CELL_FUNCTIONS
    if statistic.function not in known:
        raise CheckError(
            f"there is no cell function {statistic.function!r}",
            hint=did_you_mean(statistic.function, sorted(known)),
        )
    codes, one_vs_rest, names, cells = _label_cells(columns, statistic.columns, labels)
    if not statistic.per_label:
        whole = CELL_FUNCTIONS[statistic.function]
        bounds = (-1.0, 1.0) if statistic.function == "matthews_correlation" else (0.0, 1.0)
        estimator = CountEstimator(
            codes,
            cells,
            lambda counts: whole(one_vs_rest(counts)),
            bounds=bounds,
            undefined="not defined here: it needs labels that exclude each other and more than "
            "one of them among labels and predictions",
        )
        return [({}, estimator)]
    each = one_vs_rest(np.eye(cells))
    return [
        ({"label": name}, _one_label(statistic.function, name, position, codes, cells, each))
        for position, name in enumerate(names)
    ]


def _one_label(
    function: str,
    name: str,
    position: int,
    codes: npt.NDArray[np.int32],
    cells: int,
    each: OneVsRest,
) -> Estimator:
    hit = each.true_positive[:, position] > 0
    in_label = each.support[:, position] > 0
    in_prediction = each.predicted[:, position] > 0
    if function == "precision":
        return proportion(codes, hit, in_prediction, f"'{name}' was never predicted")
    if function == "recall":
        return proportion(codes, hit, in_label, f"no example is labelled '{name}'")
    if function == "support":
        return CountEstimator(
            codes,
            cells,
            lambda counts: np.asarray(counts[..., in_label].sum(axis=-1), dtype=float),
            bounds=(0.0, np.inf),
            certain=True,
        )

    def f1(counts: Array) -> Array:
        hits = counts[..., hit].sum(axis=-1)
        both = counts[..., in_label].sum(axis=-1) + counts[..., in_prediction].sum(axis=-1)
        result = np.full(np.shape(hits), np.nan)
        np.divide(2 * hits, both, out=result, where=both > 0)
        return result

    return CountEstimator(
        codes, cells, f1, undefined=f"'{name}' is neither a label nor a prediction here"
    )
