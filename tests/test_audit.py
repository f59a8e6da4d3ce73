"""The main flow, end to end, on a tiny checkpoint."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from sklearn.metrics import accuracy_score, f1_score

from auditkit.audit import Options, plan_audit, run_audit
from auditkit.errors import SuiteError, UsageError
from auditkit.evaluators.predictions import Predictions
from auditkit.evidence import digest_file
from auditkit.record import read_record
from auditkit.report.facts import repeat_command
from auditkit.requirements import outcome
from tests.conftest import write_messages
from tests.models import tiny

PLUGIN = textwrap.dedent(
    '''
    import pandas as pd
    from auditkit import Collector, Mean, Metric, Params

    class Settings(Params):
        crash_on: str = ""

    class Shouting(Collector):
        """Does the prediction change when the text is repeated?"""

        name = "shouting"
        version = "1"
        shard_size = 50
        Params = Settings

        def metrics(self):
            return [Metric("flip_rate", Mean("flipped"), better="lower")]

        def collect(self, shard, context):
            ids = shard.table["example_id"].to_pylist()
            if self.params.crash_on in ids:
                raise ValueError("planted crash")
            texts = shard.table["text"].to_pylist()
            again = context.engine.predict([f"{text} {text}" for text in texts]).argmax(axis=1)
            before = context.predictions["prediction"].to_pylist()
            noise = [context.rng(one).random() for one in ids]
            rows = pd.DataFrame({
                "example_id": ids,
                "flipped": [context.labels[a] != b for a, b in zip(again, before)],
                "noise": noise,
            })
            return rows.sort_values("example_id")
    '''
)


@pytest.fixture
def plugin(tmp_path) -> Path:
    path = tmp_path / "shouting.py"
    path.write_text(PLUGIN)
    return path


@pytest.fixture
def with_plugin(make_suite, plugin):
    def make(params: str = "", **more) -> Path:
        check = f'  shouting: {{evaluator: "{plugin}:Shouting"{params}}}\nrequirements:'
        requirement = "min: 0.05}\n  - {metric: shouting.flip_rate, max: 1.0}"
        return make_suite(("requirements:", check), ("min: 0.05}", requirement), **more)

    return make


def _digests(run) -> dict[str, str]:
    folder = run.folder if hasattr(run, "folder") else Path(run)
    return {
        path.relative_to(folder).as_posix(): digest_file(path)
        for path in sorted(folder.rglob("*.parquet"))
    }


def _plain_predictions(checkpoint: Path, texts: list[str]) -> list[str]:
    """One text at a time through transformers alone."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    model = AutoModelForSequenceClassification.from_pretrained(checkpoint).eval()
    with torch.inference_mode():
        codes = [
            int(
                model(**tokenizer(text, return_tensors="pt", truncation=True, max_length=64))
                .logits.argmax()
                .item()
            )
            for text in texts
        ]
    return [model.config.id2label[code] for code in codes]


def test_an_audit_agrees_with_a_plain_loop(make_suite, checkpoint, messages, tmp_path):
    run = run_audit(make_suite(), str(checkpoint), Options(output=tmp_path / "run"))
    rows = [json.loads(line) for line in messages.read_text().splitlines()]
    labels = [row["label"] for row in rows]
    predicted = _plain_predictions(checkpoint, [row["text"] for row in rows])
    found = {
        (one.metric, *sorted(one.slice.items())): one.value
        for one in run.record.check("performance").measurements
    }
    assert found["accuracy",] == pytest.approx(accuracy_score(labels, predicted))
    assert found["f1_macro",] == pytest.approx(f1_score(labels, predicted, average="macro"))
    women = [i for i, row in enumerate(rows) if row["gender"] == "female"]
    assert found["accuracy", ("gender", "female")] == pytest.approx(
        np.mean([labels[i] == predicted[i] for i in women])
    )
    evidence = pq.read_table(run.folder / run.record.data[0].evidence[0].file).to_pandas()
    by_id = dict(zip(evidence["example_id"], evidence["prediction"], strict=True))
    assert [by_id[row["id"]] for row in rows] == predicted


def test_the_run_folder_holds_what_the_record_says(make_suite, checkpoint, tmp_path):
    run = run_audit(make_suite(), str(checkpoint), Options(output=tmp_path / "run"))
    assert read_record(run.folder) == run.record
    assert read_record(run.folder / "record.json") == run.record
    for part in run.record.data[0].evidence:
        assert digest_file(run.folder / part.file) == part.digest
    names = {path.name for path in run.folder.iterdir() if not path.name.startswith(".")}
    assert names == {"record.json", "card.html", "summary.md", "evidence"}
    assert run.record.partial == []
    assert run.record.engine.queries == 300
    assert outcome(run.record.verdicts, run.record.checks).exit_code == 0


