"""The few figures and sentences of a check that a summary or a terminal has room for."""

from __future__ import annotations

from collections.abc import Callable

from auditkit.record import CheckRecord, Measurement
from auditkit.report.attack import attack_headlines, attack_readings
from auditkit.report.perturbation import perturbation_headlines, perturbation_readings

__all__ = ["headlines", "readings"]

_READINGS: dict[str, Callable[[CheckRecord], list[str]]] = {
    "attack": attack_readings,
    "perturbation": perturbation_readings,
}
_HEADLINES: dict[str, Callable[[CheckRecord], list[Measurement]]] = {
    "attack": attack_headlines,
    "perturbation": perturbation_headlines,
}


def readings(check: CheckRecord) -> list[str]:
    """Return what a check comes to in sentences; none where nobody wrote any for its evaluator."""
    tell = _READINGS.get(check.evaluator)
    return tell(check) if tell else []


def headlines(check: CheckRecord) -> list[Measurement]:
    """Return the figures to show first: over all examples, or those that stand for many slices."""
    choose = _HEADLINES.get(check.evaluator)
    if choose and (found := choose(check)):
        return found
    return [one for one in check.measurements if not one.slice]
