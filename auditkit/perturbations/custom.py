"""Kinds of the user's own: a table of words to replace, or a class in a Python file."""

from __future__ import annotations

import csv
import inspect
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar, cast

from auditkit.errors import DataError, PluginError, did_you_mean
from auditkit.perturbations.base import Expectation, Perturbation, Script
from auditkit.perturbations.editing import WHOLE_SHARES, Site, SiteKind, cased_like
from auditkit.perturbations.registry import KINDS
from auditkit.python_files import FILE_MODULE, load_from_file

__all__ = ["MOST_ROWS", "file_kind", "raised_at", "table_kind"]

MOST_ROWS = 10_000
"""Rows a table may have: each text is searched for all of them."""

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DELIMITERS = {".csv": ",", ".tsv": "\t"}
_HAN = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_ALONE_BEFORE, _ALONE_AFTER = rf"(?<![^\W{_HAN}])", rf"(?![^\W{_HAN}])"


class _Table(SiteKind):
    """Words and phrases of a table replaced.

    Severities 1 to 5: 20, 40, 60, 80 and 100% of what the table has a replacement for, at least
    one. Words are found whole, in upper and lower case, and the new one is written in the case of
    the old; characters of Chinese, which has no spaces, are found anywhere. Where the table has
    several replacements one is drawn.
    """

    shares = WHOLE_SHARES
    replacements: ClassVar[Mapping[str, Sequence[str]]]
    pattern: ClassVar[re.Pattern[str]]

    def sites(self, text: str) -> Sequence[Site]:
        return [
            Site(found.start(), found.end(), options)
            for found in self.pattern.finditer(text)
            if (options := self._options(found.group()))
        ]

    def _options(self, found: str) -> list[str]:
        cased = (cased_like(found, one) for one in self.replacements.get(found.lower(), ()))
        return [one for one in cased if one != found]


def table_kind(name: str, file: str) -> type[Perturbation]:
    """Return a kind that replaces what stands in the column ``from`` by what stands in ``to``.

    Parameters
    ----------
    name
        What it is called.
    file
        A CSV or TSV file in UTF-8 with a header, relative to the current folder. Further columns
        are not looked at.

    Raises
    ------
    PluginError
        If the name is no name, or taken.
    DataError
        Naming file and line, if the table cannot be read or used.
    """
    _hold_name(name, f"the kind of the table {file}")
    found: dict[str, list[str]] = {}
    for line, old, new in _rows(file):
        if not old.strip():
            raise DataError("'from' is empty", file=file, line=line, hint="Remove the line")
        if old == new:
            raise DataError(f"'{old}' is replaced by itself", file=file, line=line)
        if len(found) == MOST_ROWS:
            raise DataError(f"has more than {MOST_ROWS:,} words to replace", file=file)
        options = found.setdefault(old.strip().lower(), [])
        if new not in options:
            options.append(new)
    if not found:
        raise DataError("has no row below its header", file=file)
    # The longest first, so that of "not bad" and "bad" the phrase is found.
    parts = map(_whole, sorted(found, key=lambda old: (-len(old), old)))
    members = {
        "__doc__": _Table.__doc__,
        "name": name,
        "summary": f"words replaced as {Path(file).name} says",
        "replacements": found,
        "pattern": re.compile("|".join(parts), re.IGNORECASE),
    }
    return cast(type[Perturbation], type(name, (_Table,), members))


def _whole(old: str) -> str:
    """Return a pattern that finds ``old`` where it is no part of a longer word."""
    before = _ALONE_BEFORE if re.match(rf"[^\W{_HAN}]", old) else ""
    after = _ALONE_AFTER if re.search(rf"[^\W{_HAN}]\Z", old) else ""
    return before + re.escape(old) + after


def _rows(file: str) -> Iterator[tuple[int, str, str]]:
    """Yield the line and the cells ``from`` and ``to`` of each row."""
    path = Path(file).expanduser()
    delimiter = _DELIMITERS.get(path.suffix.lower())
    if delimiter is None:
        raise DataError("a table is a .csv or a .tsv file", file=file)
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except UnicodeDecodeError:
        raise DataError("is not UTF-8", file=file, hint="Save it as UTF-8") from None
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        for column in ("from", "to"):
            if column not in header:
                raise DataError(
                    f"has no column '{column}'",
                    file=file,
                    line=1,
                    hint=did_you_mean(column, header),
                )
        old, new = header.index("from"), header.index("to")
        for row in reader:
            if len(row) not in (0, len(header)):
                raise DataError(
                    f"has {len(row)} cells, the header has {len(header)}",
                    file=file,
                    line=reader.line_num,
                )
            if row:
                yield reader.line_num, row[old], row[new]
    except csv.Error as error:
        raise DataError(f"cannot be read: {error}", file=file, line=reader.line_num) from None


def file_kind(name: str) -> type[Perturbation]:
    """Return the kind that ``./file.py:Class`` names.

    Raises
    ------
    PluginError
        If it cannot be loaded, or does not keep the contract of a kind.
    """
    found = load_from_file(name)
    if not (inspect.isclass(found) and issubclass(found, Perturbation)):
        raise PluginError(
            f"{name} is no subclass of auditkit.perturbations.Perturbation",
            hint="Derive the class from it",
        )
    if inspect.isabstract(found):
        raise PluginError(f"{name} does not define {', '.join(sorted(found.__abstractmethods__))}")
    _hold_name(getattr(found, "name", None), name)
    for attribute, is_right, wanted in (
        ("summary", lambda value: isinstance(value, str) and value != "", "a text"),
        ("script", lambda value: isinstance(value, Script), "a member of Script"),
        ("expectation", lambda value: isinstance(value, Expectation), "a member of Expectation"),
        ("severities", _are_severities, "a tuple of different numbers from 1 to 5, ascending"),
    ):
        value = getattr(found, attribute, None)
        if not is_right(value):
            raise PluginError(f"{name} has {attribute} = {value!r}; it must be {wanted}")
    try:
        inspect.signature(found.apply).bind(None, "", 1, None)
        found()
    except Exception as error:
        raise PluginError(
            f"{name} cannot be used: {type(error).__name__}: {error}",
            hint="It is made without arguments, and asked apply(text, severity, rng)",
        ) from error
    return found


def raised_at(kind: Perturbation, error: BaseException) -> tuple[str, int] | None:
    """Return the file and the line in a user's file at which its kind raised.

    The innermost line of that file counts, where the exception came from a library it calls. The
    path is relative to the current folder where the file lies below it. None for kinds that come
    from no file.
    """
    name = type(kind).__module__
    file = getattr(sys.modules.get(name), "__file__", None)
    if not name.startswith(FILE_MODULE) or file is None:
        return None
    lines = [
        frame.lineno
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename == file
    ]
    if not lines or lines[-1] is None:
        return None
    path = Path(file)
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path), lines[-1]


def _hold_name(name: object, called: str) -> None:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise PluginError(
            f"{called} has name = {name!r}; it must be lower-case letters, digits and underscores"
        )
    if name in KINDS:
        raise PluginError(
            f"{called} is called '{name}', as a kind that auditkit brings", hint="Rename it"
        )


def _are_severities(value: object) -> bool:
    return (
        isinstance(value, tuple)
        and value != ()
        and all(type(one) is int and 1 <= one <= 5 for one in value)
        and list(value) == sorted(set(value))
    )
