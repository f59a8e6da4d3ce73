"""What runs in a worker process: shards come in, rows go out.

It never loads the model. It imports what the collector imports, once, and ends when the parent
closes its pipe or dies.
"""

from __future__ import annotations

import faulthandler
import os
import pickle
import sys
import threading
import time
from contextlib import suppress
from queue import SimpleQueue
from typing import cast

from auditkit.errors import AuditkitError, CheckError
from auditkit.evaluators.base import Collector
from auditkit.execution.base import Job, Shard
from auditkit.execution.channel import Channel, Message, Ready, Setup, hold_standard_streams
from auditkit.execution.remote import RemoteEngine
from auditkit.execution.shards import attempt
from auditkit.plugins import load_module, source_digest

__all__ = ["main"]

# How long a worker that is still at work outlives its parent.
_GRACE = 1.0


def main() -> None:
    """Serve the parent over stdin and stdout, as they are when the process starts."""
    channel = _take_standard_streams()
    inbox: SimpleQueue[Message | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(channel, inbox), daemon=True).start()
    setup = inbox.get()
    if not isinstance(setup, Setup):
        return
    engine = RemoteEngine(channel, inbox, setup.info)
    try:
        job = Job(
            collector=_load(setup),
            digest=setup.digest,
            engine=engine,
            labels=setup.labels,
            positive=setup.positive,
            check=setup.check,
            seed=setup.seed,
        )
    except CheckError as error:
        channel.send(Ready(error))
        return
    channel.send(Ready(None))
    with suppress(BrokenPipeError):  # the parent is gone
        while isinstance(shard := inbox.get(), Shard):
            channel.send(attempt(job, shard))


def _take_standard_streams() -> Channel:
    """Keep the parent's pipes apart from what anybody reads from stdin or prints."""
    hold_standard_streams()
    incoming, outgoing = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    if sys.stderr is None:  # it was closed when Python started
        sys.stderr = open(2, "w", closefd=False, encoding="utf-8")  # noqa: SIM115
    faulthandler.enable()

    def close() -> None:
        os.close(incoming)
        os.close(outgoing)

    # A process the collector forks must not keep the pipes open when this one dies.
    os.register_at_fork(after_in_child=close)
    return Channel(os.fdopen(incoming, "rb"), os.fdopen(outgoing, "wb"))


def _listen(channel: Channel, inbox: SimpleQueue[Message | None]) -> None:
    try:
        while True:
            inbox.put(channel.receive())
    except BaseException:  # whatever it is, nothing more will come
        inbox.put(None)
        time.sleep(_GRACE)
        os._exit(1)


def _load(setup: Setup) -> Collector:
    """Import the collector's class and build it.

    Raises
    ------
    CheckError
        If it cannot be imported here, or is not the code that the parent imported.
    """
    try:
        module = setup.module
        if setup.file is not None:
            module = load_module(setup.file, setup.file.name).__name__
        if module == setup.module:
            kind, params = pickle.loads(setup.collector)  # noqa: S301  (comes from the parent)
            if source_digest(kind) == setup.digest:
                return cast(Collector, kind(params))
    except BaseException as error:
        why = str(error) if isinstance(error, AuditkitError) else f"{type(error).__name__}: {error}"
        raise CheckError(
            f"'{setup.check}' cannot be loaded in a worker process: {why}",
            hint="Try --workers 0, which needs no other process",
        ) from None
    raise CheckError(
        f"the source of '{setup.check}' was changed while the audit ran", hint="Run it again"
    )
