"""The efficiency of a model: counted by hand, timed with a clock that only the model moves."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors import safe_open

from auditkit.audit import Options, run_audit
from auditkit.errors import SuiteError
from auditkit.evaluators.efficiency import Efficiency
from auditkit.evidence import digest_file
from auditkit.metrics import Constant, Metric
from auditkit.models.sequence_classification import SequenceClassifier
from auditkit.report.card import render_card
from auditkit.report.summary import render_summary
from auditkit.verify import verify_run
from tests.inference.test_speed import Clock

REQUIREMENTS = """\
  - {metric: efficiency.latency_p95, max: 0.5, confidence: 0.9}
  - {metric: efficiency.parameters, max: 1000000}
"""


@pytest.fixture
def suite(make_suite):
    def make(requirements: str = REQUIREMENTS, params: str = "examples: 100, rounds: 4") -> Path:
        return make_suite(
            ("performance: {}", f"efficiency: {{{params}}}"),
            ("  - {metric: performance.accuracy, min: 0.05}\n", requirements),
        )

    return make


@pytest.fixture
def clock(monkeypatch):
    """A forward pass takes 10 ms and 1 ms for each row, a call of the tokenizer nothing."""
    made = Clock()
    monkeypatch.setattr("auditkit.inference.speed.perf_counter", made)
    forward = SequenceClassifier.forward

    def slow(self, batch, length, **options):
        made.now += 0.010 + 0.001 * len(batch)
        return forward(self, batch, length, **options)

    monkeypatch.setattr(SequenceClassifier, "forward", slow)
    return made


def run(suite, model, output, **options):
    return run_audit(suite, str(model), Options(output=output, device="cpu", **options))


def by_metric(run) -> dict:
    (check,) = run.record.checks
    assert check.status == "ok", check.error
    return {one.metric: one for one in check.measurements}


@pytest.mark.parametrize("workers", [0, 3])
def test_what_is_counted_and_timed(suite, checkpoint, tmp_path, clock, workers):
    finished = run(suite(), checkpoint, tmp_path / "run", workers=workers)
    found = by_metric(finished)
    weights = checkpoint / "model.safetensors"
    with safe_open(weights, "np") as file:
        parameters = sum(file.get_tensor(name).size for name in file.keys())  # noqa: SIM118
    assert found["parameters"].value == parameters
    assert found["size_on_disk"].value == weights.stat().st_size
    for name in ("latency_p50", "latency_p95"):
        assert found[name].value == pytest.approx(0.011)
        assert (found[name].low, found[name].high) == pytest.approx((0.011, 0.011))
        assert found[name].n == 100
    evidence = pq.read_table(finished.folder / finished.record.checks[0].evidence[0].file)
    rounds = evidence.filter(evidence.column("round").is_valid()).to_pydict()
    assert rounds["round"] == [1, 2, 3, 4]
    assert rounds["texts"] == [100] * 4
    assert len(set(np.round(rounds["seconds"], 9))) == 1, "rounds of the same batches"
    assert found["throughput"].value == pytest.approx(100 / rounds["seconds"][0])
    assert found["throughput"].n == 4
    assert found["peak_memory"].value > 50e6
    assert {verdict.status for verdict in finished.record.verdicts} == {"pass"}


def test_it_is_measured_over_all_examples_alone(suite, checkpoint, tmp_path):
    (check,) = run(suite(), checkpoint, tmp_path / "run").record.checks
    assert [one.slice for one in check.measurements] == [{}] * 6
    for requirement, message in (
        ("{metric: efficiency.latency_p95.gap, where: {group: gender}, max: 1}",
         "'latency_p95' is measured over all examples together, not by group"),
        ("{metric: efficiency.latency_p95, where: {gender: female}, max: 1}",
         "is not measured by 'gender'. It is measured over all examples together"),
    ):  # fmt: skip
        with pytest.raises(SuiteError, match=message):
            run(suite(f"  - {requirement}\n"), checkpoint, tmp_path / "refused")


def test_the_examples_are_drawn_by_the_seed(suite, checkpoint, tmp_path):
    def drawn(name, **options):
        finished = run(suite("  []\n", "examples: 20"), checkpoint, tmp_path / name, **options)
        part = finished.folder / finished.record.checks[0].evidence[0].file
        return pq.read_table(part).column("example_id").unique().to_pylist()

    first = drawn("one")
    assert len(first) == 20
    assert drawn("again", workers=0) == first
    assert drawn("other", seed=1) != first


def test_volatile_evidence_is_digested_resumed_here_and_never_elsewhere(
    suite, checkpoint, tmp_path, monkeypatch
):
    def timed():
        finished = run(suite(), checkpoint, tmp_path / "run")
        (check,) = finished.record.checks
        assert check.volatile
        (part,) = check.evidence
        assert digest_file(finished.folder / part.file) == part.digest
        return part.digest, check.resumed_parts, check.measurements[0].note

    first = timed()
    assert timed() == (first[0], 1, first[2])
    monkeypatch.setattr(
        "auditkit.models.sequence_classification._device_name", lambda _: "Another CPU"
    )
    digest, resumed, note = timed()
    assert (digest != first[0], resumed) == (True, 0)
    assert note.startswith("on Another CPU, ")
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert timed()[1:] == (0, "on Another CPU, 3 threads, float32")


def test_the_hardware_stands_beside_every_figure(suite, checkpoint, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "auditkit.models.sequence_classification._device_name", lambda _: "Some CPU 9000"
    )
    record = run(suite(), checkpoint, tmp_path / "run").record
    (check,) = record.checks
    assert all("on Some CPU 9000, " in one.note for one in check.measurements)
    assert all("on Some CPU 9000, " in verdict.why for verdict in record.verdicts)
    assert "Measured on Some CPU 9000, " in render_card(record)
    assert "Measured on Some CPU 9000, " in render_summary(record)


def test_a_saved_run_is_measured_and_judged_again_to_the_same(suite, checkpoint, tmp_path):
    finished = run(suite(), checkpoint, tmp_path / "run")
    found = verify_run(finished.folder)
    assert found.mismatches == ()
    assert (found.held["measurements"], found.held["verdicts"]) == (6, 2)


def test_figures_have_units_on_the_card(suite, checkpoint, tmp_path, clock):
    card = render_card(run(suite(), checkpoint, tmp_path / "run").record)
    assert "Median latency is 11.0 ms; with 95% confidence between 11.0 and 11.0 ms." in card
    assert "at most 500 ms" in card
    assert "texts/s" in card
    assert re.search(r" [MG]B<", card)  # what the process of the tests has used until now


def test_settings_are_validated():
    for wrong in ({"examples": 0}, {"rounds": 0}, {"examples": 2.5}, {"batch": 1}):
        with pytest.raises(ValueError, match=r"examples|rounds|batch"):
            Efficiency.Params(**wrong)


def test_its_metrics_are_what_the_suite_can_require():
    names = {metric.name: metric for metric in Efficiency(Efficiency.Params()).metrics()}
    assert sorted(names) == [
        "latency_p50", "latency_p95", "parameters", "peak_memory", "size_on_disk", "throughput",
    ]  # fmt: skip
    assert names["parameters"] == Metric(
        "parameters", Constant("parameters"), "lower", by_group=False
    )
    assert {name for name, metric in names.items() if metric.better == "higher"} == {"throughput"}
