"""Shards in worker processes, for collectors whose libraries keep global state.

::

    shards ──► a thread a worker ◄──pipes──► worker process: collector.collect(…)
                     │ asks for it
                     ▼
                the one engine

A worker is a Python of its own, started with nothing of the parent's but the path of its
modules: what runs the audit needs no ``__main__`` guard, and may be a notebook. The parent
notices at once when one dies, since the pipe from it ends.
"""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import threading
from collections.abc import Generator, Iterator
from contextlib import suppress
from typing import BinaryIO, cast

from auditkit.errors import CheckError
from auditkit.execution.base import Finished, Job, Shard, as_check_error
from auditkit.execution.channel import (
    Answer,
    Ask,
    Channel,
    PortableError,
    Ready,
    Setup,
    hold_standard_streams,
)
from auditkit.execution.stopping import Stop, Stopped
from auditkit.execution.threads import in_threads
from auditkit.inference.base import Engine
from auditkit.plugins import module_file

__all__ = ["ProcessExecutor"]

# Threads would take the cores from other workers and from the model, and could change results.
_ENVIRONMENT = {
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS",
            "VECLIB_MAXIMUM_THREADS", "NUMBA_NUM_THREADS", "RAYON_NUM_THREADS",
        ),
        "1",
    ),
    "TOKENIZERS_PARALLELISM": "false",
    "PYTHONHASHSEED": "0",  # the order of a set of texts is the same in all workers
}  # fmt: skip
# How long a worker may take to clean up after itself when its work is done.
_GRACE = 2.0


class ProcessExecutor:
    """Collects shards in up to ``workers`` processes; needs a POSIX system."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def run(
        self, job: Job, shards: Iterator[Shard], timeout: float | None = None
    ) -> Generator[Finished, None, None]:
        """Collect the shards; see :class:`~auditkit.execution.base.Executor`."""
        stop = Stop(timeout)
        crew = _Crew(stop.guard(job))
        return in_threads(self._workers, crew.attempt, shards, stop, crew.dismiss)


class _WorkerDied(Exception):  # noqa: N818  (an event, not a fault)
    """A worker process ended by itself; says how, as in "died of SIGSEGV"."""


class _Crew:
    """The worker processes of one job, each started when there is a shard for it."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._setup = _setup(job)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._busy: set[_Worker] = set()
        self._dismissed = False

    def attempt(self, shard: Shard) -> Finished:
        """Have a worker collect a shard; what goes wrong is returned.

        A worker may die of something else than its shard, of another process's hunger for memory
        for one, so the shard is begun once more, from the beginning.
        """
        try:
            try:
                return self._once(shard)
            except _WorkerDied:
                return self._once(shard)
        except _WorkerDied as death:
            return Finished(shard.index, None, self._lost(shard, death))
        except Exception as error:
            return Finished(shard.index, None, as_check_error(self._job.check, error))

    def dismiss(self) -> None:
        """End all workers: at once those at work, the others when they have cleaned up."""
        with self._lock:
            self._dismissed = True
            idle, busy = list(self._idle), list(self._busy)
        for worker in busy:
            worker.kill()
        for worker in idle:
            worker.close()
        for worker in idle:
            worker.wait()

    def _once(self, shard: Shard) -> Finished:
        worker = self._next()
        try:
            if not worker.loaded:
                worker.load(self._setup)
            return worker.collect(shard)
        finally:
            with self._lock:
                self._busy.discard(worker)
                if worker.loaded:
                    self._idle.append(worker)
            if not worker.loaded:
                worker.kill()
                worker.close()

    def _next(self) -> _Worker:
        with self._lock:
            if self._dismissed:
                raise Stopped("the check was stopped")
            worker = self._idle.pop() if self._idle else _Worker(self._job.engine)
            self._busy.add(worker)
            return worker

    def _lost(self, shard: Shard, death: _WorkerDied) -> CheckError:
        names = shard.examples.table.column("example_id")
        first, last = names[0].as_py(), names[-1].as_py()
        which = f"example {first}" if len(names) == 1 else f"examples {first} to {last}"
        return CheckError(
            f"a worker running '{self._job.check}' {death}, twice on the same shard ({which})",
            hint="Perhaps memory ran out: try fewer --workers" if "SIGKILL" in str(death) else None,
        )


