"""From a name or a path to a checked suite, and from a file to requirements."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from auditkit.errors import did_you_mean
from auditkit.suite.document import Document, KeyPath, is_null, plain_values, read_document
from auditkit.suite.finding import locate_suite
from auditkit.suite.including import read_suite_document
from auditkit.suite.messages import first_problem
from auditkit.suite.schema import CheckConfig, Requirement, Suite

__all__ = ["is_suite", "load_requirements", "load_suite"]

_KEYS_OF_A_SUITE = ("auditkit", "include", "checks")

_Model = TypeVar("_Model", bound=BaseModel)


def load_suite(source: str | Path) -> Suite:
    """Read and check a suite.

    Parameters
    ----------
    source
        A path, or the name of a suite in ``./suites`` or in the package.

    Raises
    ------
    SuiteError
        Naming file and line of what is wrong, and the next step.
    """
    document = read_suite_document(locate_suite(source))
    root = {"name": document.file.stem, **document.root, "checks": _checks(document)}
    suite = _validate(Suite, root, document)
    suite._document = document
    suite._source = str(source)
    for index, requirement in enumerate(suite.requirements):
        mark = document.mark(("requirements", index))
        requirement._line = mark.line if mark.file == document.file else None
    _check_requirements(suite.requirements, suite.checks, document, ("requirements",))
    return suite


def is_suite(file: str | Path) -> bool:
    """Whether a YAML file is a suite, rather than a file of requirements."""
    root = read_document(Path(file)).root
    return isinstance(root, dict) and not root.keys().isdisjoint(_KEYS_OF_A_SUITE)


def load_requirements(file: str | Path, known_checks: Collection[str]) -> tuple[Requirement, ...]:
    """Read requirements from a file of their own, or from a suite.

    Parameters
    ----------
    file
        YAML: a list of requirements, a mapping with nothing but ``requirements:``, or a suite.
    known_checks
        The checks whose metrics may be named.

    Raises
    ------
    SuiteError
        Naming file and line of what is wrong, and the next step.
    """
    if is_suite(file):
        suite = load_suite(Path(file))
        _check_requirements(suite.requirements, known_checks, suite, ("requirements",))
        return suite.requirements
    document = read_document(Path(file))
    base: KeyPath = ()
    entries = document.root
    if isinstance(entries, dict):
        for key in entries:
            if key != "requirements":
                raise document.error(
                    (key,), f"unknown key '{key}'", did_you_mean(key, ["requirements"])
                )
        base, entries = ("requirements",), entries.get("requirements")
    if not isinstance(entries, list):
        raise document.error(
            base,
            "should be a list of requirements",
            "Write one as '- {metric: performance.accuracy, min: 0.9}'",
        )
    requirements = []
    for index, entry in enumerate(entries):
        requirement = _validate(Requirement, entry, document, (*base, index))
        requirement._line = document.line((*base, index))
        requirements.append(requirement)
    _check_requirements(requirements, known_checks, document, base)
    return tuple(requirements)


def _checks(document: Document) -> Any:
    """Return the checks as their model wants them: the evaluator's parameters apart."""
    checks = document.root.get("checks")
    if not isinstance(checks, dict):
        if checks is None or is_null(checks):
            raise document.error(
                ("checks",), "'checks' is missing", "Add 'checks: {performance: {}}'"
            )
        return checks
    prepared: dict[str, Any] = {}
    for name, settings in checks.items():
        if is_null(settings):
            prepared[name] = {"name": name, "evaluator": name}
            continue
        if not isinstance(settings, dict):
            raise document.error(
                ("checks", name),
                f"the settings of check '{name}' should be a mapping (key: value)",
                f"Write '{name}: {{}}' for none",
            )
        common = {key: value for key, value in settings.items() if key in CheckConfig.RESERVED}
        if is_null(common.get("data")):
            del common["data"]
        params = {key: value for key, value in settings.items() if key not in CheckConfig.RESERVED}
        prepared[name] = {
            "evaluator": name, **common, "name": name, "params": plain_values(params)
        }  # fmt: skip
    return prepared


def _validate(
    model: type[_Model],
    tree: Any,
    document: Document,
    base: KeyPath = (),
) -> _Model:
    try:
        return model.model_validate(tree)
    except ValidationError as error:
        problem = first_problem(error, model, lambda path: document.line((*base, *path)))
        raise document.error((*base, *problem.path), problem.message, problem.hint) from None


def _check_requirements(
    requirements: Sequence[Requirement],
    known_checks: Collection[str],
    source: Document | Suite,
    base: KeyPath,
) -> None:
    """Refuse a requirement on an unknown check, and one that is there twice."""
    first: dict[str, int] = {}
    for index, requirement in enumerate(requirements):
        path = (*base, index)
        if requirement.check not in known_checks:
            raise source.error(
                (*path, "metric"),
                f"there is no check '{requirement.check}' for '{requirement.metric}'",
                f"{did_you_mean(requirement.check, list(known_checks))}. "
                "A metric is written check.metric",
            )
        if requirement.id in first:
            raise source.error(
                path,
                f"the same requirement is on line {source.line((*base, first[requirement.id]))}",
                "Remove one of the two",
            )
        first[requirement.id] = index
