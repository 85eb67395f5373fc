"""JSON Schema of operators, by pydantic models made from the same annotations that read a spec."""

from __future__ import annotations

from dlspec.ops import catalogue
from dlspec.ops.page import sentences, summary
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from pydantic import BaseModel

    from dlspec.ops.kinds import Kind
    from dlspec.ops.op import Op

_MODELS: dict[type[Op], type[BaseModel]] = {}


def model(op: type[Op]) -> type[BaseModel]:
    """The pydantic model of an operator's parameters; a value is read by the kind, as in a spec."""
    if op not in _MODELS:
        from pydantic import ConfigDict, Field, create_model

        told = sentences(op)
        fields: dict[str, Any] = {}
        for name, field in op.fields.items():
            default = ... if field.required else field.default
            # A parameter may be called as something that pydantic's models have, so the names are aliases.
            fields[f"parameter_{name}"] = (
                _annotated(field.kind), Field(default, alias=name, description=told[name]),
            )  # fmt: skip
        _MODELS[op] = create_model(
            op.__name__, __config__=ConfigDict(extra="forbid"), __doc__=summary(op), **fields,
        )  # fmt: skip
    return _MODELS[op]


def _annotated(kind: Kind) -> Any:
    """A type that reads as the kind does, with the kind's own schema."""
    from typing import Annotated, Any

    from pydantic import PlainValidator, WithJsonSchema
    from pydantic_core import PydanticCustomError

    from dlspec.ops.kinds import Wrong

    def read(value: Any) -> Any:
        try:
            return kind.read(value)
        except Wrong as wrong:
            raise PydanticCustomError("kind", "wants {wanted}", {"wanted": wrong.wanted}) from None

    return Annotated[Any, PlainValidator(read), WithJsonSchema(kind.schema)]


def schema(op: type[Op]) -> dict[str, Any]:
    """The JSON Schema of an operator's parameters."""
    return model(op).model_json_schema(by_alias=True)


def schemas() -> dict[str, dict[str, Any]]:
    """The JSON Schema of every operator, by its name in a spec."""
    return {name: schema(op) for name, op in catalogue().items()}
