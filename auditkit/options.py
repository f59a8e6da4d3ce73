"""What an audit can be told besides suite and model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Options"]


@dataclass(frozen=True)
class Options:
    """What an audit can be told besides suite and model."""

    output: Path | None = None
    """Folder of the run; ``reports/<suite>/<model>-<digest>`` by default."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:1``."""
    dtype: str = "auto"
    """``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``."""
    limit: int | None = None
    """Examine a seeded sample of this many examples; the record is then partial."""
    seed: int = 0
    """Seed of samples, evaluators and bootstraps."""
    only: tuple[str, ...] = ()
    """Run these checks only; the record is then partial."""
    offline: bool = False
    """Touch no network."""
    workers: int | None = None
    """Threads that ask the engine; 0 for none, None to choose."""
    fresh: bool = False
    """Make all evidence anew."""
    allow_pickle: bool = False
    """Load pickled weights, which can run code, where there are no safetensors."""
    trust_remote_code: bool = False
    """Run Python code that comes with a checkpoint."""
