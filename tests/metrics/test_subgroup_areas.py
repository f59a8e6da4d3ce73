"""Scores by group, against scikit-learn and scipy on boolean masks."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pytest
import sklearn.metrics as sk
from scipy.stats import mannwhitneyu, pmean

from auditkit.errors import CheckError
from auditkit.metrics import (
    AverageEqualityGap,
    CalibrationDifference,
    CalibrationError,
    GeneralizedMean,
    Metric,
    RocDifference,
    SubgroupArea,
    metric_from_dict,
    metric_to_dict,
)
from auditkit.metrics.measure import Settings, measure
from auditkit.statistics import roc_curve
from auditkit.statistics.roc_difference import roc_difference
from tests.real import real

LABELS = ("bad", "fair", "good")
KINDS = ("subgroup", "bpsn", "bnsp")


def _named(background):
    return [
        *(
            Metric(f"{kind}_auc", SubgroupArea(kind, background=background), "higher")
            for kind in KINDS
        ),
        *(
            Metric(f"{kind}_mean", GeneralizedMean(kind, background=background), "higher")
            for kind in KINDS
        ),
        *(
            Metric(f"{of}_gap", AverageEqualityGap(of, background=background), "none")
            for of in ("positive", "negative")
        ),
        Metric("abroca", RocDifference(), "lower"),
        Metric("calibration_difference", CalibrationDifference(), "lower"),
    ]


def _measured(table, metrics, **settings):
    settings.setdefault("draws", 200)
    found = measure(ds.dataset(table), metrics, Settings(**settings))
    keyed = {(one.metric, *sorted(one.slice.items())): one for one in found}
    assert len(keyed) == len(found)
    return keyed


def _areas(member, background, positive, scores):
    """The three areas of Borkan et al., each on the rows that its definition names."""
    masks = {
        "subgroup": member,
        "bpsn": (member & ~positive) | (background & positive),
        "bnsp": (member & positive) | (background & ~positive),
    }
    return {kind: sk.roc_auc_score(positive[of], scores[of]) for kind, of in masks.items()}


def _check(measured, slice_, member, background, positive, scores):
    """Every area and gap of one group and label."""
    for kind, area in _areas(member, background, positive, scores).items():
        one = measured[f"{kind}_auc", *slice_]
        assert one.value == pytest.approx(area, abs=1e-12)
        assert one.low < area < one.high
        assert one.method == "DeLong (logit)"
    for of, held in (("positive", positive), ("negative", ~positive)):
        ours, theirs = scores[member & held], scores[background & held]
        u = mannwhitneyu(ours, theirs).statistic
        one = measured[f"{of}_gap", *slice_]
        assert one.value == pytest.approx(0.5 - u / (len(ours) * len(theirs)), abs=1e-12)
        assert one.low < one.value < one.high
        assert one.n == len(ours) + len(theirs)


@pytest.mark.parametrize("background", ["all", "named"])
def test_areas_of_several_labels_and_list_columns(single, background):
    frame = single.to_pandas()
    measured = _measured(single, _named(background), labels=LABELS, groups=("region", "named"))
    region = frame["group:region"].to_numpy(dtype=object)
    known = pd.notna(region)
    lists = frame["group:named"]
    for label in LABELS:
        positive = (frame["label"] == label).to_numpy()
        scores = frame[f"probability:{label}"].to_numpy()
        of_label = ("label", label)
        areas = {kind: [] for kind in KINDS}
        for name in ("north", "south", "west"):
            member = region == name
            against = ~member if background == "all" else ~member & known
            _check(measured, (of_label, ("region", name)), member, against, positive, scores)
            for kind, area in _areas(member, against, positive, scores).items():
                areas[kind].append(area)
        for kind in KINDS:  # 'tiny' has too few rows for the mean
            one = measured[f"{kind}_mean", ("group", "region"), of_label]
            assert one.value == pytest.approx(pmean(areas[kind], -5))
            assert one.low < one.value < one.high
            assert "'tiny' (" in one.note
        for name in "ABC":
            member = lists.map(lambda names, name=name: name in names).to_numpy()
            against = ~member
            if background == "named":
                against = against & lists.map(len).to_numpy(dtype=bool)
            _check(measured, (("label", label), ("named", name)), member, against, positive, scores)
    one = measured["bpsn_auc", ("label", "bad"), ("named", "A")]
    assert ("background without" in one.note) == (background == "named")


def test_an_intersection_stands_against_all_rows_outside_of_it(single):
    frame = single.to_pandas()
    measured = _measured(single, _named("all"), labels=LABELS, groups=("region", "named"))
    in_b = frame["group:named"].map(lambda names: "B" in names)
    member = ((frame["group:region"] == "north") & in_b).to_numpy()
    slice_ = (("label", "bad"), ("named", "B"), ("region", "north"))
    positive = (frame["label"] == "bad").to_numpy()
    scores = frame["probability:bad"].to_numpy()
    _check(measured, slice_, member, ~member, positive, scores)


def test_two_labels_use_the_positive_one(binary):
    frame = binary.to_pandas()
    group = np.where(np.arange(400) % 3 == 0, "x", "y")
    table = binary.append_column("group:g", pa.array(group))
    for positive in ("no", "yes"):
        measured = _measured(
            table, _named("all"), labels=("no", "yes"), positive=positive, groups=("g",)
        )
        held = (frame["label"] == positive).to_numpy()
        scores = frame[f"probability:{positive}"].to_numpy()
        _check(measured, (("g", "x"),), group == "x", group == "y", held, scores)
        assert not any("label" in dict(key[1:]) for key in measured)


def test_one_of_several_labels_that_may_hold_together(several):
    frame = several.to_pandas()
    group = np.where(np.arange(500) % 4 == 0, "x", "y")
    table = several.append_column("group:g", pa.array(group))
    measured = _measured(table, _named("all"), labels=LABELS, groups=("g",))
    for label in LABELS:
        held = frame["label"].map(lambda names, label=label: label in names).to_numpy()
        scores = frame[f"probability:{label}"].to_numpy()
        _check(measured, (("g", "x"), ("label", label)), group == "x", group == "y", held, scores)


def test_the_area_between_curves_is_the_largest_over_pairs_and_labels(single):
    frame = single.to_pandas()
    measured = _measured(single, _named("all"), labels=LABELS, groups=("region", "named"))
    largest = []
    for label in LABELS:
        curves = []
        for name in ("north", "south", "west"):
            part = frame[frame["group:region"] == name]
            curves.append(roc_curve(part[f"probability:{label}"], part["label"] == label))
        areas = [roc_difference(curves[i], curves[j]) for i, j in ((0, 1), (0, 2), (1, 2))]
        one = measured["abroca", ("group", "region"), ("label", label)]
        assert one.value == pytest.approx(max(areas))
        assert one.low <= one.value <= one.high
        assert "'tiny' (" in one.note
        assert "equal curves would show about" in one.note
        largest.append(one)
    whole = measured["abroca", ("group", "region")]
    assert whole.value == max(one.value for one in largest)
    assert whole.high == max(one.high for one in largest)
    assert whole.low == max(one.low for one in largest)


def _scored(scores, labels, **groups):
    """Evidence of two labels, 'no' and 'yes'."""
    scores = np.asarray(scores, dtype=float)
    prediction = np.where(scores >= 0.5, "yes", "no")
    return pa.table(
        {
            "example_id": [f"e{row:05d}" for row in range(len(scores))],
            "label": pa.array(labels),
            "prediction": prediction,
            "correct": prediction == np.asarray(labels),
            "probability:no": 1 - scores,
            "probability:yes": scores,
            **{f"group:{name}": pa.array(values) for name, values in groups.items()},
        }
    )


def test_a_planted_shift_is_seen_across_groups_and_not_within():
    """A group whose scores are all a little higher ranks as well within itself."""
    rng = np.random.default_rng(6)
    group = rng.choice(["a", "b"], 4000, p=[0.3, 0.7])
    held = rng.random(4000) < 0.4
    logit = rng.normal(size=4000) + 2 * held + 1.0 * (group == "a")
    table = _scored(1 / (1 + np.exp(1 - logit)), np.where(held, "yes", "no"), g=group)
    measured = _measured(table, _named("all"), labels=("no", "yes"), groups=("g",))
    within = {name: measured["subgroup_auc", ("g", name)] for name in "ab"}
    assert max(within["a"].low, within["b"].low) < min(within["a"].high, within["b"].high)
    assert measured["bpsn_auc", ("g", "a")].high < within["a"].low
    assert measured["bnsp_auc", ("g", "a")].low > within["a"].high
    # Scores too high: the share of pairs in which the group is lower is below one half.
    for of in ("positive", "negative"):
        assert measured[f"{of}_gap", ("g", "a")].high < 0 < measured[f"{of}_gap", ("g", "b")].low
    assert measured["abroca", ("group", "g")].low == 0  # curves do not see a shift
    assert measured["calibration_difference", ("group", "g")].low > 0


def test_group_without_positives_is_said_with_its_counts():
    rng = np.random.default_rng(8)
    group = np.repeat(["a", "b", "c", "alone"], [100, 100, 100, 1])
    labels = np.where(rng.random(301) < 0.5, "yes", "no")
    labels[group == "c"] = "no"
    labels[300] = "yes"
    table = _scored(rng.random(301), labels, g=group)
    measured = _measured(table, _named("all"), labels=("no", "yes"), groups=("g",))
    one = measured["subgroup_auc", ("g", "c")]
    assert one.value is None
    assert one.low is None
    assert "0 positives and 100 negatives of the group" in one.note
    assert measured["bnsp_auc", ("g", "c")].value is None
    assert measured["positive_gap", ("g", "c")].value is None
    assert measured["bpsn_auc", ("g", "c")].value is not None
    assert measured["bpsn_auc", ("g", "alone")].value is None
    assert measured["subgroup_auc", ("g", "alone")].n == 1
    for name in ("abroca", "subgroup_mean"):
        note = measured[name, ("group", "g")].note
        assert "'c' (" in note
        assert "'alone' (1)" in note
        assert measured[name, ("group", "g")].value is not None


def test_one_group_alone_has_no_difference_and_all_rows_no_background():
    rng = np.random.default_rng(9)
    labels = np.where(rng.random(80) < 0.5, "yes", "no")
    table = _scored(rng.random(80), labels, g=["a"] * 80)
    measured = _measured(table, _named("named"), labels=("no", "yes"), groups=("g",))
    for name in ("abroca", "calibration_difference"):
        assert measured[name, ("group", "g")].value is None
        assert "needs two groups" in measured[name, ("group", "g")].note
    assert "0 positives of the background" in measured["bpsn_auc", ("g", "a")].note
    assert measured["subgroup_auc", ("g", "a")].value is not None


def test_rows_without_a_score_or_a_label_are_left_out_and_counted():
    rng = np.random.default_rng(10)
    labels = np.where(rng.random(200) < 0.5, "yes", "no").astype(object)
    scores = rng.random(200)
    group = np.repeat(["a", "b"], 100)
    scores[:7], labels[7:10] = np.nan, None
    table = _scored(scores, labels, g=group)
    metrics = [one for one in _named("all") if one.name != "calibration_difference"]
    measured = _measured(table, metrics, labels=("no", "yes"), groups=("g",))
    kept = np.arange(200) >= 10
    positive = labels == "yes"
    for kind, area in _areas(
        (group == "a") & kept, (group == "b") & kept, positive, scores
    ).items():
        one = measured[f"{kind}_auc", ("g", "a")]
        assert one.value == pytest.approx(area, abs=1e-12)
        assert "10 of 100 rows of the group have no score or no label" in one.note
    assert "10 rows without a score or a label" in measured["abroca", ("group", "g")].note
    assert measured["abroca", ("group", "g")].n == 190


def test_predictions_without_scores_have_no_areas(single, binary):
    bare = ["example_id", "label", "prediction", "correct", "group:g"]
    for table, labels in ((single, LABELS), (binary, ("no", "yes"))):
        grouped = table.append_column("group:g", pa.array((["x", "y"] * 450)[: len(table)]))
        expected = _measured(grouped, _named("all"), labels=labels, groups=("g",))
        measured = _measured(grouped.select(bare), _named("all"), labels=labels, groups=("g",))
        assert set(measured) == set(expected)
        for one in measured.values():
            assert one.value is None
            assert "no scores" in one.note
        other = grouped.select(["example_id", "label", "group:g"])
        with pytest.raises(CheckError, match="probability"):
            _measured(other, _named("all")[:1], labels=labels, groups=("g",))


def test_calibration_difference_is_the_gap_of_the_debiased_error(single):
    debiased = Metric("error", CalibrationError("debiased"), "lower")
    difference = Metric("calibration_difference", CalibrationDifference(), "lower")
    measured = _measured(
        single, [debiased, difference], labels=LABELS, groups=("region",), draws=5000
    )
    one, gap = (measured[name, ("group", "region")] for name in (difference.name, "error.gap"))
    values = [measured["error", ("region", name)].value for name in ("north", "south", "west")]
    assert one.value == gap.value == pytest.approx(max(values) - min(values))
    # Two sets of draws of one band.
    assert (one.low, one.high) == pytest.approx((gap.low, gap.high), abs=0.01)


def test_the_mean_of_areas_with_its_interval_by_rows_drawn_anew():
    """Groups that overlap and share their background: the errors of their areas hang together."""
    rng = np.random.default_rng(13)

    def drawn(n=500):
        held = rng.random(n) < 0.4
        of = rng.random((n, 3)) < 0.4
        logit = rng.normal(size=n) + 1.5 * held + of @ [0.0, 0.3, 0.8]
        names = [[name for name, has in zip("abc", row, strict=True) if has] for row in of]
        return _scored(1 / (1 + np.exp(-logit)), np.where(held, "yes", "no"), g=names)

    metric = Metric("mean", GeneralizedMean("bpsn"), "higher")
    settings = {"labels": ("no", "yes"), "groups": ("g",), "draws": 100}
    truth = _measured(drawn(400_000), [metric], **settings)["mean", ("group", "g")].value
    found = [_measured(drawn(), [metric], **settings)["mean", ("group", "g")] for _ in range(300)]
    held = sum(one.low <= truth <= one.high for one in found)
    assert held >= 273  # 91%; 95% less 3 standard errors
    widths = np.mean([one.high - one.low for one in found])
    assert widths == pytest.approx(2 * 1.96 * np.std([one.value for one in found]), rel=0.25)


def test_declarations_survive_json_and_refuse_what_is_not_known():
    for metric in _named("named"):
        assert metric_from_dict(json.loads(json.dumps(metric_to_dict(metric)))) == metric
    for make in (
        lambda: SubgroupArea("bspn"),
        lambda: SubgroupArea("bpsn", background="others"),
        lambda: AverageEqualityGap("both"),
        lambda: GeneralizedMean("bpsn", power=0.0),
        lambda: GeneralizedMean("bpsn", power=2.0),
        lambda: CalibrationDifference(bins=0),
        lambda: CalibrationDifference(binning="rows"),
    ):
        with pytest.raises(ValueError, match=r"is not one of|and not 0|at least one bin"):
            make()


@pytest.fixture(scope="module")
def toxicity():
    """Real scores: templates that name two identities, and comments that name none."""
    from auditkit.inference.engine import BatchingEngine
    from auditkit.models.loading import load_model

    folder = real("data/unintended_bias")
    terms = pd.read_csv(folder / "madlib_inputs" / "words.csv")
    terms = terms[terms["type"] == "identity"]
    built = pd.read_csv(folder / "intersectional_madlibs.csv.gz").sample(240, random_state=1)
    comments = pd.read_csv(folder / "toxicity_nonfuzzed_testset.csv")
    comments = comments[comments["comment"].str.len() < 200].sample(60, random_state=1)
    texts = [*built["phrase"], *comments["comment"]]
    toxic = np.array([*(built["toxicity"] == "toxic"), *comments["toxic"].astype(bool)])
    named = [
        sorted(
            {
                kind
                for kind, word in zip(terms["subtype"], terms["word"], strict=True)
                if f" {word.lower()} " in f" {text.lower()} "
            }
        )
        for text in texts
    ]
    model = load_model(str(real("models/hatexplain-minilm")), device="cpu", dtype="float32")
    with BatchingEngine(model) as engine:
        logits = engine.predict(texts).astype(float)
    normal = model.info.labels.index("normal")
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores = 1 - shares[:, normal] / shares.sum(axis=1)
    return _scored(scores, np.where(toxic, "yes", "no"), identity=named), toxic, scores, named


@pytest.mark.shared_data
@pytest.mark.parametrize("background", ["all", "named"])
def test_real_scores_of_texts_that_name_identities(toxicity, background):
    table, toxic, scores, named = toxicity
    measured = _measured(table, _named(background), labels=("no", "yes"), groups=("identity",))
    names = sorted({one for row in named for one in row})
    any_named = np.array([bool(row) for row in named])
    assert len(names) > 2
    assert not any_named.all()
    checked = 0
    for name in names:
        member = np.array([name in row for row in named])
        against = ~member if background == "all" else ~member & any_named
        if min((member & toxic).sum(), (member & ~toxic).sum()) > 1:
            _check(measured, (("identity", name),), member, against, toxic, scores)
            checked += 1
    assert checked > 2
