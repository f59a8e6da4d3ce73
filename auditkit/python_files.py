"""Code of the user's: classes that a suite names as ``./file.py:Class``."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import sys
from pathlib import Path
from types import ModuleType

from auditkit.errors import PluginError, did_you_mean

__all__ = ["FILE_MODULE", "load_from_file", "load_module", "names_a_file"]

FILE_MODULE = "auditkit_plugin_"
"""What the names of modules that were loaded by path begin with."""


def names_a_file(name: str) -> bool:
    """Whether a name in a suite is that of a class in a file.

    >>> names_a_file("./kinds.py:Slang"), names_a_file("typo")
    (True, False)
    """
    return ":" in name


def load_from_file(name: str) -> object:
    """Return what ``./file.py:Class`` names; the path is relative to the current folder.

    Raises
    ------
    PluginError
        If there is no such file, it cannot be imported, or it has no such class.
    """
    file, _, attribute = name.rpartition(":")
    path = Path(file).expanduser()
    if not path.is_file():
        raise PluginError(
            f"there is no such file: {file}",
            hint="Write ./file.py:Class, with the path from the current folder",
        )
    module = load_module(path.resolve(), file)
    found = getattr(module, attribute, None)
    if found is None:
        classes = sorted(
            key
            for key, value in vars(module).items()
            if inspect.isclass(value) and value.__module__ == module.__name__
        )
        raise PluginError(
            f"{file} has no class '{attribute}'", hint=did_you_mean(attribute, classes)
        )
    return found


def load_module(path: Path, shown: str) -> ModuleType:
    """Import a file by its path.

    Parameters
    ----------
    path
        The file, from the root of the file system.
    shown
        What messages call it.

    Raises
    ------
    PluginError
        If it cannot be imported.
    """
    # The name is the content's, so that a changed file is another module.
    name = f"{FILE_MODULE}{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError(f"{shown} is not a Python file", hint="Write ./file.py:Class")
    # Loaded twice, by another spelling of its path say, its classes would not be the same.
    if name in sys.modules:
        return sys.modules[name]
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        del sys.modules[name]
        raise PluginError(f"{shown} cannot be imported: {type(error).__name__}: {error}") from error
    return module
