"""A run's folder: what becomes of the record of another audit that was there before."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.cli import _run
from auditkit.record import read_record
from auditkit.run_folder import drop_stale
from auditkit.suite import load_suite
from auditkit.verify import verify_run


@pytest.fixture
def audit(make_suite, checkpoint, tmp_path):
    """Run a suite called ``tiny`` from a file of any name, always into the same folder."""
    folder = tmp_path / "run"

    def run(file: str, bound: str, *flags: str) -> Path:
        suite = make_suite(("min: 0.05", f"min: {bound}"), name=file)
        command = ["run", str(suite), "--model", str(checkpoint), "--output", str(folder)]
        assert _run([*command, *flags]) == 0
        return folder

    return run


def test_the_record_of_another_suite_is_kept(audit, capsys) -> None:
    folder = audit("one.yaml", "0.05")
    first = (folder / "record.json").read_bytes()
    one = read_record(folder).id
    capsys.readouterr()
    audit("two.yaml", "0.06")
    said = capsys.readouterr().err
    assert "another suite called 'tiny', from " in said
    assert f"its record is kept as replaced/record-{one}.json" in said
    assert (folder / f"replaced/record-{one}.json").read_bytes() == first
    assert read_record(folder).id != one
    assert verify_run(folder).mismatches == ()
    # Going back and forth keeps one record of each.
    two = read_record(folder).id
    audit("one.yaml", "0.05")
    audit("two.yaml", "0.06")
    kept = sorted(path.name for path in (folder / "replaced").iterdir())
    assert kept == sorted(f"record-{one}.json" for one in (one, two))


def test_the_same_command_again_replaces_nothing(audit, capsys) -> None:
    folder = audit("one.yaml", "0.05")
    audit("one.yaml", "0.05")
    audit("one.yaml", "0.05", "--fresh")
    assert "Replaces" not in capsys.readouterr().err
    assert not (folder / "replaced").exists()


def test_a_record_that_cannot_be_read_is_kept_too(audit) -> None:
    folder = audit("one.yaml", "0.05")
    (folder / "record.json").write_text('{"schema": "auditkit/record/99"}')
    audit("one.yaml", "0.05")
    (kept,) = (folder / "replaced").iterdir()
    assert kept.name.startswith("record-unreadable-")
    assert kept.read_text() == '{"schema": "auditkit/record/99"}'


def test_what_is_replaced_is_said_with_the_reason(audit, make_suite) -> None:
    folder = audit("one.yaml", "0.05")
    earlier, said = read_record(folder), []
    other = load_suite(make_suite(("min: 0.05", "min: 0.06"), name="two.yaml"))
    drop_stale(folder, earlier.id, other, said.append)
    assert said == []
    drop_stale(folder, "another", other, said.append)
    assert said == [
        f"Replaces the run of {earlier.created} (another suite called 'tiny', from "
        f"{earlier.suite.source}) in {folder}; its record is kept as "
        f"replaced/record-{earlier.id}.json"
    ]
    assert not (folder / "record.json").exists()
    assert not (folder / "card.html").exists()


@pytest.mark.parametrize(
    ("bound", "reason"),
    [("0.06", "the suite was changed since"), ("0.05", "the same suite with other data")],
)
def test_the_same_file_is_no_other_suite(audit, make_suite, bound, reason) -> None:
    folder, said = audit("one.yaml", "0.05"), []
    changed = load_suite(make_suite(("min: 0.05", f"min: {bound}"), name="one.yaml"))
    drop_stale(folder, "another", changed, said.append)
    assert reason in said[0]
