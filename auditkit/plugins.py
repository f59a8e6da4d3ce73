"""Where evaluators come from: this package, another one, or a file.

A suite names an evaluator by its own name (``performance``), by the name another installed
package gave it in the entry-point group ``auditkit.evaluators``, or as ``./file.py:Class``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import inspect
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import TYPE_CHECKING

from auditkit.errors import PluginError, did_you_mean

if TYPE_CHECKING:
    from auditkit.evaluators.base import Evaluator

__all__ = ["EvaluatorListing", "find_evaluators", "load_evaluator", "source_digest"]

_BUILT_IN = {
    "performance": "auditkit.evaluators.performance:Performance",
}
_GROUP = "auditkit.evaluators"


@dataclass(frozen=True)
class EvaluatorListing:
    """An evaluator that a suite can name."""

    name: str
    """What a suite calls it."""
    target: str
    """``module:Class``."""
    origin: str
    """``auditkit``, or the package that brings it."""


def find_evaluators() -> list[EvaluatorListing]:
    """Return the evaluators that are installed, sorted by name, without importing them.

    Raises
    ------
    PluginError
        If two packages give the same name.
    """
    found = {name: EvaluatorListing(name, target, "auditkit") for name, target in _BUILT_IN.items()}
    for point in sorted(entry_points(group=_GROUP), key=lambda point: point.name):
        origin = point.dist.name if point.dist else "unknown package"
        other = found.get(point.name)
        if other is not None and other.target != point.value:
            raise PluginError(
                f"two packages bring an evaluator '{point.name}': {other.origin} and {origin}",
                hint="Uninstall one of them",
            )
        found[point.name] = EvaluatorListing(point.name, point.value, origin)
    return sorted(found.values(), key=lambda listing: listing.name)


def load_evaluator(name: str) -> type[Evaluator]:
    """Return the class of the evaluator that a suite calls ``name``.

    Raises
    ------
    PluginError
        If there is none, it cannot be imported, or it does not keep the contract.
    """
    if ":" in name:
        return _verified(_load_file(name), name)
    listings = {listing.name: listing for listing in find_evaluators()}
    if name not in listings:
        raise PluginError(
            f"there is no evaluator '{name}'", hint=did_you_mean(name, sorted(listings))
        )
    module, _, attribute = listings[name].target.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:
        raise PluginError(
            f"the evaluator '{name}' of {listings[name].origin} cannot be loaded: "
            f"{type(error).__name__}: {error}"
        ) from error
    return _verified(found, name)


def _load_file(name: str) -> object:
    file, _, attribute = name.rpartition(":")
    path = Path(file)
    if not path.is_file():
        raise PluginError("there is no such file", file=file, hint="Write ./file.py:Class")
    found = getattr(_module(path.resolve()), attribute, None)
    if found is None:
        raise PluginError(f"has no class '{attribute}'", file=file)
    return found


@cache
def _module(path: Path) -> object:
    # The name is the content's, so that a changed file is another module.
    name = f"auditkit_plugin_{hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("is not a Python file", file=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise PluginError(
            f"cannot be imported: {type(error).__name__}: {error}", file=path
        ) from error
    return module


def _verified(found: object, name: str) -> type[Evaluator]:
    """Hold a class against the contract of an evaluator, so that it fails now, not in a run."""
    from pydantic import BaseModel

    from auditkit.evaluators.base import Collector, Evaluator

    def refuse(why: str) -> PluginError:
        return PluginError(f"the evaluator '{name}' {why}")

    if not (inspect.isclass(found) and issubclass(found, Evaluator)):
        raise refuse("is not a subclass of auditkit.evaluators.base.Evaluator")
    for attribute in ("name", "version"):
        if not isinstance(getattr(found, attribute, None), str):
            raise refuse(f"has no class attribute '{attribute}', a text")
    if not (inspect.isclass(found.Params) and issubclass(found.Params, BaseModel)):
        raise refuse("has a Params that is not a pydantic model")
    if inspect.isabstract(found):
        missing = ", ".join(sorted(found.__abstractmethods__))
        raise refuse(f"does not define {missing}")
    if issubclass(found, Collector):
        arguments = list(inspect.signature(found.collect).parameters)
        if arguments != ["self", "shard", "context"]:
            raise refuse(
                f"has collect({', '.join(arguments)}), it must be collect(self, shard, context)"
            )
        if not isinstance(found.shard_size, int) or found.shard_size < 1:
            raise refuse("has a shard_size that is not a whole number of at least 1")
    return found


def source_digest(evaluator: type[Evaluator]) -> str:
    """Return the SHA-256 of the file that defines an evaluator."""
    file = inspect.getsourcefile(evaluator)
    return hashlib.sha256(Path(file).read_bytes() if file else b"").hexdigest()
