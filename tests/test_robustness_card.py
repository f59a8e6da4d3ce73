"""From an audit to its card: what noise changed is shown, and no more of the texts than may be."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditkit.audit import Options, run_audit
from auditkit.cli import _run
from tests.models import tiny

CHECKS = "performance: {}\n  perturbation: {kinds: [typo, case], severities: [1, 5], examples: 120}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("run")


def test_card_of_an_audit_shows_changed_decisions(make_suite, tmp_path, folder) -> None:
    # Weights so large that a few changed letters change decisions.
    model = tiny.save(tmp_path / "model", initializer_range=0.5)
    suite = make_suite(("performance: {}", CHECKS))
    run = run_audit(suite, str(model), Options(output=folder, workers=0))
    assert [check.status for check in run.record.checks] == ["ok", "ok"]
    card = (folder / "card.html").read_text(encoding="utf-8")
    changed = sum(
        round((one.value or 0) * one.n)
        for one in run.record.checks[1].measurements
        if one.metric == "flip_rate" and one.slice.keys() == {"kind", "severity"}
    )
    assert changed > 20
    assert f"Changed decisions: 1 to 20 of {changed}" in card
    assert "Of 2 kinds of noise one changes most" in card
    assert "By kind and severity" in card
    # Two words of a text side by side would be a text that can be read.
    texts = re.findall(r'"text": "(\w+ \w+)', _messages(run.record.data[0].source))
    assert texts
    assert not [pair for pair in texts if pair in card]
    assert not [pair for pair in texts if pair in (folder / "record.json").read_text()]


def test_report_makes_the_same_card_and_says_where_texts_are_gone(folder) -> None:
    card = folder / "card.html"
    before = card.read_bytes()
    assert _run(["report", str(folder), "--quiet"]) == 0
    assert card.read_bytes() == before
    for part in (folder / "evidence" / "perturbation").iterdir():
        part.unlink()
    assert _run(["report", str(folder), "--quiet"]) == 0
    assert "The texts are not at hand: the evidence is not in the run" in card.read_text("utf-8")


def _messages(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")
