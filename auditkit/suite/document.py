"""YAML with positions: a file becomes a tree of plain values that knows where each entry is.

The scalars follow YAML 1.2's core schema, so ``no``, ``yes``, ``on`` and ``off`` are text, and an
unquoted number or ``true`` remembers its spelling: where a suite wants text (a label, the value
of a slice), ``1.0`` stays ``1.0``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from auditkit.errors import SuiteError

__all__ = ["Document", "KeyPath", "Mark", "Plain", "is_null", "plain_values", "read_document"]

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where an entry is: keys of mappings and indices of lists, from the root."""

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_ENTRIES = 50_000  # counted with every alias written out, which is what a YAML bomb grows by

_PLAIN_TAG = "auditkit:plain"
_STANDARD = "tag:yaml.org,2002:"
_TYPED_TAGS = {_PLAIN_TAG, *(f"{_STANDARD}{kind}" for kind in ("int", "float", "bool", "null"))}

_INTEGER = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | float | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), float("nan")),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), float("-inf")),
}


@dataclass(frozen=True)
class Plain:
    """An unquoted scalar that is no text: what it means and how it was spelled."""

    value: bool | int | float | None
    spelling: str


@dataclass(frozen=True)
class Mark:
    """Where an entry is written: the file and the line, from 1."""

    file: Path
    line: int


@dataclass(frozen=True)
class Document:
    """The content of a YAML file, with what it includes, and where its entries are written."""

    file: Path
    root: Any
    marks: Mapping[KeyPath, Mark] = field(repr=False)
    included: tuple[Path, ...] = ()
    """The files that were merged in, the nearest first."""

    def mark(self, path: KeyPath) -> Mark:
        """Return where the entry, or the nearest one around it, is written."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, Mark(self.file, 1))

    def line(self, path: KeyPath) -> int:
        """Return the line of the entry, or of the nearest one around it."""
        return self.mark(path).line

    def error(self, path: KeyPath, message: str, hint: str | None = None) -> SuiteError:
        """Return an error that names the entry's file and line."""
        mark = self.mark(path)
        return SuiteError(message, file=mark.file, line=mark.line, hint=hint)


def plain_values(tree: Any) -> Any:
    """Return the tree with every scalar as the value it means."""
    if isinstance(tree, Plain):
        return tree.value
    if isinstance(tree, dict):
        return {key: plain_values(value) for key, value in tree.items()}
    if isinstance(tree, list):
        return [plain_values(item) for item in tree]
    return tree


def is_null(tree: Any) -> bool:
    """Whether an entry is written without a value."""
    return isinstance(tree, Plain) and tree.value is None


def read_document(file: Path) -> Document:
    """Read a YAML file.

    Raises
    ------
    SuiteError
        If the file cannot be read, is no UTF-8 or no valid YAML, holds several documents, a key
        twice, a tag that is not YAML's own, or is nested or repeated beyond measure.
    """
    text = _read_text(file)
    try:
        node = _Loader(text).get_single_node()
        if node is None:
            raise SuiteError("the file is empty", file=file, line=1)
        builder = _Builder()
        root = builder.build(node, ())
    except _RefusedError as refused:
        raise SuiteError(refused.message, file=file, line=refused.line) from None
    except yaml.reader.ReaderError as error:
        message = f"the character U+{error.character:04X} is not allowed in YAML"
        line = text.count("\n", 0, error.position) + 1
        raise SuiteError(message, file=file, line=line) from None
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, file) from None
    return Document(file, root, {path: Mark(file, line) for path, line in builder.lines.items()})


def _read_text(file: Path) -> str:
    try:
        with file.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except IsADirectoryError:
        raise SuiteError("is a folder, not a file", file=file) from None
    except OSError as error:
        raise SuiteError(f"cannot be read ({error.strerror})", file=file) from None
    if len(raw) > MAX_BYTES:
        raise SuiteError(f"is larger than {MAX_BYTES >> 20} MiB", file=file)
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise SuiteError("is not UTF-8", file=file, line=line, hint="Save it as UTF-8") from None


