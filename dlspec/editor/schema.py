"""The JSON Schema (draft-07) of `.dlspec.yaml` files, made from the catalogue and the plan's declared keys.

An editor with a YAML language server underlines unknown keys and completes operators, parameters and
plan keys with it. Every value may also be an expression, so a string is accepted wherever a number is.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    Schema = dict[str, Any]

_EXPRESSION: Schema = {
    "type": ["string", "number", "boolean", "null"],
    "description": "an expression of the language",
}
_ALLOW: Schema = {
    "type": "object",
    "additionalProperties": {"type": "string"},
    "description": "lints, each with a reason",
}
_NAME = r"^[A-Za-z_][A-Za-z0-9_]*$"


def spec_schema() -> Schema:
    """The schema of a whole file."""
    from dlspec import __version__

    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": f"dlspec {__version__}",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "imports": {"description": "names taken from other files"},
            "constants": {"type": "object", "description": "values by name"},
            "blocks": _by_name({"$ref": "#/definitions/block"}, "blocks by name"),
            "network": {"$ref": "#/definitions/network"},
            "networks": _by_name(
                {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/network"}]}, "networks by name"
            ),
            "foreign": {"type": "object", "description": "modules of the user, by name"},
            "plan": {"$ref": "#/definitions/plan"},
            "plans": _by_name({"$ref": "#/definitions/plan"}, "plans by name"),
            "allow": _ALLOW,
            "limits": {"type": "object", "description": "budgets: `parameters: 30M`"},
            "items": {"type": "array", "description": "definitions, where their order matters"},
        },
        "definitions": {
            "expression": _EXPRESSION,
            "params": {
                "type": "object", "propertyNames": {"pattern": _NAME},
                "description": "parameters with their defaults; `null` has none",
            },
            "block": _body("what the block is made of"),
            "network": _body("what the network is made of"),
            "layers": {"type": "array", "items": {"$ref": "#/definitions/step"}, "description": "a list is a pipeline"},
            "step": _step(),
            "plan": _plan(),
        },
    }  # fmt: skip


def _by_name(value: Schema, about: str) -> Schema:
    return {
        "type": "object",
        "propertyNames": {"pattern": _NAME},
        "additionalProperties": value,
        "description": about,
    }


def _body(about: str) -> Schema:
    return {
        "type": "object",
        "description": about,
        "additionalProperties": False,
        "properties": {
            "name": {"type": "string", "pattern": _NAME},
            "params": {"$ref": "#/definitions/params"},
            "inputs": {"type": ["object", "array"], "description": "inputs: `image: float32[N, 3, H, W]`"},
            "layers": {"$ref": "#/definitions/layers"},
            "outputs": {"type": ["object", "array", "string"], "description": "what is given, by name"},
            "allow": _ALLOW,
            "limits": {"type": "object", "description": "budgets: `parameters: 30M`"},
        },
    }  # fmt: skip


def _step() -> Schema:
    """A step: an expression, the long form of an operator, or a label with what it names."""
    from dlspec.ops import catalogue
    from dlspec.ops.page import summary

    forms = [
        {"if": {"properties": {"op": {"const": name}}, "required": ["op"]}, "then": _long_form(name)}
        for name in sorted(catalogue())
    ]
    names = [{"const": name, "description": summary(op)} for name, op in sorted(catalogue().items())]
    return {
        "anyOf": [
            {"type": "string", "examples": sorted(catalogue())},
            {"type": "object", "properties": {"op": {"anyOf": [*names, {"type": "string"}]}}, "allOf": forms},
        ]
    }


def _long_form(name: str) -> Schema:
    from dlspec.ops import catalogue
    from dlspec.ops.page import sentences

    op = catalogue()[name]
    told = sentences(op)
    properties: Schema = {
        field: {"anyOf": [kind.kind.schema, {"type": "string"}], "description": told[field]}
        for field, kind in op.fields.items()
    }
    tensors: Schema = {tensor.strip("*?"): _EXPRESSION for tensor in op.inputs}
    return {
        "properties": {"op": {"const": name}, **tensors, **properties},
        "required": ["op", *(field for field, kind in op.fields.items() if kind.required)],
        "additionalProperties": False,
    }


def _plan() -> Schema:
    from dlspec.plan.keys import ResolvedPlan

    schema = _section(ResolvedPlan)
    schema["properties"]["name"] = {"type": "string", "pattern": _NAME}
    return schema


def _section(facts: Any) -> Schema:
    from dlspec.plan.facts import annotation, fields, sentences
    from dlspec.plan.reading import SECTIONS

    told = sentences(facts)
    properties: Schema = {}
    for field in fields(facts):
        wanted = annotation(facts, field).removesuffix(" | None")
        inner = _section(SECTIONS[wanted][0]) if wanted in SECTIONS else {}
        properties[field] = {**inner, "description": told[field]}
    return {"type": "object", "additionalProperties": False, "properties": properties}
