"""Checkpoints as resources: a folder of this machine, or a snapshot in a cache of the hub."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = [
    "FILES",
    "find_folder",
    "find_snapshot",
    "names_a_folder",
    "network_is_off",
    "parted",
    "read_from",
]

FILES = ("*.json", "*.txt", "*.model", "*.jinja", "model.safetensors", "model-*.safetensors")
"""What a network and its tokenizer need; other formats and sub-folders stay on the hub."""

_WEIGHTS = ("model.safetensors", "model-*.safetensors")
_PICKLES = ("pytorch_model.bin", "pytorch_model-*.bin")


def network_is_off() -> bool:
    """Return whether ``HF_HUB_OFFLINE`` forbids the network, as the hub's client reads it."""
    return os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE")


def names_a_folder(name: str) -> bool:
    """Return whether a name means a folder rather than an id on the hub.

    >>> [names_a_folder(one) for one in ("./encoder", "org/name@main", "a/b/c")]
    [True, False, True]
    """
    looks_local = name.startswith((".", "~", os.sep)) or name.partition("@")[0].count("/") > 1
    return looks_local or Path(name).is_dir()


def parted(name: str) -> tuple[str, str | None]:
    """Return id and revision.

    >>> parted("org/name@main"), parted("org/name")
    (('org/name', 'main'), ('org/name', None))
    """
    hub_id, _, revision = name.partition("@")
    return hub_id, revision or None


def find_folder(name: str) -> Path | None:
    """Return a folder of this machine if it holds a checkpoint, else None."""
    folder = Path(name).expanduser().absolute()
    return folder if (folder / "config.json").is_file() else None


def find_snapshot(name: str, cache: Path | None) -> Path | None:
    """Return the folder of a snapshot that is whole, or None; never asks the hub.

    Parameters
    ----------
    name
        An id with an optional revision.
    cache
        Folder of the cache; None for the user's own.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    if cache is not None and not cache.is_dir():
        return None
    hub_id, revision = parted(name)
    try:
        found = snapshot_download(hub_id, revision=revision, cache_dir=cache, local_files_only=True)
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    folder = Path(found)
    whole = (folder / "config.json").is_file() and any(
        one.is_file() for pattern in _WEIGHTS for one in folder.glob(pattern)
    )
    return folder if whole else None


def read_from(folder: Path) -> list[Path]:
    """Return the files of a checkpoint that are read: pickles only where there is nothing else."""
    patterns: tuple[str, ...] = FILES
    if not any(one.is_file() for pattern in _WEIGHTS for one in folder.glob(pattern)):
        patterns = (*FILES, *_PICKLES)
    return sorted({one for pattern in patterns for one in folder.glob(pattern) if one.is_file()})
