"""What an executor is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Executor", "Finished", "Job"]

Job = Callable[[], None]
"""Makes one part and writes it."""


@dataclass(frozen=True)
class Finished:
    """A job that ended."""

    index: int
    """Its place among the jobs."""
    error: Exception | None
    """What it raised, if anything."""


class Executor(Protocol):
    """Runs jobs that do not depend on each other."""

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Run the jobs, in any order, and yield each as it ends.

        Closing the iterator early drops what has not begun and waits for what has.
        """
        ...
