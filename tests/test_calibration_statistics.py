"""Calibration errors and selective risk against hand-worked cases, brute force and peers."""

from __future__ import annotations

import math
from itertools import permutations

import numpy as np
import pytest
from scipy.stats import binom

from auditkit import statistics as st

CONFIDENCE = np.array([0.55, 0.65, 0.65, 0.95, 0.95, 0.95])
OUTCOME = np.array([1.0, 0.0, 1.0, 1.0, 1.0, 0.0])


def binned(confidence, outcome, bins=15, assign=st.equal_width_bins):
    return st.calibration_bins(confidence, outcome, assign(confidence, bins))


def drawn(n, chance, seed):
    """Confidences spread over [0.5, 1] and outcomes that hold with ``chance`` of them."""
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1.0, n)
    return confidence, (rng.random(n) < chance(confidence)).astype(float)


def test_hand_worked_errors():
    """Bins of a tenth: 0.55 against 1 (one row), 0.65 against 1/2 (two), 0.95 against 2/3."""
    bins = binned(CONFIDENCE, OUTCOME, 10)
    assert bins.bin.tolist() == [5, 6, 9]
    assert bins.count.tolist() == [1, 2, 3]
    assert bins.difference == pytest.approx([0.45, -0.15, 2 / 3 - 0.95])
    assert bins.error == pytest.approx((0.45 + 2 * 0.15 + 3 * (0.95 - 2 / 3)) / 6)


def test_hand_worked_error_of_equal_mass():
    """Two bins of three rows: 0.6167 against 2/3, and 0.95 against 2/3."""
    bins = binned(CONFIDENCE, OUTCOME, 2, st.equal_mass_bins)
    assert bins.count.tolist() == [3, 3]
    assert bins.error == pytest.approx((2 / 3 - 1.85 / 3) / 2 + (0.95 - 2 / 3) / 2)


@pytest.mark.parametrize("bins", [2, 7, 15, 100])
def test_an_edge_belongs_to_the_bin_below_it(bins):
    edges = np.array([k / bins for k in range(1, bins + 1)])
    assert st.equal_width_bins(edges, bins).tolist() == list(range(bins))
    assert st.equal_width_bins(np.nextafter(edges[:-1], 1), bins).tolist() == list(range(1, bins))
    assert st.equal_width_bins(np.array([0.0]), bins).tolist() == [0]


def test_rows_of_equal_confidence_share_a_bin_of_equal_mass():
    confidence = np.repeat([0.5, 0.6, 0.7], [10, 80, 10])
    assert len(np.unique(st.equal_mass_bins(confidence, 15))) == 3
    distinct = np.linspace(0, 1, 1000)
    counts = np.bincount(st.equal_mass_bins(distinct, 15))
    assert counts.min() >= 66
    assert counts.max() <= 67


@pytest.mark.parametrize("bins", [2, 15, 50])
def test_plug_in_and_maximum_are_torchmetrics(bins):
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torchmetrics.functional.classification")
    confidence, outcome = drawn(2000, lambda c: c**2, 0)
    # One label: the score is its probability, and the outcome whether it holds.
    scores, held = torch.tensor(confidence), torch.tensor(outcome).long()
    found = binned(confidence, outcome, bins)
    for norm, value in (("l1", found.error), ("max", np.abs(found.difference).max())):
        expected = peer.binary_calibration_error(scores, held, n_bins=bins, norm=norm)
        assert value == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("confidence", [0.03, 0.5, 0.83, 0.999])
@pytest.mark.parametrize("n", [1, 7, 400])
def test_expected_error_if_calibrated_is_the_binomials(confidence, n):
    bins = binned(np.full(n, confidence), np.zeros(n))
    exact = binom(n, confidence).expect(lambda k: np.abs(k / n - confidence))
    assert st.expected_if_calibrated(bins) == pytest.approx(exact, rel=1e-9)


def test_expected_error_if_calibrated_is_what_a_simulation_shows():
    confidence, outcome = drawn(300, lambda c: c, 1)
    bins = binned(confidence, outcome)
    rng = np.random.default_rng(2)
    redrawn = rng.random((4000, 300)) < confidence
    errors = [binned(confidence, row).error for row in redrawn[:1000].astype(float)]
    assert st.expected_if_calibrated(bins) == pytest.approx(np.mean(errors), rel=0.02)
    null = st.calibrated_errors(bins, 4000, rng)
    assert np.quantile(null, [0.025, 0.975]) == pytest.approx(
        np.quantile(errors, [0.025, 0.975]), rel=0.08
    )


