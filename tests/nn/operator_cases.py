"""What torchvision's operators gave for given inputs: 98 cases, measured once, so that no test needs torchvision.

`operator_cases.json` lists them: name, operator, parameters, names and shapes of inputs and outputs. `operator_cases.npz`
holds the arrays as `<case>/in/<name>` and `<case>/out/<name>`; equal arrays are kept once, under the name in `aliases`.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Case:
    name: str
    operator: str
    parameters: dict[str, Any]
    inputs: dict[str, Tensor]
    outputs: dict[str, Tensor]

    def state(self) -> dict[str, Tensor]:
        """The weights of a module's case, by their keys."""
        return {name.removeprefix("sd_"): value for name, value in self.inputs.items() if name.startswith("sd_")}


def case(name: str) -> Case:
    return cases()[name]


@functools.cache
def cases() -> dict[str, Case]:
    listed = json.loads((_HERE / "operator_cases.json").read_text())
    with np.load(_HERE / "operator_cases.npz") as arrays:
        held = {name: torch.from_numpy(arrays[name]) for name in arrays.files}

    def tensors(name: str, side: str, facts: list[list[Any]]) -> dict[str, Tensor]:
        keys = {fact[0]: f"{name}/{side}/{fact[0]}" for fact in facts}
        return {short: held[listed["aliases"].get(key, key)] for short, key in keys.items()}

    return {
        each["case"]: Case(
            each["case"], each["op"], each["params"],
            tensors(each["case"], "in", each["in"]), tensors(each["case"], "out", each["out"]),
        )
        for each in listed["cases"]
    }  # fmt: skip
