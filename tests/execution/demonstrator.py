"""A collector with all the habits that worker processes are for: it draws from global generators,
and at an example that a test names it dies, hangs or raises.

Tests load it by its path and by its name.
"""

# ruff: noqa: NPY002  (global generators are the point)

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import Field

from auditkit import Collector, Isolation, Mean, Metric, Params


class Settings(Params):
    habits: Mapping[str, str] = Field(default_factory=dict)
    """What it does, by example id, instead of collecting."""
    once: str = ""
    """A folder for a file an example, which keeps it from being done again."""
    facts: str = ""
    """A folder in which each process leaves a file, named by its number, with facts of it."""
    held: str = ""
    """A named pipe that a forked child holds open for as long as it lives."""
    preloaded: str = ""
    """A folder in which each process that preloads leaves a file, named by its number."""
    libraries: tuple[str, ...] = ()
    """Generators to draw from besides: torch, numba."""


class Demonstrator(Collector):
    """Asks the engine of a text that chance made from the example."""

    name = "demonstrator"
    version = "1"
    shard_size = 7
    isolation = Isolation.PROCESS
    Params = Settings

    def metrics(self):
        return [Metric("flip_rate", Mean("flipped"), better="lower")]

    def preload(self, resources):
        if self.params.preloaded:
            (Path(self.params.preloaded) / str(os.getpid())).touch()
            raise ImportError("planted error")  # which nobody is to mind

    def collect(self, shard, context):
        print("collecting", flush=True)
        params = self.params
        (identifier,) = shard.table["example_id"].to_pylist()
        if params.facts:
            leave_facts(Path(params.facts))
        done = Path(params.once) / identifier if params.once else None
        if identifier in params.habits and not (done and done.exists()):
            if done:
                done.touch()
            misbehave(params.habits[identifier], context, params)
        words = shard.table["text"][0].as_py().split()
        random.shuffle(words)
        changed = " ".join(word for word in words if np.random.random() < 0.8)
        (logits,) = context.engine.predict([changed])
        predicted = context.labels[int(logits.argmax())]
        rows = {
            "example_id": [identifier],
            "changed": [changed],
            "flipped": [predicted != context.predictions["prediction"][0].as_py()],
            "cut": context.engine.truncated([changed]),
            "own": [context.rng(identifier).random()],
        }
        rows |= {library: [draw(library)] for library in params.libraries}
        return pd.DataFrame(rows)


class Wandering(Collector):
    """Draws between its questions, remembers things meanwhile, and notices whom it meets."""

    name = "wandering"
    version = "1"
    shard_size = 3
    isolation = Isolation.PROCESS
    concurrency = 4
    Params = Settings

    def metrics(self):
        return []

    def collect(self, shard, context):
        (identifier,) = shard.table["example_id"].to_pylist()
        if self.params.facts:
            leave_facts(Path(self.params.facts))
        MEMORY.example = identifier
        trail = [self.question(context, identifier)]
        with context.seeded(f"{identifier} inside"):
            trail += [self.question(context, trail[-1]) for _ in range(2)]
        trail.append(self.question(context, trail[-1]))
        return pd.DataFrame(
            {
                "example_id": [identifier],
                "trail": [" ".join(trail)],
                "remembered": [MEMORY.example],
            }
        )

    def question(self, context, text: str) -> str:
        """Make a text of another by chance, ask about it, and return what depends on both."""
        with alone():
            drawn = [random.gauss(0, 1), float(np.random.normal()), random.random()]
            asked = f"{text} {drawn}"
        (logits,) = context.engine.predict([asked])
        with alone():
            drawn += [draw(library) for library in self.params.libraries]
        return f"{logits.argmax()}:{sum(drawn)!r}"


MEMORY = threading.local()
INSIDE = threading.Lock()


@contextmanager
def alone():
    """Raise if another thread is inside, which has time to get there."""
    if not INSIDE.acquire(blocking=False):
        raise AssertionError("two at once")
    time.sleep(0.001)
    yield
    INSIDE.release()


def draw(library: str) -> float:
    """Draw a number from the generator of a library that is imported only now."""
    if library == "torch":
        import torch

        return float(torch.rand(()))
    import numba

    return float(numba.njit(lambda low: low + np.random.random())(0.0))


def leave_facts(folder: Path) -> None:
    facts = {
        "torch": "torch" in sys.modules,
        "transformers": "transformers" in sys.modules,
        "environment": {
            name: os.environ.get(name) for name in ("OMP_NUM_THREADS", "PYTHONHASHSEED")
        },
    }
    (folder / str(os.getpid())).write_text(json.dumps(facts))


def misbehave(how: str, context, params: Settings) -> None:
    if how == "raise":
        raise ValueError("planted error")
    if how == "segfault":
        ctypes.string_at(0)
    if how == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if how == "exit":
        os._exit(7)
    if how == "sys.exit":
        sys.exit(5)
    if how == "hang":
        time.sleep(600)
    if how == "fork and die":  # the child has all that the parent had open
        os.open(params.held, os.O_WRONLY)
        if os.fork() == 0:
            time.sleep(600)
        os._exit(7)
    if how == "ask nonsense":
        context.engine.predict([7])
    if how == "ask too much":
        from auditkit.models.base import OutOfMemory

        try:
            context.engine.predict(["too much"])
        except OutOfMemory as error:
            raise ValueError(f"caught {type(error).__name__}: {error}") from error
    if how == "ask what cannot be read":
        context.engine.predict([Unreadable()])
    if how == "ask from a thread":
        with ThreadPoolExecutor(1) as pool:
            pool.submit(context.engine.predict, ["text"]).result()
    if how == "measure speed":
        context.engine.measure_speed(["text"], 1)
    raise AssertionError(f"did not {how}")


class Unreadable:
    """Can be sent to another process, but not be made again there."""

    def __reduce__(self):
        return int, ("unreadable",)
