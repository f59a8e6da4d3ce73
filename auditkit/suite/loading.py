"""From a name or a path to a checked suite."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from auditkit.errors import SuiteError, did_you_mean
from auditkit.suite.document import Document, KeyPath, Plain, plain_values, read_document
from auditkit.suite.messages import first_problem
from auditkit.suite.schema import SCHEMA, CheckConfig, Requirement, Suite

__all__ = ["SuiteListing", "find_suites", "load_requirements", "load_suite"]

_SUFFIXES = (".yaml", ".yml")

_Model = TypeVar("_Model", bound=BaseModel)


@dataclass(frozen=True)
class SuiteListing:
    """A suite that can be asked for by name."""

    name: str
    path: Path
    origin: str
    """``folder`` (``./suites``) or ``package``."""


def find_suites() -> list[SuiteListing]:
    """List the suites of ``./suites`` and of the package; the folder's hide the package's."""
    found: dict[str, SuiteListing] = {}
    for folder, origin in _suite_folders():
        if folder.is_dir():
            for path in sorted(folder.iterdir()):
                if path.suffix in _SUFFIXES and path.is_file():
                    found.setdefault(path.stem, SuiteListing(path.stem, path, origin))
    return [found[name] for name in sorted(found)]


def _suite_folders() -> Iterable[tuple[Path, str]]:
    yield Path("suites"), "folder"
    package = Path(__file__).resolve().parent.parent
    yield package / "suites", "package"  # as a wheel holds them
    if (package.parent / "pyproject.toml").is_file():  # a checkout, installed in place
        yield package.parent / "suites", "package"


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
    document = read_document(_locate(source))
    root = document.root
    if not isinstance(root, dict):
        raise document.error(
            (), "a suite is a mapping (key: value)", f"Begin the file with 'auditkit: {SCHEMA}'"
        )
    _check_schema(document)
    root = {"name": document.file.stem, **root, "checks": _checks(document)}
    suite = _validate(Suite, root, document)
    suite._document = document
    suite._source = str(source)
    for index, requirement in enumerate(suite.requirements):
        requirement._line = document.line(("requirements", index))
    _check_requirements(suite.requirements, suite.checks, document, ("requirements",))
    return suite


def load_requirements(file: str | Path, known_checks: Collection[str]) -> tuple[Requirement, ...]:
    """Read requirements from a file of their own.

    Parameters
    ----------
    file
        YAML: a list of requirements, or a mapping with nothing but ``requirements:``.
    known_checks
        The checks whose metrics may be named.

    Raises
    ------
    SuiteError
        Naming file and line of what is wrong, and the next step.
    """
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


def _locate(source: str | Path) -> Path:
    path = Path(source)
    is_name = isinstance(source, str) and path.suffix not in _SUFFIXES and path.name == source
    if path.is_file():
        return path
    if is_name:
        listings = find_suites()
        for listing in listings:
            if listing.name == source:
                return listing.path
        names = [listing.name for listing in listings]
        raise SuiteError(
            f"there is no suite called '{source}'",
            hint=f"{did_you_mean(str(source), names)}. A path ends in .yaml",
        )
    if path.is_dir():
        raise SuiteError("is a folder, not a file", file=path)
    folder = path.expanduser().parent
    nearby = sorted(p.name for p in folder.glob("*.y*ml")) if folder.is_dir() else []
    raise SuiteError("there is no such file", file=path, hint=did_you_mean(path.name, nearby))


def _check_schema(document: Document) -> None:
    given = document.root.get("auditkit")
    if given is None:
        raise document.error(
            (),
            "'auditkit', the number of the file's schema, is missing",
            f"Add the line 'auditkit: {SCHEMA}'",
        )
    number = plain_values(given)
    if isinstance(number, bool) or not isinstance(number, int) or number < 1:
        raise document.error(
            ("auditkit",),
            "'auditkit' should be the number of the schema",
            f"Write 'auditkit: {SCHEMA}'",
        )
    if number > SCHEMA:
        raise document.error(
            ("auditkit",),
            f"is written for schema {number}, newer than this auditkit understands ({SCHEMA})",
            "Upgrade auditkit",
        )


def _checks(document: Document) -> Any:
    """Return the checks as their model wants them: the evaluator's parameters apart."""
    checks = document.root.get("checks")
    if not isinstance(checks, dict):
        if checks is None or _is_null(checks):
            raise document.error(
                ("checks",), "'checks' is missing", "Add 'checks: {performance: {}}'"
            )
        return checks
    prepared: dict[str, Any] = {}
    for name, settings in checks.items():
        if _is_null(settings):
            prepared[name] = {"name": name, "evaluator": name}
            continue
        if not isinstance(settings, dict):
            raise document.error(
                ("checks", name),
                f"the settings of check '{name}' should be a mapping (key: value)",
                f"Write '{name}: {{}}' for none",
            )
        common = {key: value for key, value in settings.items() if key in CheckConfig.RESERVED}
        if _is_null(common.get("data")):
            del common["data"]
        params = {key: value for key, value in settings.items() if key not in CheckConfig.RESERVED}
        prepared[name] = {
            "evaluator": name, **common, "name": name, "params": plain_values(params)
        }  # fmt: skip
    return prepared


def _is_null(tree: Any) -> bool:
    return isinstance(tree, Plain) and tree.value is None


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
    document: Document,
    base: KeyPath,
) -> None:
    """Refuse a requirement on an unknown check, and one that is there twice."""
    first: dict[str, int] = {}
    for index, requirement in enumerate(requirements):
        path = (*base, index)
        if requirement.check not in known_checks:
            raise document.error(
                (*path, "metric"),
                f"the metric '{requirement.metric}' is of no check of the suite",
                did_you_mean(requirement.check, list(known_checks)),
            )
        if requirement.id in first:
            raise document.error(
                path,
                f"the same requirement is on line {document.line((*base, first[requirement.id]))}",
                "Remove one of the two",
            )
        first[requirement.id] = index
