"""Confusion matrices and curves against scikit-learn."""

from __future__ import annotations

import numpy as np
import pyarrow.dataset as ds
import pytest
import sklearn.metrics as sk

from auditkit.metrics import ConfusionMatrix, Curve
from auditkit.metrics.measure import Settings
from auditkit.metrics.tables import tabulate

LABELS = ("bad", "fair", "good")


def _tables(table, labels, **settings):
    declared = [
        ConfusionMatrix(),
        Curve("roc_curve", "roc"),
        Curve("precision_recall_curve", "precision_recall"),
    ]
    found = tabulate(ds.dataset(table), declared, Settings(labels=labels, **settings))
    return {one.name: one for one in found}


def test_confusion_matrix_is_scikit_learns(single):
    table = _tables(single, LABELS)["confusion_matrix"]
    frame = single.to_pandas()
    expected = sk.confusion_matrix(frame["label"], frame["prediction"], labels=list(LABELS))
    counts = {(label, prediction): count for label, prediction, count in table.rows}
    for i, label in enumerate(LABELS):
        for j, prediction in enumerate(LABELS):
            assert counts[label, prediction] == expected[i, j]


def test_confusion_matrix_keeps_labels_that_never_occur(binary):
    table = _tables(binary, ("no", "yes", "maybe"))["confusion_matrix"]
    assert ["maybe", "no", 0] in table.rows
    assert len(table.rows) == 9


def test_several_labels_have_a_matrix_each(several, multi_hot):
    table = _tables(several, LABELS)["confusion_matrix"]
    expected = sk.multilabel_confusion_matrix(
        multi_hot(several, "label"), multi_hot(several, "prediction")
    )
    word = ("no", "yes")
    counts = {tuple(row[:3]): row[3] for row in table.rows}
    for position, label in enumerate(LABELS):
        for i in (0, 1):
            for j in (0, 1):
                assert counts[label, word[i], word[j]] == expected[position, i, j]


def test_curves_lie_on_scikit_learns_and_enclose_its_area(binary):
    tables = _tables(binary, ("no", "yes"), positive="yes")
    frame = binary.to_pandas()
    truth, score = frame["label"] == "yes", frame["probability:yes"]
    false_positive, true_positive, _ = sk.roc_curve(truth, score, drop_intermediate=False)
    points = set(zip(false_positive.round(12), true_positive.round(12), strict=True))
    roc = tables["roc_curve"]
    assert {row[0] for row in roc.rows} == {"yes"}
    assert all((round(row[1], 12), round(row[2], 12)) in points for row in roc.rows)
    drawn = np.array([row[1:3] for row in roc.rows])
    assert sk.auc(drawn[:, 0], drawn[:, 1]) == pytest.approx(
        sk.roc_auc_score(truth, score), abs=1e-3
    )
    recall = tables["precision_recall_curve"]
    precision, recalls, _ = sk.precision_recall_curve(truth, score)
    points = set(zip(recalls.round(12), precision.round(12), strict=True))
    assert all((round(row[1], 12), round(row[2], 12)) in points for row in recall.rows)


def test_long_curves_are_thinned_and_say_so(single):
    table = _tables(single, LABELS)["precision_recall_curve"]
    for label in LABELS:
        assert 2 <= sum(row[0] == label for row in table.rows) <= 202
    assert "thinned" in table.note


def test_thresholds_are_scores_that_give_the_point(binary):
    roc = _tables(binary, ("no", "yes"), positive="yes")["roc_curve"]
    frame = binary.to_pandas()
    truth, score = (frame["label"] == "yes").to_numpy(), frame["probability:yes"].to_numpy()
    for _, false_positive, true_positive, threshold in roc.rows:
        if threshold is None:
            assert (false_positive, true_positive) == (0.0, 0.0)
            continue
        taken = score >= threshold
        assert true_positive == pytest.approx(taken[truth].mean())
        assert false_positive == pytest.approx(taken[~truth].mean())
