"""``include:``: a suite that begins from another one.

Mappings merge, entry by entry; lists and single values of the including file replace inherited
ones. An entry without a value changes no inherited mapping. Some keys have rules of their own:

- ``requirements`` are added to the inherited ones. One replaces an inherited requirement on the
  same metric and slice if it bounds the same sides (``min``, ``max``) at least, so that no
  inherited bound goes unnoticed.
- A new ``path`` of ``data`` drops the inherited ``name``, ``split`` and ``revision``.
- ``name`` of the suite is not inherited.
- ``include`` is a path relative to the file it stands in, or the name of a suite.

An inherited check or requirement cannot be taken out.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from auditkit.errors import did_you_mean
from auditkit.suite.document import (
    Document,
    KeyPath,
    Mark,
    Plain,
    is_null,
    plain_values,
    read_document,
)
from auditkit.suite.finding import find_suites
from auditkit.suite.schema import SCHEMA

__all__ = ["read_suite_document"]

MAX_CHAIN = 10
_INHERITED_NOT = ("name", "include")
_OF_THE_PATH = ("name", "split", "revision")
_NOTHING = Plain(None, "")


def read_suite_document(file: Path) -> Document:
    """Read a suite's file with all it includes merged in.

    Raises
    ------
    SuiteError
        If a file cannot be read, is no mapping, or is written for a newer schema; if what is
        included is not there, or includes itself in the end. Names the file and the line.
    """
    document = _read(file, ())
    if "auditkit" not in document.root:
        raise document.error(
            (),
            "'auditkit', the number of the file's schema, is missing",
            f"Add the line 'auditkit: {SCHEMA}'",
        )
    return document


def _read(file: Path, chain: tuple[Path, ...]) -> Document:
    document = read_document(file)
    if not isinstance(document.root, dict):
        raise document.error(
            (), "a suite is a mapping (key: value)", f"Begin the file with 'auditkit: {SCHEMA}'"
        )
    _check_schema(document)
    include = document.root.get("include")
    if include is None or is_null(include):
        return document
    chain = (*chain, file)
    base = _included(document, include)
    if any(base.resolve() == one.resolve() for one in chain):
        names = " → ".join(str(one) for one in (*chain, base))
        raise document.error(("include",), f"includes itself: {names}")
    if len(chain) > MAX_CHAIN:
        raise document.error(("include",), f"is more than {MAX_CHAIN} inclusions deep")
    return _merged(_read(base, chain), document)


def _included(document: Document, include: Any) -> Path:
    if not isinstance(include, str) or not include.strip():
        raise document.error(("include",), "'include' should be the path or the name of a suite")
    if Path(include).name == include and not Path(include).suffix:
        # A suite of ./suites may include the one of the package that it hides.
        listings = find_suites(beside=document.file)
        for listing in listings:
            if listing.name == include:
                return listing.path
        known = did_you_mean(include, [listing.name for listing in listings])
        raise document.error(
            ("include",), f"there is no suite called '{include}'", f"{known}. A path ends in .yaml"
        )
    path = document.file.parent / Path(include).expanduser()
    if not path.is_file():
        nearby = sorted(one.name for one in path.parent.glob("*.y*ml"))
        raise document.error(
            ("include",),
            f"there is no file '{path}' to include",
            did_you_mean(path.name, nearby) if nearby else "The path is relative to this file",
        )
    return path


def _check_schema(document: Document) -> None:
    given = document.root.get("auditkit")
    if given is None:
        return
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


def _merged(base: Document, over: Document) -> Document:
    inherited = {key: value for key, value in base.root.items() if key not in _INHERITED_NOT}
    merger = _Merger(base, over)
    root = merger.mapping((), inherited, over.root)
    return replace(over, root=root, marks=merger.marks, included=(base.file, *base.included))


class _Merger:
    """Puts one document over another and notes where each entry comes from."""

    def __init__(self, base: Document, over: Document) -> None:
        self._base = base
        self._over = over
        self.marks: dict[KeyPath, Mark] = {(): over.mark(())}

    def mapping(self, path: KeyPath, old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Merge two mappings at the same place."""
        if path[-1:] == ("data",) and not is_null(new.get("path", _NOTHING)):
            # They say which part of the other data set is meant.
            old = {key: value for key, value in old.items() if key not in _OF_THE_PATH}
        result = {}
        for key in {**old, **new}:
            here = (*path, key)
            if here == ("requirements",) and isinstance(old.get(key), list):
                result[key] = self._requirements(old[key], new.get(key))
            elif isinstance(old.get(key), dict) and isinstance(new.get(key), dict):
                self.marks[here] = self._over.mark(here)
                result[key] = self.mapping(here, old[key], new[key])
            elif key not in new or (isinstance(old.get(key), dict) and is_null(new[key])):
                result[key] = self._take(self._base, here, here, old[key])
            else:
                result[key] = self._take(self._over, here, here, new[key])
        return result

    def _requirements(self, old: list[Any], new: Any) -> Any:
        """Append the including file's requirements to those it does not replace."""
        path: KeyPath = ("requirements",)
        if new is not None and not is_null(new) and not isinstance(new, list):
            return self._take(self._over, path, path, new)  # what is wrong with it is said later
        own = new if isinstance(new, list) else []
        document = self._over if own else self._base
        self.marks[path] = document.mark(path)
        result: list[Any] = []
        for source, entries in ((self._base, old), (self._over, own)):
            for index, entry in enumerate(entries):
                if source is self._base and any(_replaces(one, entry) for one in own):
                    continue
                result.append(self._take(source, (*path, index), (*path, len(result)), entry))
        return result

    def _take(self, source: Document, path: KeyPath, to: KeyPath, value: Any) -> Any:
        """Note where an entry and all below it are written; return it."""
        self.marks[to] = source.mark(path)
        if isinstance(value, dict):
            for key, inner in value.items():
                self._take(source, (*path, key), (*to, key), inner)
        elif isinstance(value, list):
            for index, inner in enumerate(value):
                self._take(source, (*path, index), (*to, index), inner)
        return value


def _replaces(new: Any, old: Any) -> bool:
    if not isinstance(new, dict) or not isinstance(old, dict):
        return False
    same = new.get("metric") == old.get("metric") and _slice(new) == _slice(old)
    return same and _sides(old) <= _sides(new)


def _slice(entry: dict[str, Any]) -> dict[str, Any]:
    where = entry.get("where")
    if not isinstance(where, dict):
        return {}
    return {
        key: value.spelling if isinstance(value, Plain) else value for key, value in where.items()
    }


def _sides(entry: dict[str, Any]) -> set[str]:
    return {side for side in ("min", "max") if side in entry and not is_null(entry[side])}
