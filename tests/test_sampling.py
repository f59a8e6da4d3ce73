"""A draw in proportion over labels and groups, held against counts."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import pytest

from auditkit.data.sampling import stratified
from auditkit.testing import make_examples


def examples(count: int, *, lists: bool = False):
    rng = random.Random(0)
    labels = rng.choices(["common", "rare", "rarest"], [90, 9, 1], k=count)
    groups = rng.choices(["a", "b", None], [5, 4, 1], k=count)
    if lists:
        # In any order: these are the same members.
        labels = [rng.sample([one, "other"], 2) for one in labels]
        groups = [None if one is None else [one] for one in groups]
    return make_examples([f"text {row}" for row in range(count)], labels, groups={"region": groups})


def strata(data, names) -> list[tuple]:
    columns = [data.table[name].to_pylist() for name in names]
    return [
        tuple(tuple(sorted(one)) if isinstance(one, list) else one for one in row)
        for row in zip(*columns, strict=True)
    ]


@pytest.mark.parametrize("lists", [False, True])
@pytest.mark.parametrize("count", [1, 7, 100, 333, 999])
def test_every_stratum_has_its_share_to_less_than_a_row(count, lists):
    data = examples(1000, lists=lists)
    rows = stratified(data, count, np.random.default_rng(count))
    assert len(rows) == len(set(rows.tolist())) == count
    assert rows.tolist() == sorted(rows.tolist())
    for names in (["label"], ["label", "group:region"]):
        whole, drawn = Counter(strata(data, names)), Counter(strata(data.take(rows), names))
        assert len(whole) >= 3
        for stratum, size in whole.items():
            assert abs(drawn[stratum] - size * count / 1000) < 1, stratum


def test_each_row_has_the_same_chance():
    data = examples(40)
    draws = 2000
    times = np.zeros(40)
    for seed in range(draws):
        times[stratified(data, 10, np.random.default_rng(seed))] += 1
    # Binomial with p = 1/4: a deviation of five standard errors has a chance of 2 in a million.
    assert np.abs(times / draws - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / draws)


def test_the_generator_decides_and_nothing_else():
    data = examples(200)
    first, again, other = (
        stratified(data, 50, np.random.default_rng(seed)).tolist() for seed in (1, 1, 2)
    )
    assert first == again != other


def test_no_more_than_there_are():
    data = examples(20)
    for count in (20, 21, 10**6):
        assert stratified(data, count, np.random.default_rng(0)).tolist() == list(range(20))
    with pytest.raises(ValueError, match="at least 1"):
        stratified(data, 0, np.random.default_rng(0))
