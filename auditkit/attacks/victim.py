"""The model under attack, as TextAttack sees it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["Ask", "OutOfTime", "Text", "Victim", "probabilities"]

Text: TypeAlias = str | tuple[str, str]
"""A text, or a pair of texts."""


class Ask(Protocol):
    """What answers questions: the engine's ``predict``."""

    def __call__(self, inputs: Sequence[Text], *, search: bool = False) -> npt.NDArray[np.float32]:
        """Return logits ``[len(inputs), labels]``."""
        ...


class OutOfTime(Exception):  # noqa: N818  (an event the driver acts on)
    """The time of an attack ran out."""


class Victim:
    """Answers TextAttack with probabilities, each question one call of the engine.

    Candidates of a search may be asked in the search dtype. The first question, of the text
    itself, is never a question of the search: whether there is anything to attack is decided in
    the run's own dtype.

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
        self._search = False
        self._asked: set[Text] = set()
        self._end = float("inf")

    @property
    def queries(self) -> int:
        """How many distinct inputs were asked since :meth:`begin`."""
        return len(self._asked)

    def begin(self, ask: Ask, seconds: float | None, *, search: bool) -> None:
        """Begin with another text.

        Parameters
        ----------
        ask
            Answers.
        seconds
            Time the thread may compute until :meth:`hold_time` raises; None for no end.
        search
            Whether candidates are asked in the search dtype.
        """
        self.failure = None
        self._ask = ask
        self._search = search
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
        logits = self._engine(inputs, search=self._search and bool(self._asked))
        self._asked.update(inputs)
        return torch.from_numpy(probabilities(logits))

    def confirmed(self, one: Text) -> npt.NDArray[np.float32]:
        """Return the logits ``[labels]`` of an input in the run's own dtype."""
        logits: npt.NDArray[np.float32] = self._engine([one], search=False)[0]
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
