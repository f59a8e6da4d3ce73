"""Worker processes: what starting one costs, what a question costs, and 20 kills.

The check has no model: an engine that answers from a digest of the text, and a collector that
draws from the global generators, so that every change in what it draws shows in the evidence.
This file is also the plugin that the workers load.

    python benchmarks/workers.py --output benchmarks/results/workers.json
"""

# ruff: noqa: NPY002  (global generators are the point)

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import random
import resource
import signal
import statistics
import tempfile
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from pydantic import Field

from auditkit import Collector, Isolation, Params

LABELS = ("bad", "good")
EXAMPLES = 60
WORKERS = 4


class Settings(Params):
    questions: int = Field(default=4, ge=0)
    """Questions an example."""
    seconds: float = 0.005
    """Work of its own after each question."""
    torch: bool = False
    """Draw from torch's generator too."""


class Searching(Collector):
    """Asks about texts that chance makes, one after the other, as a search does."""

    name = "searching"
    version = "1"
    shard_size = 4
    isolation = Isolation.PROCESS
    Params = Settings

    def metrics(self) -> list[Any]:
        return []

    def collect(self, shard: Any, context: Any) -> pd.DataFrame:
        (identifier,) = shard.table["example_id"].to_pylist()
        text = shard.table["text"][0].as_py()
        for _ in range(self.params.questions):
            words = text.split()
            random.shuffle(words)
            (logits,) = context.engine.predict([" ".join(words)])
            text = " ".join(words) + f" {np.random.random() * logits[0]:.6f}"
            end = time.process_time() + self.params.seconds
            while time.process_time() < end:
                pass
        rows = {"example_id": [identifier], "text": [text]}
        if self.params.torch:
            import torch

            rows["drawn"] = [float(torch.rand(()))]
        return pd.DataFrame(rows)


class DigestEngine:
    """Logits are digests of the texts."""

    labels = LABELS
    multi_label = False
    search_dtype = "float32"

    def __init__(self) -> None:
        from auditkit.models.base import ModelInfo

        self.info = ModelInfo(
            source="digest", revision=None, digest="0", tokenizer_digest="0",
            architecture="Digest", labels=LABELS, multi_label=False, parameters=0, size_on_disk=0,
            stored_dtype="float32", dtype="float32", device="cpu", device_name="none",
            max_length=64,
        )  # fmt: skip

    def predict(self, inputs: Any, *, search: bool = False) -> Any:
        return np.array([[zlib.crc32(f"{x} {t}".encode()) for x in LABELS] for t in inputs], "f4")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    results = {
        "machine": {
            "cores": os.cpu_count(),
            "load_at_start": round(os.getloadavg()[0], 1),
            "python": platform.python_version(),
        },
        "start": {"plain": starting(torch=False), "with torch": starting(torch=True)},
        "question": asking(),
        "kills": killing(options.kills),
    }
    text = json.dumps(results, indent=1)
    print(text)
    if options.output:
        options.output.write_text(text + "\n")


def run(workers: int, count: int = EXAMPLES, **params: Any) -> tuple[float, list[str]]:
    """Seconds, and the digests of the parts."""
    from auditkit.collection import collect
    from auditkit.data import Examples
    from auditkit.evidence import EvidenceFolder
    from auditkit.execution.base import Job
    from auditkit.execution.choice import executor
    from auditkit.plugins import load_evaluator, source_digest
    from auditkit.progress import SilentProgress

    kind: Any = load_evaluator(f"{__file__}:Searching")
    job = Job(
        collector=kind(kind.Params(**params)),
        digest=source_digest(kind),
        engine=DigestEngine(),  # type: ignore[arg-type]
        labels=LABELS,
        positive=None,
        check="searching",
        seed=0,
    )
    ids = [f"e{i:04d}" for i in range(count)]
    texts = [f"one two three four five {i}" for i in range(count)]
    table = pa.table({"example_id": ids, "text": texts, "label": ["bad"] * count})
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        collected = collect(
            job,
            Examples(table, source="made", rows_total=count),
            EvidenceFolder(Path(folder), "searching"),
            executor(job, workers),
            facts=dict,
            predictions=lambda shard: shard.select([]),
            fresh=True,
            timeout=300,
            progress=SilentProgress(),
        )
        seconds = time.perf_counter() - start
    return seconds, [part.digest for part in collected.parts]


def starting(*, torch: bool) -> dict[str, float]:
    """One worker that collects one example, from start to end."""
    walls, processors = [], []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        walls.append(run(1, count=1, questions=0, torch=torch)[0])
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        processors.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return {
        "seconds": round(statistics.median(walls), 3),
        "processor_seconds": round(statistics.median(processors), 3),
        "peak_resident_mib": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def asking() -> dict[str, float]:
    """A question over the pipe, beside one in the process."""
    few, many = 2, 502

    def microseconds(workers: int) -> float:
        times = [
            run(workers, count=1, questions=many, seconds=0)[0]
            - run(workers, count=1, questions=few, seconds=0)[0]
            for _ in range(3)
        ]
        return round(1e6 * statistics.median(times) / (many - few))

    return {"in_process_us": microseconds(0), "in_a_worker_us": microseconds(1)}


def killing(wanted: int) -> dict[str, Any]:
    """As many runs as kills, each with one SIGKILL for one of its workers at any moment."""
    seconds, undisturbed = run(WORKERS)
    serial = run(0)[1]
    chance = random.Random(0)
    same, longest, kills, moments = 0, 0.0, 0, []
    while kills < wanted:
        moment = chance.uniform(0, seconds)
        landed = threading.Event()

        def kill(landed: threading.Event = landed) -> None:
            workers = children()
            if workers:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(chance.choice(workers), signal.SIGKILL)
                    landed.set()

        timer = threading.Timer(moment, kill)
        timer.start()
        took, found = run(WORKERS)
        timer.cancel()
        timer.join()
        longest = max(longest, took)
        if landed.is_set():
            kills += 1
            moments.append(round(moment, 3))
            same += found == undisturbed
    return {
        "workers": WORKERS,
        "examples": EXAMPLES,
        "kills": kills,
        "moments_seconds": sorted(moments),
        "runs_with_the_same_evidence": same,
        "same_as_in_one_process": serial == undisturbed,
        "undisturbed_seconds": round(seconds, 3),
        "longest_seconds": round(longest, 3),
        "processes_left": len(children()),
    }


def children() -> list[int]:
    """The processes whose parent this one is."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            after_name = stat.read_text().rpartition(") ")[2].split()
            if int(after_name[1]) == os.getpid() and after_name[0] != "Z":
                found.append(int(stat.parent.name))
    return sorted(found)


if __name__ == "__main__":
    main()
