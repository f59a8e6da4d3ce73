"""Values against scikit-learn on boolean masks; slices, gaps and what cannot be measured."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import sklearn.metrics as sk

from auditkit.errors import CheckError
from auditkit.evaluators.performance import Performance
from auditkit.metrics import Cells, Custom, Mean, Metric, Ratio
from auditkit.metrics.declare import metric_from_dict, metric_to_dict
from auditkit.metrics.measure import Settings, measure, measure_one
from auditkit.metrics.ranges import metric_range
from auditkit.record import Measurement

LABELS = ("bad", "fair", "good")
METRICS = Performance(Performance.Params()).metrics()
AVERAGES = [
    (name, average)
    for name in ("precision", "recall", "f1")
    for average in ("macro", "micro", "weighted")
]


def _measured(table: pa.Table, metrics=METRICS, **settings) -> dict[tuple, Measurement]:
    settings.setdefault("draws", 200)
    found = measure(ds.dataset(table), metrics, Settings(**settings))
    keyed = {(one.metric, *sorted(one.slice.items())): one for one in found}
    assert len(keyed) == len(found)
    return keyed


@pytest.fixture(scope="module")
def measured(single):
    return _measured(single, labels=LABELS, groups=("region", "named"))


def test_one_answer_to_everything_may_do_better_yet():
    """Recall of the other label is 0 of 300; Wilson's upper end for that is not 0."""
    table = pa.table({"label": ["bad"] * 300 + ["good"] * 300, "prediction": ["bad"] * 600})
    metrics = [one for one in METRICS if one.name in ("balanced_accuracy", "recall")]
    found = _measured(table, metrics, labels=("bad", "good"))
    balanced, recall = found[("balanced_accuracy",)], found["recall", ("label", "good")]
    assert balanced.value == 0.5
    assert recall.value == 0
    assert balanced.high == pytest.approx(0.5 + recall.high / 2, rel=0.02)


def _reference(frame: pd.DataFrame) -> dict[str, float]:
    """Every overall metric of performance, by scikit-learn."""
    truth, guess = frame["label"], frame["prediction"]
    probabilities = frame[[f"probability:{label}" for label in LABELS]].to_numpy()
    values = {
        "accuracy": sk.accuracy_score(truth, guess),
        "balanced_accuracy": sk.balanced_accuracy_score(truth, guess),
        "matthews_correlation": sk.matthews_corrcoef(truth, guess),
        "log_loss": sk.log_loss(truth, probabilities, labels=list(LABELS)),
        "roc_auc": np.mean(
            [
                sk.roc_auc_score(truth == label, probabilities[:, i])
                for i, label in enumerate(LABELS)
            ]
        ),
        "average_precision": np.mean(
            [
                sk.average_precision_score(truth == label, probabilities[:, i])
                for i, label in enumerate(LABELS)
            ]
        ),
    }
    for name, average in AVERAGES:
        score = getattr(sk, f"{name}_score")
        values[f"{name}_{average}"] = score(truth, guess, average=average, zero_division=0)
    return values


def test_overall_values_are_scikit_learns(single, measured):
    for name, value in _reference(single.to_pandas()).items():
        assert measured[(name,)].value == pytest.approx(value, abs=1e-12), name
        assert measured[(name,)].n == 900


@pytest.mark.parametrize("region", ["north", "south", "west"])
def test_group_values_are_scikit_learns_on_a_mask(single, measured, region):
    frame = single.to_pandas()
    frame = frame[frame["group:region"] == region]
    for name, value in _reference(frame).items():
        one = measured[(name, ("region", region))]
        assert one.value == pytest.approx(value, abs=1e-12), name
        assert one.n == len(frame)


def test_a_row_with_several_memberships_counts_in_each(single, measured):
    frame = single.to_pandas()
    for member in "ABC":
        mask = frame["group:named"].map(lambda names, member=member: member in names)
        one = measured["accuracy", ("named", member)]
        assert one.n == mask.sum()
        assert one.value == pytest.approx(frame[mask]["correct"].mean())


def test_intersections_are_masks_on_both_columns(single, measured):
    frame = single.to_pandas()
    mask = (frame["group:region"] == "north") & frame["group:named"].map(lambda names: "B" in names)
    one = measured["f1_macro", ("named", "B"), ("region", "north")]
    reference = sk.f1_score(frame[mask]["label"], frame[mask]["prediction"], average="macro")
    assert one.value == pytest.approx(reference)
    assert one.n == mask.sum()


