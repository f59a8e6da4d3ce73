"""The kinds of perturbation that a suite names, auditkit's and the user's own."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field

from auditkit.errors import AuditkitError
from auditkit.evaluators.base import Params
from auditkit.evaluators.stated import OrText, stated_digest
from auditkit.perturbations import KINDS, Expectation, Perturbation, find_kind
from auditkit.perturbations.custom import file_kind, table_kind
from auditkit.python_files import names_a_file

__all__ = ["KindSettings", "Stated", "usual_kinds"]


class KindSettings(Params):
    """One kind of perturbation."""

    name: str = Field(min_length=1)
    """A kind that auditkit brings (``typo``), a class in a file (``./kinds.py:Slang``), or the name
    of a kind made from a table."""
    table: str | None = None
    """A CSV or TSV file with the columns ``from`` and ``to``, relative to the current folder."""
    digest: str | None = None
    """SHA-256 of the table or of the Python file, filled in where it is left out; another file
    is refused where it is not."""

    def kind(self) -> type[Perturbation]:
        """Return the kind.

        Raises
        ------
        UserError
            If there is none of that name, or it cannot be used.
        """
        return _kind(self.name, self.table, self.digest)


@cache
def _kind(name: str, table: str | None, digest: str | None) -> type[Perturbation]:  # noqa: ARG001
    """Return a kind; the digest makes a changed file another one."""
    if table is not None:
        return table_kind(name, table)
    return file_kind(name) if names_a_file(name) else find_kind(name)


def _in_full(kind: Any) -> Any:
    return {"name": kind} if isinstance(kind, str) else kind


def _complete(settings: KindSettings) -> KindSettings:
    """Return the settings with the digest of the file they name, if what they name can be used."""
    file = settings.table
    if file is None and names_a_file(settings.name):
        file = settings.name.rpartition(":")[0]
    if file is None and settings.digest is not None:
        raise ValueError("has a 'digest', which is for kinds of your own")
    try:
        if file is not None:
            digest = stated_digest(file, settings.digest)
            settings = settings.model_copy(update={"digest": digest})
        settings.kind()
    except (AuditkitError, ValueError) as error:
        raise ValueError(f"cannot be used: {error}") from error
    return settings


Stated: TypeAlias = Annotated[
    KindSettings, BeforeValidator(_in_full), AfterValidator(_complete), OrText()
]
"""A kind as a suite states it: by its name, or in full."""


def usual_kinds() -> tuple[KindSettings, ...]:
    """Return every kind that auditkit brings and that should not matter to any model.

    Whether a kind should turn the prediction depends on what the labels mean: a negation does so
    to a sentiment and not to a topic.
    """
    invariant = Expectation.INVARIANT
    return tuple(KindSettings(name=name) for name in KINDS if KINDS[name].expectation is invariant)
