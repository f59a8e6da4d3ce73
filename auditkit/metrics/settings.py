"""What measuring needs to know besides evidence and metrics."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

__all__ = ["DRAWS", "Settings"]

DRAWS = 2000
"""Bootstrap draws behind an interval."""


@dataclass(frozen=True)
class Settings:
    """What measuring needs to know besides evidence and metrics."""

    labels: tuple[str, ...] = ()
    """The model's labels, in the order of the logits."""
    groups: tuple[str, ...] = ()
    """Group columns; the evidence has ``group:<name>`` for each."""
    positive: str | None = None
    """The label that rates and areas are about where there are two; the last by default."""
    minimum_group: int = 30
    """Groups with fewer examples are left out of gaps and worst groups, and named."""
    confidence: float = 0.95
    """Two-sided confidence of intervals."""
    draws: int = DRAWS
    """Bootstrap draws."""
    seed: int = 0
    """Seed of the draws."""
    note: str | None = None
    """What goes with every figure, such as the hardware that timings were made on."""

    def rng(self, name: str, slice_: Mapping[str, str]) -> np.random.Generator:
        """Return the generator of one measurement: no other one changes its draws."""
        text = "|".join([name, *(f"{key}={slice_[key]}" for key in sorted(slice_))])
        return np.random.default_rng([self.seed, zlib.crc32(text.encode())])
