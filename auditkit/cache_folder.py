"""Where auditkit keeps what it could make again, and how much of it."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from auditkit.errors import UsageError

__all__ = ["CACHE_SIZE", "cache_folder", "cache_size"]

CACHE_SIZE = 2 << 30
"""Bytes that the cache of answers may take by default."""

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]?)(?:i?B)?", re.IGNORECASE)


def cache_folder(name: str) -> Path:
    """Return the folder for one kind of cached files, which need not exist yet.

    In ``AUDITKIT_CACHE`` if it is set, else in ``HF_DATASETS_CACHE``, else in the platform's own
    folder for caches.
    """
    if chosen := os.environ.get("AUDITKIT_CACHE"):
        return Path(chosen).expanduser() / name
    if chosen := os.environ.get("HF_DATASETS_CACHE"):
        return Path(chosen).expanduser() / "auditkit" / name
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local"
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "auditkit" / name


def cache_size() -> int:
    """Return the bytes that the cache of answers may take; 0 turns it off.

    ``AUDITKIT_CACHE_SIZE`` says so in bytes or with a unit of 1024, as in ``500M`` or ``1.5G``.

    Raises
    ------
    UsageError
        If the variable holds something else.
    """
    said = os.environ.get("AUDITKIT_CACHE_SIZE", "").strip()
    if not said:
        return CACHE_SIZE
    found = _SIZE.fullmatch(said)
    if found is None:
        raise UsageError(
            f"AUDITKIT_CACHE_SIZE is '{said}'",
            hint="Write a size such as 500M or 2G; 0 turns the cache of answers off",
        )
    return int(float(found[1]) * _UNITS[found[2].upper()])