def test_values_by_label_are_scikit_learns(single, measured):
    frame = single.to_pandas()
    precision, recall, f1, support = sk.precision_recall_fscore_support(
        frame["label"], frame["prediction"], labels=list(LABELS)
    )
    for position, label in enumerate(LABELS):
        key = ("label", label)
        assert measured["precision", key].value == pytest.approx(precision[position])
        assert measured["recall", key].value == pytest.approx(recall[position])
        assert measured["f1", key].value == pytest.approx(f1[position])
        assert measured["support", key].value == support[position]
        assert measured["recall", key].n == support[position]
        assert measured["precision", key].n == (frame["prediction"] == label).sum()


def test_two_labels_use_the_positive_one(binary):
    frame = binary.to_pandas()
    for positive in ("no", "yes"):
        measured = _measured(binary, labels=("no", "yes"), positive=positive)
        truth, score = frame["label"] == positive, frame[f"probability:{positive}"]
        assert measured["average_precision",].value == pytest.approx(
            sk.average_precision_score(truth, score)
        )
        assert measured["roc_auc",].value == pytest.approx(sk.roc_auc_score(truth, score))


def test_without_a_positive_label_the_last_is_taken(binary):
    by_default = _measured(binary, labels=("no", "yes"))["average_precision",]
    named = _measured(binary, labels=("no", "yes"), positive="yes")["average_precision",]
    assert by_default.value == named.value


def test_several_labels_a_row_are_scikit_learns(several, multi_hot):
    measured = _measured(several, labels=LABELS)
    truth, guess = multi_hot(several, "label"), multi_hot(several, "prediction")
    frame = several.to_pandas()
    probabilities = frame[[f"probability:{label}" for label in LABELS]].to_numpy()
    assert measured["accuracy",].value == pytest.approx(sk.accuracy_score(truth, guess))
    for name, average in AVERAGES:
        score = getattr(sk, f"{name}_score")
        assert measured[f"{name}_{average}",].value == pytest.approx(
            score(truth, guess, average=average, zero_division=0)
        )
    assert measured["roc_auc",].value == pytest.approx(sk.roc_auc_score(truth, probabilities))
    assert measured["average_precision",].value == pytest.approx(
        sk.average_precision_score(truth, probabilities)
    )
    losses = [sk.log_loss(truth[:, i], probabilities[:, i]) for i in range(3)]
    assert measured["log_loss",].value == pytest.approx(np.mean(losses))
    for name in ("balanced_accuracy", "matthews_correlation"):
        assert measured[name,].value is None
        assert "exclude each other" in measured[name,].note


def test_gap_and_worst_are_extremes_over_large_enough_groups(single, measured):
    frame = single.to_pandas()
    by_region = {
        region: part["correct"].mean()
        for region, part in frame.groupby("group:region")
        if region != "tiny"
    }
    gap = measured["accuracy.gap", ("group", "region")]
    worst = measured["accuracy.worst", ("group", "region")]
    assert gap.value == pytest.approx(max(by_region.values()) - min(by_region.values()))
    assert worst.value == pytest.approx(min(by_region.values()))
    assert gap.method == worst.method == "max-T band"
    assert gap.better == "lower"
    tiny = (frame["group:region"] == "tiny").sum()
    assert f"fewer than 30 examples: 'tiny' ({tiny})" in gap.note
    highest = max(by_region, key=by_region.get)
    lowest = min(by_region, key=by_region.get)
    assert f"highest in '{highest}', lowest in '{lowest}'" in gap.note
    assert gap.n == frame["group:region"].isin(by_region).sum()
    assert gap.low <= gap.value <= gap.high
    assert worst.low <= worst.value <= worst.high


def test_the_worst_of_a_loss_is_the_highest(single, measured):
    frame = single.to_pandas()
    losses = {
        region: part["log_loss"].mean()
        for region, part in frame.groupby("group:region")
        if region != "tiny"
    }
    worst = measured["log_loss.worst", ("group", "region")]
    assert worst.value == pytest.approx(max(losses.values()))
    assert worst.better == "lower"


def test_descriptions_have_no_gap(measured):
    assert not [key for key in measured if key[0].startswith("support.")]