def test_the_folder_is_named_after_suite_and_model(make_suite, checkpoint, tmp_path, monkeypatch):
    suite = make_suite()
    monkeypatch.chdir(tmp_path)
    run = run_audit(suite, str(checkpoint))
    digest = run.record.model.digest[:8]
    assert run.folder == Path("reports") / "tiny" / f"tiny-bert-{digest}"


def test_the_same_audit_is_the_same_bytes(with_plugin, checkpoint, tmp_path):
    suite = with_plugin()
    first = run_audit(suite, str(checkpoint), Options(output=tmp_path / "a", workers=0))
    second = run_audit(suite, str(checkpoint), Options(output=tmp_path / "b", workers=8))
    assert _digests(first) == _digests(second)
    assert first.record.id == second.record.id
    assert first.record.verdicts == second.record.verdicts
    for one, two in zip(first.record.checks, second.record.checks, strict=True):
        assert one.measurements == two.measurements
        assert one.tables == two.tables


def test_a_finished_run_is_not_asked_again(with_plugin, checkpoint, tmp_path):
    suite, options = with_plugin(), Options(output=tmp_path / "run")
    first = run_audit(suite, str(checkpoint), options)
    again = run_audit(suite, str(checkpoint), options)
    assert first.record.engine.queries == 600
    assert again.record.engine.queries == 0
    assert again.record.check("shouting").resumed_parts == 6
    assert _digests(first) == _digests(again)
    fresh = run_audit(suite, str(checkpoint), replace(options, fresh=True))
    assert fresh.record.engine.queries == 600


@pytest.mark.parametrize(
    ("change", "predictions_again"),
    [("seed", True), ("positive", True), ("params", False), ("data", True)],
)
def test_what_evidence_depends_on_makes_it_anew(
    change, predictions_again, with_plugin, checkpoint, tmp_path
):
    output = tmp_path / "run"
    run_audit(with_plugin(), str(checkpoint), Options(output=output))
    if change == "seed":
        suite, options = with_plugin(), Options(output=output, seed=1)
    elif change == "params":
        suite, options = with_plugin(", crash_on: nobody"), Options(output=output)
    elif change == "data":
        other = write_messages(tmp_path / "other.jsonl", 300, seed=9)
        suite, options = with_plugin(data=other), Options(output=output)
    else:
        path = with_plugin()
        path.write_text(path.read_text().replace("positive: good", "positive: bad"))
        suite, options = path, Options(output=output)
    again = run_audit(suite, str(checkpoint), options)
    assert again.record.check("shouting").resumed_parts == 0
    assert (again.record.engine.queries == 600) is predictions_again


def test_what_a_search_in_another_dtype_found_is_made_anew(with_plugin, checkpoint, tmp_path):
    suite, options = with_plugin(), Options(output=tmp_path / "run", search_dtype="float32")
    exact = run_audit(suite, str(checkpoint), options).record
    rough = run_audit(suite, str(checkpoint), replace(options, search_dtype="bfloat16")).record
    again = run_audit(suite, str(checkpoint), replace(options, search_dtype="bfloat16")).record
    assert rough.check("shouting").resumed_parts == 0
    assert again.check("shouting").resumed_parts == 6
    assert exact.id != rough.id == again.id
    dtypes = [record.engine.search_dtype for record in (exact, rough, again)]
    assert dtypes == ["float32", "bfloat16", "bfloat16"]
    assert "--search-dtype bfloat16" in repeat_command(rough)
    assert "--search-dtype" not in repeat_command(exact)


def test_a_damaged_part_is_made_again(with_plugin, checkpoint, tmp_path):
    suite, options = with_plugin(), Options(output=tmp_path / "run")
    first = run_audit(suite, str(checkpoint), options)
    wanted = _digests(first)
    part = first.folder / "evidence" / "shouting" / "part-00002.parquet"
    content = bytearray(part.read_bytes())
    content[200] ^= 0xFF
    part.write_bytes(bytes(content))
    again = run_audit(suite, str(checkpoint), options)
    assert again.record.check("shouting").resumed_parts == 5
    assert again.record.engine.queries == 50
    assert _digests(again) == wanted


def test_a_crash_inside_a_check_is_recorded_and_the_rest_goes_on(with_plugin, checkpoint, tmp_path):
    run = run_audit(
        with_plugin(", crash_on: m00120"), str(checkpoint), Options(output=tmp_path / "run")
    )
    check = run.record.check("shouting")
    assert check.status == "error"
    assert "ValueError: planted crash" in check.error
    assert check.measurements == []
    statuses = {verdict.metric: verdict.status for verdict in run.record.verdicts}
    assert statuses == {"performance.accuracy": "pass", "shouting.flip_rate": "missing"}
    assert outcome(run.record.verdicts, run.record.checks).exit_code == 3
    card = (run.folder / "card.html").read_text()
    assert "planted crash" in card
    assert run.record.check("performance").status == "ok"


