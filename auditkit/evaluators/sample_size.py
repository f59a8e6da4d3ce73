"""How many examples a check draws: a number, or all of them."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, GetJsonSchemaHandler
from pydantic_core import CoreSchema

__all__ = ["CountOrAll"]


class _OrAll:
    """Tells the JSON Schema of suites that ``all`` does as well."""

    def __get_pydantic_json_schema__(
        self, core: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        return {"anyOf": [handler(core), {"const": "all"}]}


def _all_is_none(value: Any) -> Any:
    return None if value == "all" else value


CountOrAll: TypeAlias = Annotated[
    Annotated[int, Field(ge=1)] | None, BeforeValidator(_all_is_none), _OrAll()
]
"""A number of examples, at least 1; ``all`` in a suite, None here, for every one."""