def test_intervals_hold_their_values_and_name_their_method(measured):
    methods = set()
    for one in measured.values():
        if one.value is None:
            assert one.note
            continue
        methods.add(one.method)
        if one.low is not None:
            assert one.low <= one.value + 1e-12, one
            assert one.value - 1e-12 <= one.high, one
    assert {"Wilson", "BCa", "cell bootstrap (BCa)", "max-T band", "DeLong (logit)"} <= methods


def test_one_measurement_alone_is_the_same(single, measured):
    settings = Settings(labels=LABELS, groups=("region", "named"), draws=200)
    for name, slice_ in [
        ("f1_macro", {}),
        ("recall", {"label": "fair", "region": "south"}),
        ("roc_auc.gap", {"group": "region"}),
        ("accuracy.worst", {"group": "region*named"}),
    ]:
        alone = measure_one(ds.dataset(single), METRICS, settings, name, slice_)
        assert alone == measured[(name, *sorted(slice_.items()))]
    assert measure_one(ds.dataset(single), METRICS, settings, "accuracy", {"region": "x"}) is None


def test_confidence_widens_intervals(single):
    settings = Settings(labels=LABELS, groups=("region",), draws=500)
    wide = Settings(labels=LABELS, groups=("region",), draws=500, confidence=0.99)
    for name, slice_ in [("f1_macro", {}), ("accuracy", {}), ("accuracy.gap", {"group": "region"})]:
        narrow_one = measure_one(ds.dataset(single), METRICS, settings, name, slice_)
        wide_one = measure_one(ds.dataset(single), METRICS, wide, name, slice_)
        assert wide_one.high - wide_one.low > narrow_one.high - narrow_one.low
        assert wide_one.value == narrow_one.value


def test_the_order_of_rows_does_not_matter(single):
    shuffled = single.take(np.random.default_rng(0).permutation(len(single)))
    settings = {"labels": LABELS, "groups": ("region",)}
    counted = [metric for metric in METRICS if isinstance(metric.statistic, Cells | Mean)]
    counted = [metric for metric in counted if metric.name != "log_loss"]
    assert _measured(single, counted, **settings) == _measured(shuffled, counted, **settings)


def test_a_label_that_never_occurs_is_not_measurable_not_zero(binary):
    column = binary.column_names.index("label")
    only_no = binary.set_column(column, "label", pa.array(["no"] * len(binary)))
    measured = _measured(only_no, labels=("no", "yes"))
    recall = measured["recall", ("label", "yes")]
    assert recall.value is None
    assert recall.low is None
    assert "no example is labelled 'yes'" in recall.note
    assert measured["roc_auc",].value is None
    assert "with and without the label" in measured["roc_auc",].note
    assert measured["matthews_correlation",].value is None


def test_a_prediction_that_never_occurs_has_no_precision(binary):
    column = binary.column_names.index("prediction")
    never = binary.set_column(column, "prediction", pa.array(["no"] * len(binary)))
    precision = _measured(never, labels=("no", "yes"))["precision", ("label", "yes")]
    assert precision.value is None
    assert "'yes' was never predicted" in precision.note


