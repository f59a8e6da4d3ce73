"""Whole audits with worker processes, from scripts, suites and the command line."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from auditkit.audit import Options, run_audit
from auditkit.requirements import outcome
from tests.conftest import write_messages
from tests.execution.conftest import PLUGIN

# No `if __name__ == "__main__"`: started again by a worker, this would start workers for ever.
SCRIPT = """
import sys
from pathlib import Path
from auditkit import Options, run_audit

run = run_audit(sys.argv[1], sys.argv[2], Options(output=Path(sys.argv[3]), workers=2))
assert run.record.check("demonstrator").status == "ok", run.record.check("demonstrator").error
"""
# Without a model, so that it starts soon; the check hangs in its workers.
HANGING = """
import signal, sys
from pathlib import Path
from tests.execution.conftest import runner

signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
try:
    runner(Path(sys.argv[1]))(2, habits={"e000": "hang", "e007": "hang"})
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.fixture
def suite(make_suite, tmp_path):
    data = write_messages(tmp_path / "few.jsonl", 40)

    def make(params: str = "") -> Path:
        return make_suite(
            (
                "requirements:\n",
                f'  demonstrator: {{evaluator: "{PLUGIN}:Demonstrator"{params}}}\nrequirements:\n'
                "  - {metric: demonstrator.flip_rate, max: 1.0}\n",
            ),
            data=data,
        )

    return make


def test_a_check_whose_workers_die_is_in_error_and_the_others_go_on(suite, checkpoint, tmp_path):
    run = run_audit(
        suite(", habits: {m00020: segfault}"), str(checkpoint),
        Options(output=tmp_path / "run", workers=1),
    )  # fmt: skip
    check = run.record.check("demonstrator")
    assert check.status == "error"
    assert "died of SIGSEGV, twice on the same shard (examples m00014 to m00020)" in check.error
    assert run.record.check("performance").status == "ok"
    assert {verdict.metric: verdict.status for verdict in run.record.verdicts} == {
        "demonstrator.flip_rate": "missing",
        "performance.accuracy": "pass",
    }
    assert outcome(run.record.verdicts, run.record.checks).exit_code == 3


def test_a_worker_is_started_only_where_there_may_be_something_to_collect(
    suite, checkpoint, tmp_path
):
    preloaded = tmp_path / "preloaded"
    preloaded.mkdir()
    options = Options(output=tmp_path / "run", workers=1)
    named = suite(f", preloaded: {preloaded}")
    run_audit(named, str(checkpoint), options)
    assert len(list(preloaded.iterdir())) == 1
    again = run_audit(named, str(checkpoint), options)
    assert again.record.check("demonstrator").resumed_parts == 6
    assert len(list(preloaded.iterdir())) == 1


def test_a_script_without_a_guard_whose_streams_are_closed(suite, checkpoint, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    subprocess.run(
        ["sh", "-c", 'exec "$@" <&- >&-', "sh", sys.executable, script, suite(), checkpoint,
         tmp_path / "script"],
        check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, timeout=300,
    )  # fmt: skip
    parts = sorted((tmp_path / "script" / "evidence" / "demonstrator").iterdir())
    assert sum(pq.read_metadata(part).num_rows for part in parts) == 40


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_no_worker_outlives_an_audit_that_is_ended(how, tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HANGING, tmp_path],
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        # What a collector prints goes to stderr: both workers are at work.
        assert [process.stderr.readline() for _ in range(2)] == ["collecting\n"] * 2
        process.send_signal(how)
        # The pipe ends when the last process that could still write to it has ended.
        assert process.stderr.read() == ""
    assert process.returncode == (130 if how == signal.SIGINT else -signal.SIGKILL)
