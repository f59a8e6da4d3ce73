"""Recipes of one's own: a class with a static ``build(model_wrapper)``, in a Python file."""

from __future__ import annotations

import ast
import hashlib
import traceback
from pathlib import Path

from auditkit.errors import CheckError, PluginError, did_you_mean
from auditkit.python_files import load_from_file

__all__ = ["hold_recipe_file", "load_recipe"]


def hold_recipe_file(name: str) -> None:
    """Hold a file against what a recipe must be, without running it: it would import TextAttack.

    Parameters
    ----------
    name
        ``./file.py:Class``, the path relative to the current folder.

    Raises
    ------
    ValueError
        If the file is no Python, or has no such class with a ``build``; with file and line.
    """
    file, _, attribute = name.rpartition(":")
    try:
        tree = ast.parse(Path(file).expanduser().read_bytes(), file)
    except (SyntaxError, ValueError) as error:
        line = getattr(error, "lineno", None)
        where = f"{file}:{line}" if line else file
        raise ValueError(f"{where} is not Python: {getattr(error, 'msg', error)}") from None
    classes = {one.name: one for one in tree.body if isinstance(one, ast.ClassDef)}
    found = classes.get(attribute)
    if found is None:
        hint = did_you_mean(attribute, sorted(classes))
        raise ValueError(f"{file} has no class '{attribute}'. {hint}")
    # A class with a base may have its build from there.
    methods = [one.name for one in found.body if isinstance(one, ast.FunctionDef)]
    if not found.bases and "build" not in methods:
        raise ValueError(
            f"{file}:{found.lineno}: the class '{attribute}' has no build(model_wrapper), which "
            "returns a textattack.Attack"
        )


def load_recipe(name: str, digest: str | None) -> type:
    """Return the class that ``./file.py:Class`` names.

    Raises
    ------
    CheckError
        If the file is not the one with ``digest`` any more, or cannot be imported; with its line.
    """
    file = name.rpartition(":")[0]
    path = Path(file).expanduser()
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
        raise CheckError(f"{file} was changed while the audit ran", hint="Run it again")
    try:
        found = load_from_file(name)
    except PluginError as error:
        raise CheckError(error.message + _line_of(error, path), hint=error.hint) from error
    if not isinstance(found, type) or not callable(getattr(found, "build", None)):
        raise CheckError(
            f"'{name}' is not a recipe",
            hint="A recipe is a class with a static build(model_wrapper)",
        )
    return found


def _line_of(error: PluginError, path: Path) -> str:
    """Return the line of the file where importing it went wrong, in brackets, or nothing."""
    if error.__cause__ is None:
        return ""
    own = [
        frame.lineno
        for frame in traceback.extract_tb(error.__cause__.__traceback__)
        if Path(frame.filename) == path.resolve()
    ]
    return f" (line {own[-1]})" if own else ""
