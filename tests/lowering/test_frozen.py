"""What a spec freezes is not trained by the generated module."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

import dlspec

UNIT = "block unit(x) { x -> conv1: conv2d(8, 3, bias=false) -> bn1: batch_norm2d -> relu }\n"
HEAD = "-> adaptive_avg_pool2d(1) -> flatten -> fc: linear(10)"

CASES = {
    "a block": (UNIT, f"image -> backbone: freeze(unit) {HEAD}", {"backbone"}),
    "one block of two": (UNIT, f"image -> stem: freeze(unit) -> body: unit {HEAD}", {"stem"}),
    "steps of a group": (
        "",
        f"image -> features: {{ freeze(conv2d(4, 3)) -> relu -> conv2d(4, 3) -> freeze({{ conv2d(4, 3) -> relu }}) }} {HEAD}",
        {"features.0", "features.3"},
    ),
    "a network of another file": (
        'import resnet18 from "resnet"\n',
        f"image -> backbone: freeze(resnet18.layer4) {HEAD}",
        {"backbone"},
    ),
    "everything": ("", "image -> a: freeze(conv2d(4, 3)) -> b: freeze(conv2d(4, 3))", {"a", "b"}),
    "nothing": (UNIT, f"image -> body: unit {HEAD}", set()),
}


def built(text: str, folder: Path) -> nn.Module:
    spec = folder / "n.dls"
    spec.write_text(text)
    scope: dict[str, object] = {}
    exec(compile(dlspec.compile(spec), "model.py", "exec"), scope)  # noqa: S102  # our own source
    network = scope["build"]()  # type: ignore[operator]
    assert isinstance(network, nn.Module)
    return network


@pytest.mark.parametrize("case", CASES)
def test_frozen_parts_are_not_trained_and_all_others_are(case: str, tmp_path: Path) -> None:
    before, pipeline, frozen = CASES[case]
    network = built(
        f"{before}network n {{\n  input image: float32[N, 3, 40, 40]\n  output y = {pipeline}\n}}\n", tmp_path
    )
    for name, parameter in network.named_parameters():
        held = any(name.startswith(f"{part}.") for part in frozen)
        assert parameter.requires_grad is not held, name
