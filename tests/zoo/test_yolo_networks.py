"""The first YOLO is its paper's figure 3, layer by layer, and the small one of the zoo finds digits."""

from __future__ import annotations

from pathlib import Path

import torch

import dlspec
from dlspec.training.module_file import build

FIGURE_3 = {
    "features.1": (64, 112), "features.3": (192, 56), "features.6": (512, 28), "features.12": (1024, 14),
    "features.16": (1024, 7), "features.18": (1024, 7),
}  # fmt: skip
"""Channels and side of the maps that the figure shows, after poolings and at the end of each part."""
CONVOLUTIONS = [
    (3, 64, 7), (64, 192, 3), (192, 128, 1), (128, 256, 3), (256, 256, 1), (256, 512, 3),
    *[(512, 256, 1), (256, 512, 3)] * 4, (512, 512, 1), (512, 1024, 3),
    *[(1024, 512, 1), (512, 1024, 3)] * 2, *[(1024, 1024, 3)] * 4,
]  # fmt: skip
"""Channels before and after, and the side of the window, of the figure's 24 convolutions; the fourth from the end halves."""


def test_the_first_yolo_is_the_figure_of_its_paper() -> None:
    facts = dlspec.summarize(dlspec.load("yolov1")).to_json()
    layers = {layer["path"]: layer for layer in facts["layers"]}
    for path, (channels, side) in FIGURE_3.items():
        last = [layer for name, layer in layers.items() if name == path or name.startswith(f"{path}.")][-1]
        assert last["output_shape"] == ["N", channels, side, side]
    assert layers["unflatten"]["output_shape"] == ["N", 7, 7, 30]
    assert sum(layer["op"] == "conv2d" for layer in facts["layers"]) == len(CONVOLUTIONS) == 24
    counted = sum(after * (before * size**2 + 1) for before, after, size in CONVOLUTIONS)
    counted += 4096 * (7 * 7 * 1024 + 1) + 1470 * (4096 + 1)
    assert facts["totals"]["parameters"] == counted == 271_703_550


def test_the_small_one_trains_a_step_and_finds_boxes_by_image(tmp_path: Path) -> None:
    torch.manual_seed(0)
    (tmp_path / "model.py").write_text(str(dlspec.compile(dlspec.load("yolo_digits"))), encoding="utf-8")
    module = build(tmp_path / "model.py")
    image = torch.rand(2, 1, 128, 128)
    boxes = [torch.tensor([[3.0, 4.0, 20.0, 30.0]]), torch.zeros(0, 4)]
    losses = module(image, boxes, [torch.tensor([4]), torch.zeros(0, dtype=torch.int64)])
    sum(losses.values()).backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
    found = module.eval()(image)
    assert list(found) == ["boxes", "scores", "labels"]
    assert [len(found[kind]) for kind in found] == [2, 2, 2]
