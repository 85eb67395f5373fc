"""Bytes that the zoo's networks hold are within a tenth of what torch holds on the generated modules."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from test_memory import kept_bytes, peak_bytes
from torch import nn

import dlspec

NETWORKS = [
    ("lenet", (4, 1, 28, 28)), ("alexnet", (2, 3, 96, 96)), ("vgg11", (1, 3, 64, 64)), ("vgg16_bn", (2, 3, 64, 64)),
    ("resnet18", (2, 3, 96, 96)), ("resnet50", (2, 3, 96, 96)), ("unet", (1, None, 64, 64)), ("vit_b_16", (2, 3, 224, 224)),
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wanted"), NETWORKS, ids=[name for name, _ in NETWORKS])
def test_bytes_kept_and_bytes_alive_are_those_of_the_generated_module(
    name: str, wanted: tuple[int | None, ...]
) -> None:
    torch.set_num_threads(1)
    declared = next(iter(dlspec.summarize(name).to_json()["inputs"].values()))["shape"]
    shape = tuple(own if size is None else size for size, own in zip(wanted, declared))
    totals = dlspec.summarize(dlspec.load(name, inputs={"image": shape})).to_json()["totals"]
    names: dict[str, Any] = {}
    exec(compile(dlspec.compile(name), f"{name}.py", "exec"), names)  # noqa: S102  # our own generated code
    with torch.device("meta"):
        module: nn.Module = names["build"]()
    module.to_empty(device="cpu")
    image = torch.rand(shape)
    kept, alive = kept_bytes(module, image), peak_bytes(module, image)
    assert abs(totals["activation_bytes"] - kept) <= kept / 10, (totals["activation_bytes"] / kept, kept)
    assert abs(totals["peak_bytes"] - alive) <= alive / 10, (totals["peak_bytes"] / alive, alive)
