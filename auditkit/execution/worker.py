"""What runs in a worker process: shards come in, rows go out.

Where the collector allows for several shards at the same time, each has a slot with a thread of
its own; they take turns, so that the collector never runs twice at once.

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
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from queue import SimpleQueue
from typing import cast

from auditkit.errors import AuditkitError, CheckError
from auditkit.evaluators.base import Collector
from auditkit.execution.base import Job, Shard
from auditkit.execution.channel import Channel, Ready, Setup, hold_standard_streams, unpack
from auditkit.execution.remote import RemoteEngine
from auditkit.execution.shards import attempt
from auditkit.execution.turns import Turns
from auditkit.plugins import load_module, source_digest

__all__ = ["main"]

# How long a worker that is still at work outlives its parent.
_GRACE = 1.0


def main() -> None:
    """Serve the parent over stdin and stdout, as they are when the process starts."""
    channel = _take_standard_streams()
    try:
        setup = cast(Setup, unpack(channel.receive()[1]))
    except EOFError:
        return
    inboxes: list[SimpleQueue[bytes | None]] = [SimpleQueue() for _ in range(setup.slots)]
    threading.Thread(target=_listen, args=(channel, inboxes), daemon=True).start()
    try:
        collector = _load(setup)
    except CheckError as error:
        channel.send(0, Ready(error))
        return
    with suppress(Exception):  # what cannot be imported, the first shard will tell of
        collector.preload(setup.resources)
    channel.send(0, Ready(None))
    if setup.slots == 1:
        _Slot(0, inboxes[0], channel, setup, collector).serve()
        return
    turns = Turns()
    _all_at_once(
        [
            _Slot(number, inbox, channel, setup, collector, turns).serve
            for number, inbox in enumerate(inboxes)
        ]
    )


class _Slot:
    """Collects one shard at a time, in turns with the other slots."""

    def __init__(
        self,
        number: int,
        inbox: SimpleQueue[bytes | None],
        channel: Channel,
        setup: Setup,
        collector: Collector,
        turns: Turns | None = None,
    ) -> None:
        self._number = number
        self._inbox = inbox
        self._channel = channel
        self._turn = turns.taken if turns else nullcontext
        waiting = turns.given_away if turns else nullcontext
        self._job = Job(
            collector=collector,
            digest=setup.digest,
            engine=RemoteEngine(channel, number, inbox, setup.info, setup.search_dtype, waiting),
            labels=setup.labels,
            positive=setup.positive,
            check=setup.check,
            seed=setup.seed,
            resources=setup.resources,
        )

    def serve(self) -> None:
        """Collect what comes, until nothing more will."""
        with suppress(BrokenPipeError):  # the parent is gone
            while (content := self._inbox.get()) is not None:
                with self._turn():  # what unpacking imports, it imports in nobody else's example
                    finished = attempt(self._job, cast(Shard, unpack(content)))
                self._channel.send(self._number, finished)


def _all_at_once(serving: Sequence[Callable[[], None]]) -> None:
    """Call them all, each in a thread, and wait for them; what one raises is raised at once."""
    ended: SimpleQueue[BaseException | None] = SimpleQueue()

    def serve(one: Callable[[], None]) -> None:
        try:
            one()
            ended.put(None)
        except BaseException as error:  # else the parent would wait for its shard for ever
            ended.put(error)

    for one in serving:
        threading.Thread(target=serve, args=(one,), daemon=True).start()
    for _ in serving:
        error = ended.get()
        if error is not None:
            raise error


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


def _listen(channel: Channel, inboxes: Sequence[SimpleQueue[bytes | None]]) -> None:
    try:
        while True:
            slot, content = channel.receive()
            inboxes[slot].put(content)
    except BaseException:  # whatever it is, nothing more will come
        for inbox in inboxes:
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
