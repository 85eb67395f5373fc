"""Where a network becomes a program, of torch.export or ONNX: what it finds is one tensor for all images of a batch.

How many images there are, and how many objects each has, a run alone knows: no program has a list with a tensor each.
In ONNX, suppression and pooling are ONNX's own operators; in programs of torch they are operators named `dlspec::…`,
which `import dlspec.nn` brings along, as torchvision does with its own.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.onnx_operators import exporting, onnx_suppression
from dlspec.nn.suppression import batched_nms

NOT_THERE = -1.0
"""The score of what takes no part; what does has one of 0 or more."""


class OfAllImages(list[Tensor]):
    """What stands in a program for a list with a tensor per image: one tensor of all, and the image of each row."""

    def __init__(self, values: Tensor, images: Tensor) -> None:
        super().__init__([values])
        self.images = images


def in_program() -> bool:
    """Whether the network is being made a program."""
    return torch.compiler.is_exporting() or exporting()


def suppressed(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes stay, where each line of scores is suppressed by itself; those of `NOT_THERE` never do.

    Shapes: (B, S, 4), (B, C, S) -> (B, C, S) bool.
    """
    if exporting():
        return onnx_suppression(boxes, scores, iou_threshold, NOT_THERE / 2)
    stays: Tensor = _suppressed(boxes, scores, iou_threshold)
    return stays


@torch.library.custom_op("dlspec::suppressed", mutates_args=())
def _suppressed(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    batch, line, row = torch.nonzero(scores > NOT_THERE / 2, as_tuple=True)
    groups = batch * scores.shape[1] + line
    kept = batched_nms(boxes[batch, row], scores[batch, line, row], groups, iou_threshold)
    stays = torch.zeros_like(scores, dtype=torch.bool)
    stays[batch[kept], line[kept], row[kept]] = True
    return stays


@_suppressed.register_fake
def _(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    return torch.empty_like(scores, dtype=torch.bool)


def best_of_images(scores: Tensor, stays: Tensor, top: int) -> tuple[Tensor, Tensor]:
    """The images and the places of the best that stay, of each image at most `top`, image by image, best first.

    Shapes: (N, P), (N, P) bool -> (R), (R).
    """
    ranked = scores.masked_fill(~stays, NOT_THERE)
    padding = ranked.new_full((ranked.shape[0], top), NOT_THERE)  # so that there are always `top` to take
    best = torch.cat([ranked, padding], dim=1).topk(top, dim=1)
    images, ranks = torch.nonzero(best.values > NOT_THERE / 2, as_tuple=True)
    return images, best.indices[images, ranks]
