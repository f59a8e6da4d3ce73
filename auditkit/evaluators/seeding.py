"""Global generators seeded for one example, for libraries that draw from them."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np

__all__ = ["seeded_generators"]


@contextmanager
def seeded_generators(name: bytes) -> Iterator[None]:
    """Seed the global generators from ``name``, and give them their states back in the end.

    They are those of ``random``, ``numpy.random``, torch on the CPU, and numba, whose compiled
    functions draw from generators of their own that neither of the first two reaches. torch and
    numba are seeded if they were imported; nothing is imported for it. numba's state cannot be
    read, so it is not given back. All but numba's belong to the whole process, so only one thread
    at a time may be inside.

    A library that seeds a generator by itself undoes this: shap's ``Permutation``, given no
    ``seed``, seeds numpy's from the operating system. Give such a one a seed.

    Parameters
    ----------
    name
        What the seeds are made from: the same name, the same draws.
    """
    seed = int.from_bytes(hashlib.sha256(name).digest()[:8], "little")
    torch: Any = sys.modules.get("torch")
    before = random.getstate(), np.random.get_state()  # noqa: NPY002
    torch_before = torch.get_rng_state() if torch else None
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002  (the global one is what libraries draw from)
    if torch:
        torch.default_generator.manual_seed(seed)
    if "numba" in sys.modules:
        _numba_seeder()(seed % 2**32)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])  # noqa: NPY002
        if torch:
            torch.set_rng_state(torch_before)


@cache
def _numba_seeder() -> Callable[[int], None]:
    """Return a compiled function, since only compiled code reaches numba's generators."""

    def seed(value: int) -> None:
        random.seed(value)
        np.random.seed(value)  # noqa: NPY002

    compiled: Callable[[int], None] = sys.modules["numba"].njit(seed)
    return compiled