def test_a_model_that_gives_no_numbers_puts_every_check_in_error(
    make_suite, checkpoint, tmp_path, monkeypatch
):
    from auditkit.inference.engine import BatchingEngine

    monkeypatch.setattr(
        BatchingEngine,
        "predict",
        lambda self, inputs: np.full((len(inputs), 3), np.nan, dtype=np.float32),
    )
    run = run_audit(make_suite(), str(checkpoint), Options(output=tmp_path / "run"))
    check = run.record.check("performance")
    assert check.status == "error"
    assert "not finite for 300 examples" in check.error
    assert run.record.verdicts[0].status == "missing"
    assert run.record.data[0].truncated is None
    assert (run.folder / "card.html").exists()


def test_limit_and_only_make_a_run_partial(with_plugin, checkpoint, tmp_path):
    suite = with_plugin()
    limited = run_audit(
        suite, str(checkpoint), Options(output=tmp_path / "a", limit=40, only=("performance",))
    )
    assert limited.record.data[0].rows == 40
    assert limited.record.data[0].rows_total == 300
    assert limited.record.check("shouting").status == "skipped"
    assert len(limited.record.partial) == 2
    assert "40 of 300" in limited.record.partial[0]
    assert "not for release" in (limited.folder / "card.html").read_text().lower()
    assert outcome(limited.record.verdicts, limited.record.checks).exit_code == 3


def test_a_negative_seed_is_refused_before_anything_is_lost(make_suite, checkpoint, tmp_path):
    with pytest.raises(UsageError, match="--seed must be at least 0"):
        run_audit(make_suite(), str(checkpoint), Options(output=tmp_path / "run", seed=-1))
    assert not (tmp_path / "run").exists()


def test_limit_draws_the_same_examples_for_a_seed(make_suite, checkpoint, tmp_path):
    def ids(output: str, seed: int) -> set[str]:
        run = run_audit(
            make_suite(),
            str(checkpoint),
            Options(output=tmp_path / output, limit=40, seed=seed),
        )
        table = pq.read_table(run.folder / run.record.data[0].evidence[0].file)
        return set(table["example_id"].to_pylist())

    assert ids("a", 0) == ids("b", 0) != ids("c", 1)


def test_truncated_examples_are_counted_also_when_resumed(make_suite, checkpoint, tmp_path):
    data = tmp_path / "long.jsonl"
    short, long = tiny.texts(20, 5), [" ".join(tiny.WORDS[:100]), " ".join(tiny.WORDS[50:150])]
    rows = [
        {"id": str(i), "text": text, "label": "bad", "gender": "female", "region": "north"}
        for i, text in enumerate([*short, *long])
    ]
    data.write_text("\n".join(json.dumps(row) for row in rows))
    for _ in range(2):
        run = run_audit(make_suite(data=data), str(checkpoint), Options(output=tmp_path / "run"))
        assert run.record.data[0].truncated == 2


def test_a_dry_run_writes_nothing_and_counts_queries(with_plugin, checkpoint, tmp_path):
    output = tmp_path / "run"
    plan = plan_audit(with_plugin(), str(checkpoint), Options(output=output))
    assert plan.checks == ("performance", "shouting")
    assert (plan.examples, plan.queries) == (300, 600)
    assert plan.seconds > 0
    assert not output.exists()


def test_a_check_may_have_data_of_its_own(make_suite, checkpoint, tmp_path):
    other = write_messages(tmp_path / "other.jsonl", 120, seed=4)
    suite = make_suite(
        (
            "  performance: {}",
            "  performance: {}\n  elsewhere:\n    evaluator: performance\n"
            f"    data: {{path: {other}, groups: [gender]}}",
        )
    )
    run = run_audit(suite, str(checkpoint), Options(output=tmp_path / "run"))
    assert [data.rows for data in run.record.data] == [300, 120]
    accuracy = run.record.check("elsewhere").measurements[0]
    assert (accuracy.metric, accuracy.n) == ("accuracy", 120)
    assert len(list((run.folder / "evidence").iterdir())) == 2


