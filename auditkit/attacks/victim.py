"""The model under attack, as TextAttack sees it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["Ask", "OutOfTime", "Reached", "Text", "Victim", "probabilities"]

Text: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts."""

Reached: TypeAlias = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.bool_]]
"""Says of logits ``[texts, labels]`` which of them meet an attack's goal."""


class Ask(Protocol):
    """What answers questions: the engine's ``predict``."""

    def __call__(self, inputs: Sequence[Text], *, search: bool = False) -> npt.NDArray[np.float32]:
        """Return logits ``[len(inputs), labels]``."""
        ...


class OutOfTime(Exception):  # noqa: N818  (an event the driver acts on)
    """The time of an attack ran out."""


class Victim:
    """Answers TextAttack with probabilities, each question one call of the engine.

    Candidates of a search may be asked in the search dtype. Whichever of them seems to reach the
    goal is asked again in the run's own, and what TextAttack gets are those figures, so that no
    attack ends on an answer that was not confirmed. Where one is not confirmed, the search of
    that text goes on in the run's own dtype. The first question, of the text itself, is never a
    question of the search.

    Attributes
    ----------
    model
        None: TextAttack compares the class of what is here with models it knows.
    failure
        What the engine raised, so that it is not taken for an error of TextAttack.
    """

    model = None

    def __init__(self) -> None:
        self.failure: BaseException | None = None
        self._ask: Ask | None = None
        self._reached: Reached | None = None
        self._searching = False
        self._asked: set[Text] = set()
        self._end = float("inf")

    @property
    def queries(self) -> int:
        """How many distinct inputs were asked since :meth:`begin`."""
        return len(self._asked)

    def begin(self, ask: Ask, reached: Reached | None, seconds: float | None) -> None:
        """Begin with another text.

        Parameters
        ----------
        ask
            Answers.
        reached
            Says what meets the goal; None to search in the run's own dtype.
        seconds
            Time the thread may compute until :meth:`hold_time` raises; None for no end.
        """
        self.failure = None
        self._ask = ask
        self._reached = reached
        self._searching = False
        self._asked = set()
        self._end = float("inf") if seconds is None else time.thread_time() + seconds

    def hold_time(self) -> None:
        """Go on only while there is time.

        Raises
        ------
        OutOfTime
            If there is none left.
        """
        if time.thread_time() > self._end:
            raise OutOfTime

    def __call__(self, inputs: Sequence[Text], **_: Any) -> torch.Tensor:
        """Return probabilities ``[inputs, labels]`` that sum to one, so none is taken twice."""
        import torch

        self.hold_time()
        logits = self._logits(inputs)
        self._searching = self._reached is not None if not self._asked else self._searching
        self._asked.update(inputs)
        return torch.from_numpy(probabilities(logits))

    def confirmed(self, one: Text) -> npt.NDArray[np.float32]:
        """Return the logits ``[labels]`` of an input in the run's own dtype."""
        logits: npt.NDArray[np.float32] = self._engine([one], search=False)[0]
        return logits

    def _logits(self, inputs: Sequence[Text]) -> npt.NDArray[np.float32]:
        """Return logits ``[inputs, labels]``, those that reach the goal in the run's own dtype."""
        logits = self._engine(inputs, search=self._searching)
        if not self._searching or self._reached is None:
            return logits
        places = np.flatnonzero(self._reached(logits)).tolist()
        if not places:
            return logits
        confirmed = self._engine([inputs[place] for place in places], search=False)
        self._searching = bool(self._reached(confirmed).all())
        logits = logits.copy()
        logits[places] = confirmed
        return logits

    def _engine(self, inputs: Sequence[Text], *, search: bool) -> npt.NDArray[np.float32]:
        assert self._ask is not None, "begin() comes first"  # noqa: S101
        try:
            return self._ask(inputs, search=search)
        except BaseException as error:
            self.failure = error
            raise


def probabilities(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the softmax of logits ``[texts, labels]`` in float64.

    In float32 a sure model's probabilities are all the same one, and a search among them is
    blind.
    """
    wide = logits.astype(np.float64)
    powers = np.exp(wide - wide.max(axis=1, keepdims=True))
    result: npt.NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result
