"""How fast a model answers, timed in the thread that owns the device."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from time import perf_counter

import numpy as np

from auditkit.inference.base import Speed
from auditkit.inference.packing import Bucket, Packing
from auditkit.models.base import Encoded, Input, Model

__all__ = ["time_model"]

_WARMED_ALONE = 8
"""Inputs run by themselves before that is timed."""


def time_model(model: Model, packing: Packing, inputs: Sequence[Input], rounds: int) -> Speed:
    """Return how long `model` takes for `inputs`, which nobody else may use meanwhile.

    A text by itself runs without padding and filler rows, as an application would run it. Batches
    are the engine's, one after the other behind the tokenization of all inputs; where the engine
    tokenizes while the device computes, and runs several passes at once on a CPU, it is faster
    than that.

    Raises
    ------
    OutOfMemory
        If the device cannot hold a batch.
    """
    _forget_peak(model.info.device)
    # What runs for the first time is slower: kernels are chosen and memory is fetched.
    _run_batches(model, packing, inputs)
    for one in inputs[:_WARMED_ALONE]:
        _run_alone(model, one)
    latencies, tokens = [], []
    for one in inputs:
        start = perf_counter()
        length = _run_alone(model, one)
        latencies.append(perf_counter() - start)
        tokens.append(length)
    batch_seconds = []
    for _ in range(rounds):
        start = perf_counter()
        _run_batches(model, packing, inputs)
        batch_seconds.append(perf_counter() - start)
    return Speed(
        latencies=np.array(latencies),
        tokens=np.array(tokens, dtype=np.int64),
        batch_seconds=np.array(batch_seconds),
        peak_memory=_peak_memory(model.info.device),
    )


def _run_alone(model: Model, one: Input) -> int:
    """Run one input in a batch of its own; return its length in tokens."""
    encoded = model.encode([one])
    length = len(encoded[0])
    model.forward(encoded, length, alone=True)
    return length


def _run_batches(model: Model, packing: Packing, inputs: Sequence[Input]) -> None:
    buckets: dict[Bucket, list[Encoded]] = {}
    for one in model.encode(inputs):
        buckets.setdefault(packing.bucket(len(one)), []).append(one)
    loose = model.any_rows()
    for bucket, members in buckets.items():
        rows = packing.rows(bucket, loose=loose)
        for start in range(0, len(members), rows):
            batch = members[start : start + rows]
            if not loose:
                batch += [model.filler(bucket.filler_length)] * (rows - len(batch))
            model.forward(batch, bucket.width, alone=True)


def _forget_peak(device: str) -> None:
    if device.startswith("cuda"):
        import torch

        torch.cuda.reset_peak_memory_stats(device)


def _peak_memory(device: str) -> int | None:
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
