"""Quantiles: their interval by order statistics, as a statistic and in groups."""

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
from scipy.stats import binom, quantile_test

from auditkit.metrics import Constant, Metric, Quantile, Ratio
from auditkit.metrics.declare import metric_from_dict, metric_to_dict
from auditkit.metrics.measure import Settings, measure
from auditkit.statistics import quantile_interval


def test_the_median_of_ten_by_hand():
    """P(B <= 1) = 11/1024 = 0.0107 and P(B <= 2) = 56/1024 = 0.0547: ranks 2 and 9."""
    interval = quantile_interval(np.arange(10.0, 110.0, 10.0)[::-1], 0.5, 0.95)
    assert (interval.low, interval.high) == (20.0, 90.0)
    assert interval.method == "order statistics"


def test_a_95th_percentile_needs_72_values():
    """0.95 ** 71 = 0.0262 and 0.95 ** 72 = 0.0249; half of what 95% leaves over is 0.025."""
    assert quantile_interval(np.arange(71.0), 0.95, 0.95).high == np.inf
    assert quantile_interval(np.arange(72.0), 0.95, 0.95).high == 71.0
    assert quantile_interval(np.arange(72.0), 0.05, 0.95).low == 0.0
    assert quantile_interval(np.arange(71.0), 0.05, 0.95).low == -np.inf


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.99])
@pytest.mark.parametrize("q", [0.05, 0.5, 0.95])
@pytest.mark.parametrize("n", [30, 256, 1001])
def test_it_is_scipys_interval(n, q, confidence):
    values = np.random.default_rng(n).exponential(size=n)
    ours = quantile_interval(values, q, confidence)
    theirs = quantile_test(values, q=1.0, p=q).confidence_interval(confidence)
    for own, other in ((ours.low, theirs.low), (ours.high, theirs.high)):
        assert own == other or (np.isinf(own) and np.isnan(other))


def test_it_covers_as_often_as_it_says():
    rng = np.random.default_rng(0)
    truth = np.log(20)  # the 95th percentile of an exponential
    held = 0
    for _ in range(2000):
        interval = quantile_interval(rng.exponential(size=256), 0.95, 0.95)
        held += interval.low <= truth <= interval.high
    # What it should be follows from its ranks; 2,000 draws tell it to within 0.015.
    ranks = quantile_interval(np.arange(1.0, 257.0), 0.95, 0.95)
    exact = binom.cdf(ranks.high - 1, 256, 0.95) - binom.cdf(ranks.low - 1, 256, 0.95)
    assert exact >= 0.95
    assert held / 2000 == pytest.approx(exact, abs=0.015)


@pytest.mark.parametrize(
    ("values", "q", "confidence"),
    [([], 0.5, 0.95), ([1.0, np.nan], 0.5, 0.95), ([1.0], 0.0, 0.95), ([1.0], 0.5, 1.0)],
)
def test_wrong_use_is_refused(values, q, confidence):
    with pytest.raises(ValueError, match=r"needs|lie"):
        quantile_interval(np.array(values), q, confidence)


def source(**columns):
    return ds.dataset(pa.table(columns))


def only(measurements, name, **slice_):
    (found,) = [one for one in measurements if one.metric == name and one.slice == slice_]
    return found


def test_a_quantile_of_a_column_leaves_out_rows_without_a_value():
    rng = np.random.default_rng(1)
    values = rng.exponential(size=300)
    with_gaps = [*values.tolist(), None, None]
    (found,) = measure(
        source(latency=with_gaps), [Metric("p95", Quantile("latency", 0.95), "lower")], Settings()
    )
    assert found.value == np.quantile(values, 0.95)
    assert found.n == 300
    assert found.low < found.value < found.high
    assert found.note is None


def test_with_few_values_there_is_a_value_and_no_interval():
    metric = Metric("p95", Quantile("latency", 0.95), "lower")
    (found,) = measure(source(latency=[1.0, 2.0, 3.0]), [metric], Settings())
    assert (found.value, found.low, found.high) == (2.9, None, None)
    assert found.note == "no interval: too few values"
    (found,) = measure(source(latency=pa.array([None], pa.float64())), [metric], Settings())
    assert (found.value, found.n, found.note) == (None, 0, "no values")


def test_quantiles_are_compared_between_groups():
    rng = np.random.default_rng(2)
    quick, slow = rng.normal(1.0, 0.1, 400), rng.normal(2.0, 0.1, 400)
    table = {"latency": [*quick, *slow], "group:kind": ["quick"] * 400 + ["slow"] * 400}
    found = measure(
        source(**table),
        [Metric("p50", Quantile("latency", 0.5), "lower")],
        Settings(groups=("kind",)),
    )
    gap = only(found, "p50.gap", group="kind")
    assert gap.low < 1.0 < gap.high
    assert gap.low > 0.9
    assert only(found, "p50", kind="slow").value == np.median(slow)


def test_a_constant_is_exact_and_has_to_be_one():
    metrics = [Metric("size", Constant("size"), "lower")]
    (found,) = measure(source(size=[7, None, 7]), metrics, Settings())
    assert (found.value, found.low, found.high, found.n) == (7, 7, 7, 2)
    assert found.is_exact
    (found,) = measure(source(size=[7, 8]), metrics, Settings())
    assert (found.value, found.note) == (None, "size differs between rows")
    grouped = source(size=[7] * 80, **{"group:kind": ["a", "b"] * 40})
    found = measure(grouped, metrics, Settings(groups=("kind",)))
    assert only(found, "size.gap", group="kind").value == 0


def test_rows_with_neither_are_no_part_of_a_ratio_but_half_rows_are_told():
    whole = {"texts": [10, None, 20], "seconds": [1.0, None, 4.0]}
    metric = Metric("rate", Ratio("texts", "seconds"), "higher")
    (found,) = measure(source(**whole), [metric], Settings())
    assert (found.value, found.n, found.note) == (6.0, 2, None)
    half = {"texts": [10, 5, 20], "seconds": [1.0, None, 4.0]}
    (found,) = measure(source(**half), [metric], Settings())
    assert (found.n, found.note) == (2, "1 of 3 rows have no value")


def test_declarations_are_read_back_and_older_ones_too():
    for metric in (
        Metric("p95", Quantile("latency", 0.95), "lower", by_group=False),
        Metric("size", Constant("size"), "none"),
    ):
        assert metric_from_dict(metric_to_dict(metric)) == metric
    older = metric_to_dict(Metric("size", Constant("size"), "none"))
    del older["by_group"]
    assert metric_from_dict(older).by_group
    with pytest.raises(ValueError, match="between 0 and 1"):
        Quantile("latency", 95)