class _Worker:
    """A worker process, from the outside. One thread at a time uses it; any may kill it."""

    def __init__(self, engine: Engine) -> None:
        self.loaded = False
        """Whether it can take a shard."""
        self._engine = engine
        self._ending = threading.Lock()
        self._killed = False
        path = [one for one in sys.path if isinstance(one, str)]
        hold_standard_streams()
        self._process = subprocess.Popen(  # noqa: S603  (this very Python)
            [
                sys.executable,
                "-c",
                f"import sys; sys.path[:] = {path!r}; "
                "from auditkit.execution.worker import main; main()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **_ENVIRONMENT},
            # A group of its own: Ctrl-C is the parent's business, and what it starts ends with it.
            process_group=0,
        )
        self._stdin = cast(BinaryIO, self._process.stdin)
        self._stdout = cast(BinaryIO, self._process.stdout)
        self._channel = Channel(self._stdout, self._stdin)

    def load(self, setup: Setup) -> None:
        """Wait until it has imported the collector.

        Raises
        ------
        CheckError
            If it cannot.
        _WorkerDied
            If it ended meanwhile.
        """
        try:
            self._channel.send(setup)
            answer = self._channel.receive()
        except (EOFError, OSError):
            raise _WorkerDied(f"{self._end()} while it was loaded") from None
        if isinstance(answer, Ready) and answer.error is not None:
            raise answer.error
        self.loaded = True

    def collect(self, shard: Shard) -> Finished:
        """Return what became of a shard, answering the worker's questions meanwhile.

        Raises
        ------
        _WorkerDied
            If it ended meanwhile.
        """
        try:
            self._channel.send(shard)
            while isinstance(message := self._channel.receive(), Ask):
                self._channel.send(self._answer(message))
        except (EOFError, OSError):
            self.loaded = False
            raise _WorkerDied(self._end()) from None
        return cast(Finished, message)

    def _answer(self, ask: Ask) -> Answer:
        try:
            found = getattr(self._engine, ask.question)
            return Answer(found(*ask.arguments) if callable(found) else found)
        except Exception as error:
            return Answer(error=PortableError.of(error))

    def kill(self) -> None:
        """End it and all it started."""
        with self._ending:
            if not self._killed:
                self._killed = True
                # Before it is waited for: until then nobody else can get its number.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def close(self) -> None:
        """Close the pipes, which tells it to end."""
        for pipe in (self._stdin, self._stdout):
            with suppress(OSError):  # what was still to be sent, to one that is gone
                pipe.close()

    def wait(self) -> None:
        """Wait until it has ended, but not long."""
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self.kill()

    def _end(self) -> str:
        """Say how it ended."""
        self.kill()
        code = self._process.returncode
        if code >= 0:
            return f"ended with exit code {code}"
        try:
            return f"died of {signal.Signals(-code).name}"
        except ValueError:
            return f"died of signal {-code}"


def _setup(job: Job) -> Setup:
    kind = type(job.collector)
    try:
        collector = pickle.dumps((kind, job.collector.params))
    except Exception as error:
        raise CheckError(
            f"'{job.check}' cannot be sent to a worker process: {type(error).__name__}: {error}",
            hint="Define the evaluator and its Params at the top level of a module",
        ) from error
    return Setup(
        module=kind.__module__,
        file=module_file(kind),
        collector=collector,
        digest=job.digest,
        labels=job.labels,
        info=job.engine.info,
        positive=job.positive,
        check=job.check,
        seed=job.seed,
    )