def _syntax_error(error: yaml.MarkedYAMLError, text: str, file: Path) -> SuiteError:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark else 1
    rows = text.splitlines()
    row = rows[line - 1] if line <= len(rows) else ""
    if "\t" in row[: len(row) - len(row.lstrip())]:
        return SuiteError(
            "a tab is used for indentation", file=file, line=line, hint="Indent with spaces"
        )
    if "single document" in (error.context or ""):
        return SuiteError(
            "a second document begins here", file=file, line=line, hint="Remove the line '---'"
        )
    context = f" {error.context}" if error.context else ""
    return SuiteError(f"is not valid YAML{context}: {error.problem}", file=file, line=line)


class _RefusedError(Exception):
    """A document that is valid YAML, and not taken."""

    def __init__(self, message: str, node: yaml.Node | yaml.Event) -> None:
        self.message = message
        self.line: int = node.start_mark.line + 1  # type: ignore[union-attr]  # parsed nodes have it
        super().__init__(message)


class _Loader(yaml.SafeLoader):
    """Composes nodes; leaves what an unquoted scalar means to the builder."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise _RefusedError(f"is nested more than {MAX_DEPTH} levels deep", self.peek_event())  # type: ignore[no-untyped-call]
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> Any:
        if kind is yaml.ScalarNode and implicit[0]:
            return _PLAIN_TAG
        return super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]


class _Builder:
    """Turns nodes into values and notes the line of each entry."""

    def __init__(self) -> None:
        self.lines: dict[KeyPath, int] = {}
        self.entries = 0

    def build(self, node: yaml.Node, path: KeyPath) -> Any:
        self.entries += 1
        if self.entries > MAX_ENTRIES:
            raise _RefusedError(f"aliases write out to over {MAX_ENTRIES} entries", node)
        if len(path) > MAX_DEPTH:  # only an alias inside its own anchor gets here
            raise _RefusedError("an alias refers to what it is part of", node)
        self.lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode) and node.tag == f"{_STANDARD}map":
            return self._mapping(node, path)
        if isinstance(node, yaml.SequenceNode) and node.tag == f"{_STANDARD}seq":
            return [self.build(item, (*path, index)) for index, item in enumerate(node.value)]
        if isinstance(node, yaml.ScalarNode):
            if node.tag in _TYPED_TAGS:
                return _resolve(node)
            if node.tag == f"{_STANDARD}str":
                return node.value
        raise _RefusedError(f"the tag {node.tag.replace(_STANDARD, '!!')} is not allowed", node)

    def _mapping(self, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        result: dict[str, Any] = {}
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if _is_merge(key):
                for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    if not isinstance(source, yaml.MappingNode):
                        raise _RefusedError("'<<' takes an alias of a mapping", key)
                    result = {**self.build(source, path), **result}
        for key, value in node.value:
            if _is_merge(key):
                continue
            if not isinstance(key, yaml.ScalarNode):
                raise _RefusedError("a key is a list or a mapping; it should be a word", key)
            line = key.start_mark.line + 1
            if key.value in first_lines:
                first = first_lines[key.value]
                raise _RefusedError(
                    f"the key '{key.value}' is here twice (first on line {first})", key
                )
            first_lines[key.value] = line
            self.lines[(*path, key.value)] = line
            result[key.value] = self.build(value, (*path, key.value))
        return result


def _is_merge(key: yaml.Node) -> bool:
    return key.tag == _PLAIN_TAG and key.value == "<<"


def _resolve(node: yaml.ScalarNode) -> str | Plain:
    text: str = node.value
    if text in _WORDS:
        return Plain(_WORDS[text], text)
    if _INTEGER.fullmatch(text):
        try:
            return Plain(int(text), text)
        except ValueError:  # Python refuses to convert thousands of digits
            raise _RefusedError("the number has too many digits", node) from None
    if _FLOAT.fullmatch(text):
        return Plain(float(text), text)
    return text
