"""Shards in the calling thread, or in a few threads that share the engine."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator
from itertools import islice
from queue import Empty, SimpleQueue
from threading import Thread

from auditkit.execution.base import Finished, Job, Overdue, Shard
from auditkit.execution.shards import attempt
from auditkit.execution.stopping import Stop

__all__ = ["SerialExecutor", "ThreadExecutor", "in_threads"]

# How long to wait for threads whose work is given up. It ends with their next question to the
# engine; one that asks none is left to itself, and does not keep the process from ending.
_GRACE = 1.0


class SerialExecutor:
    """Collects shards one after the other in the calling thread.

    A collector that never asks the engine cannot be stopped in the middle of a shard.
    """

    def run(
        self, job: Job, shards: Iterator[Shard], timeout: float | None = None
    ) -> Generator[Finished, None, None]:
        """Collect the shards in order; see :class:`~auditkit.execution.base.Executor`."""
        stop = Stop(timeout)
        guarded = stop.guard(job)
        for shard in shards:
            finished = attempt(guarded, shard)
            if stop.overdue:  # and the collector may have swallowed the engine's refusal
                raise Overdue
            yield finished


class ThreadExecutor:
    """Collects shards in ``workers`` threads; each mostly waits for the engine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(
        self, job: Job, shards: Iterator[Shard], timeout: float | None = None
    ) -> Generator[Finished, None, None]:
        """Collect the shards; see :class:`~auditkit.execution.base.Executor`."""
        stop = Stop(timeout)
        guarded = stop.guard(job)
        return in_threads(self._workers, lambda shard: attempt(guarded, shard), shards, stop)


def in_threads(
    count: int,
    work: Callable[[Shard], Finished],
    shards: Iterator[Shard],
    stop: Stop,
    release: Callable[[], None] = lambda: None,
) -> Generator[Finished, None, None]:
    """Do ``work`` on every shard in ``count`` threads, and yield each result as it is there.

    Parameters
    ----------
    count
        Shards that are worked on at once.
    work
        Called in the threads. What it raises is raised here.
    shards
        Taken one by one as threads get free.
    stop
        Whose deadline holds, and who is told in the end, so that what still goes on ends too.
    release
        Called in the end, after ``stop`` was told: frees threads that wait for something.

    Raises
    ------
    Overdue
        If the deadline passes before every shard is done.
    """
    todo: SimpleQueue[Shard | None] = SimpleQueue()
    done: SimpleQueue[Finished | BaseException] = SimpleQueue()

    def serve() -> None:
        while (shard := todo.get()) is not None:
            try:
                finished = work(shard)
                # What ended too late may be the work of one that swallowed the engine's refusal.
                done.put(Overdue() if stop.overdue else finished)
            except BaseException as error:  # else nobody would know, and the caller would wait
                done.put(error)

    threads: list[Thread] = []
    try:
        running = 0
        for shard in islice(shards, count):
            # Daemons, so that one that hangs does not keep the process from ending.
            threads.append(Thread(target=serve, name="auditkit-shard", daemon=True))
            threads[-1].start()
            todo.put(shard)
            running += 1
        while running:
            try:
                finished = done.get(timeout=stop.left)
            except Empty:
                raise Overdue from None
            running -= 1
            if isinstance(finished, BaseException):
                raise finished
            yield finished
            following = None if stop.overdue else next(shards, None)
            if following is not None:
                todo.put(following)
                running += 1
        if stop.overdue and next(shards, None) is not None:
            raise Overdue
    finally:
        stop.tell()
        release()
        for _ in threads:
            todo.put(None)
        end = time.monotonic() + _GRACE
        for thread in threads:
            thread.join(max(0.0, end - time.monotonic()))
