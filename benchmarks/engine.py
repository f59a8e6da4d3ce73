"""Texts a second of the engine, beside the transformers pipeline and a bare loop.

All three tokenize, run the same network in the same dtype with the same threads, and see the
same texts. They take turns in one process, so that what else the machine does hits all alike;
what counts is the ratio of the medians.

    python benchmarks/engine.py --model MODEL_FOLDER --data train.tsv.gz --output results.json
"""

from __future__ import annotations

import argparse
import concurrent.futures
import gzip
import json
import platform
import random
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32
SHARD = 4096


def main() -> None:
    options = _options()
    import torch
    import transformers

    from auditkit.inference.engine import BatchingEngine
    from auditkit.models.loading import load_model

    warnings.simplefilter("ignore")
    threads = options.threads or torch.get_num_threads()
    # The main thread computes nothing in parallel; each contestant does in a thread of its own.
    torch.set_num_threads(1)
    texts = _sample(options.data, options.texts, options.seed)
    model = load_model(options.model, device=options.device, dtype=options.dtype, threads=threads)
    device = torch.device(model.info.device)
    tokenizer = transformers.AutoTokenizer.from_pretrained(options.model)
    network = transformers.AutoModelForSequenceClassification.from_pretrained(
        options.model, dtype=getattr(torch, model.info.dtype)
    )
    network = network.eval().to(device)
    stats: dict[str, Any] = {}

    def ours() -> np.ndarray:
        with BatchingEngine(model, cache_entries=0) as engine:
            parts = [engine.predict(texts[i : i + SHARD]) for i in range(0, len(texts), SHARD)]
            seen = engine.stats
        stats.update(
            batches=seen.batches,
            tokens=seen.tokens,
            padding=seen.padding,
            filler_tokens=seen.filler_tokens,
            device_seconds=round(seen.device_seconds, 3),
        )
        return np.concatenate(parts)

    def bare_loop() -> np.ndarray:
        torch.set_num_threads(threads)
        result = np.empty((len(texts), network.config.num_labels), dtype=np.float32)
        rows = tokenizer(texts, truncation=True, max_length=512, padding=False)["input_ids"]
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        with torch.inference_mode():
            for start in range(0, len(order), BATCH):
                chosen = order[start : start + BATCH]
                batch = tokenizer.pad({"input_ids": [rows[i] for i in chosen]}, return_tensors="pt")
                logits = network(**batch.to(device)).logits
                result[chosen] = logits.float().cpu().numpy()
        return result

    classify = transformers.pipeline(
        "text-classification", model=network, tokenizer=tokenizer, device=device
    )

    def pipeline() -> np.ndarray:
        torch.set_num_threads(threads)
        answers = classify(
            texts, batch_size=BATCH, top_k=None, function_to_apply="none", truncation=True
        )
        index = {label: i for i, label in network.config.id2label.items()}
        result = np.empty((len(texts), len(index)), dtype=np.float32)
        for row, answer in enumerate(answers):
            for entry in answer:
                result[row, index[entry["label"]]] = entry["score"]
        return result

    contestants = {"engine": ours, "pipeline": pipeline, "bare_loop": bare_loop}
    seconds, worst = _race(contestants, options.rounds)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    report = {
        "what": "seconds to answer all texts, tokenization included; ratios of medians",
        "texts": len(texts),
        "sample": f"{options.data.name}, seed {options.seed}",
        "model": model.info.architecture,
        "weights": model.info.digest[:16],
        "dtype": model.info.dtype,
        "device": model.info.device_name,
        "threads": threads,
        "rounds": options.rounds,
        "seconds": {name: [round(t, 3) for t in times] for name, times in seconds.items()},
        "median_seconds": {name: round(t, 3) for name, t in medians.items()},
        "texts_per_second": {name: round(len(texts) / t, 1) for name, t in medians.items()},
        "engine_over_bare_loop": round(medians["engine"] / medians["bare_loop"], 3),
        "engine_over_pipeline": round(medians["engine"] / medians["pipeline"], 3),
        "largest_difference_of_logits": worst,
        "engine": stats,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
            "numpy": np.__version__,
        },
    }
    text = json.dumps(report, indent=2) + "\n"
    print(text, end="")
    if options.output is not None:
        options.output.write_text(text, encoding="utf-8")


def _race(
    contestants: dict[str, Callable[[], np.ndarray]], rounds: int
) -> tuple[dict[str, list[float]], dict[str, float]]:
    """Seconds of each round, and how far each contestant's logits are from the engine's."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    logits: dict[str, np.ndarray] = {}
    for turn in range(rounds + 1):
        for name, run in contestants.items():
            logits[name], taken = _in_own_thread(run)
            if turn:  # the first turn warms up
                seconds[name].append(taken)
    reference = logits["engine"]
    worst = {
        name: float(np.abs(found - reference).max())
        for name, found in logits.items()
        if name != "engine"
    }
    return seconds, worst


def _in_own_thread(run: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    """Run in a thread that ends, so that no contestant leaves OpenMP threads to the next."""
    with concurrent.futures.ThreadPoolExecutor(max_workers=1) as pool:
        start = time.perf_counter()
        result = pool.submit(run).result()
        return result, time.perf_counter() - start


def _sample(path: Path, count: int, seed: int) -> list[str]:
    """Texts of the first column of a table with a header, without replacement."""
    raw = path.read_bytes()
    lines = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode().splitlines()
    texts = list(dict.fromkeys(line.split("\t")[0] for line in lines[1:]))
    return random.Random(seed).sample(texts, min(count, len(texts)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="folder or hub id of a classifier")
    parser.add_argument("--data", required=True, type=Path, help="TSV with a header, may be .gz")
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--output", type=Path, default=None, help="where to write the JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
