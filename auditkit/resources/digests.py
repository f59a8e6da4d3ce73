"""What files hold, as one digest: the same wherever they lie, packed or not."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path
from typing import IO, TypeAlias

__all__ = ["content_digest"]

_State: TypeAlias = tuple[tuple[str, int, int], ...]


def content_digest(path: Path, files: Collection[Path] | None = None) -> str:
    """Return the SHA-256 over names, sizes and contents of files.

    Parameters
    ----------
    path
        A folder, of which every file counts but hidden ones, or a zip file of one folder: it has
        the digest of that folder.
    files
        Those of the folder that count; all by default.

    Notes
    -----
    Large files are read once in a process, as long as their sizes and times stay.
    """
    if path.is_file():
        chosen = [path]
    elif files is not None:
        chosen = sorted(files)
    else:
        chosen = sorted(one for one in path.rglob("*") if one.is_file() and _counts(one, path))
    state = tuple((str(one), one.stat().st_size, one.stat().st_mtime_ns) for one in chosen)
    return _digest(str(path), state)


def _counts(file: Path, root: Path) -> bool:
    return not any(part.startswith(".") for part in file.relative_to(root).parts)


@lru_cache(maxsize=64)
def _digest(root: str, state: _State) -> str:
    path = Path(root)
    if path.is_file() and zipfile.is_zipfile(path):
        parts = _members(path)
    else:
        base = path.parent if path.is_file() else path
        parts = {Path(file).relative_to(base).as_posix(): _file(Path(file)) for file, _, _ in state}
    digest = hashlib.sha256()
    for name in sorted(parts):
        digest.update(f"{name}\0{parts[name]}\n".encode())
    return digest.hexdigest()


def _members(path: Path) -> dict[str, str]:
    """Return what a zip file holds, by names below the folder that is its one root."""
    parts = {}
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            inside = info.filename.partition("/")[2]
            if inside and not info.is_dir():
                with archive.open(info) as file:
                    parts[inside] = _part(file, info.file_size)
    return parts


def _file(path: Path) -> str:
    with path.open("rb") as file:
        return _part(file, path.stat().st_size)


def _part(file: IO[bytes], size: int) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return f"{size}\0{digest.hexdigest()}"
