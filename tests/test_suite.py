"""Suite files: what is read, and what is refused with which words."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
from pydantic import BaseModel, ConfigDict, Field

from auditkit.errors import SuiteError, UsageError
from auditkit.suite import (
    DataConfig,
    Requirement,
    Suite,
    find_suites,
    load_requirements,
    load_suite,
)

REPOSITORY = Path(__file__).resolve().parent.parent

GOOD = """\
auditkit: 1
name: reviews
task: text-classification
data: {path: reviews.csv, text: body, label: stars, groups: [gender, region]}
positive: good
checks:
  performance: {}
  robust: {evaluator: perturbation, minimum_group: 50, kinds: [typo, case], severity: 2}
requirements:
  - {metric: performance.accuracy, min: 0.9}
  - {metric: robust.flip_rate, where: {kind: typo}, max: 0.1, confidence: 0.9, min_n: 200}
card:
  intended_use: Sorting reviews.
"""


@pytest.fixture
def write(tmp_path: Path):
    def write(text: str | bytes, name: str = "suite.yaml") -> Path:
        file = tmp_path / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return write


def minimal(extra: str = "", **replaced: str) -> str:
    """A valid suite of five lines; named lines replaced, further ones from line 6."""
    lines = {
        "auditkit": "auditkit: 1",
        "name": "name: s",
        "task": "task: text-classification",
        "data": "data: {path: d.csv}",
        "checks": "checks: {performance: {}}",
    }
    lines.update(replaced)
    return "\n".join(lines.values()) + "\n" + dedent(extra)


def test_everything_in_a_good_suite_is_read(write) -> None:
    suite = load_suite(write(GOOD))
    assert suite.name == "reviews"
    assert suite.data == DataConfig(
        path="reviews.csv", text="body", label="stars", groups=("gender", "region")
    )
    assert list(suite.checks) == ["performance", "robust"]
    robust = suite.checks["robust"]
    assert (robust.evaluator, robust.minimum_group) == ("perturbation", 50)
    assert robust.params == {"kinds": ["typo", "case"], "severity": 2}
    assert suite.checks["performance"].evaluator == "performance"
    assert suite.checks["performance"].minimum_group == 30
    second = suite.requirements[1]
    assert (second.where, second.max, second.confidence, second.min_n) == (
        {"kind": "typo"},
        0.1,
        0.9,
        200,
    )
    assert second.min is None
    assert suite.requirements[0].bound == "interval"
    assert suite.card.intended_use == "Sorting reviews."
    assert suite.card.license is None
    assert suite.card.examples == "redacted"


def test_lines_are_those_of_the_file(write) -> None:
    suite = load_suite(write(GOOD))
    assert suite.line(("checks", "robust", "kinds", 1)) == 8
    assert suite.line(("checks", "robust", "no_such_parameter")) == 8
    assert suite.line(("requirements", 1)) == 11
    assert [requirement.line for requirement in suite.requirements] == [10, 11]
    assert suite.line(("card", "intended_use")) == 13
    assert suite.file is not None
    assert suite.file.name == "suite.yaml"


def test_the_name_defaults_to_that_of_the_file(write) -> None:
    text = minimal(name="positive: x")
    assert load_suite(write(text, "loan-decisions_2.yaml")).name == "loan-decisions_2"


def test_words_and_numbers_keep_their_spelling_where_text_is_meant(write) -> None:
    suite = load_suite(
        write(
            minimal(
                """\
                positive: no
                requirements:
                  - {metric: performance.accuracy, min: 1, where: {old: no, level: 1.0, ok: true}}
                  - {metric: performance.accuracy, min: .5, where: {code: 007, on: yes, size: 1e3}}
                """,
                data="data: {path: d.csv, groups: [on, 1], labels: {0: no, 1: yes, 2.50: 'on'}}",
            )
        )
    )
    assert suite.positive == "no"
    assert suite.data.groups == ("on", "1")
    assert suite.data.labels == {"0": "no", "1": "yes", "2.50": "on"}
    assert suite.requirements[0].where == {"old": "no", "level": "1.0", "ok": "true"}
    assert suite.requirements[0].min == 1.0
    assert suite.requirements[1].where == {"code": "007", "on": "yes", "size": "1e3"}


def test_parameters_have_the_types_of_yaml_1_2(write) -> None:
    settings = "{a: no, b: true, c: 3, d: 1e-3, e: ~, f: '7', g: [1, x], h: !!str 5}"
    check = f"checks: {{performance: {settings}}}"
    params = load_suite(write(minimal(checks=check))).checks["performance"].params
    assert params == {
        "a": "no", "b": True, "c": 3, "d": 0.001, "e": None, "f": "7", "g": [1, "x"], "h": "5",
    }  # fmt: skip


def test_a_flag_may_be_yes_or_no(write) -> None:
    assert load_suite(write(minimal("multi_label: yes"))).multi_label is True
    assert load_suite(write(minimal("multi_label: off"))).multi_label is False


def test_anchors_and_merge_keys_work(write) -> None:
    suite = load_suite(
        write(
            minimal(
                checks="""\
