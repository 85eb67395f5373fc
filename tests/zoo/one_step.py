"""One step of training that is the same for any implementation: two scenes, mild weights, a sampler without chance.

`torchvision/training/*.json` was measured with it by `measure_one_step.py`; it needs torch and numpy and nothing else.
"""

from __future__ import annotations

from typing import Any

import torch
from deterministic import fill, fill_module, picture
from torch import Tensor, nn

CLASSES = 5
SIDE, LONGEST, DRAWN = 128, 160, 64
"""Pixels of an image's shorter side after it is resized, of the longer one at most, and regions of it that are drawn."""
GOLDEN_RATIO = 0.6180339887498949
SMALLER = {"bbox_pred": 0.05, "cls_score": 0.02, "cls_logits": 0.1, "mask_fcn_logits": 0.2}
"""Deterministic weights are no learned ones: those of the last layers are made mild."""


def scenes() -> dict[str, list[Tensor]]:
    """Two images of different sizes with two and three objects: boxes, labels, masks; in double precision."""
    boxes = [
        torch.tensor([[12.0, 20.0, 70.0, 96.0], [80.0, 40.0, 140.0, 76.0]], dtype=torch.float64),
        torch.tensor([[4.0, 8.0, 30.0, 44.0], [40.0, 50.0, 120.0, 118.0], [60.0, 4.0, 100.0, 40.0]], dtype=torch.float64),
    ]  # fmt: skip
    sizes = [(120, 150), (128, 128)]
    return {
        "image": [picture((3, *size), seed).sigmoid().double() for seed, size in enumerate(sizes, 1)],
        "boxes": boxes,
        "labels": [torch.tensor([1, 3]), torch.tensor([2, 4, 1])],
        "masks": [_ellipses(own, *size) for own, size in zip(boxes, sizes, strict=True)],
    }


def _ellipses(boxes: Tensor, height: int, width: int) -> Tensor:
    """A mask (M, height, width) for each box: what lies in the ellipse that touches its sides."""
    rows, columns = torch.arange(height).view(-1, 1) + 0.5, torch.arange(width) + 0.5
    centre, radius = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]) / 2
    x = (columns - centre[:, 0].view(-1, 1, 1)) / radius[:, 0].view(-1, 1, 1)
    y = (rows - centre[:, 1].view(-1, 1, 1)) / radius[:, 1].view(-1, 1, 1)
    return (x.square() + y.square() <= 1).to(torch.uint8)


def class_map() -> Tensor:
    """The class of every pixel (2, 96, 120) of the images of a segmentation; a strip of them is not judged."""
    rows, columns = torch.meshgrid(torch.arange(96), torch.arange(120), indexing="ij")
    classes = (rows // 24 + columns // 40) % CLASSES
    classes[:, 110:] = 255
    return torch.stack([classes, classes.flip(0)])


def images() -> Tensor:
    return picture((2, 3, 96, 120), 3).sigmoid().double()


def prepared(module: nn.Module) -> nn.Module:
    """A module made on `meta`, with its weights, in double precision and in training mode."""
    fill_module(module)
    with torch.no_grad():
        for name, weight in module.named_parameters():
            for part, factor in SMALLER.items():
                weight *= factor if part in name else 1
    return module.double().train()


def spread(count: int) -> Tensor:
    """A number in 0..1 for each of so many candidates, those of neighbours far apart: the least are drawn first."""
    return (torch.arange(count, dtype=torch.float64) * GOLDEN_RATIO).frac()


def measured(module: nn.Module, losses: dict[str, Tensor], shares: dict[str, float]) -> dict[str, Any]:
    """The losses, and of every parameter the gradient of their sum: its length, and how far it points along a vector.

    That vector is drawn by the parameter's name, so that a gradient of the right length and another direction is told.
    """
    sum(share * losses[name] for name, share in shares.items()).backward()  # type: ignore[union-attr]
    gradients = {}
    for name, parameter in module.named_parameters():
        assert parameter.grad is not None, name
        along = fill(f"{name} along", tuple(parameter.shape)).double()
        along /= along.norm()
        gradients[name] = [float(parameter.grad.norm()), float((parameter.grad * along).sum())]
    return {"losses": {name: float(loss.detach()) for name, loss in losses.items()}, "gradients": gradients}
