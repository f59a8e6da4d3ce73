"""Cells of any format → columns with one spelling: the first of two steps.

What can only be decided with the whole data set in view (which labels there are, whether
rationales are masks or offsets) is noted here and applied by the second step.
"""

from __future__ import annotations

import hashlib
import json
import math
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from auditkit.data.examples import GROUP_PREFIX
from auditkit.data.files import Number, Rows
from auditkit.data.labels import LabelValue
from auditkit.data.problems import Problems
from auditkit.suite import DataConfig

__all__ = ["Columns", "spelling", "word_mask", "words_of_spans"]

MAX_LABELS = 10_000
_REMOVE = "Remove these rows from the data, or correct them"


class Columns:
    """Turns batches of rows into Arrow batches and gathers what the second step needs."""

    def __init__(
        self, config: DataConfig, multi_label: bool, cells_are_text: bool, problems: Problems
    ) -> None:
        self.label_values: dict[str, LabelValue] = {}
        self.group_kinds: dict[str, str] = {}
        """``value`` or ``list`` for each group column that has a known value."""
        self.rationale_form: str | None = None
        """``spans``, ``offsets`` or ``mask``; None where there is none."""
        self._positions = array("q")
        self._digests = array("Q")
        self._config = config
        self._multi_label = multi_label
        self._cells_are_text = cells_are_text
        self._problems = problems
        self.schema = pa.schema(self._fields())

    def _fields(self) -> list[tuple[str, pa.DataType]]:
        config = self._config
        texts = pa.list_(pa.string())
        fields = [("text", pa.string())]
        if config.pair is not None:
            fields.append(("text_pair", pa.string()))
        fields.append(("label", texts if self._multi_label else pa.string()))
        if config.id is not None:
            fields.append(("id", pa.string()))
        fields += [(GROUP_PREFIX + name, texts) for name in config.groups]
        if config.rationale is not None:
            fields.append(("rationale", pa.list_(pa.int64())))
        return fields

    @property
    def positions(self) -> npt.NDArray[np.int64]:
        """Line or row of each example."""
        return np.frombuffer(self._positions, np.int64)

    @property
    def digests(self) -> npt.NDArray[np.uint64]:
        """First 64 bits of SHA-256 over each example's id, or its texts and label without one."""
        return np.frombuffer(self._digests, np.uint64)

    def convert(self, rows: Rows) -> pa.RecordBatch:
        """Convert a batch; cells that cannot be used become null and a problem."""
        config, positions = self._config, rows.positions
        texts = self._texts(rows, config.text)
        columns: dict[str, Sequence[Any]] = {"text": texts}
        if config.pair is not None:
            columns["text_pair"] = self._texts(rows, config.pair)
        columns["label"] = self._labels(rows)
        if config.id is None:
            contents = zip(*columns.values(), strict=True)
            self._digests.extend(_digest(_flat(content)) for content in contents)
        else:
            columns["id"] = self._ids(rows, config.id)
            self._digests.extend(_digest([example_id]) for example_id in columns["id"])
        for name in config.groups:
            columns[GROUP_PREFIX + name] = self._groups(rows, name)
        if config.rationale is not None:
            columns["rationale"] = self._rationales(rows, config.rationale)
        self._positions.extend(positions)
        arrays = [
            self._array(field, columns[field.name], positions) for field in self.schema
        ]  # fmt: skip
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _array(self, field: pa.Field, values: Sequence[Any], positions: list[int]) -> pa.Array:
        try:
            return pa.array(values, field.type)
        except UnicodeEncodeError:  # JSON can spell half of a pair of surrogates
            usable = []
            for value, position in zip(values, positions, strict=True):
                broken = any(_is_broken(part) for part in _flat([value]))
                usable.append(None if broken else value)
                if broken:
                    column = self._column_of(field.name)
                    message = "half of a surrogate pair, which is no character,"
                    self._problems.add(position, column, f"there is {message}", _REMOVE)
            return pa.array(usable, field.type)

    def _column_of(self, name: str) -> str:
        config = self._config
        roles = {"text": config.text, "text_pair": config.pair, "label": config.label}
        return roles.get(name) or name.removeprefix(GROUP_PREFIX)

    def _texts(self, rows: Rows, column: str) -> list[str | None]:
        texts: list[str | None] = []
        for value, position in zip(rows.columns[column], rows.positions, strict=True):
            if type(value) is str and value and not value.isspace():
                texts.append(value)
                continue
            texts.append(None)
            if isinstance(value, str) and not isinstance(value, Number):
                self._problems.add(position, column, "the text is empty", _REMOVE)
            elif value is None:
                self._problems.add(position, column, "the text is missing", _REMOVE)
            else:
                message = f"there is {_kind(value)} where a text should be"
                self._problems.add(position, column, message, "Check the name of the text's column")
        return texts

    def _labels(self, rows: Rows) -> list[Any]:
        column = self._config.label
        convert = self._label_list if self._multi_label else self._label
        labels: list[Any] = []
        for value, position in zip(rows.columns[column], rows.positions, strict=True):
            label = convert(value, position)
            labels.append(label)
            for part in _flat([label]):
                seen = self.label_values.get(part)
                if seen is not None:
                    seen.count += 1
                elif len(self.label_values) < MAX_LABELS:
                    self.label_values[part] = LabelValue(1, position)
                else:
                    raise self._problems.place.error(
                        f"has more than {MAX_LABELS} different values",
                        column=column,
                        hint="Is this the column of the labels?",
                    )
        return labels

    def _label(self, value: Any, position: int) -> str | None:
        if isinstance(value, list | dict):
            self._problems.add(
                position,
                self._config.label,
                f"there is {_kind(value)} where one label should be",
                "Set 'multi_label: true' if several labels may hold",
            )
            return None
        label = spelling(value)
        if not label:
            self._problems.add(
                position,
                self._config.label,
                "the label is missing",
                "Remove these rows, or label them",
            )
            return None
        return label

    def _label_list(self, value: Any, position: int) -> list[str] | None:
        def refuse(message: str, hint: str) -> None:
            self._problems.add(position, self._config.label, message, hint)

        if self._cells_are_text:
            parts: list[Any] = [part.strip() for part in value.split("|")] if value.strip() else []
        elif isinstance(value, list):
            parts = value
        elif value is None:
            refuse("the labels are missing", "Give an empty list where no label holds")
            return None
        else:
            refuse(f"there is {_kind(value)} where a list of labels should be", "Write lists")
            return None
        labels = [None if isinstance(part, list | dict) else spelling(part) for part in parts]
        if not all(labels):
            refuse("a list of labels holds something that is no label", _REMOVE)
            return None
        if len(set(labels)) < len(labels):
            refuse(
                "a list of labels names a label twice",
                "List the names or ids of the labels that hold, not a 0 or 1 for each label",
            )
            return None
        return [label for label in labels if label is not None]

    def _ids(self, rows: Rows, column: str) -> list[str]:
        ids = []
        for value, position in zip(rows.columns[column], rows.positions, strict=True):
            name = None if isinstance(value, list | dict) else spelling(value)
            if not name:
                self._problems.add(position, column, "the id is missing", "Give each row an id")
            ids.append(name or "")
        return ids

    def _groups(self, rows: Rows, column: str) -> list[list[str] | None]:
        """Return memberships as lists; the second step unpacks columns of single values."""
        groups: list[list[str] | None] = []
        for value, position in zip(rows.columns[column], rows.positions, strict=True):
            if isinstance(value, list | dict):
                kind = "list"
                names = [None if isinstance(m, list | dict) else spelling(m) for m in value]
                if isinstance(value, dict) or not all(names):
                    self._problems.add(
                        position, column, "there is a group without a name", "Write text, or null"
                    )
                    groups.append(None)
                    continue
            else:
                kind = "value"
                names = [spelling(value)]
                if not names[0]:
                    groups.append(None)  # empty, null or NaN: unknown
                    continue
            if self.group_kinds.setdefault(column, kind) != kind:
                self._problems.add(
                    position, column, "single values and lists are mixed", "Write lists throughout"
                )
            groups.append([name for name in dict.fromkeys(names) if name])
        return groups

    def _rationales(self, rows: Rows, column: str) -> list[list[int] | None]:
        rationales: list[list[int] | None] = []
        for value, position in zip(rows.columns[column], rows.positions, strict=True):
            try:
                rationales.append(self._rationale(value))
            except ValueError as error:
                rationales.append(None)
                hint = "Write 0 or 1 for each word, character offsets, or [start, end) spans"
                self._problems.add(position, column, str(error), hint)
        return rationales

    def _rationale(self, value: Any) -> list[int] | None:
        if self._cells_are_text:
            if not value.strip():
                return None
            try:
                value = json.loads(value)
            except (json.JSONDecodeError, RecursionError):
                raise ValueError("there is no list where a rationale should be") from None
        if value is None:
            return None
        if not isinstance(value, list):
            raise ValueError(f"there is {_kind(value)} where a rationale should be")
        if value and all(isinstance(item, list) for item in value):
            if any(len(span) != 2 for span in value):
                raise ValueError("a span is no pair of start and end")
            form = "spans"
            numbers = [_whole(bound) for span in value for bound in span]
        else:
            numbers = [_whole(item) for item in value]
            form = "offsets" if any(number > 1 for number in numbers) else "mask"
        if not value:
            return []
        known = self.rationale_form
        if known is not None and "spans" in (known, form) and known != form:
            raise ValueError("spans and single numbers are mixed")
        # Offsets may be 0 and 1 too, so one larger number anywhere settles it for the column.
        self.rationale_form = form if known in (None, "mask") else known
        return numbers


