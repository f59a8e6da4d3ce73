"""The calibration check on evidence, against pandas, scikit-learn and torchmetrics."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import sklearn.metrics as sk
from pydantic import ValidationError

from auditkit.errors import CheckError
from auditkit.evaluators.calibration import Calibration
from auditkit.metrics import metric_from_dict, metric_to_dict
from auditkit.metrics.measure import Settings, measure
from auditkit.metrics.tables import tabulate
from auditkit.record import Measurement

LABELS = ("bad", "fair", "good")
ECE = "expected_calibration_error"


def _check(**params) -> Calibration:
    return Calibration(Calibration.Params(**params))


def _measured(table: pa.Table, check: Calibration | None = None, **settings):
    settings.setdefault("labels", LABELS)
    found = measure(ds.dataset(table), (check or _check()).metrics(), Settings(**settings))
    return {(one.metric, *sorted(one.slice.items())): one for one in found}


def _tables(table: pa.Table, labels=LABELS, **params):
    found = tabulate(ds.dataset(table), _check(**params).tables(), Settings(labels=labels))
    return {one.name: (pd.DataFrame(one.rows, columns=one.columns), one.note) for one in found}


def _errors(stated: pd.Series, held: pd.Series, bins: int = 15) -> tuple[float, float]:
    """Expected and maximum calibration error by pandas' bins, which are (low, high]."""
    cut = pd.cut(stated, np.linspace(0, 1, bins + 1), include_lowest=True)
    found = pd.DataFrame({"stated": stated, "held": held}).groupby(cut, observed=True)
    off = (found["held"].mean() - found["stated"].mean()).abs()
    return float((off * found.size()).sum() / len(stated)), float(off.max())


def _top(frame: pd.DataFrame) -> pd.Series:
    return frame[[f"probability:{label}" for label in LABELS]].max(axis=1)


@pytest.fixture(scope="module")
def measured(single):
    return _measured(single, groups=("region", "named"))


def test_errors_are_those_of_pandas_bins(single, measured):
    frame = single.to_pandas()
    for slice_, part in (
        ((), frame),
        ((("region", "north"),), frame[frame["group:region"] == "north"]),
        ((("named", "B"),), frame[[("B" in names) for names in frame["group:named"]]]),
    ):
        expected, largest = _errors(_top(part), part["correct"])
        assert measured[(ECE, *slice_)].value == pytest.approx(expected)
        assert measured[("maximum_calibration_error", *slice_)].value == pytest.approx(largest)
        assert measured[(ECE, *slice_)].n == len(part)


def test_error_of_several_classes_is_torchmetrics(single, measured):
    torch = pytest.importorskip("torch")
    peer = pytest.importorskip("torchmetrics.functional.classification")
    frame = single.to_pandas()
    scores = torch.tensor(frame[[f"probability:{label}" for label in LABELS]].to_numpy())
    target = torch.tensor(frame["label"].map(LABELS.index).to_numpy())
    expected = peer.multiclass_calibration_error(scores, target, len(LABELS), n_bins=15)
    assert measured[ECE,].value == pytest.approx(float(expected), abs=1e-5)


def test_classwise_errors_are_those_of_pandas_bins(single, measured):
    frame = single.to_pandas()
    for label in LABELS:
        expected, _ = _errors(frame[f"probability:{label}"], frame["label"] == label)
        found = measured["classwise_calibration_error", ("label", label)]
        assert found.value == pytest.approx(expected)


