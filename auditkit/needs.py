"""The resources that a suite's checks need: what is there, what is missing, what was used."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING

from auditkit.checks import Check
from auditkit.errors import ResourceError, UserError
from auditkit.record import ResourceRecord
from auditkit.resources import Found, Resource, Resources

if TYPE_CHECKING:
    from auditkit.suite import Suite

__all__ = ["Need", "hold_needs", "list_needs", "missing_error", "record_needs"]

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


def hold_needs(checks: Iterable[Check], resources: Resources, suite: Suite | str) -> None:
    """Refuse a suite whose checks need what is not there.

    Parameters
    ----------
    checks
        The checks.
    resources
        Finds what they need.
    suite
        The suite, or its path or name where its lines need not be named.

    Raises
    ------
    ResourceError
        Naming everything that is missing, one resource a line, and the command that gets it; a
        package first.
    """
    checks = list(checks)
    for check in checks:
        if check.skipped is None:
            _hold_libraries(check)
    missing = [need for need in list_needs(checks, resources) if need.found is None]
    if missing:
        raise missing_error("the suite needs what is not here", missing, resources, suite)


def missing_error(
    said: str, missing: Sequence[Need], resources: Resources, suite: Suite | str
) -> ResourceError:
    """Return the error that lists missing resources.

    Parameters
    ----------
    said
        What is wrong, as the beginning of a sentence that the list ends.
    missing
        What is missing; each is told on a line of its own, unless there is but one.
    resources
        Where they were looked for.
    suite
        The suite, whose lines are named, or its path or name.
    """
    source = suite if isinstance(suite, str) else suite.source
    hint = resources.remedy([need.resource for need in missing], source)
    told = [_placed(f"{need}{resources.fault(need.resource)}", need, suite) for need in missing]
    if len(told) == 1:
        (one,) = told
        return ResourceError(f"{said}: {one.message}", file=one.file, line=one.line, hint=hint)
    listed = "\n".join(f"  {one}" for one in told)
    return ResourceError(f"{said}:\n{listed}\n{len(told)} are missing", hint=hint)


def _placed(text: str, need: Need, suite: Suite | str) -> UserError:
    """Return an error about the first check that needs something, with its file and line."""
    if isinstance(suite, str):
        return ResourceError(text)
    return suite.error(("checks", need.checks[0]), text)


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
