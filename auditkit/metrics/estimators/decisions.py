"""Labels and predictions as cells: the distinct combinations of both, and what each comes to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from auditkit.errors import CheckError
from auditkit.metrics.cells import OneVsRest
from auditkit.metrics.columns import Columns
from auditkit.metrics.estimators.base import Array

__all__ = ["Decisions"]

_Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Decisions:
    """Which labels hold and which are predicted, row by row.

    ``codes[i]`` is the cell of row ``i``, -1 where it has no label or no prediction. ``is_true``
    and ``is_predicted``, each ``[cells, labels]``, say what a cell stands for. Beside the cells
    that occur there are some that could: see :meth:`of`.
    """

    codes: npt.NDArray[np.int32]
    is_true: _Bools
    is_predicted: _Bools
    labels: tuple[str, ...]
    exclusive: bool
    """Whether exactly one label holds in a row."""

    @classmethod
    def of(
        cls,
        columns: Columns,
        names: tuple[str, str],
        labels: Sequence[str],
        operating_point: float | None = None,
        positive: str | None = None,
    ) -> Decisions:
        """Read the decisions of evidence.

        Parameters
        ----------
        columns
            The evidence.
        names
            The columns of labels and predictions, of values or of lists.
        labels
            The model's labels; where the evidence has others, those that occur are taken.
        operating_point
            A label is predicted where its probability is at least this, not where the prediction
            says so; with two labels that exclude each other that is said of the positive one.
            Rows without a probability then have no decision.
        positive
            The positive label of two; the last by default.

        Raises
        ------
        CheckError
            If the evidence lacks a column, or three or more labels exclude each other and there
            is an operating point.
        """
        true, predicted = columns.codes(names[0]), columns.codes(names[1])
        occurring = sorted({*true.members, *predicted.members})
        known = tuple(labels) if set(occurring) <= set(labels) else tuple(occurring)
        exclusive = not (true.is_list or predicted.is_list)
        holds = _table([true.holds(label) for label in known])
        if operating_point is None:
            width = max(1, len(predicted.values))
            codes, found = columns.pairs(*names)
            given = _table([predicted.holds(label) for label in known])
            is_true, is_predicted = holds[:, found // width].T, given[:, found % width].T
        else:
            at = known.index(positive) if positive in known else len(known) - 1
            over, scored = _at_point(columns, known, at, operating_point, exclusive=exclusive)
            # Rows with the same decisions are one cell.
            patterns, given_codes = np.unique(over, axis=0, return_inverse=True)
            pairs = true.codes.astype(np.int64) * len(patterns) + given_codes.reshape(-1)
            decided = (true.codes >= 0) & scored
            codes = np.full(len(pairs), -1, dtype=np.int32)
            found, codes[decided] = np.unique(pairs[decided], return_inverse=True)
            is_true = holds[:, found // len(patterns)].T
            is_predicted = patterns[found % len(patterns)]
        more_true, more_predicted = _thinkable(len(known), exclusive=exclusive)
        # A label that was never found may be found once: without that a model which gives one
        # answer to everything would seem sure never to do better.
        unfound = np.eye(len(known), dtype=bool)[~(is_true & is_predicted).any(axis=0)]
        return cls(
            codes,
            np.concatenate([is_true, more_true, unfound]),
            np.concatenate([is_predicted, more_predicted, unfound]),
            known,
            exclusive,
        )

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.is_true)

    @property
    def is_binary(self) -> bool:
        """Whether there are two labels that exclude each other."""
        return self.exclusive and len(self.labels) <= 2

    def positive(self, wanted: str | None) -> str:
        """Return the label that rates of two labels are about; the last by default."""
        return wanted if wanted in self.labels else self.labels[-1]

    def one_vs_rest(self, counts: Array) -> OneVsRest:
        """Return the counts of each label against the rest, from counts of cells ``[..., C]``."""
        hits, false, missed = self._parts
        return OneVsRest(
            true_positive=counts @ hits,
            false_positive=counts @ false,
            false_negative=counts @ missed,
            total=np.asarray(counts.sum(axis=-1)),
            exclusive=self.exclusive,
        )

    def of_label(self, label: str) -> Decisions:
        """Return the decisions about one label: four cells, 2 for the label, 1 for predicted."""
        at = self.labels.index(label)
        table = 2 * self.is_true[:, at] + self.is_predicted[:, at]
        cell = np.arange(4)[:, None]
        return Decisions(
            np.append(table, -1).astype(np.int32)[self.codes],
            cell >= 2,
            cell % 2 == 1,
            (label,),
            exclusive=False,
        )

    @cached_property
    def right(self) -> npt.NDArray[np.int32]:
        """How many decisions are right in each row, -1 where there are none.

        Of all labels where several may hold; otherwise the one decision, 0 or 1.
        """
        same = self.is_true == self.is_predicted
        table = same.all(axis=1) if self.exclusive else same.sum(axis=1)
        return np.append(table, -1).astype(np.int32)[self.codes]

    @cached_property
    def _parts(self) -> tuple[Array, Array, Array]:
        true, predicted = self.is_true.astype(float), self.is_predicted.astype(float)
        return true * predicted, (1 - true) * predicted, true * (1 - predicted)


def _table(rows: list[_Bools]) -> _Bools:
    return np.array(rows, dtype=bool).reshape(len(rows), -1)


def _at_point(
    columns: Columns, labels: tuple[str, ...], at: int, point: float, *, exclusive: bool
) -> tuple[_Bools, _Bools]:
    """Return which labels have at least that probability, ``[rows, labels]``, and where known."""
    if exclusive and len(labels) > 2:
        raise CheckError(
            f"an operating point is for two labels, or for several labels a text; here "
            f"{len(labels)} labels exclude each other",
            hint="Leave 'operating_point' out: the prediction is then the most probable label",
        )
    family = columns.family("probability")
    missing = [label for label in labels if label not in family]
    if missing:
        raise CheckError(f"the evidence has no probabilities of {missing[0]!r}")
    scores = np.stack([columns.numbers(family[label]) for label in labels], axis=1)
    scored: _Bools = np.asarray(~np.isnan(scores).any(axis=1))
    if not exclusive:
        return np.asarray(scores >= point), scored
    over = np.repeat(scores[:, [at]] < point, len(labels), axis=1)
    over[:, at] = ~over[:, at]
    return over, scored


def _thinkable(labels: int, *, exclusive: bool) -> tuple[_Bools, _Bools]:
    """Return cells of errors, by labels and predictions, that may not have been seen.

    Where no error was seen the evidence alone would claim certainty; the bootstrap's floor needs
    a cell to put unseen rows in. One wrong prediction a label, or one label missed and one too
    many, is enough for that.
    """
    one = np.eye(labels, dtype=bool)
    if exclusive:
        return one, np.roll(one, 1, axis=1)
    none = np.zeros((labels, labels), dtype=bool)
    return np.concatenate([one, none]), np.concatenate([none, one])
