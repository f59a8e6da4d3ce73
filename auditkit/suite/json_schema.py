"""The JSON Schema of a suite file, for editors that complete and check YAML.

It is made from the models, so that it says what they say. What only code can check (that a metric
exists, that columns differ) is left to ``auditkit validate``.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from auditkit.suite.descriptions import field_descriptions
from auditkit.suite.schema import (
    CardTexts,
    CheckConfig,
    DataConfig,
    Requirement,
    Suite,
    _or_empty,
    _or_empty_mapping,
    _text,
)

__all__ = ["suite_json_schema"]

_NAME = "^[A-Za-z0-9_-]+$"
_SPELLED = ["string", "number", "boolean"]
_MODELS: Mapping[str, type[BaseModel]] = {
    "data": DataConfig,
    "requirement": Requirement,
    "card": CardTexts,
}


def suite_json_schema(evaluators: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
    """Return the schema (draft 2020-12) of suite files.

    Parameters
    ----------
    evaluators
        The evaluators whose names are known and the models of their settings; None where the
        settings are not known. Any other name is accepted where a check says ``evaluator:``.
    """
    root = _described(Suite)
    definitions = {name: _described(model) for name, model in _MODELS.items()}
    definitions["data"].pop("required", None)  # an including suite may leave out what it inherits
    definitions["requirement"]["properties"]["metric"]["pattern"] = r"^[^.]+\..+$"
    definitions["requirement"]["anyOf"] = [{"required": ["min"]}, {"required": ["max"]}]
    for name, params in evaluators.items():
        definitions[_settings(name)] = _check(name, params)
    definitions["check"] = _check_of_any_evaluator(evaluators)
    properties = root["properties"]
    properties["auditkit"] |= {"minimum": 1}
    properties["name"]["pattern"] = _NAME
    properties["data"] = _described_ref("data", properties["data"])
    properties["card"] = _nullable_ref("card", properties["card"])
    properties["requirements"] = {
        "description": properties["requirements"]["description"],
        "type": ["array", "null"],
        "items": {"$ref": "#/$defs/requirement"},
    }
    properties["checks"] = _checks(evaluators)
    required = set(root.pop("required")) - {"name"}  # the file's own, if it has none
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **root,
        "title": "auditkit suite",
        "if": {"required": ["include"]},
        "else": {"required": sorted(required)},
        "$defs": definitions,
    }


def _checks(evaluators: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
    """Any name with ``evaluator:``; an evaluator's own name without."""
    return {
        "description": "By name, an evaluator and its settings.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": _NAME, "not": {"const": "predictions"}},
        "properties": {
            name: {
                "if": {"type": "object", "required": ["evaluator"]},
                "then": {"$ref": "#/$defs/check"},
                "else": {"$ref": f"#/$defs/{_settings(name)}"},
            }
            for name in evaluators
        },
        "additionalProperties": {"$ref": "#/$defs/check"},
    }


def _check_of_any_evaluator(evaluators: Mapping[str, type[BaseModel] | None]) -> dict[str, Any]:
    return {
        "type": "object",
        "required": ["evaluator"],
        "allOf": [
            {
                "if": {"properties": {"evaluator": {"const": name}}},
                "then": {"$ref": f"#/$defs/{_settings(name)}"},
            }
            for name in evaluators
        ],
    }


def _check(name: str, params: type[BaseModel] | None) -> dict[str, Any]:
    """The settings that every check has, and the evaluator's own."""
    common = _described(CheckConfig)["properties"]
    schema: dict[str, Any] = {
        "type": ["object", "null"],
        "properties": {key: common[key] for key in CheckConfig.RESERVED},
        "additionalProperties": params is None,
    }
    schema["properties"]["data"] = _nullable_ref("data", common["data"])
    if params is not None:
        inner = f"#/$defs/{_settings(name)}/$defs/{{model}}"
        own = params.model_json_schema(ref_template=inner)
        described = field_descriptions(params)
        for key, found in own.get("properties", {}).items():
            schema["properties"][key] = _with_description(found, described.get(key))
        if "required" in own:
            schema |= {"type": "object", "required": own["required"]}
        if "$defs" in own:
            schema["$defs"] = own["$defs"]
    return schema


def _settings(evaluator: str) -> str:
    return f"settings of {evaluator}".replace("/", " ").replace(" ", "_")


class _Generator(GenerateJsonSchema):
    """Knows what the suite's own validators take beside what pydantic sees."""

    def function_before_schema(
        self, schema: core_schema.BeforeValidatorFunctionSchema
    ) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        function = schema["function"]["function"]
        if function in (_or_empty, _or_empty_mapping):
            return {"anyOf": [inner, {"type": "null"}]}
        return _spelled(inner) if function is _text else inner


def _spelled(schema: JsonSchemaValue) -> JsonSchemaValue:
    """Where text is wanted, a number or ``true`` is taken as it is spelled."""
    if schema == {"type": "string"}:
        return {"type": _SPELLED}
    if schema == {"anyOf": [{"type": "string"}, {"type": "null"}]}:
        return {"type": [*_SPELLED, "null"]}
    return schema


def _described(model: type[BaseModel]) -> dict[str, Any]:
    """Return a model's own schema with the docstrings of its fields."""
    schema = model.model_json_schema(schema_generator=_Generator)
    schema.pop("$defs", None)
    documents = field_descriptions(model)
    for name, found in schema["properties"].items():
        schema["properties"][name] = _with_description(found, documents.get(name))
    schema["description"] = inspect.cleandoc(model.__doc__ or "")
    return schema


def _with_description(schema: dict[str, Any], text: str | None) -> dict[str, Any]:
    kept = {key: value for key, value in schema.items() if key != "title"}
    # Editors show Markdown.
    return {"description": text.replace("``", "`"), **kept} if text else kept


def _described_ref(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": schema["description"], "$ref": f"#/$defs/{name}"}


def _nullable_ref(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {
        "description": schema["description"],
        "anyOf": [{"$ref": f"#/$defs/{name}"}, {"type": "null"}],
    }
