"""How long work tells how far it is: a small protocol, and one that says nothing."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Progress", "SilentProgress"]


class Progress(Protocol):
    """Told of stages and of steps within them. Calls come from one thread."""

    def start(self, stage: str, total: int, done: int = 0, *, unit: str = "examples") -> None:
        """Begin ``stage`` of ``total`` steps, of which ``done`` were done by an earlier run.

        ``unit`` is what a step is called.
        """
        ...

    def advance(self, steps: int) -> None:
        """``steps`` more are done."""
        ...

    def finish(self) -> None:
        """The stage ended."""
        ...

    def say(self, message: str) -> None:
        """Tell the user something that is not a step."""
        ...


class SilentProgress:
    """Says nothing."""

    def start(self, stage: str, total: int, done: int = 0, *, unit: str = "examples") -> None:
        """Ignore it."""

    def advance(self, steps: int) -> None:
        """Ignore it."""

    def finish(self) -> None:
        """Ignore it."""

    def say(self, message: str) -> None:
        """Ignore it."""
