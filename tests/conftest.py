"""What many tests share: a tiny checkpoint, data it can read, and a suite over both."""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.models import tiny

SUITE = """\
auditkit: 1
name: tiny
task: text-classification
data: {path: DATA, text: text, label: label, id: id, groups: [gender, region]}
positive: good
checks:
  performance: {}
requirements:
  - {metric: performance.accuracy, min: 0.05}
"""


def write_messages(path: Path, count: int, seed: int = 0) -> Path:
    """Write JSON Lines with text, label, id and two group columns."""
    rng = random.Random(seed)
    with path.open("w", encoding="utf-8") as file:
        for number, text in enumerate(tiny.texts(count, 30, seed)):
            row = {
                "id": f"m{number:05d}",
                "text": text,
                "label": rng.choice(["bad", "fair", "good"]),
                "gender": rng.choice(["female", "male"]),
                "region": rng.choice(["north", "south"]),
            }
            file.write(json.dumps(row) + "\n")
    return path


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory) -> Path:
    """A two-layer BERT with random weights and the labels bad, fair, good."""
    return tiny.save(tmp_path_factory.mktemp("checkpoint") / "tiny-bert")


@pytest.fixture(scope="session")
def messages(tmp_path_factory) -> Path:
    """300 messages."""
    return write_messages(tmp_path_factory.mktemp("data") / "messages.jsonl", 300)


@pytest.fixture
def make_suite(tmp_path, messages) -> Callable[..., Path]:
    """Write a suite over ``messages``, with replacements in its text."""

    def make(
        *replacements: tuple[str, str], name: str = "suite.yaml", data: Path = messages
    ) -> Path:
        text = SUITE
        for old, new in replacements:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / name
        path.write_text(text.replace("DATA", str(data)), encoding="utf-8")
        return path

    return make


@pytest.fixture(autouse=True)
def own_surroundings(tmp_path_factory, monkeypatch):
    """Keep the user's variables out, and what auditkit caches out of the user's folders."""
    for name in list(os.environ):
        if name.startswith("AUDITKIT_") and not name.startswith(
            ("AUDITKIT_TEST_", "AUDITKIT_REQUIRE_DATA")
        ):
            monkeypatch.delenv(name)
    base = tmp_path_factory.getbasetemp()
    monkeypatch.setenv("AUDITKIT_CACHE", str(base / "cache"))
    # A test's model answers for itself, not through what another test asked.
    monkeypatch.setenv("AUDITKIT_CACHE_SIZE", "0")
