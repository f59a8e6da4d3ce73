"""Where cached files go, and how much of them is kept."""

import sys
from pathlib import Path

import pytest

from auditkit.cache_folder import CACHE_SIZE, cache_folder, cache_size
from auditkit.errors import UsageError


@pytest.fixture
def variables(monkeypatch):
    for name in ("AUDITKIT_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_auditkits_own_variable_comes_first(variables):
    variables.setenv("HF_DATASETS_CACHE", "/hub")
    assert cache_folder("answers") == Path("/hub/auditkit/answers")
    variables.setenv("AUDITKIT_CACHE", "~/own")
    assert cache_folder("answers") == Path.home() / "own" / "answers"


@pytest.mark.skipif(sys.platform != "linux", reason="the platform's own folder")
def test_without_variables_it_is_the_platforms_folder(variables):
    assert cache_folder("examples") == Path.home() / ".cache" / "auditkit" / "examples"
    variables.setenv("XDG_CACHE_HOME", "/x")
    assert cache_folder("examples") == Path("/x/auditkit/examples")


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ("", CACHE_SIZE), ("0", 0), ("4096", 4096), ("500M", 500 * 2**20), ("2g", 2 * 2**30),
        ("1.5 GiB", 3 * 2**29), ("64kB", 65536), ("1T", 2**40),
    ],
)  # fmt: skip
def test_a_size_has_a_unit_or_none(monkeypatch, said, size):
    monkeypatch.setenv("AUDITKIT_CACHE_SIZE", said)
    assert cache_size() == size


@pytest.mark.parametrize("said", ["lots", "-1", "2 apples", "1,5G", "nan", "inf"])
def test_another_size_is_refused_by_name(monkeypatch, said):
    monkeypatch.setenv("AUDITKIT_CACHE_SIZE", said)
    with pytest.raises(UsageError, match=r"AUDITKIT_CACHE_SIZE is '.*'. Write a size such as 500M"):
        cache_size()
