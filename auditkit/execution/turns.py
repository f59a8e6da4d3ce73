"""Threads of one process that take turns, each with the global generators as it left them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from auditkit.evaluators.seeding import GeneratorStates

__all__ = ["Turns"]


class Turns:
    """One thread at a time runs; another one goes on where the first gives its turn away.

    Whoever gets the turn finds ``random``, ``numpy.random`` and torch's generator (CPU) in the
    states in which it gave the turn away; at first, in those of the moment this was made. A thread
    that nobody ran after finds them without being restored.
    """

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._holder: int | None = None
        self._latest: int | None = None
        self._states: dict[int, GeneratorStates] = {}
        self._first = GeneratorStates.now()

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Run the block in a turn of this thread's own, once there is one."""
        self._take()
        try:
            yield
        finally:
            self._give()

    @contextmanager
    def given_away(self) -> Iterator[None]:
        """Let others run during the block, which waits for something.

        Raises
        ------
        RuntimeError
            If it is not this thread's turn.
        """
        self._give()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._turn.acquire()
        self._holder = threading.get_ident()
        if self._latest != self._holder:
            if self._latest is not None:
                self._states[self._latest] = GeneratorStates.now()
            self._states.pop(self._holder, self._first).restore()
            self._latest = self._holder

    def _give(self) -> None:
        if self._holder != threading.get_ident():
            raise RuntimeError(
                "the engine was asked from a thread that the collector started; with "
                "concurrency > 1 only the thread that called collect() may ask"
            )
        self._holder = None
        self._turn.release()