def test_several_labels_and_pairs_run_too(checkpoint, tmp_path):
    folder = tiny.save(tmp_path / "multi", problem_type="multi_label_classification")
    words = tiny.texts(60, 8)
    data = tmp_path / "pairs.jsonl"
    data.write_text(
        "\n".join(
            json.dumps({"a": text, "b": words[-1 - i], "y": [["bad"], [], ["bad", "good"]][i % 3]})
            for i, text in enumerate(words)
        )
    )
    suite = tmp_path / "multi.yaml"
    suite.write_text(
        "auditkit: 1\ntask: text-classification\nmulti_label: true\n"
        f"data: {{path: {data}, text: a, pair: b, label: y}}\nchecks: {{performance: {{}}}}\n"
    )
    run = run_audit(suite, str(folder), Options(output=tmp_path / "run"))
    check = run.record.check("performance")
    assert check.status == "ok", check.error
    assert run.record.model.multi_label
    found = {one.metric: one for one in check.measurements if not one.slice}
    assert found["f1_micro"].value is not None
    assert found["balanced_accuracy"].value is None


def test_a_multi_label_model_under_a_single_label_suite_is_refused(make_suite, tmp_path):
    folder = tiny.save(tmp_path / "multi", problem_type="multi_label_classification")
    with pytest.raises(Exception, match="Write 'multi_label: true'"):
        run_audit(make_suite(), str(folder), Options(output=tmp_path / "run"))


@pytest.mark.parametrize(
    ("written", "resolved"), [("good", "good"), ("GOOD", "good"), ("0", "bad")]
)
def test_the_positive_label_may_be_a_name_or_an_id(
    written, resolved, make_suite, checkpoint, tmp_path
):
    suite = make_suite(("positive: good", f"positive: {written}"))
    run = run_audit(suite, str(checkpoint), Options(output=tmp_path / "run"))
    assert run.record.suite.positive == resolved


def test_a_positive_label_the_model_does_not_know(make_suite, checkpoint, tmp_path):
    suite = make_suite(("positive: good", "positive: goood"))
    with pytest.raises(SuiteError, match=r"suite.yaml:5: .*no label 'goood'.*mean 'good'"):
        run_audit(suite, str(checkpoint), Options(output=tmp_path / "run"))


def test_another_audit_in_the_folder_never_keeps_the_old_verdicts(
    make_suite, checkpoint, tmp_path, monkeypatch
):
    output = tmp_path / "run"
    run_audit(make_suite(), str(checkpoint), Options(output=output))
    monkeypatch.setattr(Predictions, "collect", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run_audit(make_suite(), str(checkpoint), Options(output=output, seed=5, workers=0))
    assert not (output / "record.json").exists()
    assert not (output / "card.html").exists()


def test_two_runs_at_once_in_a_folder_are_refused(make_suite, checkpoint, tmp_path):
    from filelock import FileLock

    output = tmp_path / "run"
    output.mkdir()
    with FileLock(output / ".lock"), pytest.raises(UsageError, match="another run is writing"):
        run_audit(make_suite(), str(checkpoint), Options(output=output))


DRIVER = """
import os, sys, time
from auditkit.audit import Options, run_audit
from auditkit.evaluators.predictions import Predictions
Predictions.shard_size = 100
whole = Predictions.collect
def slow(self, shard, context):
    rows = whole(self, shard, context)
    written = list(folder.glob("evidence/predictions-*/part-*.parquet"))
    if len(written) >= 2 and sys.argv[4] == "stop":
        print("two parts", flush=True)
        while True:
            time.sleep(1)
    return rows
Predictions.collect = slow
from pathlib import Path
folder = Path(sys.argv[3])
run = run_audit(sys.argv[1], sys.argv[2], Options(output=folder, workers=0))
print(run.record.engine.queries, flush=True)
"""


def test_killed_in_the_middle_it_goes_on_where_it_stopped(make_suite, checkpoint, tmp_path):
    data = write_messages(tmp_path / "more.jsonl", 500)
    suite, driver = make_suite(data=data), tmp_path / "driver.py"
    driver.write_text(DRIVER)

    def start(folder: str, mode: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, driver, suite, checkpoint, tmp_path / folder, mode],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    with start("killed", "stop") as stopped:
        assert stopped.stdout.readline() == "two parts\n"
        os.kill(stopped.pid, signal.SIGKILL)
    assert stopped.returncode == -signal.SIGKILL
    assert not (tmp_path / "killed" / "record.json").exists()
    with start("killed", "go") as resumed:
        output = resumed.stdout.read()
    assert output == "300\n", output
    with start("undisturbed", "go") as undisturbed:
        assert undisturbed.stdout.read() == "500\n"
    assert _digests(tmp_path / "killed") == _digests(tmp_path / "undisturbed")
    parts = [read_record(tmp_path / name).data[0].evidence for name in ("killed", "undisturbed")]
    assert parts[0] == parts[1]
