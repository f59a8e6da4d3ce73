"""The command line as its users meet it: what it prints, where, and its exit codes."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from rich.console import Console

from auditkit import __version__
from auditkit.cli import _run
from auditkit.terminal import BarProgress, PlainProgress, progress


@pytest.fixture
def finished(make_suite, checkpoint, tmp_path, capsys) -> Path:
    """The folder of a run whose only requirement passed."""
    folder = tmp_path / "run"
    assert (
        _run(["run", str(make_suite()), "--model", str(checkpoint), "--output", str(folder)]) == 0
    )
    capsys.readouterr()
    return folder


def _requirements(tmp_path: Path, *lines: str) -> str:
    path = tmp_path / "requirements.yaml"
    path.write_text("".join(f"- {{metric: performance.{line}}}\n" for line in lines))
    return str(path)


def test_run_prints_figures_verdicts_and_the_card(make_suite, checkpoint, tmp_path, capsys):
    folder = tmp_path / "run"
    code = _run(["run", str(make_suite()), "--model", str(checkpoint), "--output", str(folder)])
    said = capsys.readouterr()
    assert code == 0
    assert "f1_macro" in said.out
    assert "PASS" in said.out
    assert "Of 1 requirement: 1 passed." in said.out
    assert str(folder / "card.html") in said.out
    assert "300 examples" in said.err
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize(
    ("line", "code", "word"),
    [
        ("accuracy, min: 0.05", 0, "PASS"),
        ("accuracy, min: 0.99", 1, "FAIL"),
        ("accuracy, min: 0.99, confidence: 0.9999", 1, "FAIL"),
        ("accuracy, min: 0.05, min_n: 5000", 3, "INCONCLUSIVE"),
        ("accuracy, where: {gender: unknown}, min: 0.1", 3, "MISSING"),
        ("accuracy.gap, where: {group: gender}, max: 1.0", 0, "PASS"),
    ],
)
def test_gate_judges_a_saved_run_on_other_requirements(
    line, code, word, finished, tmp_path, capsys
):
    requirements = _requirements(tmp_path, line)
    assert _run(["gate", str(finished), "--requirements", requirements]) == code
    assert word in capsys.readouterr().out


def test_gate_without_requirements_repeats_the_suites(finished, capsys):
    assert _run(["gate", str(finished / "record.json")]) == 0
    assert "performance.accuracy at least 0.05" in capsys.readouterr().out


def test_gate_needs_nothing_but_the_run(finished, checkpoint, tmp_path, capsys):
    """At another confidence it measures from the evidence; model and data are not there."""
    moved = tmp_path / "elsewhere"
    finished.rename(moved)
    requirements = _requirements(tmp_path, "f1_macro, min: 0.05, confidence: 0.9")
    assert _run(["gate", str(moved), "--requirements", requirements]) == 0
    assert "90% interval" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "parts"),
    [
        ("- {metric: performance.acuracy, min: 0.1}", [":1", "Did you mean 'accuracy'?"]),
        ("\n- {metric: fairness.accuracy, min: 0.1}", [":2", "fairness"]),
        ("- {metric: performance.accuracy}", [":1", "min"]),
        ("", ["requirements.yaml"]),
        (None, ["requirements.yaml", "No such file"]),
    ],
)
def test_requirements_that_cannot_be_judged(content, parts, finished, tmp_path, capsys):
    path = tmp_path / "requirements.yaml"
    if content is not None:
        path.write_text(content)
    assert _run(["gate", str(finished), "--requirements", str(path)]) == 2
    errors = capsys.readouterr().err
    for part in parts:
        assert part in errors


def test_gate_refuses_evidence_that_was_changed(finished, tmp_path, capsys):
    part = next(finished.rglob("*.parquet"))
    table = pq.read_table(part)
    pq.write_table(table.slice(1), part)
    requirements = _requirements(tmp_path, "accuracy, min: 0.1, confidence: 0.5")
    assert _run(["gate", str(finished), "--requirements", requirements]) == 2
    assert "not what the record was made from" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["gate", "report"])
def test_a_record_that_was_edited_is_neither_judged_nor_shown(command, finished, capsys):
    path = finished / "record.json"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace('"status": "pass"', '"status": "fail"'), encoding="utf-8")
    assert _run([command, str(finished)]) == 2
    assert "record.json: was changed after it was written" in capsys.readouterr().err


def test_gate_says_which_evidence_is_missing(finished, tmp_path, capsys):
    next(finished.rglob("*.parquet")).unlink()
    requirements = _requirements(tmp_path, "accuracy, min: 0.1, confidence: 0.5")
    assert _run(["gate", str(finished), "--requirements", requirements]) == 2
    assert "evidence is missing. Run the audit again" in capsys.readouterr().err


def test_report_renders_again_the_same_card(finished):
    card = finished / "card.html"
    before = card.read_bytes()
    card.unlink()
    (finished / "summary.md").unlink()
    assert _run(["report", str(finished)]) == 0
    assert card.read_bytes() == before
    assert (finished / "summary.md").exists()


def test_validate_names_checks_and_counts_requirements(make_suite, capsys):
    assert _run(["validate", str(make_suite()), "sentiment"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("valid; checks performance; 1 requirement")
    assert lines[1].startswith("sentiment: valid")


def test_validate_finds_what_is_wrong(make_suite, capsys):
    suite = make_suite(("performance: {}", "performance: {bins: 3}"))
    assert _run(["validate", str(suite)]) == 2
    assert "suite.yaml:7" in capsys.readouterr().err


def test_list_names_evaluators_and_suites_with_their_origin(capsys):
    assert _run(["list"]) == 0
    words = capsys.readouterr().out.split()
    for word in ("performance", "auditkit", "sentiment"):
        assert word in words


def test_dry_run_says_what_would_happen(make_suite, checkpoint, tmp_path, capsys):
    folder = tmp_path / "run"
    command = ["run", str(make_suite()), "--model", str(checkpoint), "--output", str(folder)]
    assert _run([*command, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert "queries:  about 300" in said
    assert not folder.exists()


def test_a_partial_run_says_so(make_suite, checkpoint, tmp_path, capsys):
    folder = tmp_path / "run"
    command = ["run", str(make_suite()), "--model", str(checkpoint), "--output", str(folder)]
    _run([*command, "--limit", "50"])
    assert "Partial, not for release" in capsys.readouterr().out
    _run(["gate", str(folder)])
    assert "Partial, not for release" in capsys.readouterr().out


def test_columns_can_be_named_without_a_suite_of_ones_own(
    make_suite, checkpoint, messages, tmp_path, capsys
):
    bare = make_suite((", id: id, groups: [gender, region]", ""), ("positive: good\n", ""))
    flags = ["--data", str(messages), "--group", "gender", "--id", "id", "--positive", "bad"]
    folder = tmp_path / "run"
    common = ["run", str(bare), "--model", str(checkpoint), "--output", str(folder)]
    assert _run([*common, *flags, "--workers", "0"]) == 0
    record = json.loads((folder / "record.json").read_text())
    assert list(record["data"][0]["groups"]) == ["gender"]
    assert record["suite"]["positive"] == "bad"
    part = next((folder / "evidence").glob("*/*.parquet"))
    assert pq.read_table(part).column("example_id")[0].as_py() == "m00000"
    # The card says how to make the same audit again, with these flags.
    card = (folder / "card.html").read_text(encoding="utf-8")
    assert "--id id" in card
    assert "--group gender --positive bad" in card


def test_interrupted_is_130(monkeypatch, capsys):
    import auditkit.plugins

    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(auditkit.plugins, "find_evaluators", interrupt)
    assert _run(["list"]) == 130
    assert "interrupted" in capsys.readouterr().err


def test_a_defect_of_our_own_is_4_with_a_traceback(monkeypatch, capsys):
    import auditkit.plugins

    monkeypatch.setattr(auditkit.plugins, "find_evaluators", lambda: 1 / 0)
    assert _run(["list"]) == 4
    errors = capsys.readouterr().err
    assert "ZeroDivisionError" in errors
    assert "please report" in errors


def test_version(capsys):
    assert _run(["--version"]) == 0
    assert capsys.readouterr().out == f"auditkit {__version__}\n"


def test_the_module_at_the_top_is_the_command():
    top = Path(__file__).parents[1] / "cli.py"
    done = subprocess.run(
        [sys.executable, str(top), "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"auditkit {__version__}\n"


@pytest.mark.parametrize(
    "command",
    ["run", "gate", "report", "verify", "validate", "list", "init", "schema", "demo"],
)
def test_every_command_explains_itself(command, capsys):
    assert _run([command, "--help"]) == 0
    assert "Usage: auditkit " + command in capsys.readouterr().out


@pytest.mark.parametrize("no_color", [None, "1"])
def test_colour_is_for_terminals_that_want_it(no_color, finished):
    """Under a pseudo-terminal there is colour, unless NO_COLOR asks for none."""
    pty = pytest.importorskip("pty")
    primary, secondary = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment["TERM"] = "xterm"
    if no_color:
        environment["NO_COLOR"] = no_color
    with subprocess.Popen(
        [sys.executable, "-m", "auditkit", "gate", str(finished)],
        stdout=secondary,
        stderr=secondary,
        env=environment,
    ) as process:
        os.close(secondary)
        said = b""
        while True:
            try:
                part = os.read(primary, 4096)
            except OSError:
                break
            if not part:
                break
            said += part
    os.close(primary)
    assert process.returncode == 0
    assert b"PASS" in said
    assert (b"\x1b[32m" in said) is (no_color is None)


def test_progress_is_plain_lines_where_there_is_no_terminal(capsys):
    shown = progress()
    assert isinstance(shown, PlainProgress)
    shown.start("predictions", 1000, 200)
    shown.advance(400)
    shown.finish()
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["predictions: 1,000 examples, 200 already done", "predictions: done"]


def test_progress_is_a_bar_with_the_time_left_on_a_terminal():
    stream = io.StringIO()
    shown = BarProgress(Console(file=stream, force_terminal=True, width=100))
    shown.start("predictions [all]", 1000, 200)
    shown.advance(400)
    shown.say("a [bold]line[/bold]")
    shown.finish()
    text = stream.getvalue()
    assert "predictions [all]" in text
    assert "600/1000" in text
    assert "left" in text
    assert "a [bold]line[/bold]" in text


def test_the_record_holds_no_path_that_was_not_given(make_suite, checkpoint, tmp_path, monkeypatch):
    """What the user wrote as relative stays relative: records are copied to other machines."""
    suite = make_suite()
    text = suite.read_text()
    data = next(line for line in text.splitlines() if line.startswith("data:"))
    source = Path(data.partition("path: ")[2].partition(",")[0])
    (tmp_path / "here.jsonl").write_bytes(source.read_bytes())
    suite.write_text(text.replace(str(source), "here.jsonl"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").symlink_to(checkpoint)
    assert _run(["run", "suite.yaml", "--model", "./model", "--output", "run"]) == 0
    for name in ("record.json", "card.html", "summary.md"):
        assert str(tmp_path) not in (tmp_path / "run" / name).read_text()
    record = json.loads((tmp_path / "run" / "record.json").read_text())
    assert (record["model"]["source"], record["data"][0]["source"]) == ("./model", "here.jsonl")
