"""Which executor collects a check."""

from __future__ import annotations

import os

from auditkit.evaluators.base import Isolation
from auditkit.execution.base import Executor, Job
from auditkit.execution.processes import ProcessExecutor
from auditkit.execution.threads import SerialExecutor, ThreadExecutor

__all__ = ["executor"]

# Each process holds the libraries of its collector, often a gigabyte.
_MOST_PROCESSES = 16
_MOST_THREADS = 8


def executor(job: Job, workers: int | None) -> Executor:
    """Return what runs a job.

    Parameters
    ----------
    job
        What is to be run: its collector says whether its workers are threads or processes, and
        how many shards a process walks at a time.
    workers
        How many; 0 for the calling thread alone, None to choose.
    """
    if workers == 0:
        return SerialExecutor()
    if job.collector.isolation == Isolation.PROCESS:
        return ProcessExecutor(workers or _processes(job))
    # Threads mostly wait for the engine; a few more than cores keep its batches full.
    return ThreadExecutor(workers or min(_MOST_THREADS, 2 * _cores()))


def _processes(job: Job) -> int:
    """Return how many worker processes suit a job."""
    if job.collector.concurrency > 1 and job.engine.info.device == "cpu":
        return 1  # it asks enough by itself, and the model needs the cores
    return min(_MOST_PROCESSES, _cores())


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
