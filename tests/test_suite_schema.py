"""``auditkit schema``: editors accept what auditkit accepts, and mark what it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml
from pydantic import BaseModel, ConfigDict, Field

from auditkit.cli import _run
from auditkit.suite import load_suite
from auditkit.suite.json_schema import suite_json_schema

REPOSITORY = Path(__file__).resolve().parent.parent

SUITE = """\
auditkit: 1
task: text-classification
data: {path: d.csv, groups: [g]}
checks: {performance: {minimum_group: 20}}
requirements:
  - {metric: performance.accuracy, where: {g: x}, min: 0.5, confidence: 0.9}
card: {license: MIT}
"""


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """Holds files against the schema of what is installed."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert _run(["schema"]) == 0
    schema = json.loads(out.getvalue())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def _files() -> Iterator[tuple[str, str]]:
    for path in (*REPOSITORY.glob("suites/*.yaml"), *REPOSITORY.glob("auditkit/**/suite.yaml")):
        yield path.name, path.read_text(encoding="utf-8")
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    for number, block in enumerate(re.findall(r"```yaml\n(auditkit: .*?)```", readme, re.DOTALL)):
        yield f"README {number}", block


@pytest.mark.parametrize(("name", "text"), list(_files()))
def test_what_ships_is_accepted(validator, name, text) -> None:
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", ""),
        ("{minimum_group: 20}", ""),
        ("license: MIT", "license: 1"),
        ("license: MIT", "examples: none"),
        ("g: x", "g: 1"),
        ("groups: [g]", "groups:"),
        ("card: {license: MIT}", "card:"),
        ("{performance: {minimum_group: 20}", "{performance: {}, mine: {evaluator: performance}"),
        ("minimum_group: 20", "data: {path: other.csv}"),
        ("checks: {", "checks: {mine: {evaluator: './m.py:Mine', any: 1}, "),
    ],
)
def test_both_accept(validator, tmp_path, old, new) -> None:
    text = SUITE.replace(old, new)
    (tmp_path / "s.yaml").write_text(text)
    load_suite(tmp_path / "s.yaml")
    assert list(validator.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("card:", "crad:"),
        ("groups", "gruops"),
        ("license", "licence"),
        ("license: MIT", "examples: some"),
        ("license: MIT", "examples:"),
        ("minimum_group: 20", "minimum_grop: 20"),
        ("minimum_group: 20", "minimum_group: 0"),
        ("minimum_group: 20", "minimum_group: many"),
        ("confidence", "confidnece"),
        ("confidence: 0.9", "confidence: 1"),
        ("min: 0.5, ", ""),
        ("min: 0.5", "min: high"),
        ("performance.accuracy", "accuracy"),
        ("text-classification", "translation"),
        ("task: text-classification\n", ""),
        ("data: {path: d.csv, groups: [g]}\n", ""),
        ("{performance: {minimum_group: 20}}", "{}"),
        ("performance: {minimum_group: 20}", "performance: {evaluator: performance, bins: 3}"),
        ("performance: {minimum_group: 20}", "predictions: {evaluator: performance}"),
        ("auditkit: 1", "auditkit: one"),
        ("auditkit: 1", "auditkit: 1\nname: my suite"),
    ],
)
def test_both_refuse(validator, tmp_path, old, new) -> None:
    assert old in SUITE
    text = SUITE.replace(old, new)
    path = tmp_path / "s.yaml"
    path.write_text(text)
    assert _run(["validate", str(path)]) == 2
    assert list(validator.iter_errors(yaml.safe_load(text))) != []


def test_an_including_suite_may_leave_out_what_it_inherits(validator, tmp_path) -> None:
    (tmp_path / "base.yaml").write_text(SUITE)
    text = "include: base.yaml\ndata: {groups: [h]}\n"
    (tmp_path / "s.yaml").write_text(text)
    assert load_suite(tmp_path / "s.yaml").data.groups == ("h",)
    assert list(validator.iter_errors(yaml.safe_load(text))) == []
    assert list(validator.iter_errors(yaml.safe_load(text.replace("include", "inclde")))) != []


def test_an_evaluators_settings_have_their_types_and_docstrings() -> None:
    class Words(BaseModel):
        model_config = ConfigDict(extra="forbid")
        word: str
        """The word."""

    class Params(BaseModel):
        model_config = ConfigDict(extra="forbid")
        bins: int = Field(default=15, ge=2)
        """How many ``bins``."""
        words: list[Words] = []

    schema = suite_json_schema({"binned": Params, "unknown": None})
    validator = jsonschema.Draft202012Validator(schema)
    content = yaml.safe_load(SUITE)

    def accepts(**checks: object) -> bool:
        return validator.is_valid({**content, "checks": checks})

    assert accepts(binned={"bins": 3, "words": [{"word": "a"}]}, unknown={"anything": 1})
    assert not accepts(binned={"bins": 1})
    assert not accepts(binned={"words": [{"wrod": "a"}]})
    assert not accepts(mine={"evaluator": "binned", "bin": 3})
    assert not accepts(mine={"bins": 3})
    settings = schema["$defs"]["settings_of_binned"]["properties"]
    assert settings["bins"]["description"] == "How many `bins`."
    assert settings["minimum_group"]["description"].startswith("Groups with fewer")
