"""Areas between ROC curves and generalized means, against brute force and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy.stats import norm, pmean

from auditkit.statistics import (
    area_variance,
    auc_influence,
    generalized_mean,
    generalized_mean_interval,
    generalized_mean_weights,
    largest_roc_difference,
    roc_curve,
    subgroup_rows,
)
from auditkit.statistics.roc_difference import roc_difference


def _sample(rng, n, share, apart, spread=1.0, ties=False):
    """Normal scores: negatives around 0, positives around ``apart``."""
    positive = rng.random(n) < share
    positive[:4] = [True, True, False, False]
    scores = np.where(positive, rng.normal(apart, spread, n), rng.normal(size=n))
    return (np.round(scores) if ties else scores), positive


def _true_difference(one, other):
    at = (np.arange(100_000) + 0.5) / 100_000
    heights = [norm.sf((norm.isf(at) - apart) / spread) for apart, spread in (one, other)]
    return np.abs(heights[0] - heights[1]).mean()


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_the_area_between_curves_is_the_integral_over_scikit_learns_curves(ties, seed):
    rng = np.random.default_rng(seed)
    samples = [_sample(rng, 90, 0.4, 1.0, ties=ties), _sample(rng, 60, 0.3, 1.2, 2.5, ties=ties)]
    # No point of the grid is a jump of either curve.
    at = (np.arange(1_000_000) + 0.5) / 1_000_000
    heights = []
    for scores, positive in samples:
        across, up, _ = sk.roc_curve(positive, scores, drop_intermediate=False)
        heights.append(np.interp(at, across, up))
    found = roc_difference(*(roc_curve(*sample) for sample in samples))
    assert found == pytest.approx(np.abs(heights[0] - heights[1]).mean(), abs=1e-5)
    areas = [sk.roc_auc_score(positive, scores) for scores, positive in samples]
    assert found >= abs(areas[0] - areas[1]) - 1e-12


def test_curves_that_cross_are_told_apart_though_their_areas_are_equal():
    """By hand: up at once to one half and straight on, against flat after one half of the way."""
    early = roc_curve(np.array([3.0, 2, 2, 2]), np.array([True, True, False, False]))
    late = roc_curve(np.array([2.0, 2, 2, 1]), np.array([True, True, False, False]))
    areas = [
        sk.roc_auc_score([1, 1, 0, 0], [3, 2, 2, 2]),
        sk.roc_auc_score([1, 1, 0, 0], [2, 2, 2, 1]),
    ]
    assert areas[0] == areas[1] == 0.75
    # Early is (1 + u) / 2, late min(1, 2u): they cross at 1/3, with triangles of 1/12 each.
    assert roc_difference(early, late) == pytest.approx(1 / 12 + 1 / 12)
    assert roc_difference(early, early) == 0


def test_a_score_or_a_class_that_is_missing_is_refused():
    with pytest.raises(ValueError, match="both classes"):
        roc_curve(np.array([1.0, 2.0]), np.array([True, True]))
    with pytest.raises(ValueError, match="NaN"):
        roc_curve(np.array([1.0, np.nan]), np.array([True, False]))


@pytest.mark.parametrize(
    "groups",
    [
        pytest.param([(150, 0.3, 1.0), (150, 0.3, 1.0)], id="equal"),
        pytest.param([(1000, 0.3, 1.0), (40, 0.3, 1.0)], id="equal, one small"),
        pytest.param([(200, 0.3, 1.5), (60, 0.3, 1.5), (400, 0.2, 1.5)], id="three equal"),
    ],
)
def test_equal_curves_are_rarely_accused(groups):
    """The low end is above 0 in one run of twenty: of 300, 28 would be 3.4 standard errors off."""
    rng = np.random.default_rng(11)
    accused, shown, expected = 0, [], []
    for _ in range(300):
        curves = [roc_curve(*_sample(rng, *group)) for group in groups]
        (found,) = largest_roc_difference([curves], 0.95, 100, rng)
        accused += found.interval.low > 0
        shown.append(found.value)
        expected.append(found.if_equal)
    assert accused <= 27
    assert np.mean(expected) == pytest.approx(np.mean(shown), rel=0.2)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param((1.5, 1.0), (0.8, 1.0), id="one better throughout"),
        pytest.param((1.0, 1.0), (1.6, 2.0), id="crossing"),
    ],
)
def test_the_interval_holds_the_true_area(one, other):
    rng = np.random.default_rng(12)
    truth = _true_difference(one, other)
    held = found_it = 0
    for _ in range(300):
        curves = [roc_curve(*_sample(rng, 500, 0.4, *of)) for of in (one, other)]
        (found,) = largest_roc_difference([curves], 0.95, 100, rng)
        held += found.interval.low <= truth <= found.interval.high
        found_it += found.interval.low > 0
    assert held >= 273  # 91%; 95% less 3 standard errors
    assert found_it > 240


def test_a_group_separated_perfectly_is_not_certain():
    """Three positives that happen to score highest: the curve of others like them may be lower."""
    rng = np.random.default_rng(0)
    few = roc_curve(np.arange(30.0), np.arange(30) >= 27)
    many = roc_curve(*_sample(rng, 2000, 0.3, 1.0))
    (found,) = largest_roc_difference([[few, many]], 0.95, 500, rng)
    assert found.value > 0.2
    assert found.interval.low == 0
    assert found.pair == (0, 1)


def test_several_families_share_one_band():
    rng = np.random.default_rng(1)
    families = [
        [roc_curve(*_sample(rng, 200, 0.4, apart)) for apart in (1.0, 1.6)] for _ in range(4)
    ]
    alone = largest_roc_difference(families[:1], 0.95, 2000, np.random.default_rng(2))[0]
    together = largest_roc_difference(families, 0.95, 2000, np.random.default_rng(2))[0]
    assert alone.value == together.value
    assert together.interval.low < alone.interval.low < alone.interval.high
    assert alone.interval.high < together.interval.high


def test_rows_of_each_area_follow_its_name():
    member = np.array([True, True, False, False, False])
    background = np.array([False, False, True, True, False])
    positive = np.array([True, False, True, False, True])
    chosen = {
        kind: np.flatnonzero(subgroup_rows(kind, member, background, positive)).tolist()
        for kind in ("subgroup", "bpsn", "bnsp")
    }
    assert chosen == {"subgroup": [0, 1], "bpsn": [1, 2], "bnsp": [0, 3]}
    with pytest.raises(ValueError, match="bpnn"):
        subgroup_rows("bpnn", member, background, positive)


@pytest.mark.parametrize("power", [-5, -1, 0.5, 1, 3])
def test_the_generalized_mean_is_scipys(power):
    values = np.random.default_rng(3).uniform(0.4, 1, 7)
    assert generalized_mean(values, power) == pytest.approx(pmean(values, power))
    step = 1e-6
    slopes = [
        (pmean(values + step * one, power) - pmean(values - step * one, power)) / (2 * step)
        for one in np.eye(7)
    ]
    assert generalized_mean_weights(values, power) == pytest.approx(slopes, rel=1e-5)


def test_a_mean_with_a_zero_is_zero_and_has_no_weights():
    assert generalized_mean(np.array([0.0, 0.9]), -5) == 0
    with pytest.raises(ValueError, match="no derivative"):
        generalized_mean_weights(np.array([0.0, 0.9]), -5)
    with pytest.raises(ValueError, match="at least 0"):
        generalized_mean(np.array([np.nan, 0.9]), -5)


@pytest.mark.parametrize(
    ("rows", "apart"),
    [
        pytest.param([400] * 5, [1.0] * 5, id="equal groups"),
        pytest.param([60] * 10, [1.0] * 10, id="small groups"),
        pytest.param([1000, 300, 100, 40], [1.5, 1.5, 1.0, 0.8], id="small ones worse"),
    ],
)
def test_the_interval_of_the_mean_holds_the_true_mean(rows, apart):
    truth = pmean(norm.cdf(np.array(apart) / np.sqrt(2)), -5)
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(300):
        areas, seen, variances = [], [], []
        for n, distance in zip(rows, apart, strict=True):
            scores, positive = _sample(rng, n, 0.3, distance)
            area, influence = auc_influence(scores, positive)
            up = int(positive.sum())
            areas.append(area)
            seen.append(float(influence @ influence))
            variances.append(area_variance(area, seen[-1], up, n - up))
        values, each = np.array(areas), np.array(variances)
        # Groups that share no rows.
        variance = float(generalized_mean_weights(values, -5) ** 2 @ each)
        interval = generalized_mean_interval(values, each, variance, -5, 0.95)
        assert interval.low <= generalized_mean(values, -5) <= interval.high
        held += interval.low <= truth <= interval.high
    assert held >= 273
