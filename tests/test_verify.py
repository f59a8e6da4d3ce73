"""Verifying a saved run: what holds, and every kind of thing that may not."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from auditkit import Options, run_audit
from auditkit.errors import RecordError
from auditkit.record import record_bytes, record_digest
from auditkit.verify import verify_run

PLUGIN = '''
import numpy as np
from auditkit import Custom, Evaluator, Metric


def share_of_good(frame):
    with open("was-run", "a") as file:
        file.write("x")
    return float(np.mean(frame["prediction"] == "good"))


class Shares(Evaluator):
    """How often the answer is good."""

    name = "shares"
    version = "1"

    def metrics(self):
        function = f"{__name__}:share_of_good"
        return [Metric("share", Custom(function, ("prediction",)), "higher")]
'''


@pytest.fixture(scope="module")
def finished(tmp_path_factory, checkpoint, messages) -> Path:
    """A run with groups, verdicts at two confidences, and its rendered pages."""
    folder = tmp_path_factory.mktemp("verify")
    suite = folder / "suite.yaml"
    suite.write_text(
        "auditkit: 1\nname: tiny\ntask: text-classification\n"
        f"data: {{path: {messages}, id: id, groups: [gender, region]}}\n"
        "positive: good\nchecks: {performance: {}}\nrequirements:\n"
        "  - {metric: performance.accuracy, min: 0.05}\n"
        "  - {metric: performance.f1_macro, min: 0.99, confidence: 0.8}\n"
        "  - {metric: performance.accuracy.gap, where: {group: gender}, max: 0.9}\n"
    )
    return run_audit(suite, str(checkpoint), Options(output=folder / "run", workers=0)).folder


@pytest.fixture
def run(finished, tmp_path) -> Path:
    """A copy to tamper with."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


def edit(run: Path, change, *, sign: bool = True) -> None:
    """Change the content of a record, and make its digest fit if ``sign``."""
    path = run / "record.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    change(content)
    if sign:
        content["digest"] = record_digest(content)
    path.write_bytes(record_bytes(content))


def first(run: Path) -> tuple[str, str]:
    found = verify_run(run)
    assert found.exit_code == 1
    assert found.mismatches[0].name in found.sentence
    return found.mismatches[0].what, found.mismatches[0].name


def test_an_untouched_run_holds(finished):
    found = verify_run(finished)
    assert not found.mismatches
    assert found.exit_code == 0
    record = json.loads((finished / "record.json").read_text(encoding="utf-8"))
    assert found.held["measurements"] == len(record["checks"][0]["measurements"]) > 100
    assert found.held["verdicts"] == 3
    assert found.held["tables"] == 3
    assert found.held["parts of evidence"] == 1
    assert [one.split()[0] for one in found.not_covered] == ["card.html", "summary.md"]


def test_a_flipped_byte_is_found_wherever_it_lies(run):
    rng = random.Random(0)
    part = next(run.glob("evidence/*/*.parquet"))
    for path in (run / "record.json", part):
        original = path.read_bytes()
        for _ in range(5):
            position = rng.randrange(len(original))
            changed = bytearray(original)
            changed[position] ^= 1 << rng.randrange(8)
            path.write_bytes(changed)
            what = verify_run(run).mismatches[0].what
            assert what == ("record" if path.name == "record.json" else "part"), position
        path.write_bytes(original)
    assert verify_run(run).exit_code == 0


def test_a_figure_that_was_improved_is_named(run):
    def improve(content):
        accuracy = content["checks"][0]["measurements"][0]
        assert accuracy["metric"] == "accuracy"
        accuracy["value"] += 1e-8

    edit(run, improve)
    assert first(run) == ("measurement", "performance.accuracy")


def test_a_figure_within_the_tolerance_holds(run):
    def nudge(content):
        content["checks"][0]["measurements"][0]["value"] += 1e-11

    edit(run, nudge)
    assert verify_run(run).exit_code == 0


def test_a_figure_that_was_left_out_is_named(run):
    edit(run, lambda content: content["checks"][0]["measurements"].pop(0))
    assert first(run) == ("measurement", "performance.accuracy")


