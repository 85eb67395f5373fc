"""How values of parameters are read, and that the JSON Schema says the same."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.ops.kinds import KINDS, Wrong, kind_of_annotation
from dlspec.ops.schema import model, schema, schemas
from dlspec.sizes import symbol
from tests.ops.applied import CATALOGUE, SAMPLES, parsed


@pytest.mark.parametrize(
    ("annotation", "value", "read"),
    [
        ("Count", 3, 3),
        ("Count", 3.0, 3),
        ("Pair", 3, (3, 3)),
        ("Pair", [3, 5], (3, 5)),
        ("Pair | None", None, None),
        ("Single", [4], (4,)),
        ("Padding2", "same", "same"),
        ("Padding2", [1, 2], (1, 2)),
        ("Output2", [None, 7], (None, 7)),
        ("Number", -1, -1),
        ("bool", True, True),
        ("Sizes", [2, -1, symbol("H")], (2, -1, symbol("H"))),
        ("Resized", 7, 7),
        ("Resized", [7], (7,)),
        ("Sections", [1, 2], (1, 2)),
        ("Axes", -1, (-1,)),
        ('Literal["none", "tanh"]', "tanh", "tanh"),
    ],
)
def test_a_value_of_the_kind_is_read(annotation: str, value: Any, read: Any) -> None:
    assert kind_of_annotation(annotation).read(value) == read


@pytest.mark.parametrize(
    ("annotation", "value", "code"),
    [
        ("Count", 0, "E0202"),
        ("Count", 2.5, "E0201"),
        ("Count", True, "E0201"),
        ("Count", "3", "E0201"),
        ("Count", symbol("H"), "E0212"),
        ("Pair", [1, 2, 3], "E0202"),
        ("Pair", [1, "2"], "E0201"),
        ("Padding2", "full", "E0202"),
        ("Padding2", -1, "E0202"),
        ("Output2", None, "E0201"),
        ("Fraction", 1.5, "E0202"),
        ("Fraction", float("nan"), "E0202"),
        ("Positive", 0, "E0202"),
        ("Number", True, "E0201"),
        ("bool", 1, "E0201"),
        ("Sizes", [], "E0202"),
        ("Sizes", [-2], "E0202"),
        ("Text", 3, "E0201"),
        ('Literal["none", "tanh"]', "erf", "E0202"),
        ('Literal["none", "tanh"]', None, "E0201"),
    ],
)
def test_any_other_value_is_told_what_is_wanted(annotation: str, value: Any, code: str) -> None:
    with pytest.raises(Wrong) as caught:
        kind_of_annotation(annotation).read(value)
    assert caught.value.code == code
    assert caught.value.wanted


def test_an_annotation_without_a_kind_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="Banana"):
        kind_of_annotation("Banana")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 9) | st.sampled_from([0.5, 1.5, -2.0, "same", "zeros", "float32", "x"]),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)


@pytest.mark.parametrize("name", KINDS)
@given(PLAIN)
def test_the_schema_of_a_kind_accepts_what_its_reader_accepts(name: str, value: Any) -> None:
    kind = KINDS[name]
    try:
        kind.read(value)
        reads = True
    except Wrong:
        reads = False
    assert fits(kind.schema, value) == reads


def fits(rule: dict[str, Any], value: Any) -> bool:
    """Whether a value is as a JSON Schema of the few words used here says."""
    if "anyOf" in rule:
        return any(fits(one, value) for one in rule["anyOf"])
    if "enum" in rule:
        return isinstance(value, str) and value in rule["enum"]
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    match rule["type"]:
        case "integer":
            right = is_number and float(value).is_integer()
        case "number":
            right = is_number
        case "array":
            right = isinstance(value, list) and all(fits(rule["items"], item) for item in value)
            right = right and rule["minItems"] <= len(value) <= rule.get("maxItems", len(value))
        case other:
            right = type(value).__name__ == {"boolean": "bool", "string": "str", "null": "NoneType"}[other]
    low, above, high = (rule.get(word) for word in ("minimum", "exclusiveMinimum", "maximum"))
    within = (low is None or value >= low) if right else True
    within = within and (above is None or not right or value > above)
    return right and within and (high is None or value <= high)


@pytest.mark.parametrize("text", SAMPLES)
def test_the_model_reads_a_sample_as_the_operator_does(text: str) -> None:
    op, _, given_values = parsed(text)
    made = model(op).model_validate(given_values)
    for name, value in given_values.items():
        assert getattr(made, f"parameter_{name}") == op.read(name, value)


def test_the_model_refuses_what_the_operator_does_not_know() -> None:
    from pydantic import ValidationError

    conv = model(CATALOGUE["conv2d"])
    with pytest.raises(ValidationError, match="kernel_sise"):
        conv.model_validate({"out_channels": 3, "kernel_size": 3, "kernel_sise": 3})
    with pytest.raises(ValidationError, match="wants a whole number of at least 1"):
        conv.model_validate({"out_channels": 0, "kernel_size": 3})


def test_the_schema_has_each_parameter_with_its_sentence() -> None:
    for name, found in schemas().items():
        assert set(found["properties"]) == set(CATALOGUE[name].fields)
        assert all(entry["description"].endswith(".") for entry in found["properties"].values())
        assert found["additionalProperties"] is False
    assert schema(CATALOGUE["conv2d"])["required"] == ["out_channels", "kernel_size"]
