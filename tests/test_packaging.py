"""What is shipped: the bounds of dependencies, the wheel, and the wheel at work."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SUITES = sorted(path.name for path in (ROOT / "suites").glob("*.yaml"))


def build(kind: str, folder: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (made,) = folder.iterdir()
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    return build("wheel", tmp_path_factory.mktemp("wheel"))


def test_lower_bounds_are_the_versions_that_are_tested():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["test"]]
    tested = dict(
        line.split("==")
        for line in (ROOT / "constraints-min.txt").read_text().splitlines()
        if "==" in line
    )
    bounds = dict(re.fullmatch(r"([A-Za-z0-9-]+)>=([0-9.]+)", one).groups() for one in wanted)
    assert set(tested) - {"click"} <= set(bounds)  # click is typer's
    tools = {"torch", "pytest", "pytest-xdist", "hatchling", "jsonschema", "torchmetrics"}
    for name, bound in bounds.items():
        if name in tools:
            continue
        assert re.fullmatch(rf"{re.escape(bound)}(\.0)*", tested[name]), (name, bound)


def test_the_wheel_holds_what_runs_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    for suite in SUITES:
        assert f"auditkit/suites/{suite}" in names
    for needed in (
        "auditkit/py.typed",
        "auditkit/demo/suite.yaml",
        "auditkit/resources/nltk_data/corpora/stopwords/english",
    ):
        assert needed in names
    assert any(name.startswith("auditkit/report/templates/") for name in names)
    assert not [name for name in names if not name.startswith(("auditkit/", "auditkit-"))]


def test_the_source_distribution_can_be_tested(tmp_path):
    with tarfile.open(build("sdist", tmp_path)) as archive:
        names = archive.getnames()
    inside = {name.partition("/")[2] for name in names}
    for needed in ("tests/conftest.py", "suites/sentiment.yaml", "Makefile", "constraints.txt"):
        assert needed in inside


def test_the_wheel_runs_a_shipped_suite_by_name(wheel, tmp_path, checkpoint, messages):
    """In an environment that holds the wheel, and sees the dependencies but not the checkout."""
    home = tmp_path / "elsewhere"
    home.mkdir()
    venv.create(tmp_path / "env", with_pip=False)
    python = tmp_path / "env" / "bin" / "python"
    # A path file of its own is not read for a folder that another path file adds, so the
    # editable install of the checkout stays out of sight.
    site = Path(sysconfig.get_path("purelib", vars={"base": str(tmp_path / "env")}, scheme="venv"))
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    environment = {
        **{name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
    }

    def run(*arguments: object) -> subprocess.CompletedProcess:
        return subprocess.run(
            [python, *map(str, arguments)],
            cwd=home,
            env=environment,
            text=True,
            capture_output=True,
            check=False,
            timeout=300,
        )

    where = run("-c", "import auditkit; print(auditkit.__file__)")
    assert where.stdout.strip().startswith(str(site))
    listed = run("-m", "auditkit", "list")
    for suite in SUITES:
        assert suite.removesuffix(".yaml") in listed.stdout
    done = run(
        "-m", "auditkit", "run", "smoke", "--model", checkpoint, "--data", messages,
        "--output", home / "run",
    )  # fmt: skip
    assert done.returncode in (0, 1, 3), done.stderr
    assert (home / "run" / "card.html").stat().st_size > 10_000
    assert run("-m", "auditkit", "verify", home / "run").returncode == 0
