"""pydantic's errors in plain words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from auditkit.errors import did_you_mean
from auditkit.suite.document import KeyPath, Plain

__all__ = ["Problem", "first_problem"]

_WANTED = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a mapping (key: value)",
    "mapping": "a mapping (key: value)",
    "model": "a mapping (key: value)",
    "list": "a list",
    "tuple": "a list",
    "set": "a list",
    "finite": "a finite number",
}
"""What pydantic's error types want, by their first word."""

_LIMITS = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("above", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("below", "lt"),
}


@dataclass(frozen=True)
class Problem:
    """What is wrong with one entry."""

    path: KeyPath
    message: str
    hint: str | None


def first_problem(
    error: ValidationError,
    model: type[BaseModel],
    line: Callable[[KeyPath], int | None] = lambda _: None,
    also: Sequence[str] = (),
) -> Problem:
    """Return the problem that comes first in the file.

    Parameters
    ----------
    model
        What was validated; its fields are the keys that are known.
    line
        Line of an entry, which decides what comes first.
    also
        Keys that are known beside the model's fields.
    """
    details = min(error.errors(include_url=False), key=lambda found: line(tuple(found["loc"])) or 0)
    path: KeyPath = tuple(details["loc"])
    kind = details["type"]
    if kind == "extra_forbidden":
        where = f" in {_named(path[:-1])}" if path[:-1] else ""
        return Problem(
            path,
            f"unknown key '{path[-1]}'{where}",
            did_you_mean(str(path[-1]), [*_keys(model, path[:-1]), *(() if path[1:] else also)]),
        )
    if kind == "missing":
        where = f" in {_named(path[:-1])}" if path[:-1] else ""
        return Problem(path, f"'{path[-1]}' is missing{where}", None)
    subject = f"{_named(path)} " if path else ""
    if kind == "literal_error":
        choices = [str(choice) for choice in _choices(details)]
        return Problem(
            path,
            f"{subject}should not be {_shown(details['input'])}",
            did_you_mean(str(details["input"]), choices),
        )
    return Problem(path, subject + _complaint(details), None)


def _complaint(details: ErrorDetails) -> str:
    kind, context, given = details["type"], details.get("ctx", {}), details["input"]
    if kind == "value_error":
        return str(context["error"])
    if kind in _LIMITS:
        words, key = _LIMITS[kind]
        return f"should be {words} {context[key]:g}, not {_shown(given)}"
    if kind == "too_short":
        return f"should have at least {context['min_length']}"
    first = kind.split("_")[0]
    if first in _WANTED:
        hint = ", in quotes" if first == "string" and isinstance(given, bool | int | float) else ""
        return f"should be {_WANTED[first]}{hint}, not {_shown(given)}"
    # A check of an evaluator's own, or a rare type: pydantic's sentence, as a clause.
    message = details["msg"].replace("Input should", "should")
    return message[:1].lower() + message[1:]


def _shown(value: Any) -> str:
    if isinstance(value, Plain):
        return "empty" if value.value is None else value.spelling
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 40 else f"'{value[:37]}…'"
    return str(value)


def _choices(details: ErrorDetails) -> list[str]:
    expected: str = details["ctx"]["expected"]
    return [part.strip("' ") for part in expected.replace(" or ", ", ").split(",")]


def _named(path: KeyPath) -> str:
    """Return an entry in words, an entry of a list by its place from 1.

    >>> _named(("data", "path")), _named(("kinds", 4)), _named(("requirements", 0, "min"))
    ("'data.path'", "entry 5 of 'kinds'", "'min' in entry 1 of 'requirements'")
    """
    around, keys = "", ""
    for key in path:
        if isinstance(key, int):
            held = f"'{keys}'{f' in {around}' if around else ''}" if keys else around
            around, keys = f"entry {key + 1}{f' of {held}' if held else ''}", ""
        elif key != "[key]":
            keys += f".{key}" if keys else key
    if not keys:
        return around or "''"
    return f"'{keys}'{f' in {around}' if around else ''}"


def _keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """Return the keys that are known at ``path``."""
    for key in path:
        field = model.model_fields.get(key) if isinstance(key, str) else None
        if field is not None:
            inner = _model_in(field.annotation)
            if inner is not None:
                model = inner
    return list(model.model_fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model inside an annotation such as ``dict[str, Model]`` or ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
