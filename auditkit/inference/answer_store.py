"""One file of answers: an SQLite database that any number of processes may share.

A row holds the digest of an input and the answer to it with a checksum over both, so a damaged
row is no answer. The journal is a rollback journal: the other kind, a write-ahead log, needs memory
that processes share, which network file systems do not have. Nothing is synced: a loss of power may
damage the file, which is noticed, and what is lost can be asked again.
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from auditkit.models.base import FloatArray

__all__ = ["Answer", "AnswerStore"]

_SECONDS_FOR_OTHERS = 5.0
"""How long another process may hold the file before it is given up for this time."""
_ASKED_AT_ONCE = 500
_CHECKSUM = 8
_PAGE = 4096
_FEWEST_PAGES = 16
_MEMORY = 64 << 20
"""For pages: digests come in no order, so each is on another page."""
_MOST_DROPS = 8


@dataclass(frozen=True)
class Answer:
    """What is kept of an input."""

    logits: FloatArray
    """Float32 ``[labels]``."""
    truncated: bool
    """Whether the model saw only the start of the input."""


class AnswerStore:
    """The answers of one model, run in one way.

    Not safe for threads: its owner holds a lock. Every method may raise ``sqlite3.Error``.

    Parameters
    ----------
    path
        The file; made if it is not there.
    identity
        Up to 64 bytes that stand for all that an answer depends on besides the input. What was
        written under another identity is no answer here.
    labels
        Length of the logits.
    limit
        Bytes the file may take, from 64 kB on; the answers written first go first.
    """

    def __init__(self, path: Path, identity: bytes, labels: int, limit: int) -> None:
        self._identity = identity
        self._size = 1 + 4 * labels + _CHECKSUM
        self._connection = sqlite3.connect(
            path, timeout=_SECONDS_FOR_OTHERS, isolation_level=None, check_same_thread=False
        )
        # A damaged row may call itself a text; its bytes are what the checksum is over.
        self._connection.text_factory = bytes
        run = self._connection.execute
        try:
            run(f"PRAGMA page_size={_PAGE}")
            run("PRAGMA journal_mode=DELETE")
            run("PRAGMA synchronous=OFF")
            run(f"PRAGMA cache_size=-{_MEMORY >> 10}")
            run(f"PRAGMA max_page_count={max(limit // _PAGE, _FEWEST_PAGES)}")
            # Without an index beside the table: through a damaged one, what was written would not
            # be found again. A damaged table is written and searched in the same way.
            run(
                "CREATE TABLE IF NOT EXISTS answers (input BLOB PRIMARY KEY, "
                "answer BLOB NOT NULL, written INTEGER NOT NULL) WITHOUT ROWID"
            )
        except BaseException:
            self._connection.close()
            raise

    def get(self, inputs: Sequence[bytes]) -> dict[bytes, Answer]:
        """Return the answers there are, by the digest of the input."""
        found: dict[bytes, Answer] = {}
        for start in range(0, len(inputs), _ASKED_AT_ONCE):
            some = inputs[start : start + _ASKED_AT_ONCE]
            marks = ",".join("?" * len(some))
            rows = self._connection.execute(
                f"SELECT input, answer FROM answers WHERE input IN ({marks})",  # noqa: S608
                some,
            )
            for key, value in rows.fetchall():
                answer = self._unpacked(key, value)
                if answer is not None:
                    found[key] = answer
        return found

    def put(self, answers: Sequence[tuple[bytes, Answer]]) -> None:
        """Write answers, all of them or none; where there is no room the oldest make it."""
        for _ in range(_MOST_DROPS):
            try:
                return self._write(answers)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                    raise
                self._drop_oldest()
        return self._write(answers)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def _write(self, answers: Sequence[tuple[bytes, Answer]]) -> None:
        run = self._connection.execute
        now = time.time_ns() // 1_000_000
        run("BEGIN IMMEDIATE")
        try:
            self._connection.executemany(
                "INSERT OR REPLACE INTO answers VALUES (?, ?, ?)",
                ((key, self._packed(key, answer), now) for key, answer in answers),
            )
            run("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                run("ROLLBACK")
            raise

    def _drop_oldest(self) -> None:
        """Delete what was written in the first quarter of the time that the file spans."""
        self._connection.execute(
            "DELETE FROM answers WHERE written <= "
            "(SELECT MIN(written) + (MAX(written) - MIN(written)) / 4 FROM answers)"
        )

    def _packed(self, key: bytes, answer: Answer) -> bytes:
        content = bytes([answer.truncated]) + answer.logits.astype("<f4").tobytes()
        return content + self._checksum(key, content)

    def _unpacked(self, key: object, value: object) -> Answer | None:
        if not isinstance(key, bytes) or not isinstance(value, bytes) or len(value) != self._size:
            return None
        content, checksum = value[:-_CHECKSUM], value[-_CHECKSUM:]
        if checksum != self._checksum(key, content):
            return None
        return Answer(np.frombuffer(content[1:], dtype="<f4").astype(np.float32), bool(content[0]))

    def _checksum(self, key: bytes, content: bytes) -> bytes:
        return hashlib.blake2b(key + content, digest_size=_CHECKSUM, key=self._identity).digest()
