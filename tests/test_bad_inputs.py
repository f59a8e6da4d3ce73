"""Bad input through the front door: one message that says where and what next, exit code 2."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from auditkit.cli import _run
from tests.models import tiny

ROW = {"id": "1", "text": "bafe defe", "label": "bad", "gender": "female", "region": "north"}


@dataclass
class Place:
    """Files of one case, and the command line over them."""

    folder: Path
    suite: Path
    data: Path
    checkpoint: Path

    def edit(self, old: str, new: str) -> None:
        text = self.suite.read_text()
        assert old in text, old
        self.suite.write_text(text.replace(old, new))

    def rows(self, *changes: dict) -> None:
        """Replace the data by as many rows as changes."""
        rows = [{**ROW, "id": str(i), **change} for i, change in enumerate(changes)]
        self.data.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def model(self) -> Path:
        """Copy the checkpoint so that it may be damaged."""
        copy = self.folder / "model"
        shutil.copytree(self.checkpoint, copy, dirs_exist_ok=True)
        self.checkpoint = copy
        return copy


@pytest.fixture
def place(tmp_path, make_suite, checkpoint) -> Place:
    data = tmp_path / "data.jsonl"
    data.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, "id": "2", "label": "good"}) + "\n")
    return Place(tmp_path, make_suite(data=data), data, checkpoint)


def _config(place: Place, change: Callable[[dict], None]) -> None:
    path = place.model() / "config.json"
    config = json.loads(path.read_text())
    change(config)
    path.write_text(json.dumps(config))


def _truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


# Name: (what is done to the files, more arguments, what the message says).
CASES: dict[str, tuple[Callable[[Place], object], list[str], list[str]]] = {
    # the command line
    "no such suite": (lambda p: p.suite.rename(p.folder / "x.yaml"), [], ["suite.yaml", "x.yaml"]),
    "workers is a word": (lambda p: None, ["--workers", "many"], ["--workers is 'many'", "auto"]),
    "limit is zero": (lambda p: None, ["--limit", "0"], ["--limit must be at least 1"]),
    "limit is a word": (lambda p: None, ["--limit", "few"], ["--limit", "integer"]),
    "only names no check": (
        lambda p: None,
        ["--only", "performence"],
        ["performence", "Did you mean 'performance'?"],
    ),
    "unknown flag": (lambda p: None, ["--fast"], ["--fast"]),
    "unknown device": (lambda p: None, ["--device", "quantum"], ["quantum", "cpu"]),
    "absent device": (lambda p: None, ["--device", "cuda:77"], ["cuda:77"]),
    "unknown dtype": (lambda p: None, ["--dtype", "int3"], ["int3", "float32"]),
    "unknown search dtype": (
        lambda p: None,
        ["--search-dtype", "float16"],
        ["unknown search dtype 'float16'", "bfloat16"],
    ),
    "dtypes that do not go together": (
        lambda p: None,
        ["--dtype", "bfloat16", "--search-dtype", "float32"],
        ["searches in bfloat16", "--search-dtype"],
    ),
    "dtype the device cannot do": (
        lambda p: None,
        ["--device", "cpu", "--dtype", "float16"],
        ["float16"],
    ),
    "output is a file": (
        lambda p: (p.folder / "taken").write_text(""),
        ["--output", "taken"],
        ["taken", "--output"],
    ),
    "data flag names no file": (lambda p: None, ["--data", "./gone.csv"], ["gone.csv"]),
    "text flag names no column": (lambda p: None, ["--text", "txt"], ["txt", "'text'"]),
    "requirement on a kind that is not examined": (
        lambda p: p.edit(
            "requirements:",
            "  perturbation: {kinds: [typo, case]}\nrequirements:\n"
            "  - {metric: perturbation.flip_rate, where: {kind: tpyo, severity: 3}, max: 0.1}",
        ),
        [],
        ["suite.yaml:", "has no kind 'tpyo'", "Did you mean 'typo'?"],
    ),
    "requirement on a severity that is not examined": (
        lambda p: p.edit(
            "requirements:",
            "  perturbation: {kinds: [typo], severities: [1, 3]}\nrequirements:\n"
            "  - {metric: perturbation.flip_rate, where: {kind: typo, severity: 5}, max: 0.1}",
        ),
        [],
        ["suite.yaml:", "has no severity '5'", "Known: 1, 3"],
    ),
    "requirement on a recipe that is not run": (
        lambda p: p.edit(
            "requirements:",
            "  attack: {recipes: [deepwordbug]}\nrequirements:\n"
            "  - {metric: attack.attack_success_rate, where: {recipe: pruthi}, max: 0.1}",
        ),
        [],
        ["suite.yaml:", "has no recipe 'pruthi'", "Known: deepwordbug"],
    ),
    # the suite
    "suite is empty": (lambda p: p.suite.write_text(""), [], ["suite.yaml"]),
    "suite is a list": (lambda p: p.suite.write_text("- a\n"), [], ["suite.yaml:1", "mapping"]),
    "suite is not YAML": (lambda p: p.suite.write_text("a: [1\nb: 2\n"), [], ["suite.yaml:"]),
    "suite of a newer schema": (
        lambda p: p.edit("auditkit: 1", "auditkit: 9"),
        [],
        ["suite.yaml:1", "9"],
    ),
    "unknown key": (
        lambda p: p.edit("positive:", "positve:"),
        [],
        ["suite.yaml:5", "positve", "Did you mean 'positive'?"],
    ),
    "key twice": (lambda p: p.edit("name: tiny", "name: a\nname: b"), [], ["suite.yaml:3", "name"]),
    "unknown task": (
        lambda p: p.edit("text-classification", "translation"),
        [],
        ["suite.yaml:3", "translation", "text-classification"],
    ),
    "no checks": (
        lambda p: p.edit("checks:\n  performance: {}", "checks: {}"),
        [],
        ["suite.yaml:6", "checks"],
    ),
    "unknown evaluator": (
        lambda p: p.edit("performance: {}", "performance: {evaluator: performnce}"),
        [],
        ["suite.yaml:7", "performnce", "Did you mean 'performance'?"],
    ),
    "evaluator file is missing": (
        lambda p: p.edit("performance: {}", 'performance: {evaluator: "./gone.py:Gone"}'),
        [],
        ["suite.yaml:7", "no such file"],
    ),
    "evaluator file does not import": (
        lambda p: (
            (p.folder / "bad.py").write_text("import nothing_like_it\n"),
            p.edit("performance: {}", 'performance: {evaluator: "./bad.py:Bad"}'),
        ),
        [],
        ["suite.yaml:7", "nothing_like_it"],
    ),
    "evaluator keeps no contract": (
        lambda p: (
            (p.folder / "bad.py").write_text("class Bad: pass\n"),
            p.edit("performance: {}", 'performance: {evaluator: "./bad.py:Bad"}'),
        ),
        [],
        ["suite.yaml:7", "not a subclass"],
    ),
    "unknown setting of a check": (
        lambda p: p.edit("performance: {}", "performance: {bins: 15}"),
        [],
        ["suite.yaml:7", "bins"],
    ),
    "minimum group of zero": (
        lambda p: p.edit("performance: {}", "performance: {minimum_group: 0}"),
        [],
        ["suite.yaml:7", "minimum_group"],
    ),
    "requirement on no check": (
        lambda p: p.edit("metric: performance.accuracy", "metric: fairness.accuracy"),
        [],
        ["suite.yaml:9", "fairness"],
    ),
    "requirement on no metric": (
        lambda p: p.edit("performance.accuracy", "performance.acuracy"),
        [],
        ["suite.yaml:9", "acuracy", "Did you mean 'accuracy'?"],
    ),
    "requirement without a bound": (
        lambda p: p.edit(", min: 0.05", ""),
        [],
        ["suite.yaml:9", "min"],
    ),
    "bound is a word": (lambda p: p.edit("0.05", "high"), [], ["suite.yaml:9", "number"]),
    "bound is not a number": (lambda p: p.edit("0.05", ".nan"), [], ["suite.yaml:9"]),
    "confidence of two": (
        lambda p: p.edit("min: 0.05", "min: 0.05, confidence: 2"),
        [],
        ["suite.yaml:9", "confidence"],
    ),
    "gap over no group column": (
        lambda p: p.edit("accuracy, min", "accuracy.gap, where: {group: colour}, max"),
        [],
        ["suite.yaml:9", "colour", "gender"],
    ),
    "reserved group column": (
        lambda p: p.edit("groups: [gender", "groups: [label"),
        [],
        ["suite.yaml:4", "label"],
    ),
    "positive label unknown": (
        lambda p: p.edit("positive: good", "positive: great"),
        [],
        ["suite.yaml:5", "no label 'great'", "bad, fair, good"],
    ),
    "requirement on an unknown label": (
        lambda p: p.edit("accuracy, min", "recall, where: {label: god}, min"),
        [],
        ["suite.yaml:9", "no label 'god'", "Did you mean 'good'?"],
    ),
    "requirement on an unknown group": (
        lambda p: p.edit("accuracy, min", "accuracy, where: {gender: femail}, min"),
        [],
        ["suite.yaml:9", "no example has 'femail'", "Did you mean 'female'?"],
    ),
    # the data
    "data file is missing": (lambda p: p.data.unlink(), [], ["data.jsonl"]),
    "data file is empty": (
        lambda p: p.data.write_text(""),
        [],
        ["data.jsonl", "the file is empty"],
    ),
    "data is not JSON": (
        lambda p: p.data.write_text(json.dumps(ROW) + "\n{oops\n"),
        [],
        ["data.jsonl:2"],
    ),
    "data of an unknown kind": (
        lambda p: (p.data.rename(p.folder / "data.xlsx"), p.edit("data.jsonl", "data.xlsx")),
        [],
        ["data.xlsx", "CSV, TSV, JSON Lines"],
    ),
    "wrong text column": (
        lambda p: p.edit("text: text", "text: txet"),
        [],
        ["data.jsonl", "txet", "Did you mean 'text'?"],
    ),
    "wrong group column": (
        lambda p: p.edit("[gender, region]", "[gendre, region]"),
        [],
        ["data.jsonl", "gendre", "Did you mean 'gender'?"],
    ),
    "label the model does not know": (
        lambda p: p.rows({}, {"label": "awful"}),
        [],
        ["data.jsonl", "awful", "bad, fair, good", "labels:"],
    ),
    "label is missing": (lambda p: p.rows({}, {"label": None}), [], ["data.jsonl", "'label'", "2"]),
    "text is missing": (
        lambda p: p.rows({}, {}, {"text": None}),
        [],
        ["data.jsonl", "'text'", "3"],
    ),
    "text is blank": (lambda p: p.rows({}, {"text": "  "}), [], ["data.jsonl", "'text'", "2"]),
    "text is a number": (lambda p: p.rows({}, {"text": 7}), [], ["data.jsonl", "'text'", "2"]),
    "id twice": (lambda p: p.rows({"id": "7"}, {"id": "7"}), [], ["data.jsonl", "'id'", "7"]),
    # the model
    "model folder is missing": (
        lambda p: setattr(p, "checkpoint", Path("./gone-model")),
        [],
        ["gone-model"],
    ),
    "model id is in no cache": (
        lambda p: setattr(p, "checkpoint", "some-org/some-model"),
        ["--offline"],
        ["some-org/some-model"],
    ),
    "model has no config": (
        lambda p: (p.model() / "config.json").unlink(),
        [],
        ["model", "config.json"],
    ),
    "model has broken config": (
        lambda p: (p.model() / "config.json").write_text("{"),
        [],
        ["config.json"],
    ),
    "model has no tokenizer": (
        lambda p: [one.unlink() for one in p.model().glob("tokenizer*")],
        [],
        ["tokenizer"],
    ),
    "weights are truncated": (
        lambda p: _truncate(p.model() / "model.safetensors"),
        [],
        ["model.safetensors"],
    ),
    "weights are missing": (
        lambda p: (p.model() / "model.safetensors").unlink(),
        [],
        ["safetensors"],
    ),
    "weights are pickled": (
        lambda p: (p.model() / "model.safetensors").rename(p.checkpoint / "pytorch_model.bin"),
        [],
        ["--allow-pickle"],
    ),
    "model is a regression": (
        lambda p: _config(p, lambda c: c.update(id2label={"0": "score"}, label2id={"score": 0})),
        [],
        ["model"],
    ),
    "model gives several labels": (
        lambda p: _config(p, lambda c: c.update(problem_type="multi_label_classification")),
        [],
        ["multi_label: true"],
    ),
    "model lacks weights": (
        lambda p: _config(p, lambda c: c.update(num_hidden_layers=3)),
        [],
        ["model"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_bad_input_is_one_message_and_exit_code_2(name, place, capsys, monkeypatch):
    prepare, arguments, parts = CASES[name]
    prepare(place)
    monkeypatch.chdir(place.folder)
    command = ["run", str(place.suite), "--model", str(place.checkpoint), "--output", "run"]
    if "--output" in arguments:
        command = command[:-2]
    code = _run([*command, *arguments])
    errors = capsys.readouterr().err
    assert code == 2, errors
    for part in parts:
        assert part in errors, errors
    assert "Traceback" not in errors
    message = [line for line in errors.splitlines() if line.startswith("auditkit: ")]
    assert len(message) == 1 or "Usage:" in errors, errors
    assert not (place.folder / "run" / "record.json").exists()


def test_there_are_enough_cases():
    assert len(CASES) >= 40


def test_the_untouched_files_are_good(place, monkeypatch):
    monkeypatch.chdir(place.folder)
    command = ["run", str(place.suite), "--model", str(place.checkpoint), "--output", "run"]
    assert _run(command) in (0, 3)


@pytest.mark.parametrize(
    ("name", "content", "parts"),
    [
        ("missing", None, ["there is no run here"]),
        ("damaged", "{", ["record.json:1", "damaged"]),
        ("newer", '{"schema": "auditkit/record/99"}', ["auditkit/record/99", "Upgrade"]),
        ("foreign", "[]", ["record.json", "schema"]),
        ("incomplete", '{"schema": "auditkit/record/1"}', ["record.json", "damaged at"]),
        ("binary", b"\xff\xfe\x00", ["record.json", "cannot be read"]),
    ],
)
@pytest.mark.parametrize("command", ["gate", "report"])
def test_a_run_that_cannot_be_read(command, name, content, parts, tmp_path, capsys):
    if isinstance(content, bytes):
        (tmp_path / "record.json").write_bytes(content)
    elif content is not None:
        (tmp_path / "record.json").write_text(content)
    assert _run([command, str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    for part in parts:
        assert part in errors
    assert "Traceback" not in errors


def test_what_was_written_is_not_lost(place, capsys, monkeypatch):
    monkeypatch.chdir(place.folder)
    command = ["run", str(place.suite), "--model", str(place.checkpoint), "--output", "run"]
    _run(command)
    kept = {path: path.read_bytes() for path in Path("run").rglob("*") if path.is_file()}
    assert len(kept) >= 4
    place.edit("text: text", "text: txet")
    assert _run(command) == 2
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_labelless_checkpoint_is_told_apart_from_a_random_head(place, capsys, monkeypatch):
    """Transformers would make up a classifier with random weights; that must not be audited."""
    from transformers import AutoModel

    monkeypatch.chdir(place.folder)
    bare = place.folder / "bare"
    AutoModel.from_pretrained(place.checkpoint).save_pretrained(bare)
    tiny.tokenizer("bert").save_pretrained(bare)
    assert _run(["run", str(place.suite), "--model", str(bare), "--output", "run"]) == 2
    assert "classifier" in capsys.readouterr().err
