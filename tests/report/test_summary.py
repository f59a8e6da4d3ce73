"""The Markdown summary, parsed row by row."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from auditkit.record import Record
from auditkit.report.summary import render_summary, write_summary
from tests.report.report_records import HOSTILE, RECORD_NAMES, build, verdict


def requirement_rows(text: str) -> list[list[str]]:
    section = text.split("## Requirements\n")[1].split("\n## ", maxsplit=1)[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [re.split(r"(?<!\\)\|", line)[1:-1] for line in lines]


def test_first_line_tells_the_outcome(records: dict[str, Record]) -> None:
    firsts = {name: render_summary(records[name]).splitlines()[0] for name in records}
    assert firsts["pass"] == "# ✓ Pass: models/bank-minilm"
    assert firsts["fail"].startswith("# ✕ Fail:")
    assert firsts["partial"].startswith("# ✓ Pass, on part of the audit only:")
    assert firsts["error"].startswith("# ! Not finished:")
    assert firsts["empty"].startswith("# – Nothing was judged:")
    assert "**Partial: not for release.**" in render_summary(records["partial"])


def test_requirements_are_a_table_of_what_was_judged(records: dict[str, Record]) -> None:
    rows = [
        [cell.strip() for cell in row] for row in requirement_rows(render_summary(records["fail"]))
    ]
    assert [row[0] for row in rows] == [
        "✓ Pass", "✕ Fail", "≈ Inconclusive", "✕ Fail", "∅ Missing",
    ]  # fmt: skip
    assert rows[1][2:6] == ["at most 0.05", "0.087", "0.055 to 0.119", "1,600"]
    assert rows[4][3:6] == ["not measured", "–", "–"]


@pytest.mark.parametrize("name", RECORD_NAMES)
def test_data_stays_text(records: dict[str, Record], name: str) -> None:
    """No HTML, link, image or extra column can come out of somebody's words."""
    text = render_summary(records[name]).rsplit("## Reproduce", 1)[0]
    assert "<" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert all(len(row) == 7 for row in requirement_rows(text)) if records[name].verdicts else True


def test_markdown_in_words_is_escaped() -> None:
    nasty = "a|b `c` [d](https://e.org) www.f.org @someone *g* :bug: ![h](i)\n# j"
    text = render_summary(build(verdicts=[verdict("pass", why=nasty)]))
    (row,) = requirement_rows(text)
    assert row[6].strip() == (
        r"a\|b \`c\` \[d\](https\://e.org) www\.f.org @" "\u2060"
        r"someone \*g\* \:bug: !\[h\](i) \# j"
    )  # fmt: skip


def test_command_cannot_leave_its_fence() -> None:
    base = build()
    model = base.model.model_copy(update={"source": "m\n```\n# free\n````"})
    text = render_summary(build(model=model))
    fences = re.findall(r"^`{3,}", text.rsplit("## Reproduce", 1)[1], re.MULTILINE)
    assert max(fences, key=len) == fences[0] == fences[-1] == "`````"


def test_hostile_error_is_named(records: dict[str, Record]) -> None:
    text = render_summary(records["hostile"])
    assert "Checks that did not finish:" in text
    assert HOSTILE[0].replace("<", "&lt;").replace(">", "\\>") in text


def test_long_lists_are_cut_and_say_so(records: dict[str, Record]) -> None:
    text = render_summary(records["huge"])
    assert "30 more are in record.json." in text
    assert len(text) < 30_000


def test_written_file_holds_the_summary(tmp_path: Path) -> None:
    record = build()
    path = write_summary(record, tmp_path)
    assert path.name == "summary.md"
    assert path.read_text(encoding="utf-8") == render_summary(record)
