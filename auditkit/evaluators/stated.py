"""Settings that name something in full or in a word, and the files they name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import GetJsonSchemaHandler
from pydantic_core import CoreSchema

__all__ = ["OrText", "stated_digest"]


class OrText:
    """Tells the JSON Schema of suites that a text does as well as a mapping."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [{"type": "string"}, handler(core)]}


def stated_digest(path: str, stated: str | None) -> str:
    """Return the SHA-256 (hex) of a file that settings name.

    Settings that hold the digest of such a file hold all that evidence depends on: they are part
    of the key by which finished evidence is found again.

    Parameters
    ----------
    path
        The file, relative to the current folder.
    stated
        The digest that the settings state, from a record for instance; None where they do not.

    Raises
    ------
    ValueError
        If the file cannot be read, or has another digest than the one stated.
    """
    try:
        found = hashlib.sha256(Path(path).expanduser().read_bytes()).hexdigest()
    except FileNotFoundError:
        raise ValueError(
            f"there is no such file: {path}. Paths are relative to the current folder"
        ) from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read ({error.strerror})") from None
    if stated is not None and stated != found:
        raise ValueError(
            f"{path} has changed: its digest is {found[:8]}…, not {stated[:8]}…. "
            "Leave 'digest' out to take the file as it is"
        )
    return found
