"""Answers kept on disk, so that a second run or suite asks the model nothing it has answered.

There is one file (:mod:`auditkit.inference.answer_store`) for everything but the input that an
answer depends on: weights, tokenizer, dtype, device, shapes of batches, versions of the libraries.
Inputs are kept as digests only. A cache is never worth an error: what cannot be read is asked
again, what cannot be written is not kept, and that is said once.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from auditkit.inference.answer_store import Answer, AnswerStore
from auditkit.models.base import ModelInfo

__all__ = ["DiskCache", "answer_facts"]

_FORMAT = 1
"""Of the files, and of how auditkit runs a model; a change of either makes old ones unknown."""
_WRITTEN_AT_ONCE = 512
"""Answers in a transaction; a process that is killed loses at most so many."""
_MOST_WAITING = 100_000
"""Answers that wait to be written while another process writes; more are not kept."""
_MOST_REBUILDS = 3

_OCCUPIED = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REFUSED = frozenset(
    {
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_NOMEM,
    }
)
"""What the operating system refuses; any other error means a damaged file."""

_Result = TypeVar("_Result")


def answer_facts(info: ModelInfo, versions: Mapping[str, str]) -> dict[str, Any]:
    """Return what an answer depends on besides the input and the shapes of batches.

    Parameters
    ----------
    info
        The model.
    versions
        Versions of the libraries that run it.
    """
    return {
        "weights": info.digest,
        "config": info.config_digest,
        "tokenizer": info.tokenizer_digest,
        "max_length": info.max_length,
        "labels": len(info.labels),
        "dtype": info.dtype,
        "device": info.device.partition(":")[0],
        # Another processor may have other kernels, and a cache may be shared by machines.
        "device_name": info.device_name,
        "versions": dict(versions),
    }


class DiskCache:
    """The answers of one model in a folder that other processes may use at the same time.

    Any thread may call. Answers are written in the background.

    Parameters
    ----------
    folder
        Where the files are; made if it is not there.
    facts
        JSON-ready: everything but the input and the shapes that an answer depends on.
    labels
        Length of the logits.
    limit
        Bytes the folder may take; the files used least recently go first.
    say
        Told, in one sentence, what keeps the cache from working.
    """

    def __init__(
        self,
        folder: Path,
        facts: Mapping[str, Any],
        labels: int,
        *,
        limit: int,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._folder = folder
        self._facts = dict(facts)
        self._labels = labels
        self._limit = limit
        self._say = say
        # Held while a file is used, which may take a while.
        self._using = threading.Lock()
        self._paths: dict[str, Path] = {}  # by shapes, as are the stores
        self._stores: dict[str, AnswerStore] = {}
        self._readable = self._writable = True
        self._rebuilds = 0
        # Held for moments only: the device's thread hands over its answers under it.
        self._waiting_lock = threading.Condition()
        self._waiting: list[tuple[str, bytes, Answer]] = []
        self._closing = False
        self._writer = threading.Thread(
            target=self._write_all, name="auditkit-answers", daemon=True
        )
        self._writer.start()

    def get(self, shapes: str, inputs: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the answers there are under these shapes of batches, by digest of the input."""
        if not inputs:
            return {}
        with self._using:
            return self._with_store(shapes, lambda store: store.get(inputs), writing=False) or {}

    def put(self, shapes: str, answers: Sequence[tuple[bytes, Answer]]) -> None:
        """Have answers written, by digest of the input; returns at once."""
        with self._waiting_lock:
            if self._closing or not self._writable or len(self._waiting) >= _MOST_WAITING:
                return
            self._waiting += [(shapes, key, answer) for key, answer in answers]
            if len(self._waiting) >= _WRITTEN_AT_ONCE:
                self._waiting_lock.notify()

    def close(self) -> None:
        """Write what waits and close the files. Safe to call again."""
        with self._waiting_lock:
            self._closing = True
            self._waiting_lock.notify()
        self._writer.join()
        with self._using:
            self._readable = self._writable = False
            self._close_stores()

    def _write_all(self) -> None:
        while True:
            with self._waiting_lock:
                while len(self._waiting) < _WRITTEN_AT_ONCE and not self._closing:
                    self._waiting_lock.wait()
                waiting, self._waiting = self._waiting, []
                if not waiting:
                    return
            by_shapes: dict[str, list[tuple[bytes, Answer]]] = {}
            for shapes, key, answer in waiting:
                by_shapes.setdefault(shapes, []).append((key, answer))
            for shapes, answers in by_shapes.items():
                self._write(shapes, answers)

    def _write(self, shapes: str, answers: Sequence[tuple[bytes, Answer]]) -> None:
        with self._using:
            if not self._writable:
                return
            self._with_store(shapes, lambda store: store.put(answers), writing=True)
            if shapes in self._paths:
                self._keep_limit(self._paths[shapes])

    # The methods below are called with `_using` held.

    def _with_store(
        self, shapes: str, work: Callable[[AnswerStore], _Result], *, writing: bool
    ) -> _Result | None:
        """Do some work with a file; None where that cannot be done."""
        # A damaged file is begun anew, and what was to be written goes into the new one.
        for _ in range(2):
            if not self._readable:
                return None
            try:
                return work(self._store(shapes))
            except sqlite3.Error as error:
                code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
                if code in _OCCUPIED:
                    return None
                if self._is_refused(shapes, code):
                    self._give_up(str(error), reading=not writing)
                    return None
                self._begin_anew(shapes)
            except OSError as error:
                self._give_up(error.strerror or str(error), reading=True)
        return None

    def _store(self, shapes: str) -> AnswerStore:
        if shapes not in self._stores:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            facts = {"format": _FORMAT, **self._facts, "shapes": shapes}
            identity = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).digest()
            path = self._paths[shapes] = self._path(identity.hex()[:32])
            self._stores[shapes] = AnswerStore(path, identity, self._labels, self._limit)
            with suppress(OSError):
                os.utime(path)
            self._keep_limit(path)
        return self._stores[shapes]

    def _path(self, name: str) -> Path:
        """Return the file in use under a name, a new one if there is none.

        No file's name is ever used again: SQLite would take the journal of a deleted file, which
        another process may still write, for that of the new one.
        """
        if not (found := self._files(name)) or found[0].stat().st_size > self._limit:
            for path in found:
                _delete(path)
            new = self._folder / f"{name}-{secrets.token_hex(8)}.sqlite"
            os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            # Two processes may have begun at once; both then take the same one.
            found = self._files(name)
        return found[0]

    def _files(self, name: str) -> list[Path]:
        return sorted(self._folder.glob(f"{name}-*.sqlite"))

    def _keep_limit(self, own: Path) -> None:
        """Delete the files used least recently until the folder is small enough."""
        used = []
        for path in self._folder.glob("*.sqlite"):
            with suppress(OSError):  # another process may have deleted it
                stat = path.stat()
                used.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(size for _, size, _ in used)
        for _, size, path in sorted(used):
            if total <= self._limit:
                return
            if path != own:
                _delete(path)
                total -= size

    def _is_refused(self, shapes: str, code: int) -> bool:
        if code == sqlite3.SQLITE_READONLY:
            # SQLite says so too of a file whose header is damaged.
            places = (self._paths[shapes], self._folder)
            return not all(os.access(place, os.W_OK) for place in places)
        return code in _REFUSED

    def _begin_anew(self, shapes: str) -> None:
        path = self._paths.pop(shapes)
        if shapes in self._stores:
            self._stores.pop(shapes).close()
        self._rebuilds += 1
        if self._rebuilds > _MOST_REBUILDS:
            self._give_up("it was damaged again and again", reading=True)
            return
        self._say(f"A file of cached answers was damaged and is begun anew: {path}")
        _delete(path)

    def _give_up(self, reason: str, *, reading: bool) -> None:
        self._writable = False
        if reading:
            self._readable = False
            self._close_stores()
        what = "used" if reading else "written any more"
        self._say(f"The cache of answers in {self._folder} cannot be {what}: {reason}")

    def _close_stores(self) -> None:
        for store in self._stores.values():
            store.close()
        self._stores.clear()


def _delete(path: Path) -> None:
    for one in (path, path.with_name(path.name + "-journal")):
        with suppress(OSError):
            one.unlink()
