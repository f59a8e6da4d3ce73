"""The tree of errors. Each class carries the exit code the command line ends with.

::

    AuditkitError              4   base; never raised itself
    ├── UserError              2   something the user can put right
    │   ├── UsageError         2   flags and arguments
    │   ├── SuiteError         2   the suite file
    │   ├── DataError          2   the data set
    │   ├── ModelError         2   the checkpoint or its tokenizer
    │   ├── PluginError        2   an evaluator that cannot be loaded
    │   ├── ResourceError      2   a file a check needs besides model and data
    │   └── RecordError        2   a run folder that is missing, damaged or too new
    ├── CheckError             3   a check that did not finish
    └── InternalError          4   a defect of auditkit itself

Errors of other libraries are mapped to these at the boundary where they occur.
"""

from __future__ import annotations

from pathlib import Path

__all__ = [
    "AuditkitError",
    "CheckError",
    "DataError",
    "InternalError",
    "ModelError",
    "PluginError",
    "RecordError",
    "ResourceError",
    "SuiteError",
    "UsageError",
    "UserError",
    "did_you_mean",
]


class AuditkitError(Exception):
    """Base of every error auditkit raises on purpose.

    Parameters
    ----------
    message
        What is wrong, in one sentence without a full stop at its end.
    file, line, column
        Where it is wrong: the file, its line (from 1), the name of the data column.
    hint
        The next step, as an imperative sentence.
    """

    exit_code = 4

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        column: str | None = None,
        hint: str | None = None,
    ) -> None:
        self.message = message
        self.file = str(file) if file is not None else None
        self.line = line
        self.column = column
        self.hint = hint
        super().__init__(str(self))

    def __str__(self) -> str:
        where = ""
        if self.file is not None:
            where = self.file if self.line is None else f"{self.file}:{self.line}"
            where += ": "
        elif self.line is not None:
            where = f"line {self.line}: "
        if self.column is not None:
            where += f"column '{self.column}': "
        hint = f". {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"


class UserError(AuditkitError):
    """Something the user can put right; printed as one message without a traceback."""

    exit_code = 2


class UsageError(UserError):
    """Flags or arguments that do not make sense."""


class SuiteError(UserError):
    """A suite file that cannot be used; names file and line."""


class DataError(UserError):
    """A data set that cannot be used; names file, and line or column."""


class ModelError(UserError):
    """A checkpoint or tokenizer that cannot be loaded or does not fit the suite."""


class PluginError(UserError):
    """An evaluator that cannot be found, loaded or does not keep the contract."""


class ResourceError(UserError):
    """A file that a check needs besides model and data, and that is not there or not usable."""


class RecordError(UserError):
    """A run folder that is missing, damaged, or written by a newer auditkit."""


class CheckError(AuditkitError):
    """A check that did not finish. Recorded; the other checks go on."""

    exit_code = 3


class InternalError(AuditkitError):
    """A defect of auditkit itself."""

    exit_code = 4


def did_you_mean(name: str, known: list[str]) -> str:
    """Return a hint that names the closest known spelling and lists what is known.

    >>> did_you_mean("acuracy", ["accuracy", "f1"])
    "Did you mean 'accuracy'? Known: accuracy, f1"
    >>> did_you_mean("zzz", ["accuracy"])
    'Known: accuracy'
    """
    import difflib

    close = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    listing = "Known: " + ", ".join(known) if known else "None are known"
    return f"Did you mean '{close[0]}'? {listing}" if close else listing
