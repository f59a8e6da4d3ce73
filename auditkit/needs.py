"""The resources that a suite's checks need: what is there, what is missing, what was used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from auditkit.checks import Check
from auditkit.errors import ResourceError
from auditkit.record import ResourceRecord
from auditkit.resources import Found, Resource, Resources

__all__ = ["Need", "hold_needs", "list_needs", "record_needs"]

# What brings a package in a version that fits the others.
_EXTRAS = dict.fromkeys(("textattack", "nltk"), "auditkit[attacks]")


@dataclass(frozen=True)
class Need:
    """A resource that checks need."""

    resource: Resource
    """What it is."""
    checks: tuple[str, ...]
    """Names of the checks that need it."""
    found: Found | None
    """Where it is; None if it is missing."""

    def __str__(self) -> str:
        needing = f"check{'s' * (len(self.checks) > 1)} {', '.join(map(repr, self.checks))}"
        return f"{self.resource} for {needing} ({self.resource.purpose})"


def list_needs(checks: Iterable[Check], resources: Resources) -> list[Need]:
    """Return what the checks that will run need, each resource once, in the order of the checks."""
    needing: dict[tuple[str, str], list[str]] = {}
    first: dict[tuple[str, str], Resource] = {}
    for check in checks:
        if check.skipped is not None:
            continue
        for resource in check.resources:
            key = (resource.kind, resource.name)
            first.setdefault(key, resource)
            names = needing.setdefault(key, [])
            if check.name not in names:
                names.append(check.name)
    return [
        Need(resource, tuple(needing[key]), resources.locate(resource))
        for key, resource in first.items()
    ]


def hold_needs(checks: Iterable[Check], resources: Resources, suite: str) -> None:
    """Refuse a suite whose checks need what is not there.

    Parameters
    ----------
    checks
        The checks.
    resources
        Finds what they need.
    suite
        Path or name of the suite, for the command that fetches it.

    Raises
    ------
    ResourceError
        Naming everything that is missing, and the command that gets it; a package first.
    """
    checks = list(checks)
    for check in checks:
        if check.skipped is None:
            _hold_libraries(check)
    missing = [need for need in list_needs(checks, resources) if need.found is None]
    if missing:
        listed = "; ".join(f"{need}{resources.fault(need.resource)}" for need in missing)
        raise ResourceError(
            f"the suite needs what is not here: {listed}",
            hint=resources.remedy([need.resource for need in missing], suite),
        )


def _hold_libraries(check: Check) -> None:
    for library in check.evaluator.libraries:
        try:
            version(library)
        except PackageNotFoundError:
            package = _EXTRAS.get(library, library)
            raise ResourceError(
                f"check '{check.name}' needs the package {library}, which is not installed",
                hint=f'Install it: pip install "{package}"',
            ) from None


def record_needs(needed: Sequence[Resource], resources: Resources) -> list[ResourceRecord]:
    """Return what a check's rows rest on, for its record and for the key of its parts.

    Raises
    ------
    ResourceError
        If something is not there any more.
    """
    records = []
    for resource in needed:
        digest = resources.digest(resource)
        found = resources.locate(resource)
        if found is not None:
            records.append(
                ResourceRecord(
                    kind=resource.kind, name=resource.name, digest=digest, origin=found.origin
                )
            )
    return records