def word_mask(rationale: Sequence[int], text: str, form: str | None) -> list[int]:
    """Return 0 or 1 for each word of ``text.split()``.

    Parameters
    ----------
    rationale
        As the form says: 0 or 1 for each word (``mask``), positions of characters (``offsets``),
        or starts and ends in turn, each end just behind its span (``spans``).

    Raises
    ------
    ValueError
        If it does not fit the text.

    Examples
    --------
    >>> word_mask([0, 4, 11, 14], "good food, bad service", "spans")
    [1, 0, 1, 0]
    >>> word_mask([16], "good food, bad service", "offsets")
    [0, 0, 0, 1]
    """
    if form == "mask" or (form is None and not rationale):
        count = len(text.split())
        if form == "mask" and len(rationale) != count:
            raise ValueError(f"the rationale has {len(rationale)} entries for {count} words")
        return list(rationale) or [0] * count
    if form == "offsets":
        spans = [(offset, offset + 1) for offset in rationale]
    else:
        spans = list(zip(rationale[::2], rationale[1::2], strict=True))
    return words_of_spans(spans, text)


def words_of_spans(spans: Sequence[tuple[int, int]], text: str) -> list[int]:
    """Return 1 for each word of ``text.split()`` that shares a character with a span."""
    marked = bytearray(len(text))
    for start, end in spans:
        if not 0 <= start < end <= len(text):
            raise ValueError("the rationale goes beyond the text")
        marked[start:end] = b"\1" * (end - start)
    mask, position = [], 0
    for word in text.split():
        start = text.index(word, position)
        position = start + len(word)
        mask.append(int(any(marked[start:position])))
    return mask


