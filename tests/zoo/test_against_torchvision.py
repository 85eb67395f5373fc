"""The zoo's classifiers equal torchvision's by name and by number.

`torchvision/*.json` was measured from torchvision 0.28 with torch 2.13: keys and shapes of the `state_dict`, parameters,
multiply-adds by module (torch's flop counter, halved), and outputs with deterministic weights.
"""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from deterministic import fill_module, picture
from torch import nn

import dlspec

FOLDER = Path(__file__).parent / "torchvision"
MODELS = sorted(path.stem for path in FOLDER.glob("*.json"))
FIELDS = {
    "resnet18": (435, 32, 217), "resnet34": (899, 32, 449), "resnet50": (427, 32, 213), "resnet101": (971, 32, 485),
    "resnet152": (1451, 32, 725), "alexnet": (195, 32, 66), "vgg11": (150, 32, 59), "vgg16": (212, 32, 90),
    "vgg19": (268, 32, 118),
}  # fmt: skip
"""Receptive field, stride and padding of the last feature map, as measured by gradients."""


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


def built(name: str) -> nn.Module:
    names: dict[str, Any] = {}
    exec(compile(dlspec.compile(name), f"{name}.py", "exec"), names)  # noqa: S102  # our own generated code
    module: nn.Module = names["build"]()
    return module


@pytest.mark.parametrize("name", MODELS)
def test_weights_load_by_name(name: str) -> None:
    with torch.device("meta"):
        state = built(name).state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        key: tuple(shape) for key, shape in golden(name)["state_dict"]
    }


@pytest.mark.parametrize("name", MODELS)
def test_parameters_and_multiply_adds_are_equal_module_by_module(name: str) -> None:
    reference = golden(name)
    summary = dlspec.summarize(dlspec.load(name, inputs={"image": tuple(reference["input"])})).to_json()
    assert summary["totals"]["parameters"] == reference["params_total"]
    assert summary["totals"]["macs"] == reference["macs_total"]
    macs: Counter[str] = Counter()
    for layer in summary["layers"]:
        parts = layer["path"].split(".")
        for depth in range(len(parts)):
            macs[".".join(parts[: depth + 1])] += layer["macs"]
    assert {path: macs[path] for path in reference["macs_per_module"]} == reference["macs_per_module"]


# The largest take seconds, most of them for drawing 138 million weights.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow) if name.startswith("vgg") else name for name in MODELS]
)
def test_outputs_are_equal_with_equal_weights(name: str) -> None:
    torch.set_num_threads(1)
    reference = golden(name)["numeric"]
    wanted = reference["outputs"]["out"]
    with torch.device("meta"):
        module = built(name).eval()
    fill_module(module)
    with torch.no_grad():
        out = module(picture(tuple(reference["input"])))
    assert list(out.shape) == wanted["shape"]
    difference = out.flatten()[torch.tensor(wanted["flat_index"])] - torch.tensor(wanted["values"])
    assert difference.abs().max() / wanted["std"] < 1e-4


@pytest.mark.parametrize("name", FIELDS)
def test_the_receptive_field_of_the_last_map_is_the_measured_one(name: str) -> None:
    layers = dlspec.summarize(name).to_json()["layers"]
    last = [layer for layer in layers if isinstance(layer["receptive_field"], dict)][-1]["receptive_field"]
    size, stride, padding = FIELDS[name]
    assert last == {"size": [size] * 2, "stride": [stride] * 2, "padding": [padding] * 2}
