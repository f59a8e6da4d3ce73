"""Global generators: their states, and seeds for one example, for libraries that draw from them."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

__all__ = ["GeneratorStates", "seeded_generators"]


@dataclass(frozen=True)
class GeneratorStates:
    """Where the global generators stand: those of ``random``, ``numpy.random`` and torch (CPU)."""

    python: Any
    numpy: Any
    torch: Any
    """None where torch was not imported."""

    @classmethod
    def now(cls) -> GeneratorStates:
        """Read the states; nothing is imported for it."""
        torch: Any = sys.modules.get("torch")
        return cls(
            python=random.getstate(),
            numpy=np.random.get_state(),  # noqa: NPY002  (the global one is what is meant)
            torch=torch.get_rng_state() if torch else None,
        )

    def restore(self) -> None:
        """Give the generators these states; one that was not there when they were read is left."""
        random.setstate(self.python)
        np.random.set_state(self.numpy)  # noqa: NPY002
        if self.torch is not None:
            sys.modules["torch"].set_rng_state(self.torch)


@contextmanager
def seeded_generators(name: bytes) -> Iterator[None]:
    """Seed the global generators from ``name``, and give them their states back in the end.

    They are those of ``random``, ``numpy.random``, torch on the CPU, and numba, whose compiled
    functions draw from generators of their own that neither of the first two reaches. torch and
    numba are seeded if they were imported; nothing is imported for it. numba's state cannot be
    read, so it is not given back. All but numba's belong to the whole process, so only one thread
    at a time may be inside, or each must find them as it left them.

    A library that seeds a generator by itself undoes this: shap's ``Permutation``, given no
    ``seed``, seeds numpy's from the operating system. Give such a one a seed.

    Parameters
    ----------
    name
        What the seeds are made from: the same name, the same draws.
    """
    seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "little")
    before = GeneratorStates.now()
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    if before.torch is not None:
        sys.modules["torch"].default_generator.manual_seed(seed)
    if "numba" in sys.modules:
        _numba_seeder()(seed % 2**32)
    try:
        yield
    finally:
        before.restore()


@cache
def _numba_seeder() -> Callable[[int], None]:
    """Return a compiled function, since only compiled code reaches numba's generators."""

    def seed(value: int) -> None:
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002

    compiled: Callable[[int], None] = sys.modules["numba"].njit(seed)
    return compiled