def test_slice_by_cuts_before_groups(single):
    n = len(single)
    table = single.append_column("kind", pa.array(["typo", "case"] * (n // 2)))
    table = table.append_column("flipped", pa.array(([True] + [False] * 3) * (n // 4)))
    metric = Metric("flip_rate", Mean("flipped"), "lower", slice_by=("kind",))
    measured = _measured(table, [metric], groups=("region",))
    assert measured["flip_rate", ("kind", "typo")].value == 0.5
    assert measured["flip_rate", ("kind", "case")].value == 0.0
    frame = table.to_pandas()
    mask = (frame["kind"] == "typo") & (frame["group:region"] == "north")
    assert measured["flip_rate", ("kind", "typo"), ("region", "north")].n == mask.sum()
    gap = measured["flip_rate.gap", ("group", "region"), ("kind", "typo")]
    rates = frame[frame["kind"] == "typo"].groupby("group:region")["flipped"].mean().drop("tiny")
    assert gap.value == pytest.approx(rates.max() - rates.min())


def test_ratio_of_booleans_is_a_proportion_of_the_denominator(single):
    attempted = np.arange(len(single)) % 3 > 0
    succeeded = attempted & (np.arange(len(single)) % 6 == 1)
    table = single.append_column("attempted", pa.array(attempted)).append_column(
        "succeeded", pa.array(succeeded)
    )
    metric = Metric("attack_success_rate", Ratio("succeeded", "attempted"), "lower")
    one = _measured(table, [metric])["attack_success_rate",]
    assert one.value == pytest.approx(0.25)
    assert one.n == 600
    assert one.method == "Wilson"


def test_ratio_of_sums(single):
    rng = np.random.default_rng(0)
    words = rng.integers(5, 40, len(single)).astype(float)
    changed = np.floor(words * rng.random(len(single)) / 2)
    table = single.append_column("words", pa.array(words)).append_column(
        "changed", pa.array(changed)
    )
    metric = Metric("perturbed_word_rate", Ratio("changed", "words"), "lower")
    one = _measured(table, [metric])["perturbed_word_rate",]
    assert one.value == pytest.approx(changed.sum() / words.sum())
    assert one.low < one.value < one.high


def test_missing_values_are_left_out_and_said(single):
    queries = [None if row % 4 == 0 else float(row) for row in range(len(single))]
    table = single.append_column("queries", pa.array(queries))
    one = _measured(table, [Metric("queries", Mean("queries"), "none")])["queries",]
    assert one.value == pytest.approx(np.mean([value for value in queries if value is not None]))
    assert one.n == 675
    assert "225 of 900 rows have no value" in one.note


def test_rows_of_another_sort_are_no_part_of_what_is_sliced(single):
    """Rows without a value in a statistic's columns count towards no slice and no group."""
    rows = np.arange(len(single))
    kinds = np.where(rows % 2, "typo", "case")
    compared = [True if row % 2 and row % 5 else None for row in rows]
    drops = [float(row % 3 - 1) if told else None for row, told in zip(rows, compared, strict=True)]
    flipped = [told and row % 7 == 0 for row, told in zip(rows, compared, strict=True)]
    table = single
    for name, values in (
        ("kind", kinds), ("compared", compared), ("flipped", flipped), ("dropped", drops)
    ):  # fmt: skip
        table = table.append_column(name, pa.array(values))
    metrics = [
        Metric("flip_rate", Ratio("flipped", "compared"), "lower", ("kind",)),
        Metric("accuracy_drop", Mean("dropped", bounds=(-1.0, 1.0)), "lower", ("kind",)),
    ]
    measured = _measured(table, metrics, groups=("region",), minimum_group=41)
    frame = table.to_pandas()
    known = frame[frame["compared"].notna()]
    counts = known["group:region"].value_counts()
    assert measured["flip_rate", ("kind", "typo")].n == len(known)
    assert measured["accuracy_drop", ("kind", "typo")].value == pytest.approx(
        known["dropped"].mean()
    )
    assert measured["accuracy_drop", ("kind", "typo")].note is None
    for metric in ("flip_rate", "accuracy_drop"):
        assert (metric, ("kind", "case")) not in measured
        gap = measured[f"{metric}.gap", ("group", "region"), ("kind", "typo")]
        assert gap.n == counts[counts >= 41].sum()
        for region in counts[counts < 41].index:
            assert f"'{region}' ({counts[region]})" in gap.note


def test_equal_values_within_bounds_have_an_interval(single):
    table = single.append_column("dropped", pa.array([0.0] * len(single)))
    metric = Metric("accuracy_drop", Mean("dropped", bounds=(-1.0, 1.0)), "lower")
    one = _measured(table, [metric])["accuracy_drop",]
    assert one.value == 0.0
    assert -0.01 < one.low < 0 < one.high < 0.01
    assert metric_range(metric) == (-1.0, 1.0)
    assert metric_range(metric, "gap") == (0.0, 2.0)
    outside = single.append_column("dropped", pa.array([0.0] * (len(single) - 1) + [1.5]))
    with pytest.raises(CheckError, match="values outside of -1 to 1"):
        _measured(outside, [metric])
    with pytest.raises(ValueError, match="not a lower and an upper one"):
        Mean("dropped", bounds=(1.0, 1.0))
    assert metric_from_dict(json.loads(json.dumps(metric_to_dict(metric)))) == metric


def test_equal_values_without_bounds_have_no_interval(single):
    table = single.append_column("queries", pa.array([3.0] * len(single)))
    metric = Metric("queries", Mean("queries"), "lower")
    measured = _measured(table, [metric], groups=("region",))
    assert measured["queries",].value == 3.0
    assert measured["queries",].low is None
    assert "all values are equal" in measured["queries",].note
    assert measured["queries.gap", ("group", "region")].value is None


def spread(frame: pd.DataFrame) -> float:
    """A plugin's metric."""
    return float(frame["log_loss"].quantile(0.9) - frame["log_loss"].quantile(0.1))


def test_a_plugins_function_is_measured_with_a_row_bootstrap(single):
    metric = Metric("spread", Custom(f"{__name__}:spread", ("log_loss",)), "lower")
    measured = _measured(single, [metric], groups=("region",))
    frame = single.to_pandas()
    assert measured["spread",].value == pytest.approx(spread(frame))
    assert measured["spread",].method == "row bootstrap, 200 draws"
    values = [spread(part) for region, part in frame.groupby("group:region") if region != "tiny"]
    gap = measured["spread.gap", ("group", "region")]
    assert gap.value == pytest.approx(max(values) - min(values))
    assert gap.low <= gap.value <= gap.high


@pytest.mark.parametrize(
    ("metric", "message"),
    [
        (Metric("m", Mean("nowhere"), "higher"), "no column 'nowhere'; it has example_id"),
        (Metric("m", Mean("label"), "higher"), "a number is needed"),
        (Metric("m", Cells(("label", "prediction"), "f1_makro"), "higher"), "f1_macro"),
        (Metric("m", Custom("auditkit.nowhere:f", ()), "higher"), "cannot load the metric"),
    ],
)
def test_what_the_evidence_cannot_answer_is_an_error(single, metric, message):
    with pytest.raises(CheckError, match=message):
        _measured(single, [metric])


def test_a_gap_needs_two_groups(single):
    measured = _measured(single, METRICS[:1], groups=("region",), minimum_group=400)
    gap = measured["accuracy.gap", ("group", "region")]
    assert gap.value is None
    assert "two groups of at least 400" in gap.note


def test_no_error_seen_is_no_certainty(single):
    """All right in every group: no interval may have zero width, whatever the statistic."""
    right = single.set_column(
        single.column_names.index("prediction"), "prediction", single["label"]
    ).set_column(single.column_names.index("correct"), "correct", pa.array([True] * len(single)))
    measured = _measured(right, labels=LABELS, groups=("region",), draws=1000)
    for name in ("accuracy", "f1_macro", "recall_weighted", "balanced_accuracy"):
        assert measured[name,].low < 1.0, name
        gap = measured[f"{name}.gap", ("group", "region")]
        assert gap.value == 0.0
        assert gap.high > 0.005, name
        assert measured[f"{name}.worst", ("group", "region")].low < 0.995, name


def test_no_error_seen_is_no_certainty_with_several_labels(several):
    column = several.column_names.index("prediction")
    right = several.set_column(column, "prediction", several["label"])
    group = pa.array(["x", "y"] * (len(several) // 2))
    measured = _measured(right.append_column("group:g", group), labels=LABELS, groups=("g",))
    for name in ("f1_macro", "f1_micro"):
        assert measured[name,].low < 1.0
        assert measured[f"{name}.gap", ("group", "g")].high > 0.0


def test_of_very_many_groups_the_largest_are_measured():
    names = [f"user{number:04d}" for number in range(700)]
    column = [name for number, name in enumerate(names) for _ in range(1 + (number >= 250))]
    table = pa.table({"correct": [True] * len(column), "group:user": column})
    metric = Metric("accuracy", Mean("correct"), "higher")
    measured = _measured(table, [metric], groups=("user",), minimum_group=1)
    found = {key[1][1] for key in measured if len(key) > 1 and key[1][0] == "user"}
    assert len(found) == 500
    assert set(names[250:]) <= found
    gap = measured["accuracy.gap", ("group", "user")]
    assert gap.value is None
    assert "more than 100 groups" in gap.note


def test_a_planted_gap_is_found_and_an_absent_one_is_not():
    rng = np.random.default_rng(11)
    n = 4000
    group = rng.choice(["x", "y"], n)
    right = np.where(group == "x", rng.random(n) < 0.9, rng.random(n) < 0.75)
    noise = rng.choice(["x", "y"], n)
    table = pa.table(
        {"correct": right, "group:planted": group.tolist(), "group:noise": noise.tolist()}
    )
    metric = Metric("accuracy", Mean("correct"), "higher")
    measured = _measured(table, [metric], groups=("planted", "noise"), draws=2000)
    planted = measured["accuracy.gap", ("group", "planted")]
    assert planted.low > 0.1
    assert planted.low < 0.15 < planted.high
    assert measured["accuracy.gap", ("group", "noise")].low == 0.0
