"""What the engine knows of a model: token ids in, logits out.

The engine decides what is batched with what; a model only encodes and runs one batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

__all__ = ["Encoded", "FloatArray", "Input", "Model", "ModelInfo", "OutOfMemory"]

FloatArray: TypeAlias = npt.NDArray[np.float32]

Input: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts such as premise and hypothesis."""


class OutOfMemory(Exception):  # noqa: N818  (an event the engine acts on)
    """The device could not hold a batch; the engine answers with a smaller shape."""


@dataclass(frozen=True)
class Encoded:
    """One input as the model reads it.

    ``token_ids`` with special tokens and without padding; ``type_ids`` of the same length
    where the architecture uses segments; ``truncated`` if text was cut at the maximum length.
    """

    token_ids: tuple[int, ...]
    type_ids: tuple[int, ...] | None
    truncated: bool

    def __len__(self) -> int:
        return len(self.token_ids)


@dataclass(frozen=True)
class ModelInfo:
    """Facts of a loaded checkpoint, as they go into the record."""

    source: str
    """The folder or hub id as the user gave it."""
    revision: str | None
    """The revision asked for, or the commit it resolved to, where it came from a hub."""
    digest: str
    """SHA-256 over names, dtypes, shapes and values of the weights as loaded from the files."""
    tokenizer_digest: str
    """SHA-256 over what decides the token ids, the maximum length included."""
    architecture: str
    """Class name of the network, such as ``BertForSequenceClassification``."""
    labels: tuple[str, ...]
    """Names of the outputs in the order of the logits."""
    multi_label: bool
    """Whether several labels may hold at once (sigmoid) or exactly one does (softmax)."""
    parameters: int
    """Number of weights."""
    size_on_disk: int
    """Bytes of the weight files."""
    stored_dtype: str
    """The dtype the files hold, such as ``float16``."""
    dtype: str
    """The dtype it runs in, such as ``float32``."""
    device: str
    """``cpu`` or ``cuda:0``."""
    device_name: str
    """The processor's or accelerator's name."""
    max_length: int
    """Tokens an input may have, special tokens included; what is longer is truncated."""
    config_digest: str = ""
    """SHA-256 over the network's settings, and over code that came with the checkpoint."""
    threads: int = 1
    """CPU threads that forward passes may use, all together."""
    streams: int = 1
    """Forward passes that run at the same time, which share the threads."""
    search_dtype: str = ""
    """The dtype it runs in for searches; empty where that is `dtype`."""
    unknown_token: str = "[UNK]"  # noqa: S105  (no password)
    """What its tokenizer reads an unknown word as; the usual one where it has none."""


class Model(Protocol):
    """A loaded checkpoint, used by one engine, which calls it from its own threads.

    ``encode`` is called from one thread at a time, ``forward`` and ``any_rows`` from
    ``info.streams``.
    """

    @property
    def info(self) -> ModelInfo:
        """Facts of the checkpoint."""
        ...

    def encode(self, inputs: Sequence[Input]) -> list[Encoded]:
        """Tokenize in one batch, truncating at ``info.max_length``."""
        ...

    def forward(
        self, batch: Sequence[Encoded], length: int, *, search: bool = False, alone: bool = False
    ) -> FloatArray:
        """Logits ``[len(batch), labels]`` in float32 of inputs padded to ``length`` tokens.

        Computed in ``info.dtype``, or with `search` in ``info.search_dtype``. With `alone` no
        other pass runs meanwhile, and this one may use all threads.

        Raises
        ------
        OutOfMemory
            When the device cannot hold the batch.
        """
        ...

    def any_rows(self, *, search: bool = False) -> bool:
        """Whether a row's logits have the same bits in a batch of any number of rows.

        Where they do, a batch that is not full runs as it is; else it is filled with dummy rows.
        With `search` the answer is about passes in ``info.search_dtype``.
        """
        ...

    def filler(self, length: int) -> Encoded:
        """A dummy input of exactly ``length`` tokens, to fill a batch up to its shape."""
        ...
