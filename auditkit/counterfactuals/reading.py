"""Lexicons and templates of the user's own: CSV and YAML files, with the line of each entry."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from auditkit.counterfactuals.lexicon import Lexicon, lexicon_of
from auditkit.counterfactuals.templates import Template, template_of
from auditkit.errors import DataError, did_you_mean

__all__ = ["MOST_TEMPLATES", "MOST_TERMS", "Row", "read_lexicon", "read_templates", "rows_of"]

MOST_TERMS = 20_000
"""Rows a lexicon may have."""
MOST_TEMPLATES = 2_000
"""Templates a file may have: each is filled with every term."""

_LEXICON = ("set", "group", "term")
_LEXICON_MORE = ("form", "match")


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    line: int
    """Line of the file, from 1, where it ends."""
    cells: dict[str, str]
    """By column."""


def read_lexicon(name: str, file: str) -> Lexicon:
    """Return the lexicon of a CSV file with the columns ``set``, ``group`` and ``term``.

    ``form`` and ``match`` may be there too: see :class:`~auditkit.counterfactuals.lexicon.Form`
    and ``Match``. Other columns are not looked at.

    Raises
    ------
    DataError
        Naming file, line and column, if it cannot be read or used.
    """
    rows = rows_of(_text(file, (".csv",), "a lexicon is a .csv file"), file, _LEXICON)
    if len(rows) > MOST_TERMS:
        raise DataError(f"has more than {MOST_TERMS:,} terms", file=file)
    return lexicon_of(name, rows, file)


def read_templates(file: str) -> tuple[Template, ...]:
    """Return the templates of a CSV file with a column ``text``, or of a YAML file with a list.

    A template may have a ``label``, the right answer whoever it is about; in YAML it is then a
    mapping, ``{text: …, label: …}``, else it may be a text.

    Raises
    ------
    DataError
        Naming file, line and column, if it cannot be read or used.
    """
    kinds = (".csv", ".yaml", ".yml")
    text = _text(file, kinds, "templates are a .csv or a .yaml file")
    rows = rows_of(text, file, ("text",)) if file.lower().endswith(".csv") else _yaml(text, file)
    if not rows:
        raise DataError("has no template", file=file)
    if len(rows) > MOST_TEMPLATES:
        raise DataError(f"has more than {MOST_TEMPLATES:,} templates", file=file)
    return tuple(
        template_of(row.cells["text"], row.cells.get("label", "").strip() or None, file, row.line)
        for row in rows
    )


def rows_of(text: str, file: str, needed: Sequence[str] = _LEXICON) -> list[Row]:
    """Return the rows of a CSV text whose header has the ``needed`` columns.

    Raises
    ------
    DataError
        Naming file, line and column.
    """
    reader = csv.reader(text.splitlines(keepends=True), strict=True)
    rows: list[Row] = []
    try:
        header = [cell.strip() for cell in next(reader, [])]
        for column in needed:
            if column not in header:
                raise DataError(
                    f"has no column '{column}'",
                    file=file,
                    line=1,
                    hint=did_you_mean(column, header),
                )
        for column in {*needed, *_LEXICON_MORE, "label"}:
            if header.count(column) > 1:
                raise DataError("the header names it twice", file=file, line=1, column=column)
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(header):
                raise DataError(
                    f"has {len(cells)} cells, the header has {len(header)}",
                    file=file,
                    line=reader.line_num,
                )
            rows.append(Row(reader.line_num, dict(zip(header, cells, strict=True))))
    except csv.Error as error:
        raise DataError(f"cannot be read: {error}", file=file, line=reader.line_num) from None
    if not rows:
        raise DataError("has no row below its header", file=file)
    return rows


def _text(file: str, endings: tuple[str, ...], wanted: str) -> str:
    path = Path(file).expanduser()
    if path.suffix.lower() not in endings:
        raise DataError(wanted, file=file)
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror})", file=file) from None
    except UnicodeDecodeError:
        raise DataError("is not UTF-8", file=file, hint="Save it as UTF-8") from None


def _yaml(text: str, file: str) -> list[Row]:
    """Return the entries of a YAML list, each a text or a mapping of texts."""
    import yaml

    wanted = "Write a list: - {text: 'I met {a person}.', label: neutral}"
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise DataError(f"is no YAML: {error.problem}", file=file, line=line) from None
    except yaml.YAMLError as error:
        raise DataError(f"is no YAML: {str(error).splitlines()[0]}", file=file) from None
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise DataError(
            "is no list of templates", file=file, line=root.start_mark.line + 1, hint=wanted
        )
    rows = []
    for node in root.value:
        line = node.start_mark.line + 1
        if isinstance(node, yaml.ScalarNode):
            rows.append(Row(line, {"text": node.value}))
            continue
        pairs = node.value if isinstance(node, yaml.MappingNode) else [(node, node)]
        cells: dict[str, str] = {}
        for key, value in pairs:
            if not (isinstance(key, yaml.ScalarNode) and isinstance(value, yaml.ScalarNode)):
                raise DataError(
                    "is neither a text nor texts by name", file=file, line=line, hint=wanted
                )
            if key.value not in ("text", "label") or key.value in cells:
                raise DataError(
                    f"unknown or repeated key '{key.value}'",
                    file=file,
                    line=key.start_mark.line + 1,
                    hint=did_you_mean(key.value, ["text", "label"]),
                )
            cells[key.value] = value.value
        if "text" not in cells:
            raise DataError("has no 'text'", file=file, line=line, hint=wanted)
        rows.append(Row(line, cells))
    return rows
