"""What an audit can be told besides suite and model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Options", "PredictionsFile"]


@dataclass(frozen=True)
class Options:
    """What an audit can be told besides suite and model."""

    output: Path | None = None
    """Folder of the run; ``reports/<suite>/<model>-<digest>`` by default."""
    device: str = "auto"
    """``auto``, ``cpu``, ``cuda`` or ``cuda:1``."""
    dtype: str = "auto"
    """``auto`` (float32), ``float32``, ``bfloat16`` or ``float16``."""
    search_dtype: str = "auto"
    """What attacks search in: ``auto`` (bfloat16 where the hardware computes in it), ``float32``
    or ``bfloat16``."""
    limit: int | None = None
    """Examine a seeded sample of this many examples; the record is then partial."""
    seed: int = 0
    """Seed of samples, evaluators and bootstraps."""
    only: tuple[str, ...] = ()
    """Run these checks only; the record is then partial."""
    offline: bool = False
    """Touch no network."""
    resources: Path | None = None
    """Folder where checks find what they need besides model and data;
    see :mod:`auditkit.resources`."""
    workers: int | None = None
    """Threads that collect evidence, or processes where an evaluator needs them; 0 for none, None
    to choose."""
    fresh: bool = False
    """Make all evidence anew."""
    answer_cache: bool = True
    """Use and keep the model's answers on disk; see :mod:`auditkit.inference.disk_cache`."""
    allow_pickle: bool = False
    """Load pickled weights, which can run code, where there are no safetensors."""
    trust_remote_code: bool = False
    """Run Python code that comes with a checkpoint."""


@dataclass(frozen=True)
class PredictionsFile:
    """A file of labels and predictions that stands for a model and its data.

    Columns that are named here beat those of the suite. Without a suite, those that are not named
    are guessed by their names; the run says which were.
    """

    path: str | Path
    """CSV, TSV, JSON Lines (each also gzipped) or Parquet."""
    label: str | None = None
    """Column of the true labels."""
    prediction: str | None = None
    """Column of the predicted labels."""
    score: str | None = None
    """Column of the positive label's probability, of two labels."""
    groups: tuple[str, ...] | None = None
    """Columns that say which groups an example belongs to."""
    id: str | None = None
    """Column of unique example ids; without one, rows are numbered."""
    positive: str | None = None
    """The label that rates and the score are about."""
