"""One text attacked: what came of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from auditkit.attacks.building import COLUMNS
from auditkit.attacks.victim import Ask, OutOfTime, Text, Victim
from auditkit.attacks.words import word_edits
from auditkit.errors import AuditkitError

__all__ = ["Attacker", "Outcome", "Status"]

Status: TypeAlias = Literal["succeeded", "failed", "skipped", "not_attacked"]


@dataclass(frozen=True)
class Outcome:
    """What came of attacking one text."""

    status: Status
    """``skipped``: there was nothing to attack, since the model was wrong from the start, or
    already predicted the label aimed at. ``not_attacked``: the attack did not come to an end."""
    queries: int
    """Distinct inputs asked, of each search. TextAttack counts repeated ones again."""
    words: int | None
    """Words of the text, as TextAttack cuts it; None where it cannot."""
    reason: str | None = None
    """Why it was not attacked: ``max_queries``, ``max_seconds`` or ``error: <class>``."""
    adversarial: Text | None = None
    """The text that reached the goal."""
    changed_words: int | None = None
    """Words put in, taken out or replaced in it."""
    logits: npt.NDArray[np.float32] | None = None
    """What the model says of it, in the run's own dtype: ``[labels]``."""


class Attacker:
    """An attack at work in one thread, one text after the other.

    Parameters
    ----------
    attack
        From :func:`~auditkit.attacks.building.build_attack`.
    victim
        What it asks.
    max_seconds
        Time that the attack of one text may compute, waiting for the model not counted; None for
        no end. It is looked at before each question and each transformation; one transformation
        cannot be interrupted.
    """

    def __init__(self, attack: Any, victim: Victim, max_seconds: float | None) -> None:
        self._attack = attack
        self._victim = victim
        self._max_seconds = max_seconds

    def attack(
        self,
        text: Text,
        label: int,
        ask: Ask,
        *,
        search: bool,
        seeded: Callable[[], AbstractContextManager[None]],
    ) -> Outcome:
        """Attack a text.

        A text found in the search dtype is asked again in the run's own. Where that does not
        confirm it, the search of the text goes on in the run's own dtype, from its beginning,
        with the same chance; it comes to what it would have come to without a search dtype.

        Parameters
        ----------
        text
            A text or a pair of texts.
        label
            The place of its true label.
        ask
            Answers questions about the model.
        search
            Whether candidates may be asked in the search dtype.
        seeded
            Seeds the global generators for as long as its block lasts, each time alike.

        Raises
        ------
        Exception
            What ``ask`` raises. What TextAttack raises is an outcome, ``not_attacked``.
        """
        search = search and self._ends_on_a_label
        with seeded():
            outcome = self._once(text, label, ask, search=search)
        if not search or outcome.logits is None or self._reaches(outcome.logits, label):
            return outcome
        asked = outcome.queries
        with seeded():
            outcome = self._once(text, label, ask, search=False)
        return replace(outcome, queries=asked + outcome.queries)

    def _once(self, text: Text, label: int, ask: Ask, *, search: bool) -> Outcome:
        self._victim.begin(ask, self._max_seconds, search=search)
        outcome = Outcome("not_attacked", 0, None)
        try:
            attacked = _attacked_text(text)
            outcome = replace(outcome, words=len(attacked.words))
            outcome = self._outcome(self._attack.attack(attacked, label), outcome)
        except OutOfTime:
            outcome = replace(outcome, reason="max_seconds")
        except (AuditkitError, MemoryError):
            raise
        except Exception as error:
            if self._victim.failure is not None:
                raise
            # Some searches stumble over a step that the budget left without answers.
            why = "max_queries" if self._is_spent() else f"error: {type(error).__name__}"
            outcome = replace(outcome, reason=why)
        finally:
            self._attack.clear_cache()
        return replace(outcome, queries=self._victim.queries)

    def _outcome(self, result: Any, outcome: Outcome) -> Outcome:
        from textattack.attack_results import (
            FailedAttackResult,
            MaximizedAttackResult,
            SkippedAttackResult,
        )

        if isinstance(result, SkippedAttackResult):
            return replace(outcome, status="skipped")
        before, after = (
            one.attacked_text for one in (result.original_result, result.perturbed_result)
        )
        # What is to be reduced is never done: it counts where anything could be taken away.
        failed = isinstance(result, FailedAttackResult) or (
            isinstance(result, MaximizedAttackResult) and after.text == before.text
        )
        if failed and self._is_spent():
            return replace(outcome, reason="max_queries")
        if failed:
            return replace(outcome, status="failed")
        adversarial = after.tokenizer_input
        return replace(
            outcome,
            status="succeeded",
            adversarial=adversarial,
            changed_words=word_edits(before.words, after.words),
            logits=self._victim.confirmed(adversarial),
        )

    def _is_spent(self) -> bool:
        goal = self._attack.goal_function
        return bool(getattr(goal, "num_queries", 0) >= goal.query_budget)

    @property
    def _ends_on_a_label(self) -> bool:
        """Whether a prediction decides of success; else it is more than that."""
        from textattack.goal_functions import TargetedClassification, UntargetedClassification

        kinds = (TargetedClassification, UntargetedClassification)
        return isinstance(self._attack.goal_function, kinds)

    def _reaches(self, logits: npt.NDArray[np.float32], label: int) -> bool:
        """Whether logits ``[labels]`` meet the goal."""
        from textattack.goal_functions import TargetedClassification

        goal = self._attack.goal_function
        if isinstance(goal, TargetedClassification):
            return int(logits.argmax()) == int(goal.target_class)
        return int(logits.argmax()) != label


def _attacked_text(text: Text) -> Any:
    """Return a text as TextAttack takes it.

    Raises
    ------
    ValueError
        If it holds what TextAttack puts between the texts of a pair: it would be cut there.
    """
    from textattack.shared import AttackedText

    parts = (text,) if isinstance(text, str) else text
    if any(AttackedText.SPLIT_TOKEN in part for part in parts):
        raise ValueError(f"the text holds {AttackedText.SPLIT_TOKEN}")
    return AttackedText(OrderedDict(zip(COLUMNS, parts, strict=False)))