@pytest.mark.parametrize("right", [1000, 1020, 970, 1100])
def test_debiased_error_is_the_mean_over_random_halves(right):
    """What the formula states: the sign of one half, the difference of the other."""
    n, stated = 2000, 0.5
    outcome = (np.arange(n) < right).astype(float)
    found = st.debiased_error(binned(np.full(n, stated), outcome))
    rng = np.random.default_rng(right)
    first = rng.hypergeometric(right, n - right, n // 2, size=200_000)
    halves = np.stack([first, right - first]) / (n // 2) - stated
    assert found.raw == pytest.approx((np.sign(halves[0]) * halves[1]).mean(), abs=2e-4)


@pytest.mark.parametrize(
    ("chance", "truth"),
    [
        (lambda c: c, 0.0),
        (lambda c: c - 0.15, 0.15),
        (lambda c: np.where((c > 0.8) & (c <= 0.8 + 1 / 15), c - 0.4, c), 0.4 * 2 / 15),
    ],
)
def test_interval_of_the_debiased_error_holds_the_truth(chance, truth):
    """200 data sets; 95% of the intervals should, so at least 183 do (p = 0.02)."""
    held, plain, values = 0, [], []
    for seed in range(200):
        bins = binned(*drawn(600, chance, seed))
        found = st.debiased_error(bins)
        interval = found.interval(0.95)
        assert interval.low <= found.value <= interval.high
        held += interval.low <= truth <= interval.high
        plain.append(bins.error)
        values.append(found.raw)
    assert held >= 183
    # The bias it is there to remove, and what is left of it.
    assert abs(np.mean(values) - truth) < 0.6 * abs(np.mean(plain) - truth) + 0.012
    if truth == 0.0:
        assert np.mean(plain) > 0.02
        assert abs(np.mean(values)) < 0.004


def test_interval_of_the_maximum_holds_the_truth_and_is_wide_where_a_bin_is_small():
    held = 0
    for seed in range(200):
        confidence, outcome = drawn(600, lambda c: np.where(c > 0.9, c - 0.2, c), seed)
        interval = st.maximum_error_interval([binned(confidence, outcome, 5)], 0.95)
        # Bins of a fifth: the last is 0.8 to 1, half of it 0.2 too sure.
        held += interval.low <= 0.1 <= interval.high
    assert held >= 183
    one = np.append(np.full(1000, 0.9), 0.1)
    outcome = np.append(np.arange(1000) < 900, 0.0).astype(float)
    # Nobody can say how often a single row of confidence 0.1 comes true.
    assert st.maximum_error_interval([binned(one, outcome)], 0.95).high > 0.5


@pytest.mark.parametrize("right", [True, False])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("confidence", [0.0, 0.6, 1.0])
def test_few_rows_alike_claim_no_certainty(right, n, confidence):
    bins = binned(np.full(n, confidence), np.full(n, float(right)))
    found = st.debiased_error(bins)
    interval = found.interval(0.95)
    assert 0 <= interval.low <= found.value <= interval.high <= 1
    assert interval.high > 0.4
    assert math.isfinite(found.variance)
    assert found.variance > 0
    band = st.maximum_error_interval([bins], 0.95)
    assert 0 <= band.low <= bins.error <= band.high <= 1


def test_order_of_rows_does_not_matter():
    confidence, outcome = drawn(400, lambda c: c - 0.1, 3)
    confidence = confidence.round(2)
    order = np.random.default_rng(4).permutation(400)
    for assign in (st.equal_width_bins, st.equal_mass_bins):
        one = binned(confidence, outcome, assign=assign)
        other = binned(confidence[order], outcome[order], assign=assign)
        assert one.error == pytest.approx(other.error, abs=1e-12)
        assert st.debiased_error(one).raw == pytest.approx(st.debiased_error(other).raw, abs=1e-12)
    for coverage in (0.3, 0.8):
        here = st.accuracy_at_coverage(confidence, 1 - outcome, coverage)
        there = st.accuracy_at_coverage(confidence[order], 1 - outcome[order], coverage)
        assert here[0] == pytest.approx(there[0], abs=1e-12)
        assert here[2][order] == pytest.approx(there[2], abs=1e-12)
    area, influence = st.area_under_risk_coverage(confidence, 1 - outcome)
    again, moved = st.area_under_risk_coverage(confidence[order], 1 - outcome[order])
    assert area == pytest.approx(again, abs=1e-12)
    assert influence[order] == pytest.approx(moved, abs=1e-12)


def test_hand_worked_risk_coverage():
    """Right, wrong, right, right, wrong: risks 0, 1/2, 1/3, 1/4, 2/5."""
    confidence = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    wrong = np.array([0.0, 1, 0, 0, 1])
    risk, ends = st.risk_coverage(confidence, wrong)
    assert risk == pytest.approx([0, 1 / 2, 1 / 3, 1 / 4, 2 / 5])
    assert ends.tolist() == [0, 1, 2, 3, 4]
    area, _ = st.area_under_risk_coverage(confidence, wrong)
    assert area == pytest.approx((1 / 2 + 1 / 3 + 1 / 4 + 2 / 5) / 5)
    assert st.accuracy_at_coverage(confidence, wrong, 0.8)[:2] == (pytest.approx(0.75), 4)
    # Half of five rows are rounded up to three.
    assert st.accuracy_at_coverage(confidence, wrong, 0.5)[:2] == (pytest.approx(2 / 3), 3)


def test_ties_are_the_mean_over_all_their_orders():
    confidence = np.array([0.9, 0.8, 0.8, 0.8, 0.5])
    wrong = np.array([0.0, 1, 0, 0, 1])
    areas, accuracies = [], []
    for middle in permutations([1, 2, 3]):
        ordered = wrong[[0, *middle, 4]]
        areas.append(np.mean(np.cumsum(ordered) / np.arange(1, 6)))
        accuracies.append(1 - ordered[:3].mean())
    assert st.area_under_risk_coverage(confidence, wrong)[0] == pytest.approx(np.mean(areas))
    assert st.accuracy_at_coverage(confidence, wrong, 0.6)[0] == pytest.approx(np.mean(accuracies))


def test_influences_give_the_error_of_a_row_bootstrap():
    confidence, right = drawn(400, lambda c: c, 5)
    confidence, wrong = confidence.round(2), 1 - right
    rng = np.random.default_rng(6)
    draws = [rng.integers(0, 400, 400) for _ in range(1500)]
    for measure in (
        lambda rows: st.area_under_risk_coverage(confidence[rows], wrong[rows]),
        lambda rows: st.accuracy_at_coverage(confidence[rows], wrong[rows], 0.8)[::2],
    ):
        _, influence = measure(np.arange(400))
        assert influence.sum() == pytest.approx(0, abs=1e-12)
        error = math.sqrt(influence @ influence)
        assert error == pytest.approx(np.std([measure(rows)[0] for rows in draws]), rel=0.1)


@pytest.mark.parametrize("n", [1, 2, 30])
@pytest.mark.parametrize("wrong", [0.0, 1.0])
def test_a_model_always_right_or_always_wrong_is_not_certain_to_stay_so(n, wrong):
    area, influence = st.area_under_risk_coverage(np.linspace(0.6, 0.9, n), np.full(n, wrong))
    assert area == wrong
    interval = st.selective_interval(area, influence, n, 0.95)
    wilson = st.wilson(int(n * wrong), n, 0.95)
    assert (interval.low, interval.high) == pytest.approx((wilson.low, wilson.high))
    assert st.selective_variance(area, influence, n) > 0


@pytest.mark.parametrize(
    "call",
    [
        lambda: binned(np.array([]), np.array([])),
        lambda: binned(np.array([0.5, 1.5]), np.ones(2)),
        lambda: binned(np.array([0.5, np.nan]), np.ones(2)),
        lambda: st.area_under_risk_coverage(np.array([]), np.array([])),
        lambda: st.risk_coverage(np.array([np.nan]), np.ones(1)),
        lambda: st.accuracy_at_coverage(np.ones(1), np.ones(1), 0.0),
        lambda: st.accuracy_at_coverage(np.ones(1), np.ones(1), 1.1),
    ],
)
def test_what_has_no_value_is_refused(call):
    with pytest.raises(ValueError, match=r"needs|coverage"):
        call()
