"""Inputs as the engine takes them: what is one, what is asked of it, what stands for it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

from auditkit.models.base import Input

__all__ = ["Question", "checked_inputs", "fingerprint"]


class Question(NamedTuple):
    """What has one answer: an input, and which network is asked."""

    input: Input
    search: bool
    """Whether it is asked in the search dtype; never where that is the dtype of the run."""


def fingerprint(key: Input) -> bytes:
    """Return 16 bytes that stand for a text or a pair of texts."""
    parts = [key] if isinstance(key, str) else key
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def checked_inputs(inputs: Sequence[Input]) -> list[Input]:
    """Return the inputs as a list.

    Raises
    ------
    TypeError
        If one is neither a text nor a pair of texts, naming its position.
    """
    if isinstance(inputs, str | bytes):
        raise TypeError("predict() takes a list of inputs, not a single text")
    keys = list(inputs)
    for i, key in enumerate(keys):
        if isinstance(key, str):
            continue
        if isinstance(key, tuple) and len(key) == 2 and all(isinstance(x, str) for x in key):
            continue
        kind = f"tuple of {len(key)}" if isinstance(key, tuple) else type(key).__name__
        raise TypeError(f"input {i} is neither a text nor a pair of texts: it is a {kind}")
    return keys
