"""NLTK's data as NLTK finds it, without importing NLTK.

The search path, the order of folders before zip files, and the rule on who may write to the files
follow ``nltk.data`` of NLTK 3.10 (https://www.nltk.org/api/nltk.data.html).
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from auditkit.cache_folder import cache_folder
from auditkit.errors import ResourceError
from auditkit.resources.digests import content_digest

__all__ = ["bundled", "find", "refused", "search_path"]

_BUNDLED = Path(__file__).with_name("nltk_data")
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


def search_path() -> list[Path]:
    """Return the folders NLTK looks through by itself, ``NLTK_DATA`` first."""
    named = [Path(one) for one in os.environ.get("NLTK_DATA", "").split(os.pathsep) if one]
    prefix = Path(sys.prefix)
    usual = [
        Path("~/nltk_data"),
        prefix / "nltk_data",
        prefix / "share" / "nltk_data",
        prefix / "lib" / "nltk_data",
    ]
    if os.name == "nt":
        usual += [
            Path(os.environ.get("APPDATA", "C:\\")) / "nltk_data",
            *(Path(f"{drive}:\\nltk_data") for drive in "CDE"),
        ]
    else:
        usual += [
            Path(base) / "nltk_data"
            for base in ("/usr/share", "/usr/local/share", "/usr/lib", "/usr/local/lib")
        ]
    return [path.expanduser() for path in (*named, *usual)]


def find(name: str, roots: Sequence[Path]) -> tuple[Path, Path] | None:
    """Return where a package lies, and the root it was found below.

    A folder in any root comes before a zip file in any: NLTK tries them in this order.

    Parameters
    ----------
    name
        Such as ``corpora/wordnet``.
    roots
        Folders that have ``corpora``, ``taggers`` and ``tokenizers`` in them.
    """
    for path, root in _candidates(name, roots):
        if _first_open_to_others(root, path) is None:
            return path, root
    return None


def refused(name: str, roots: Sequence[Path]) -> Path | None:
    """Return what keeps NLTK from reading a package that is there, or None.

    NLTK from 3.10 on reads no file or folder that belongs to another user but root, or that the
    group or everybody may write.
    """
    for path, root in _candidates(name, roots):
        if (at := _first_open_to_others(root, path)) is not None:
            return at
    return None


def _candidates(name: str, roots: Sequence[Path]) -> Iterator[tuple[Path, Path]]:
    for suffix in ("", ".zip"):
        for root in roots:
            path = root / f"{name}{suffix}"
            if path.exists():
                yield path, root


def _first_open_to_others(root: Path, path: Path) -> Path | None:
    """Return the first thing NLTK refuses: root, a folder down to ``path``, what is in it."""
    if os.name != "posix":
        return None
    above = [one for one in reversed(path.parents) if one == root or root in one.parents]
    within = sorted(path.rglob("*")) if path.is_dir() else []
    return next((one for one in (*above, path, *within) if _is_open_to_others(one)), None)


def _is_open_to_others(path: Path) -> bool:
    try:
        found = path.stat()
    except OSError:
        return True
    return found.st_uid not in (os.geteuid(), 0) or bool(found.st_mode & _OTHERS_MAY_WRITE)


@cache
def bundled() -> Path:
    """Return the root of the files that auditkit brings, as NLTK accepts them.

    Where the package was installed with a loose umask, others may write its files and NLTK
    refuses them; they are then copied to the cache, for their owner alone.

    Raises
    ------
    ResourceError
        If that cannot be done.
    """
    if _first_open_to_others(_BUNDLED, _BUNDLED) is None:
        return _BUNDLED
    copy = cache_folder("nltk_data") / content_digest(_BUNDLED)[:12]
    try:
        if not _is_intact(copy):
            _copy_privately(_BUNDLED, copy)
    except OSError as error:
        raise ResourceError(
            f"others may write to {_BUNDLED}, so NLTK refuses it, and it cannot be copied to "
            f"{copy} ({error.strerror or error})",
            hint=f"Run: chmod -R go-w {_BUNDLED}",
        ) from None
    return copy


def _is_intact(copy: Path) -> bool:
    return (
        copy.is_dir()
        and _first_open_to_others(copy, copy) is None
        and content_digest(copy) == content_digest(_BUNDLED)
    )


def _copy_privately(source: Path, target: Path) -> None:
    """Copy a folder so that only this user may write to it, at once as others see it."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        made = Path(temporary) / target.name
        for folder in (source, *(one for one in sorted(source.rglob("*")) if one.is_dir())):
            (made / folder.relative_to(source)).mkdir()
            (made / folder.relative_to(source)).chmod(0o700)
        for file in sorted(one for one in source.rglob("*") if one.is_file()):
            to = made / file.relative_to(source)
            shutil.copyfile(file, to)
            to.chmod(0o600)
        if target.exists():
            shutil.rmtree(target)
        made.replace(target)
