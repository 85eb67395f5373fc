"""The JSON Schema accepts the zoo and underlines what a check would refuse."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
import yaml

from dlspec.editor.schema import spec_schema
from dlspec.places import ZOO

SCHEMA = spec_schema()
SPECS = sorted(ZOO.glob("*.dlspec.yaml"))


def errors(spec: object) -> list[str]:
    return [error.message for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(spec)]


def test_it_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("path", SPECS, ids=[path.name for path in SPECS])
def test_the_zoo_is_accepted(path: Path) -> None:
    assert errors(yaml.safe_load(path.read_text(encoding="utf-8"))) == []


def network(*layers: object) -> dict[str, object]:
    return {"network": {"name": "n", "inputs": {"x": "float32[N, 8]"}, "layers": list(layers), "outputs": ["y"]}}


def test_the_long_form_is_known_by_its_parameters() -> None:
    assert errors(network({"op": "linear", "out_features": 4}, {"y": "relu"})) == []
    assert errors(network({"op": "linear", "out_featurs": 4}, {"y": "relu"}))
    assert errors(network({"op": "linear"}, {"y": "relu"}))


def test_a_value_may_be_an_expression() -> None:
    assert errors(network({"op": "linear", "out_features": "width * 2"}, {"y": "relu"})) == []


def test_an_unknown_key_of_a_plan_is_refused() -> None:
    assert errors({"plan": {"network": "lenet", "epochs": 3}}) == []
    assert errors({"plan": {"network": "lenet", "epoch": 3}})
    assert errors({"plan": {"data": {"source": "digits", "splitt": {}}}})
