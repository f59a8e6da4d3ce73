"""The cache of answers in whole audits: a second run asks the model nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.audit import Options, plan_audit, run_audit
from auditkit.cli import _run
from auditkit.errors import UsageError
from auditkit.models.sequence_classification import SequenceClassifier
from tests.models import tiny


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """A cache of this test's own, turned on."""
    monkeypatch.setenv("AUDITKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("AUDITKIT_CACHE_SIZE")
    return tmp_path / "cache" / "answers"


@pytest.fixture
def suite(make_suite) -> Path:
    """Without groups, which take long to measure."""
    return make_suite(("groups: [gender, region]", "groups: []"))


def run(suite, model, output, **options):
    return run_audit(suite, str(model), Options(output=output, device="cpu", **options))


def evidence(run) -> list[bytes]:
    return [path.read_bytes() for path in sorted(run.folder.rglob("*.parquet"))]


@pytest.mark.parametrize("workers", [0, 4])
def test_fresh_evidence_is_the_same_and_asks_the_model_nothing(
    cache, suite, checkpoint, tmp_path, workers
):
    first = run(suite, checkpoint, tmp_path / "run", workers=workers)
    made = evidence(first)
    again = run(suite, checkpoint, tmp_path / "run", workers=workers, fresh=True)
    without = run(suite, checkpoint, tmp_path / "without", workers=workers, answer_cache=False)
    assert first.record.engine.unique == 300
    assert (again.record.engine.unique, again.record.engine.disk_hits) == (0, 300)
    assert (without.record.engine.unique, without.record.engine.disk_hits) == (300, 0)
    assert evidence(again) == made == evidence(without)
    assert again.record.data == first.record.data
    assert again.record.checks[0].measurements == first.record.checks[0].measurements


def test_another_suite_on_the_same_model_and_texts_finds_the_answers(
    cache, suite, make_suite, checkpoint, tmp_path
):
    run(suite, checkpoint, tmp_path / "one")
    ungrouped = ("groups: [gender, region]", "groups: []")
    other = make_suite(("name: tiny", "name: other"), ungrouped, ("positive: good\n", ""))
    engine = run(other, checkpoint, tmp_path / "two").record.engine
    assert (engine.unique, engine.disk_hits) == (0, 300)


def test_another_model_of_the_same_shape_shares_nothing(cache, suite, checkpoint, tmp_path):
    run(suite, checkpoint, tmp_path / "one", limit=20)
    other = tiny.save(tmp_path / "other", seed=1)
    activated = tiny.save(tmp_path / "relu", hidden_act="relu")
    for name, model in (("other", other), ("relu", activated)):
        engine = run(suite, model, tmp_path / name, limit=20).record.engine
        assert (engine.unique, engine.disk_hits) == (20, 0), name


def test_a_size_of_0_and_no_cache_turn_it_off(cache, suite, checkpoint, tmp_path, monkeypatch):
    run(suite, checkpoint, tmp_path / "one", limit=5, answer_cache=False)
    monkeypatch.setenv("AUDITKIT_CACHE_SIZE", "0")
    run(suite, checkpoint, tmp_path / "two", limit=5)
    assert not cache.exists()


def test_a_size_that_is_none_is_refused_before_anything_is_loaded(
    cache, suite, tmp_path, monkeypatch
):
    monkeypatch.setenv("AUDITKIT_CACHE_SIZE", "plenty")
    with pytest.raises(UsageError, match="AUDITKIT_CACHE_SIZE is 'plenty'"):
        run(suite, tmp_path / "no model", tmp_path / "run")


def test_a_dry_run_times_the_model_and_not_the_cache(cache, suite, checkpoint, monkeypatch):
    asked = []
    forward = SequenceClassifier.forward

    def counted(self, *arguments, **options):
        asked.append(arguments)
        return forward(self, *arguments, **options)

    monkeypatch.setattr(SequenceClassifier, "forward", counted)
    for _ in range(2):
        asked.clear()
        plan_audit(suite, str(checkpoint), Options(device="cpu"))
        assert asked
    assert not cache.exists()


def test_the_flag_reaches_the_run(cache, suite, checkpoint, tmp_path):
    arguments = ["--model", str(checkpoint), "--limit", "5", "--output", str(tmp_path / "run")]
    assert _run(["run", str(suite), *arguments, "--no-cache"]) == 0
    assert not cache.exists()
