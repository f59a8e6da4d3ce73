"""``include:``: what a suite inherits, and where its errors are said to be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from auditkit.cli import _run
from auditkit.errors import SuiteError
from auditkit.suite import Suite, load_suite

BASE = """\
auditkit: 1
name: base
task: text-classification
data: {path: d.csv, text: body, groups: [gender, region], labels: {"1": good, "0": bad}}
checks:
  performance: {minimum_group: 50}
requirements:
  - {metric: performance.accuracy, min: 0.8}
  - {metric: performance.recall, where: {label: 1}, min: 0.7}
  - {metric: performance.f1_macro, min: 0.1, max: 0.9}
card: {license: MIT, contact: us}
"""


@pytest.fixture
def write(tmp_path) -> Callable[..., Path]:
    def write(name: str, text: str) -> Path:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
        return file

    return write


def _judged(suite: Suite) -> list[tuple[str, float | None, float | None]]:
    return [(one.metric, one.min, one.max) for one in suite.requirements]


def test_mappings_merge_and_lists_and_values_replace(write) -> None:
    write("base.yaml", BASE)
    suite = load_suite(
        write(
            "mine.yaml",
            "include: base.yaml\n"
            "data: {path: e.csv, groups: [age], labels: {'1': great}}\n"
            "checks: {strict: {evaluator: performance}, performance: {minimum_group: 10}}\n"
            "card: {contact: them}\n",
        )
    )
    assert suite.name == "mine"
    assert (suite.data.path, suite.data.text, suite.data.groups) == ("e.csv", "body", ("age",))
    assert suite.data.labels == {"1": "great", "0": "bad"}
    assert list(suite.checks) == ["performance", "strict"]
    assert suite.checks["performance"].minimum_group == 10
    assert (suite.card.license, suite.card.contact) == ("MIT", "them")
    assert suite.included == (suite.file.with_name("base.yaml"),)


def test_another_path_leaves_the_part_of_the_old_data_behind(write) -> None:
    write("base.yaml", BASE.replace("path: d.csv", "path: org/set, name: easy, split: test"))
    kept = load_suite(write("kept.yaml", "include: base.yaml\n"))
    assert (kept.data.name, kept.data.split) == ("easy", "test")
    moved = load_suite(write("moved.yaml", "include: base.yaml\ndata: {path: mine.csv}\n"))
    assert (moved.data.path, moved.data.name, moved.data.split) == ("mine.csv", None, None)
    assert moved.data.text == "body"
    other = load_suite(write("other.yaml", "include: base.yaml\ndata: {path: a/b, split: dev}\n"))
    assert (other.data.name, other.data.split) == (None, "dev")


def test_requirements_are_added_and_replaced_only_where_they_bound_the_same(write) -> None:
    write("base.yaml", BASE)
    suite = load_suite(
        write(
            "mine.yaml",
            "include: base.yaml\nrequirements:\n"
            "  - {metric: performance.accuracy, max: 0.99}\n"
            "  - {metric: performance.recall, where: {label: '1'}, min: 0.5}\n"
            "  - {metric: performance.recall, where: {label: '0'}, min: 0.6}\n"
            "  - {metric: performance.f1_macro, min: 0.0}\n",
        )
    )
    assert _judged(suite) == [
        ("performance.accuracy", 0.8, None),
        ("performance.f1_macro", 0.1, 0.9),
        ("performance.accuracy", None, 0.99),
        ("performance.recall", 0.5, None),
        ("performance.recall", 0.6, None),
        ("performance.f1_macro", 0.0, None),
    ]
    assert [one.line for one in suite.requirements] == [None, None, 3, 4, 5, 6]


@pytest.mark.parametrize("nothing", ["checks:", "requirements:", "data:", "card:", "name: mine"])
def test_an_entry_without_a_value_takes_nothing_away(write, nothing) -> None:
    base = load_suite(write("base.yaml", BASE))
    suite = load_suite(write("mine.yaml", f"include: base.yaml\n{nothing}\n"))
    assert _judged(suite) == _judged(base)
    assert (suite.data, suite.checks, suite.card) == (base.data, base.checks, base.card)


def test_what_is_recorded_is_the_merged_content(write) -> None:
    """The same suite written out in one file has the same content and digest."""
    write("base.yaml", BASE)
    split = load_suite(write("base2.yaml", "include: base.yaml\nname: base\npositive: good\n"))
    whole = load_suite(write("whole.yaml", BASE + "positive: good\n"))
    assert split.model_dump() == whole.model_dump()
    assert split.digest == whole.digest
    assert "include" not in split.model_dump()


def test_a_chain_is_relative_to_each_file_and_the_nearest_wins(write) -> None:
    write("far.yaml", BASE)
    write("middle/near.yaml", "include: ../far.yaml\npositive: good\ndata: {text: near}\n")
    suite = load_suite(write("mine.yaml", "include: middle/near.yaml\npositive: bad\n"))
    assert (suite.positive, suite.data.text, suite.data.path) == ("bad", "near", "d.csv")
    assert [file.name for file in suite.included] == ["near.yaml", "far.yaml"]


def test_a_suite_is_included_by_name_and_may_have_the_name_itself(
    write, tmp_path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write("suites/sentiment.yaml", "include: sentiment\ndata: {path: mine.csv}\n")
    suite = load_suite("sentiment")
    shipped = load_suite(suite.included[0])
    assert suite.data.path == "mine.csv"
    assert (suite.data.text, suite.checks) == (shipped.data.text, shipped.checks)


@pytest.mark.parametrize(
    ("files", "where", "parts"),
    [
        (
            {"mine.yaml": "include: bsae.yaml\n", "base.yaml": BASE},
            "mine.yaml:1",
            ["bsae.yaml' to include", "Did you mean 'base.yaml'"],
        ),
        (
            {"mine.yaml": "name: m\ninclude: sentimnt\n"},
            "mine.yaml:2",
            ["no suite called 'sentimnt'", "Did you mean 'sentiment'"],
        ),
        ({"mine.yaml": "include: [a.yaml]\n"}, "mine.yaml:1", ["path or the name of a suite"]),
        (
            {"mine.yaml": "include: b.yaml\n", "b.yaml": "\ninclude: ./mine.yaml\n"},
            "b.yaml:2",
            ["includes itself", "mine.yaml → ", "b.yaml → "],
        ),
        ({"mine.yaml": "include: mine.yaml\n"}, "mine.yaml:1", ["includes itself"]),
        (
            {"mine.yaml": "include: base.yaml\n", "base.yaml": BASE + "postive: x\n"},
            "base.yaml:12",
            ["Did you mean 'positive'"],
        ),
        (
            {"mine.yaml": "include: base.yaml\n", "base.yaml": BASE.replace("0.7", "high")},
            "base.yaml:9",
            ["should be a number"],
        ),
        (
            {"mine.yaml": "include: base.yaml\n\ndata: {txt: x}\n", "base.yaml": BASE},
            "mine.yaml:3",
            ["unknown key 'txt'"],
        ),
        (
            {"mine.yaml": "include: base.yaml\nrequirements: 5\n", "base.yaml": BASE},
            "mine.yaml:2",
            ["should be a list"],
        ),
        (
            {"mine.yaml": "include: base.yaml\n", "base.yaml": BASE.replace("1\n", "99\n", 1)},
            "base.yaml:1",
            ["newer"],
        ),
        ({"mine.yaml": "include: base.yaml\n", "base.yaml": "- 1\n"}, "base.yaml:1", ["mapping"]),
        (
            {"mine.yaml": "include: base.yaml\n", "base.yaml": "name: b\n"},
            "mine.yaml:1",
            ["'auditkit'", "is missing"],
        ),
        (
            {
                "mine.yaml": "include: 0.yaml\n",
                **{f"{i}.yaml": f"include: {i + 1}.yaml\n" for i in range(12)},
            },
            "9.yaml:1",
            ["10 inclusions deep"],
        ),
    ],
)
def test_what_is_wrong_is_said_of_the_file_it_is_in(write, files, where, parts) -> None:
    for name, text in files.items():
        write(name, text)
    mine = write("mine.yaml", files["mine.yaml"])
    with pytest.raises(SuiteError) as caught:
        load_suite(mine)
    for part in (where, *parts):
        assert part in str(caught.value)


def test_a_setting_that_is_wrong_in_an_included_file_is_named_there(write, capsys) -> None:
    write("base.yaml", BASE.replace("minimum_group: 50", "minimum_grop: 50"))
    assert _run(["validate", str(write("mine.yaml", "include: base.yaml\n"))]) == 2
    error = capsys.readouterr().err
    assert "base.yaml:6" in error
    assert "Did you mean 'minimum_group'" in error


def test_validate_says_what_is_included(write, capsys) -> None:
    write("base.yaml", BASE)
    assert _run(["validate", str(write("mine.yaml", "include: base.yaml\n"))]) == 0
    assert "includes" in (said := capsys.readouterr().out)
    assert "base.yaml" in said
    assert "3 requirements" in said
