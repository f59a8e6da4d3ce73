"""Shards in worker processes, for collectors whose libraries keep global state.

::

    shards ──► a thread a slot ◄──pipes──► worker process: collector.collect(…) in each slot
                     │ asks for it         (slots take turns: see auditkit.execution.turns)
                     ▼
                the one engine

A worker is a Python of its own, started with nothing of the parent's but the path of its
modules: what runs the audit needs no ``__main__`` guard, and may be a notebook.
"""

from __future__ import annotations

import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress

from auditkit.errors import CheckError
from auditkit.execution.base import Finished, Job, Shard, as_check_error
from auditkit.execution.handle import Worker, WorkerDied, setup_of
from auditkit.execution.stopping import Stop, Stopped
from auditkit.execution.threads import in_threads

__all__ = ["ProcessExecutor"]


class ProcessExecutor:
    """Collects shards in up to ``workers`` processes; needs a POSIX system.

    Each walks as many shards at a time as the collector's ``concurrency`` says.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._early: Worker | None = None

    def start(self, job: Job) -> None:
        """Start the first worker of a job that is going to be run, while something else goes on.

        What the worker imports, it imports meanwhile. End with :meth:`close` if it never is run.

        Raises
        ------
        CheckError
            If the collector's class or settings cannot be sent to another process.
        """
        worker = self._early = Worker(setup_of(job), job.engine)
        # What goes wrong is told again when the first shard waits for it.
        threading.Thread(target=_load_quietly, args=(worker,), daemon=True).start()

    def close(self) -> None:
        """End the worker that was started early, if it never got anything to do."""
        if self._early is not None:
            self._early.kill()
            self._early = None

    def run(
        self, job: Job, shards: Iterator[Shard], timeout: float | None = None
    ) -> Generator[Finished, None, None]:
        """Collect the shards; see :class:`~auditkit.execution.base.Executor`."""
        stop = Stop(timeout)
        early, self._early = self._early, None
        crew = _Crew(stop.guard(job), self._workers, early)
        slots = self._workers * job.collector.concurrency
        return in_threads(slots, crew.attempt, shards, stop, crew.dismiss)


def _load_quietly(worker: Worker) -> None:
    with suppress(CheckError, WorkerDied):
        worker.load()


class _Crew:
    """The worker processes of one job, each started when there is a shard for it."""

    def __init__(self, job: Job, most: int, early: Worker | None = None) -> None:
        self._job = job
        self._setup = setup_of(job)
        self._most = most
        self._changed = threading.Condition()
        self._free: dict[Worker, list[int]] = {}
        """The slots that are free, of each worker there is."""
        if early is not None and early.setup == self._setup:
            early.engine = job.engine
            self._free[early] = list(range(self._setup.slots))
        elif early is not None:
            early.kill()
        self._suspects = 0
        """Shards that wait for a worker of their own."""
        self._is_loadable = False
        self._never_loads: WorkerDied | None = None
        self._dismissed = False

    def attempt(self, shard: Shard) -> Finished:
        """Have a worker collect a shard; what goes wrong is returned.

        A worker may die of something else than its shard: of another shard in it, or of another
        process's hunger for memory. So the shard is begun once more, from the beginning, in a
        worker that does nothing else meanwhile.
        """
        try:
            try:
                return self._once(shard, alone=False)
            except WorkerDied:
                return self._once(shard, alone=True)
        except WorkerDied as death:
            return Finished(shard.index, None, self._lost(shard, death))
        except Exception as error:
            return Finished(shard.index, None, as_check_error(self._job.check, error))

    def dismiss(self) -> None:
        """End all workers: at once those at work, the others when they have cleaned up."""
        with self._changed:
            self._dismissed = True
            workers = [(worker, self._is_idle(worker)) for worker in self._free]
            self._changed.notify_all()
        for worker, is_idle in workers:
            if is_idle:
                worker.hang_up()
            else:
                worker.kill()
        for worker, _ in workers:
            worker.wait()

    def _once(self, shard: Shard, *, alone: bool) -> Finished:
        with self._slot(alone=alone) as (worker, slot):
            try:
                worker.load()
            except WorkerDied as death:
                # Not every one of many slots has to find out by a process of its own.
                if alone and not self._is_loadable:
                    self._never_loads = death
                raise
            self._is_loadable = True
            return worker.collect(slot, shard)

    @contextmanager
    def _slot(self, *, alone: bool) -> Iterator[tuple[Worker, int]]:
        """Hold a free slot of a worker; all of its slots if ``alone``."""
        with self._changed:
            self._suspects += alone
            try:
                while (worker := self._room(alone=alone)) is None:
                    self._changed.wait()
            finally:
                self._suspects -= alone
                self._changed.notify_all()
            free = self._free[worker]
            taken = free[:] if alone else free[:1]
            del free[: len(taken)]
        try:
            yield worker, taken[0]
        finally:
            with self._changed:
                if not worker.is_gone:
                    self._free[worker] += taken
                self._changed.notify_all()

    def _room(self, *, alone: bool) -> Worker | None:
        """Return a worker with a free slot, or with nothing to do if ``alone``; None for now."""
        if self._dismissed:
            raise Stopped("the check was stopped")
        if self._never_loads is not None:
            raise self._never_loads
        for worker in [one for one in self._free if one.is_gone]:
            del self._free[worker]
        if self._suspects and not alone:
            return None  # else no worker might ever be without work
        for worker in filter(self._is_idle, self._free):
            return worker
        if len(self._free) < self._most:
            worker = Worker(self._setup, self._job.engine)
            self._free[worker] = list(range(self._setup.slots))
            return worker
        emptiest = max(self._free, key=lambda one: len(self._free[one]))
        return emptiest if self._free[emptiest] and not alone else None

    def _is_idle(self, worker: Worker) -> bool:
        return len(self._free[worker]) == self._setup.slots

    def _lost(self, shard: Shard, death: WorkerDied) -> CheckError:
        if self._never_loads is not None:
            return CheckError(f"a worker running '{self._job.check}' {death}, twice")
        names = shard.examples.table.column("example_id")
        first, last = names[0].as_py(), names[-1].as_py()
        which = f"example {first}" if len(names) == 1 else f"examples {first} to {last}"
        return CheckError(
            f"a worker running '{self._job.check}' {death}, twice on the same shard ({which})",
            hint="Perhaps memory ran out: try fewer --workers" if "SIGKILL" in str(death) else None,
        )