def test_bins_and_coverage_are_settings(single):
    frame = single.to_pandas()
    found = _measured(single, _check(bins=4, coverage=0.25))
    assert found[ECE,].value == pytest.approx(_errors(_top(frame), frame["correct"], 4)[0])
    surest = frame.loc[_top(frame).sort_values(ascending=False).index[: 900 // 4]]
    assert found["accuracy_at_coverage",].value == pytest.approx(surest["correct"].mean())
    assert found["accuracy_at_coverage",].n == 225


def test_area_under_risk_coverage_is_the_mean_of_the_risks(single, measured):
    frame = single.to_pandas()
    wrong = ~frame.loc[_top(frame).sort_values(ascending=False).index, "correct"]
    risks = [wrong.iloc[: n + 1].mean() for n in range(len(wrong))]
    assert measured["area_under_risk_coverage",].value == pytest.approx(np.mean(risks))


def test_brier_score_is_twice_scikit_learns_for_two_labels(binary):
    frame = binary.to_pandas()
    expected = 2 * sk.brier_score_loss(frame["label"] == "yes", frame["probability:yes"])
    found = _measured(binary, labels=("no", "yes"))["brier_score",]
    assert found.value == pytest.approx(expected)
    assert found.low < expected < found.high


def test_several_labels_a_text_are_means_over_labels(several, multi_hot):
    found = _measured(several)
    frame = several.to_pandas()
    truth = multi_hot(several, "label")
    scores = frame[[f"probability:{label}" for label in LABELS]].to_numpy()
    errors = [_errors(pd.Series(scores[:, i]), pd.Series(truth[:, i])) for i in range(3)]
    assert found[ECE,].value == pytest.approx(np.mean([one for one, _ in errors]))
    assert found["maximum_calibration_error",].value == pytest.approx(max(m for _, m in errors))
    for (error, _), label in zip(errors, LABELS, strict=True):
        one = found["classwise_calibration_error", ("label", label)]
        assert one.value == pytest.approx(error)
    assert found["brier_score",].value == pytest.approx(((scores - truth) ** 2).sum(1).mean())
    sure = pd.Series(np.maximum(scores, 1 - scores).mean(axis=1))
    surest = frame.loc[sure.sort_values(ascending=False).index[:400]]
    assert found["accuracy_at_coverage",].value == pytest.approx(surest["correct"].mean())


def test_intervals_hold_their_values_and_the_plain_error_is_never_passed_too_soon(measured):
    for one in measured.values():
        if one.low is not None:
            assert one.low <= one.value <= one.high, one
    for key, plain in measured.items():
        if key[0] == ECE:
            debiased = measured[(f"{ECE}_debiased", *key[1:])]
            assert plain.low == debiased.low
            assert plain.high == pytest.approx(max(plain.value, debiased.high))
            assert debiased.value <= plain.value
            expected = measured[(f"{ECE}_if_calibrated", *key[1:])]
            assert expected.better == "none"
            said = f"a perfectly calibrated model would show about {expected.value:.2g} here"
            assert said in plain.note


def test_what_is_merely_described_has_no_gap(measured):
    assert not [key for key in measured if key[0].startswith(f"{ECE}_if_calibrated.")]


def test_declarations_survive_the_record():
    for metric in _check(bins=7, coverage=0.5).metrics():
        assert metric_from_dict(metric_to_dict(metric)) == metric


@pytest.mark.parametrize(
    "params", [{"bins": 1}, {"bins": 101}, {"coverage": 0.0}, {"coverage": 1.01}, {"bin": 3}]
)
def test_settings_out_of_range_are_refused(params):
    with pytest.raises(ValidationError):
        Calibration.Params(**params)


def _evidence(confidence, right, region, seed=0) -> pa.Table:
    """Two labels; the prediction is always "yes", and right or not."""
    order = np.random.default_rng(seed).permutation(len(confidence))
    confidence, right = np.asarray(confidence)[order], np.asarray(right)[order]
    return pa.table(
        {
            "example_id": [f"e{row:06d}" for row in range(len(confidence))],
            "label": np.where(right, "yes", "no").tolist(),
            "prediction": ["yes"] * len(confidence),
            "correct": right.astype(bool),
            "probability:no": 1 - confidence,
            "probability:yes": confidence,
            "group:region": np.asarray(region)[order].tolist(),
        }
    )


def _two_groups(seed: int, *, small_off: float = 0.0, small: int = 100) -> pa.Table:
    rng = np.random.default_rng(seed)
    region = np.repeat(["small", "large"], [small, 5000])
    confidence = rng.uniform(0.5, 1.0, len(region))
    chance = confidence - np.where(region == "small", small_off, 0.0)
    return _evidence(confidence, rng.random(len(region)) < chance, region, seed)


@pytest.mark.parametrize("seed", range(3))
def test_a_small_group_does_not_look_worse_for_being_small(seed):
    found = _measured(_two_groups(seed), labels=("no", "yes"), groups=("region",), draws=500)
    # The plain error of 100 rows is far above that of 5,000, though both are calibrated.
    plain = [found[ECE, ("region", name)].value for name in ("small", "large")]
    assert plain[0] - plain[1] > 0.03
    gap = found[f"{ECE}.gap", ("group", "region")]
    assert gap.low == 0
    assert "compared by the debiased error" in gap.note
    assert found[f"{ECE}.worst", ("group", "region")].low < 0.05
    assert found["maximum_calibration_error.gap", ("group", "region")].low == 0


def test_a_group_that_is_off_is_found():
    table = _two_groups(0, small_off=0.25, small=600)
    found = _measured(table, labels=("no", "yes"), groups=("region",), draws=500)
    gap = found[f"{ECE}.gap", ("group", "region")]
    assert 0.1 < gap.low < 0.25 < gap.high
    assert "highest in 'small', lowest in 'large'" in gap.note
    assert found[f"{ECE}.worst", ("group", "region")].low > 0.1


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("right", [True, False])
def test_few_rows_have_values_and_wide_intervals(n, right):
    table = _evidence(np.full(n, 0.9), np.full(n, right), ["a"] * n)
    found = _measured(table, labels=("no", "yes"), groups=("region",))
    for key, one in found.items():
        if key[0].endswith((".gap", ".worst")):
            assert one.value is None
            assert "needs two groups" in one.note
        elif not key[0].endswith("if_calibrated"):
            assert one.high - one.low > 0.3, key


def test_constant_confidence_all_right():
    found = _measured(_evidence(np.full(400, 0.9), np.ones(400), ["a"] * 400), labels=("no", "yes"))
    for name in (ECE, "adaptive_calibration_error", "maximum_calibration_error"):
        assert found[name,].value == pytest.approx(0.1)
    assert found[ECE,].low > 0.05
    assert found["brier_score",].value == pytest.approx(0.02)
    assert found["brier_score",].low == pytest.approx(0.02, abs=0.001)
    assert found["brier_score",].high > 0.025
    assert found["area_under_risk_coverage",].value == 0
    assert found["accuracy_at_coverage",].value == 1


def test_rows_without_a_probability_are_left_out_and_counted():
    table = _evidence(np.linspace(0.5, 0.9, 100), np.arange(100) % 2, ["a"] * 100)
    missing = pa.array([None, *table["probability:yes"].to_pylist()[1:]])
    place = table.column_names.index("probability:yes")
    found = _measured(table.set_column(place, "probability:yes", missing), labels=("no", "yes"))
    for name in (ECE, "maximum_calibration_error", "brier_score", "accuracy_at_coverage"):
        assert "1 of 100 rows have no" in found[name,].note, name
    assert found[ECE,].n == found["brier_score",].n == 99


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(["probability:yes", "probability:no"]), "needs the probability of each"),
        (lambda t: t.drop(["probability:yes"]), "none of the predicted label 'yes'"),
        (lambda t: t.drop(["correct"]), "no column 'correct'"),
    ],
)
def test_evidence_without_what_it_needs_is_an_error_of_the_check(change, message):
    table = change(_evidence(np.full(9, 0.9), np.ones(9), ["a"] * 9))
    with pytest.raises(CheckError, match=message):
        _measured(table, labels=("no", "yes"))
    with pytest.raises(CheckError, match=message):
        _tables(table, ("no", "yes"))


