"""Jobs in the calling thread, or in a few threads that share the engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from auditkit.execution.base import Executor, Finished, Job

__all__ = ["SerialExecutor", "ThreadExecutor", "executor"]


def executor(workers: int | None) -> Executor:
    """Return an executor: ``0`` workers run in the calling thread, None chooses a number."""
    if workers is None:
        # Threads mostly wait for the engine; a few more than cores keep its batches full.
        workers = min(8, 2 * (os.cpu_count() or 1))
    return ThreadExecutor(workers) if workers else SerialExecutor()


def _attempt(index: int, job: Job) -> Finished:
    try:
        job()
    except Exception as error:
        return Finished(index, error)
    return Finished(index, None)


class SerialExecutor:
    """Runs jobs one after the other in the calling thread."""

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Run the jobs in order."""
        for index, job in enumerate(jobs):
            yield _attempt(index, job)


class ThreadExecutor:
    """Runs jobs in ``workers`` threads; each mostly waits for the engine."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(self, jobs: Sequence[Job]) -> Iterator[Finished]:
        """Run the jobs; no more are begun than there are threads, so that stopping is quick."""
        waiting = iter(enumerate(jobs))
        with ThreadPoolExecutor(self._workers, thread_name_prefix="auditkit-shard") as pool:
            running: set[Future[Finished]] = set()
            for _ in range(self._workers):
                self._begin(pool, waiting, running)
            while running:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    self._begin(pool, waiting, running)
                    yield future.result()

    @staticmethod
    def _begin(
        pool: ThreadPoolExecutor,
        waiting: Iterator[tuple[int, Job]],
        running: set[Future[Finished]],
    ) -> None:
        following = next(waiting, None)
        if following is not None:
            running.add(pool.submit(_attempt, *following))
