"""Where the real data sets and checkpoints are: beside the checkout, not part of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

__all__ = ["real"]

_BESIDE = Path(__file__).parents[2] / "shared"


def real(name: str) -> Path:
    """Return the path of a real data set or checkpoint, such as ``models/sst2-minilm``.

    The test that asks skips where it is absent, or fails if ``AUDITKIT_REQUIRE_DATA`` is set, as
    ``make test-data`` does. ``AUDITKIT_TEST_DATA`` names another folder than ``../shared``.
    """
    path = Path(os.environ.get("AUDITKIT_TEST_DATA", _BESIDE)) / name
    if not path.exists():
        why = f"{name} is not there: set AUDITKIT_TEST_DATA to the folder that holds it"
        if os.environ.get("AUDITKIT_REQUIRE_DATA"):
            pytest.fail(why)
        pytest.skip(why)
    return path
