"""A check that takes too long, in threads and in the calling thread."""

from __future__ import annotations

import threading

import pytest

from auditkit.errors import CheckError, SuiteError
from auditkit.suite import load_suite
from tests.execution.conftest import DigestEngine, make_examples

PLUGIN = """
import threading
import pandas as pd
from auditkit import Collector, Params

class Settings(Params):
    habit: str = ""

class Endless(Collector):
    name = "endless"
    version = "1"
    shard_size = 5
    Params = Settings

    def metrics(self):
        return []

    def collect(self, shard, context):
        ids = shard.table["example_id"].to_pylist()
        if "e007" in ids and self.params.habit:
            self.never_done(context)
        return pd.DataFrame({"example_id": ids})

    def never_done(self, context):
        try:
            while True:
                context.engine.predict(["again"])
        except Exception:
            if self.params.habit == "raise":
                raise
"""
MESSAGE = r"'demo' took longer than its timeout of 0.5 s. Finished parts are kept"


@pytest.fixture
def endless(tmp_path) -> str:
    path = tmp_path / "endless.py"
    path.write_text(PLUGIN)
    return f"{path}:Endless"


def parts(folder) -> set[str]:
    return {file.name for file in (folder / "evidence" / "demo").iterdir()}


@pytest.mark.parametrize("habit", ["raise", "swallow"])
@pytest.mark.parametrize("workers", [0, 1])
def test_what_was_finished_in_time_stays_and_the_rest_is_made_later(
    workers, habit, run_check, endless, tmp_path
):
    """A collector that takes the engine's refusal for an answer leaves no rows either."""
    examples, folder = make_examples(20), tmp_path / "run"
    more = {"evaluator": endless, "examples": examples, "folder": folder}
    with pytest.raises(CheckError, match=MESSAGE):
        run_check(workers, timeout=0.5, habit=habit, **more)
    assert parts(folder) == {"part-00000.parquet"}
    assert not any(thread.name == "auditkit-shard" for thread in threading.enumerate())
    _, collected = run_check(workers, timeout=600.0, **more)
    assert collected.resumed == 1
    assert len(collected.parts) == 4


def test_a_thread_that_waits_for_the_engine_is_left_behind(run_check, endless, tmp_path):
    """It can be neither killed nor waited for; the audit goes on, and it makes nothing more."""
    answered = threading.Event()
    engine = DigestEngine(answered.wait)
    with pytest.raises(CheckError, match=MESSAGE):
        run_check(
            2, timeout=0.5, evaluator=endless, habit="swallow", engine=engine,
            examples=make_examples(10), folder=tmp_path / "run",
        )  # fmt: skip
    (left,) = [one for one in threading.enumerate() if one.name == "auditkit-shard"]
    assert left.daemon
    answered.set()
    left.join(30)
    assert not left.is_alive()
    assert parts(tmp_path / "run") == {"part-00000.parquet"}


def test_a_suite_may_give_a_check_a_timeout(make_suite):
    suite = load_suite(make_suite(("performance: {}", "performance: {timeout: 90}")))
    assert suite.checks["performance"].timeout == 90
    assert load_suite(make_suite()).checks["performance"].timeout is None


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("0", "'checks.performance.timeout' should be above 0, not 0"),
        ("-3", "'checks.performance.timeout' should be above 0, not -3"),
        ("soon", "'checks.performance.timeout' should be a number, not 'soon'"),
        (".inf", "'checks.performance.timeout' should be a finite number, not inf"),
    ],
)
def test_a_timeout_that_is_none_is_refused_with_its_line(written, complaint, make_suite):
    path = make_suite(("performance: {}", f"performance: {{timeout: {written}}}"))
    with pytest.raises(SuiteError) as refused:
        load_suite(path)
    assert str(refused.value).startswith(f"{path}:7: ")
    assert complaint in str(refused.value)
