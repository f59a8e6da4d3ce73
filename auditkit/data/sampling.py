"""A draw from examples that looks like the whole: proportional over labels and groups."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from auditkit.data.examples import GROUP_PREFIX, Examples

__all__ = ["stratified"]


def stratified(examples: Examples, count: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Draw rows in proportion to how often each label occurs with each value of the groups.

    Rows are ordered by label, then by the group columns, at random where these are alike, and
    every ``len(examples) / count``-th is taken from a random start (systematic sampling). So
    every row has the same chance, and of each label, and of each combination of label and groups,
    the draw holds less than one row more or fewer than its share.

    Parameters
    ----------
    examples
        What is drawn from. A list of labels or groups is a value of its own, in any order.
    count
        How many rows; where there are no more than that, all of them are taken.
    rng
        Decides which.

    Returns
    -------
    numpy.ndarray
        Row numbers from 0, ascending: ``[min(count, len(examples))]``, for
        :meth:`~auditkit.data.Examples.take`.

    Raises
    ------
    ValueError
        If ``count`` is below 1.
    """
    if count < 1:
        raise ValueError("a draw is of at least 1 row")
    rows = len(examples)
    if count >= rows:
        return np.arange(rows, dtype=np.int64)
    names = ["label", *(GROUP_PREFIX + name for name in examples.groups)]
    strata = list(
        zip(*(map(_key, examples.table[name].to_pylist()) for name in names), strict=True)
    )
    code = {stratum: number for number, stratum in enumerate(sorted(set(strata)))}
    codes = np.array([code[stratum] for stratum in strata], dtype=np.int64)
    order = np.lexsort((rng.permutation(rows), codes))
    places = (rng.random() + np.arange(count)) * (rows / count)
    # Rounding could carry the last place beyond the last row.
    taken = order[np.minimum(places.astype(np.int64), rows - 1)]
    return np.sort(taken)


def _key(value: Any) -> tuple[str, ...]:
    """Return a value, a list of values or null as something that sorts."""
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(sorted(value))
