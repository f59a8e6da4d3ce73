"""Small changes to texts, and what a sound model does with them."""

from auditkit.perturbations.base import Expectation, Keeps, Perturbation, Script, has_script
from auditkit.perturbations.registry import KINDS, describe_kinds, find_kind

__all__ = [
    "KINDS",
    "Expectation",
    "Keeps",
    "Perturbation",
    "Script",
    "describe_kinds",
    "find_kind",
    "has_script",
]
