"""The plugin that is written works as it is: its own test passes and a suite can run it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from auditkit.cli import _run
from auditkit.errors import UsageError
from auditkit.record import read_record
from auditkit.scaffold import write_plugin


def _install(folder: Path, site: Path) -> None:
    """Write what an installer would, from the plugin's own pyproject.toml."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    groups = [
        f"[{group}]\n" + "".join(f"{name} = {target}\n" for name, target in points.items())
        for group, points in project["entry-points"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(groups))
    for package in (folder / "src").iterdir():
        (site / package.name).symlink_to(package)


def test_what_is_written_passes_its_own_test_and_runs_in_a_suite(
    make_suite, checkpoint, tmp_path, monkeypatch, capsys
):
    folder = tmp_path / "new" / "plugin"
    files = write_plugin("empty_talk", folder)
    assert all(path.is_file() and folder in path.parents for path in files)
    tested = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert tested.returncode == 0, tested.stdout
    assert "2 passed" in tested.stdout

    site = tmp_path / "site"
    _install(folder, site)
    monkeypatch.syspath_prepend(site)
    assert _run(["list"]) == 0
    line = next(one for one in capsys.readouterr().out.splitlines() if "empty_talk" in one)
    assert "auditkit-empty-talk 0.1.0" in line
    assert "broken" not in line
    suite = make_suite(
        ("performance: {}", 'empty_talk: {addition: "Indeed."}'),
        ("performance.accuracy, min: 0.05", "empty_talk.flip_rate, max: 1.0"),
        (", groups: [gender, region]", ""),
    )
    output = tmp_path / "run"
    command = ["run", str(suite), "--model", str(checkpoint), "--output", str(output)]
    assert _run([*command, "--limit", "50"]) == 0
    check = read_record(output).check("empty_talk")
    assert check.params == {"addition": "Indeed."}
    assert check.measurements[0].value is not None


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(UsageError, match=r"README\.md is already there; nothing was written"):
        write_plugin("toxicity", tmp_path)
    assert [path.name for path in tmp_path.rglob("*")] == ["README.md"]
    assert (tmp_path / "README.md").read_text() == "mine"


@pytest.mark.parametrize(
    "name", ["", "Toxicity", "my-check", "2nd", "a__b", "_x", "x_", "class", "../x", "tööls", "a b"]
)
def test_a_name_that_cannot_be_one(name, tmp_path):
    with pytest.raises(UsageError, match="cannot be the name of an evaluator"):
        write_plugin(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_name_that_is_taken(tmp_path):
    with pytest.raises(UsageError, match=r"auditkit .* has an evaluator 'performance'"):
        write_plugin("performance", tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="cannot be written"):
        write_plugin("toxicity", tmp_path / "file" / "plugin")