def test_a_verdict_that_was_turned_is_named(run):
    def turn(content):
        failed = next(one for one in content["verdicts"] if one["status"] == "fail")
        failed["status"] = "pass"

    edit(run, turn)
    what, name = first(run)
    assert what == "verdict"
    assert "performance.f1_macro at least 0.99" in name


def test_a_requirement_that_was_eased_is_named(run):
    def ease(content):
        content["suite"]["content"]["requirements"][1]["min"] = 0.0

    edit(run, ease)
    assert first(run)[0] == "suite"


def test_a_table_and_a_count_of_the_data_are_held_too(run):
    edit(run, lambda content: content["checks"][0]["tables"][0]["rows"][0].__setitem__(2, 999))
    assert first(run) == ("table", "performance.confusion_matrix")

    def add_one(content):
        content["data"][0]["groups"]["gender"]["female"] += 1

    edit(run, add_one)
    found = verify_run(run)
    assert [one.what for one in found.mismatches] == ["data", "table"]


def test_evidence_that_was_exchanged_with_its_digest_shows_in_the_figures(run):
    path = next(run.glob("evidence/*/*.parquet"))
    table = pq.read_table(path)
    flipped = [not one for one in table.column("correct").to_pylist()]
    position = table.column_names.index("correct")
    pq.write_table(table.set_column(position, "correct", [flipped]), path)
    from auditkit.evidence import digest_file

    edit(run, lambda content: content["data"][0]["evidence"][0].update(digest=digest_file(path)))
    assert first(run) == ("measurement", "performance.accuracy")


@pytest.mark.parametrize("sign", [True, False])
def test_a_part_outside_of_the_folder_is_refused(run, sign):
    part = next(run.glob("evidence/*/*.parquet"))
    shutil.copy(part, run.parent / "elsewhere.parquet")

    def move(content):
        content["data"][0]["evidence"][0]["file"] = "../elsewhere.parquet"

    edit(run, move, sign=sign)
    found = verify_run(run)
    wanted = ["part"] if sign else ["record", "part"]
    assert [one.what for one in found.mismatches][: len(wanted)] == wanted


def test_a_missing_part_and_a_stray_file_are_named(run):
    (run / "evidence" / "notes.txt").write_text("hello")
    next(run.glob("evidence/*/*.parquet")).unlink()
    found = verify_run(run)
    assert "missing" in found.mismatches[0].why
    assert "evidence/notes.txt (not part of the run)" in found.not_covered


def test_a_record_respelled_or_without_a_digest_is_not_what_was_written(run):
    path = run / "record.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(content), encoding="utf-8")
    assert "spelled" in verify_run(run).mismatches[0].why
    edit(run, lambda content: content.pop("digest"), sign=False)
    assert "no digest" in verify_run(run).mismatches[0].why


def test_no_run_is_an_error(tmp_path):
    with pytest.raises(RecordError, match="there is no run here"):
        verify_run(tmp_path)


def test_plugin_code_runs_only_when_it_is_allowed(tmp_path, monkeypatch, checkpoint, make_suite):
    monkeypatch.chdir(tmp_path)
    Path("shares.py").write_text(PLUGIN)
    suite = make_suite(
        ("performance: {}", "performance: {}\n  shares: {evaluator: './shares.py:Shares'}"),
        (
            "requirements:\n",
            "requirements:\n  - {metric: shares.share, min: 0.0, confidence: 0.9}\n",
        ),
    )
    run = run_audit(suite, str(checkpoint), Options(output=tmp_path / "run", workers=0)).folder
    Path("was-run").unlink()

    found = verify_run(run)
    assert not found.mismatches
    assert found.exit_code == 3
    assert "shares.share" in found.not_verified[0]
    assert len(found.not_verified) == 2
    assert not Path("was-run").exists()

    allowed = verify_run(run, allow_plugins=True)
    assert allowed.exit_code == 0, allowed.sentence
    assert not allowed.not_verified
    assert Path("was-run").exists()