def test_numbers_that_are_no_probabilities_are_refused():
    table = _evidence(np.full(9, 1.2), np.ones(9), ["a"] * 9)
    with pytest.raises(CheckError, match="from 0 to 1; 'probability:"):
        _measured(table, labels=("no", "yes"))


def test_reliability_diagram_is_pandas_bins(single):
    frame = single.to_pandas()
    table, _ = _tables(single)["reliability_diagram"]
    cut = pd.cut(_top(frame), np.linspace(0, 1, 16))
    expected = frame.assign(top=_top(frame)).groupby(cut, observed=True)
    assert table["count"].tolist() == expected.size().tolist()
    assert table["accuracy"].tolist() == pytest.approx(expected["correct"].mean().tolist())
    assert table["mean_confidence"].tolist() == pytest.approx(expected["top"].mean().tolist())
    assert table["bin_high"].tolist() == pytest.approx(
        [one.right for one in expected.groups], abs=1e-3
    )
    assert set(table["class"]) == {""}
    assert ((table["low"] <= table["accuracy"]) & (table["accuracy"] <= table["high"])).all()


def test_reliability_of_several_labels_has_a_diagram_each(several, multi_hot):
    table, _ = _tables(several, bins=5)["reliability_diagram"]
    truth = multi_hot(several, "label")
    for position, label in enumerate(LABELS):
        bins = table[table["class"] == label]
        assert bins["count"].sum() == 500
        held = (bins["count"] * bins["accuracy"]).sum()
        assert held == pytest.approx(truth[:, position].sum())


def test_risk_coverage_curve_ends_at_the_error_of_all(single):
    frame = single.to_pandas()
    table, note = _tables(single)["risk_coverage_curve"]
    assert table["coverage"].is_monotonic_increasing
    assert table["confidence"].is_monotonic_decreasing
    assert table["coverage"].iloc[-1] == 1
    assert table["risk"].iloc[-1] == pytest.approx(1 - frame["correct"].mean())
    assert len(table) <= 202
    assert "thinned" in note
    for coverage, risk, confidence in table.to_numpy()[::20]:
        taken = frame[_top(frame) >= confidence]
        assert coverage == pytest.approx(len(taken) / 900)
        assert risk == pytest.approx(1 - taken["correct"].mean())


def test_no_example_gives_no_value_and_empty_tables():
    table = _evidence(np.full(1, 0.9), np.ones(1), ["a"]).slice(0, 0)
    for one in _measured(table, labels=("no", "yes")).values():
        assert isinstance(one, Measurement)
        assert one.value is None
        assert one.note == "no examples"
    for frame, note in _tables(table, ("no", "yes")).values():
        assert frame.empty
        assert note == "no example has a probability"


def test_prediction_need_not_be_the_likeliest_label():
    """A threshold of one's own: confidence is the probability of what was predicted."""
    table = _evidence(np.full(50, 0.3), np.arange(50) < 15, ["a"] * 50)
    assert _measured(table, labels=("no", "yes"))[ECE,].value == pytest.approx(0)