checks:
  a: &base {evaluator: performance, bins: 10, depth: 1}
  b: {<<: *base, bins: 20}
  c: *base"""
            )
        )
    )
    assert suite.checks["b"].params == {"bins": 20, "depth": 1}
    assert suite.checks["b"].evaluator == "performance"
    assert suite.checks["c"].params == {"bins": 10, "depth": 1}


def test_a_check_may_have_data_of_its_own(write) -> None:
    check = "checks: {performance: {data: {path: other.csv, text: t, label: y}}}"
    suite = load_suite(write(minimal(checks=check)))
    assert suite.checks["performance"].data == DataConfig(path="other.csv", text="t", label="y")
    assert suite.checks["performance"].params == {}


def test_null_stands_for_nothing_said(write) -> None:
    suite = load_suite(
        write(
            minimal(
                "requirements:\ncard:\npositive: ~\n",
                data="data: {path: d.csv, pair: null, groups: , labels: ~}",
                checks="checks: {performance: }",
            )
        )
    )
    assert suite.data == DataConfig(path="d.csv")
    assert suite.requirements == ()
    assert suite.checks["performance"].params == {}


BAD_SUITES = {
    # name: (text, line, parts of the message)
    "empty": ("", 1, ["is empty"]),
    "only a comment": ("# nothing\n", 1, ["is empty"]),
    "a list": ("- a\n- b\n", 1, ["a suite is a mapping", "auditkit: 1"]),
    "a word": ("hello\n", 1, ["a suite is a mapping"]),
    "tab": ("auditkit: 1\nchecks:\n\tperformance: {}\n", 3, ["tab", "spaces"]),
    "open bracket": ("auditkit: 1\ndata: {path: x\nname: y\n", 3, ["not valid YAML"]),
    "open quote": ('auditkit: 1\nname: "x\n', 3, ["not valid YAML"]),
    "bad UTF-8": (b"auditkit: 1\nname: caf\xe9\n", 2, ["not UTF-8"]),
    "UTF-16": ("auditkit: 1".encode("utf-16"), 1, ["not UTF-8"]),
    "control character": ("auditkit: 1\nname: a\x07b\n", 2, ["U+0007"]),
    "two documents": (minimal() + "---\nauditkit: 1\n", 6, ["second document"]),
    "duplicate key": (minimal("name: again"), 6, ["'name'", "twice", "line 2"]),
    "duplicate key deep down": (
        minimal(checks="checks:\n  a: {x: 1}\n  a: {x: 2}"), 7, ["'a'", "twice", "line 6"],
    ),
    "python tag": (minimal("card: !!python/object:os.system {}"), 6, ["tag", "!!python"]),
    "key that is a list": (minimal("? [a, b]\n: c"), 6, ["key"]),
    "alias in itself": (minimal("card: &a [*a]"), 6, ["alias"]),
    "unknown alias": (minimal("card: *nothing"), 6, ["not valid YAML", "nothing"]),
    "merge of a list": (minimal(checks="checks: {a: {<<: [1]}}"), 5, ["<<"]),
    "deep nesting": ("[" * 10_000, 1, ["nested more than 50"]),
    "huge number": (minimal(f"positive: {'9' * 5000}"), 6, ["too many digits"]),
    "no schema": ("name: x\n", 1, ["'auditkit'", "missing", "auditkit: 1"]),
    "newer schema": (minimal(auditkit="auditkit: 2"), 1, ["schema 2", "newer", "Upgrade"]),
    "schema that is a word": (minimal(auditkit="auditkit: one"), 1, ["number of the schema"]),
    "schema zero": (minimal(auditkit="auditkit: 0"), 1, ["number of the schema"]),
    "unknown key": (minimal("chekcs: {}"), 6, ["unknown key 'chekcs'", "Did you mean 'checks'"]),
    "unknown data key": (
        minimal(data="data:\n  path: x\n  lable: y"), 6,
        ["unknown key 'lable' in 'data'", "Did you mean 'label'"],
    ),
    "unknown requirement key": (
        minimal("requirements:\n  - {metric: performance.f1, mins: 1}"), 7,
        ["unknown key 'mins'", "Did you mean 'min'"],
    ),
    "unknown card key": (
        minimal("card:\n  licence: MIT"), 7, ["unknown key 'licence'", "Did you mean 'license'"],
    ),
    "examples of a card that cannot be": (
        minimal("card:\n  examples: some"), 7, ["'card.examples'", "none, redacted, full"],
    ),
    "examples of a card that are empty": (
        minimal("card:\n  examples:"), 7, ["'card.examples'", "none, redacted, full"],
    ),
    "misspelt include": (minimal("inclde: base.yaml"), 6, ["Did you mean 'include'"]),
    "not there to include": (minimal("include: base.yaml"), 6, ["base.yaml' to include"]),
    "bad name": (minimal(name="name: my suite"), 2, ["'name'", "letters, digits", "my suite"]),
    "other task": (
        minimal(task="task: token-classification"), 3,
        ["'task'", "token-classification", "text-classification"],
    ),
    "no task": (minimal(task="positive: x"), 1, ["'task' is missing"]),
    "no data": (minimal(data="positive: x"), 1, ["'data' is missing"]),
    "data that is a word": (minimal(data="data: reviews.csv"), 4, ["'data'", "a mapping"]),
    "path that is a list": (
        minimal(data="data: {path: [a]}"), 4, ["'data.path' should be text, not a list"],
    ),
    "empty column": (minimal(data="data: {path: x, text: ''}"), 4, ["'data.text'", "empty"]),
    "same column twice": (
        minimal(data="data: {path: x, text: a, label: a}"), 4, ["'text' and 'label'", "'a'"],
    ),
    "groups that are a word": (
        minimal(data="data: {path: x, groups: gender}"), 4, ["'data.groups'", "a list"],
    ),
    "reserved group": (
        minimal(data="data:\n  path: x\n  groups:\n    - gender\n    - severity"), 8,
        ["'severity' is reserved", "Rename"],
    ),
    "group twice": (
        minimal(data="data: {path: x, groups: [a, b, a]}"), 4, ["'data.groups'", "'a' twice"],
    ),
    "unknown quoting": (
        minimal(data="data: {path: x, quoting: minimum}"), 4,
        ["'data.quoting'", "Did you mean 'minimal'"],
    ),
    "flag that is no flag": (minimal("multi_label: maybe"), 6, ["'multi_label'", "true or false"]),
    "means without positive": (
        minimal("positive_means: approved"), 1, ["'positive_means' needs 'positive'"],
    ),
    "no checks": (minimal(checks="positive: x"), 1, ["'checks' is missing"]),
    "empty checks": (minimal(checks="checks: {}"), 5, ["'checks'", "at least 1"]),
    "checks in a list": (minimal(checks="checks: [performance]"), 5, ["'checks'", "a mapping"]),
    "settings that are a number": (minimal(checks="checks: {a: 3}"), 5, ["'a'", "a mapping"]),
    "check called predictions": (
        minimal(checks="checks:\n  predictions: {}"), 6, ["'predictions' is taken"],
    ),
    "check with a dot": (minimal(checks="checks: {a.b: {}}"), 5, ["letters, digits", "a.b"]),
    "group size zero": (
        minimal(checks="checks:\n  a:\n    minimum_group: 0"), 7, ["at least 1, not 0"],
    ),
    "group size in words": (
        minimal(checks="checks: {a: {minimum_group: many}}"), 5, ["a whole number", "'many'"],
    ),
    "group size true": (
        minimal(checks="checks: {a: {minimum_group: true}}"), 5, ["a whole number", "true"],
    ),
    "own data wrong": (
        minimal(checks="checks:\n  a:\n    data: {path: x, txet: y}"), 7,
        ["unknown key 'txet'", "Did you mean 'text'"],
    ),
    "requirements in a mapping": (
        minimal("requirements: {metric: a.b}"), 6, ["'requirements'", "a list"],
    ),
    "no bound": (
        minimal("requirements:\n  - {metric: performance.f1}"), 7, ["neither 'min' nor 'max'"],
    ),
    "bound that is text": (
        minimal("requirements:\n  - {metric: performance.f1, min: high}"), 7,
        ["should be a number, not 'high'"],
    ),
    "bound in quotes": (
        minimal("requirements:\n  - {metric: performance.f1, min: '0.5'}"), 7,
        ["should be a number, not '0.5'"],
    ),
    "infinite bound": (
        minimal("requirements:\n  - {metric: performance.f1, max: .inf}"), 7, ["finite number"],
    ),
    "bound not a number": (
        minimal("requirements:\n  - {metric: performance.f1, max: .nan}"), 7, ["finite number"],
    ),
    "bounds crossed": (
        minimal("requirements:\n  - {metric: performance.f1, min: 0.9, max: 0.1}"), 7,
        ["0.9", "above", "0.1"],
    ),
    "confidence in percent": (
        minimal("requirements:\n  - {metric: performance.f1, min: 0.9, confidence: 95}"), 7,
        ["'confidence' in entry 1 of 'requirements'", "below 1, not 95"],
    ),
    "confidence zero": (
        minimal("requirements:\n  - {metric: performance.f1, min: 0.9, confidence: 0}"), 7,
        ["above 0, not 0"],
    ),
    "unknown bound": (
        minimal("requirements:\n  - {metric: performance.f1, min: 0.9, bound: points}"), 7,
        ["Did you mean 'point'"],
    ),
    "slice without a value": (
        minimal("requirements:\n  - {metric: performance.f1, min: 1, where: {gender: }}"), 7,
        ["'where.gender' in entry 1 of 'requirements'", "text", "empty"],
    ),
    "metric without a check": (
        minimal("requirements:\n  - {metric: f1, min: 0.9}"), 7, ["'f1'", "check.metric"],
    ),
    "metric of an unknown check": (
        minimal("requirements:\n  - {metric: perfomance.f1, min: 0.9}"), 7,
        ["'perfomance.f1'", "Did you mean 'performance'"],
    ),
    "requirement twice": (
        minimal(
            "requirements:\n  - {metric: performance.f1, min: 1}\n"
            "  - {metric: performance.f1, min: 1.0, confidence: 0.9}"
        ),
        8, ["same requirement is on line 7"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD_SUITES)
def test_what_is_wrong_is_named_with_file_and_line(write, name: str) -> None:
    text, line, parts = BAD_SUITES[name]
    file = write(text)
    with pytest.raises(SuiteError) as caught:
        load_suite(file)
    message = str(caught.value)
    assert message.startswith(f"{file}:{line}: "), message
    for part in parts:
        assert part in message
    assert "Input should" not in message
    assert "Value error" not in message
    assert caught.value.exit_code == 2


def test_a_yaml_bomb_is_refused_at_once(write) -> None:
    levels = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    levels += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12)]
    with pytest.raises(SuiteError, match="aliases write out to over"):
        load_suite(write("\n".join(levels)))


def test_a_file_beyond_a_mebibyte_is_refused(write) -> None:
    with pytest.raises(SuiteError, match="larger than 1 MiB"):
        load_suite(write("# " + "x" * (1 << 20)))


def test_the_first_of_several_problems_is_reported(write) -> None:
    text = minimal("positive_mean: x\nmulti_label: maybe", data="data: {path: x, lable: y}")
    with pytest.raises(SuiteError, match=r":4: unknown key 'lable'"):
        load_suite(write(text))


def test_the_digest_is_of_the_content_not_of_its_form(write) -> None:
    digest = load_suite(write(GOOD)).digest
    other = """\
