"""A check without a model: an engine that answers from a digest of the text."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from auditkit.collection import Collected, collect
from auditkit.data import Examples
from auditkit.evidence import EvidenceFolder, digest_file
from auditkit.execution.base import Job, Shard
from auditkit.execution.choice import executor
from auditkit.inference.base import EngineStats
from auditkit.models.base import ModelInfo, OutOfMemory
from auditkit.plugins import load_evaluator, source_digest
from auditkit.progress import SilentProgress

LABELS = ("bad", "fair", "good")
PLUGIN = Path(__file__).with_name("demonstrator.py")


class DigestEngine:
    """Logits are digests of the texts; ``asked`` is called before each answer."""

    labels = LABELS
    multi_label = False
    search_dtype = "float32"
    info = ModelInfo(
        source="digest", revision=None, digest="0", tokenizer_digest="0", architecture="Digest",
        labels=LABELS, multi_label=False, parameters=0, size_on_disk=0, stored_dtype="float32",
        dtype="float32", device="cpu", device_name="none", max_length=64,
    )  # fmt: skip

    def __init__(self, asked: Callable[[], object] = lambda: None) -> None:
        self.asked = asked
        self.stats = EngineStats()

    def predict(self, inputs, *, search=False):
        self.asked()
        if inputs == ["too much"]:
            raise OutOfMemory("not even one")
        for i, text in enumerate(inputs):
            if not isinstance(text, str):
                raise TypeError(f"input {i} is neither a text nor a pair of texts")
        return np.array(
            [[zlib.crc32(f"{label} {text}".encode()) for label in LABELS] for text in inputs],
            dtype=np.float32,
        )

    def truncated(self, inputs):
        return np.array([len(text) > 30 for text in inputs])


def make_examples(count: int) -> Examples:
    sentence = "the clerk was kind and the queue was short but the answer came too late"
    words = sentence.split()
    texts = [" ".join(words[i % 5 : 6 + i % 7]) + f" {i}" for i in range(count)]
    table = pa.table(
        {
            "example_id": [f"e{i:03d}" for i in range(count)],
            "text": texts,
            "label": [LABELS[i % 3] for i in range(count)],
            "group:region": [("north", "south")[i % 2] for i in range(count)],
        }
    )
    return Examples(table, source="made", rows_total=count)


def make_shards(count: int) -> Iterator[Shard]:
    """Shards of seven examples."""
    for index, examples in enumerate(make_examples(count).shards(7)):
        yield Shard(index, examples, pa.table({"prediction": ["bad"] * len(examples)}))


def make_job(
    evaluator: str = f"{PLUGIN}:Demonstrator", engine: DigestEngine | None = None, **params
) -> Job:
    kind = load_evaluator(evaluator)
    return Job(
        collector=kind(kind.Params(**params)),
        digest=source_digest(kind),
        engine=engine or DigestEngine(),
        labels=LABELS,
        positive=None,
        check="demo",
        seed=3,
    )


@pytest.fixture
def facts(tmp_path):
    """Where processes leave facts of themselves."""
    folder = tmp_path / "facts"
    folder.mkdir()
    return folder


@pytest.fixture
def run_check(tmp_path):
    """Collect a check's evidence in a folder of its own; return the folder and the outcome."""
    return runner(tmp_path)


def runner(base: Path) -> Callable[..., tuple[EvidenceFolder, Collected]]:
    count = 0

    def run(
        workers: int | None,
        *,
        examples: Examples | None = None,
        evaluator: str = f"{PLUGIN}:Demonstrator",
        engine: DigestEngine | None = None,
        timeout: float | None = None,
        folder: Path | None = None,
        **params,
    ) -> tuple[EvidenceFolder, Collected]:
        nonlocal count
        count += 1
        job = make_job(evaluator, engine, **params)
        evidence = EvidenceFolder(folder or base / f"run{count}", "demo")
        collected = collect(
            job,
            make_examples(30) if examples is None else examples,
            evidence,
            executor(job, workers),
            facts=lambda: {"params": {}},
            predictions=lambda shard: pa.table({"prediction": ["bad"] * len(shard)}),
            fresh=False,
            timeout=timeout,
            progress=SilentProgress(),
        )
        return evidence, collected

    return run


def digests(evidence: EvidenceFolder) -> dict[str, str]:
    return {path.name: digest_file(path) for path in sorted(evidence.folder.iterdir())}


def rows(evidence) -> list[dict]:
    tables = [pq.read_table(path) for path in sorted(evidence.folder.iterdir())]
    return sorted(pa.concat_tables(tables).to_pylist(), key=lambda row: row["example_id"])


def pids(folder) -> set[int]:
    return {int(file.name) for file in folder.iterdir()}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
