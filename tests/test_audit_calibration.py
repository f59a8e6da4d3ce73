"""Over-confidence planted in a checkpoint, found by an audit of it."""

from __future__ import annotations

import pytest
import torch

from auditkit.audit import Options, run_audit
from tests.models import tiny

REQUIREMENTS = """\
  - {metric: calibration.expected_calibration_error, max: 0.20}
  - {metric: calibration.expected_calibration_error_debiased, max: 0.20, confidence: 0.99}
  - {metric: calibration.classwise_calibration_error, where: {label: good}, max: 0.20}
  - {metric: calibration.expected_calibration_error.worst, where: {group: gender}, max: 0.25}
"""


def _checkpoint(folder, sureness: float):
    """The same network with its logits scaled: the same predictions, more or less sure."""
    network = tiny.network("bert")
    with torch.no_grad():
        network.classifier.weight.mul_(sureness)
        network.classifier.bias.mul_(sureness)
    network.save_pretrained(folder)
    tiny.tokenizer("bert").save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize(("sureness", "status"), [(0.01, "pass"), (20.0, "fail")])
def test_planted_over_confidence_is_found(make_suite, tmp_path, sureness, status):
    """The labels are drawn at random: a third of the answers is right, whatever the model says."""
    suite = make_suite(
        ("  performance: {}", "  calibration: {bins: 10}"),
        ("  - {metric: performance.accuracy, min: 0.05}\n", REQUIREMENTS),
    )
    run = run_audit(
        suite, _checkpoint(tmp_path / "model", sureness), Options(output=tmp_path / "run")
    )
    assert [verdict.status for verdict in run.record.verdicts] == [status] * 4
    check = run.record.check("calibration")
    found = {one.metric: one for one in check.measurements if not one.slice}
    stated = found["expected_calibration_error"].value + found["accuracy_at_coverage"].value
    if status == "fail":
        # Always sure and right in a third of the cases: off by two thirds.
        assert stated == pytest.approx(1.0, abs=0.1)
        assert found["expected_calibration_error"].value > 0.5
    assert {table.name for table in check.tables} == {"reliability_diagram", "risk_coverage_curve"}
    card = (tmp_path / "run" / "card.html").read_text(encoding="utf-8")
    assert ("it is too sure" in card) is (status == "fail")
    assert "Reliability diagram" in card