# the same, written another way
card: {intended_use: "Sorting reviews."}
requirements:
- metric: performance.accuracy
  min: 0.90
  confidence: 0.95
- {max: 0.1, where: {"kind": "typo"}, metric: robust.flip_rate, confidence: .9, min_n: 200}
checks: {performance: , robust: {severity: 2, kinds: [typo, case], minimum_group: 50,
  evaluator: perturbation}}
positive: good
data: {path: reviews.csv, text: body, label: stars, groups: [gender, region], pair: null}
task: text-classification
multi_label: false
name: reviews
auditkit: 1
"""
    assert load_suite(write(other, "other.yaml")).digest == digest
    for old, new in [("0.9}", "0.91}"), ("severity: 2", "severity: 3"), ("typo}", "case}")]:
        assert old in GOOD
        assert load_suite(write(GOOD.replace(old, new))).digest != digest


def test_requirements_describe_themselves() -> None:
    described = Requirement(
        metric="performance.f1_macro", where={"gender": "female"}, min=0.85
    ).describe()
    assert described == "performance.f1_macro for gender=female at least 0.85 (95% confidence)"
    both = Requirement(metric="a.b", min=0, max=0.5, bound="point", min_n=200).describe()
    assert both == "a.b between 0.0 and 0.5 (the value itself, at least 200 rows)"
    assert Requirement(metric="a.b", max=1, confidence=0.995).describe() == (
        "a.b at most 1.0 (99.5% confidence)"
    )


def test_a_requirement_id_tells_bounds_and_slices_apart_and_nothing_else() -> None:
    base = Requirement(metric="a.b", where={"x": "1", "y": "2"}, min=0.5)
    assert base.id == Requirement(metric="a.b", where={"y": "2", "x": "1"}, min=0.50).id
    assert base.id == Requirement(metric="a.b", where=base.where, min=0.5, confidence=0.9).id
    others = [
        Requirement(metric="a.c", where=base.where, min=0.5),
        Requirement(metric="a.b", where={"x": "1"}, min=0.5),
        Requirement(metric="a.b", where=base.where, min=0.6),
        Requirement(metric="a.b", where=base.where, max=0.5),
    ]
    assert len({base.id, *(other.id for other in others)}) == 5
    assert base.id.startswith("a.b-")


def test_requirements_of_their_own_file(write) -> None:
    entries = "- {metric: a.x, min: 1}\n- {metric: b.y, max: 0, where: {g: no}}\n"
    plain = load_requirements(write(entries), ["a", "b"])
    keyed = load_requirements(write("requirements:\n" + entries, "k.yaml"), {"a": 1, "b": 2})
    assert [r.id for r in plain] == [r.id for r in keyed]
    assert [r.line for r in plain] == [1, 2]
    assert [r.line for r in keyed] == [2, 3]
    assert plain[1].where == {"g": "no"}


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("- {metric: a.x, min: 1}\n- {metric: c.x, min: 1}", 2, "no check 'c' for 'c.x'"),
        ("- {metric: a.x, min: 1}\n- {metric: a.x, min: 1}", 2, "line 1"),
        ("- {metric: a.x, mni: 1}", 1, "Did you mean 'min'"),
        ("requirements:\n- {metric: a.x, min: x}", 2, "should be a number"),
        ("requirement: []", 1, "Did you mean 'requirements'"),
        ("requirements: ", 1, "a list of requirements"),
        ("just words", 1, "a list of requirements"),
    ],
)
def test_requirements_that_are_refused(write, text: str, line: int, part: str) -> None:
    file = write(text)
    with pytest.raises(SuiteError) as caught:
        load_requirements(file, ["a"])
    assert str(caught.value).startswith(f"{file}:{line}: ")
    assert part in str(caught.value)


class Params(BaseModel):
    model_config = ConfigDict(extra="forbid")
    bins: int = Field(15, ge=2)
    kinds: list[str] = []


@pytest.mark.parametrize(
    ("settings", "line", "parts"),
    [
        ("bins: 1", 8, ["check 'a'", "'bins' should be at least 2, not 1"]),
        ("bins: many", 8, ["'bins' should be a whole number, not 'many'"]),
        ("bnis: 10", 8, ["unknown key 'bnis'", "Did you mean 'bins'"]),
        (
            "kinds:\n      - typo\n      - 3",
            10,
            ["entry 2 of 'kinds' should be text, in quotes, not 3"],
        ),
    ],
)
def test_parameters_are_checked_with_their_lines(write, settings, line, parts) -> None:
    file = write(minimal(checks=f"checks:\n  a:\n    minimum_group: 3\n    {settings}"))
    suite = load_suite(file)
    with pytest.raises(SuiteError) as caught:
        suite.parse_params("a", Params)
    assert str(caught.value).startswith(f"{file}:{line}: ")
    for part in parts:
        assert part in str(caught.value)


def test_good_parameters_come_back_parsed(write) -> None:
    suite = load_suite(write(minimal(checks="checks: {a: {bins: 3, kinds: [no, yes]}}")))
    assert suite.parse_params("a", Params) == Params(bins=3, kinds=["no", "yes"])


def test_replacing_the_data_keeps_the_columns(write) -> None:
    data = "data: {path: org/set, name: en, split: test, revision: abc, text: t, groups: [g]}"
    suite = load_suite(write(minimal(data=data)))
    replaced = suite.replace_data(path="./mine.csv")
    assert replaced.data == DataConfig(path="./mine.csv", text="t", groups=("g",))
    assert replaced.digest != suite.digest
    assert replaced.line(("data", "text")) == 4
    assert suite.replace_data(path="org/b", split="dev").data.split == "dev"
    columns = suite.replace_data(text="a", label="b").data
    assert (columns.text, columns.label, columns.path, columns.split) == (
        "a",
        "b",
        "org/set",
        "test",
    )
    assert suite.data.path == "org/set"
    with pytest.raises(UsageError, match="'text' and 'label' name the same column"):
        suite.replace_data(text="x", label="x")


def test_a_suite_cannot_be_changed_and_survives_pickling(write) -> None:
    suite = load_suite(write(GOOD))
    with pytest.raises(ValueError, match="frozen"):
        suite.name = "other"
    with pytest.raises(ValueError, match="frozen"):
        suite.requirements[0].min = 0.0
    copy = pickle.loads(pickle.dumps(suite))
    assert isinstance(copy, Suite)
    assert copy.digest == suite.digest
    assert copy.requirements[1].line == 11


def test_names_are_looked_for_in_the_folder_first(write, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    shipped = load_suite("sentiment")
    assert shipped.data.path == "stanfordnlp/sst2"
    listed = {listing.name: listing for listing in find_suites()}
    assert listed["sentiment"].origin == "package"
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "sentiment.yaml").write_text(minimal())
    (tmp_path / "suites" / "loans.yml").write_text(minimal())
    assert load_suite("sentiment").data.path == "d.csv"
    assert load_suite("loans").name == "s"
    listed = {listing.name: listing for listing in find_suites()}
    assert listed["sentiment"].origin == "folder"
    assert listed["loans"].path == Path("suites/loans.yml")


def test_what_cannot_be_found_says_what_is_known(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SuiteError, match=r"no suite called 'sentimnt'.*Did you mean 'sentiment'"):
        load_suite("sentimnt")
    (tmp_path / "mine.yaml").write_text(minimal())
    with pytest.raises(SuiteError, match=r"mien\.yaml: there is no such file.*'mine\.yaml'"):
        load_suite("mien.yaml")
    with pytest.raises(SuiteError, match="no such file"):
        load_suite(Path("nowhere/at/all.yaml"))
    with pytest.raises(SuiteError, match="is a folder"):
        load_suite(tmp_path)


def test_suites_that_ship_are_valid_and_have_no_surprises() -> None:
    files = sorted((REPOSITORY / "suites").glob("*.yaml"))
    assert "sentiment.yaml" in [file.name for file in files]
    for file in files:
        suite = load_suite(file)
        assert suite.name == file.stem


def test_nothing_heavy_is_imported() -> None:
    heavy = {"torch", "transformers", "datasets", "pandas", "pyarrow", "numpy"}
    code = f"import sys, auditkit.suite; print(sorted({heavy} & set(sys.modules)))"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=REPOSITORY
    )
    assert answer.stdout.strip() == "[]"
