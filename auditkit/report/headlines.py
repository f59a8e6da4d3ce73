"""The few figures and sentences of a check that a summary or a terminal has room for."""

from __future__ import annotations

from collections.abc import Callable

from auditkit.record import CheckRecord, Measurement, Record
from auditkit.report.attack import attack_headlines, attack_readings
from auditkit.report.counterfactual import counterfactual_headlines, counterfactual_readings
from auditkit.report.fairness import fairness_headlines, fairness_readings
from auditkit.report.perturbation import perturbation_headlines, perturbation_readings

__all__ = ["headlines", "readings"]

_READINGS: dict[str, Callable[[CheckRecord], list[str]]] = {
    "attack": attack_readings,
    "perturbation": perturbation_readings,
}
_OF_PEOPLE: dict[str, Callable[[CheckRecord, Record | None], list[str]]] = {
    "counterfactual": counterfactual_readings,
    "fairness": fairness_readings,
}
_HEADLINES: dict[str, Callable[[CheckRecord], list[Measurement]]] = {
    "attack": attack_headlines,
    "counterfactual": counterfactual_headlines,
    "fairness": fairness_headlines,
    "perturbation": perturbation_headlines,
}


def readings(check: CheckRecord, record: Record | None = None) -> list[str]:
    """Return what a check comes to in sentences; none where nobody wrote any for its evaluator.

    The record says what a label means for people; without it labels are spoken of.
    """
    if of_people := _OF_PEOPLE.get(check.evaluator):
        return of_people(check, record)
    tell = _READINGS.get(check.evaluator)
    return tell(check) if tell else []


def headlines(check: CheckRecord) -> list[Measurement]:
    """Return the figures to show first: over all examples, or those that stand for many slices."""
    choose = _HEADLINES.get(check.evaluator)
    if choose and (found := choose(check)):
        return found
    return [one for one in check.measurements if not one.slice]
