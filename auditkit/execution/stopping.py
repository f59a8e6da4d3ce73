"""When work is to stop: at a deadline, or because nobody waits for it any more."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import Any, cast

from auditkit.execution.base import Job
from auditkit.inference.base import Engine

__all__ = ["Stop", "Stopped"]


class Stopped(Exception):  # noqa: N818  (an event, not a fault)
    """The work this question is part of was given up."""


class Stop:
    """Tells those who work on a job when to stop.

    Parameters
    ----------
    timeout
        Seconds from now; None for no deadline.
    """

    def __init__(self, timeout: float | None) -> None:
        self._deadline = None if timeout is None else time.monotonic() + timeout
        self._told = threading.Event()

    def tell(self) -> None:
        """Stop now."""
        self._told.set()

    @property
    def told(self) -> bool:
        """Whether it was told to stop."""
        return self._told.is_set()

    @property
    def left(self) -> float | None:
        """Seconds left, at least 0; None without a deadline."""
        return None if self._deadline is None else max(0.0, self._deadline - time.monotonic())

    @property
    def overdue(self) -> bool:
        """Whether the deadline has passed."""
        return self.left == 0.0

    def guard(self, job: Job) -> Job:
        """Return the job with an engine that refuses questions once it is time to stop."""
        return replace(job, engine=cast(Engine, _GuardedEngine(job.engine, self)))


class _GuardedEngine:
    """A thread cannot be killed, but one that works on a check soon asks the engine."""

    def __init__(self, engine: Engine, stop: Stop) -> None:
        self._engine = engine
        self._stop = stop

    def __getattr__(self, name: str) -> Any:
        if self._stop.told or self._stop.overdue:
            raise Stopped("the check was stopped")
        return getattr(self._engine, name)
