"""The demonstration, built once for all tests that look at it."""

from __future__ import annotations

from pathlib import Path

import pytest

from auditkit.demo.checkpoints import DemoFiles, build


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> DemoFiles:
    folder: Path = tmp_path_factory.mktemp("demo")
    return build(folder)