def _whole(number: Any) -> int:
    """Return a whole number that is not negative, whatever type it was read as."""
    try:
        value = float(number) if isinstance(number, str | int | float) else math.nan
    except ValueError:
        value = math.nan
    if not value.is_integer() or value < 0 or value > 2**53:
        raise ValueError("the rationale holds something other than whole numbers from 0")
    return int(value)


_SPELLINGS: Mapping[type, Callable[[Any], str | None]] = {
    str: lambda value: value,
    Number: str,
    bool: lambda value: "true" if value else "false",
    int: str,
    float: lambda value: None if math.isnan(value) else repr(value),
    bytes: lambda value: value.decode("utf-8", "replace"),
    type(None): lambda _: None,
}


def spelling(value: Any) -> str | None:
    """Return a single value as text: as it is spelled in the file, or as Python spells it."""
    spell = _SPELLINGS.get(type(value), str)
    return spell(value)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Number | int | float):
        return "a number"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, dict):
        return "an object"
    return f"a value of type {type(value).__name__}"


def _flat(values: Sequence[Any]) -> list[str]:
    """Return the texts in values that are texts, lists of texts or None."""
    flat: list[str] = []
    for value in values:
        if isinstance(value, list):
            flat += value
        elif value is not None:
            flat.append(value)
    return flat


def _digest(parts: Sequence[str]) -> int:
    raw = [part.encode("utf-8", "surrogatepass") for part in parts]
    # With its length before each part no two contents look the same.
    framed = b"".join(b"%d:%b" % (len(part), part) for part in raw)
    return int.from_bytes(hashlib.sha256(framed).digest()[:8], "big")


def _is_broken(text: Any) -> bool:
    return isinstance(text, str) and any("\ud800" <= character <= "\udfff" for character in text)
