"""Losses on boxes: one less the overlap of each predicted box with its own."""

from __future__ import annotations

from torch import Tensor

from dlspec.nn.box_iou import paired_ciou, paired_diou, paired_giou


def generalized_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - generalized IoU, box by box. Shapes: (N, 4), (N, 4) -> (N), or () if reduced by `mean` or `sum`."""
    return reduced(1 - paired_giou(boxes1, boxes2, eps), reduction)


def distance_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - distance IoU, box by box. Shapes: (N, 4), (N, 4) -> (N), or () if reduced by `mean` or `sum`."""
    return reduced(1 - paired_diou(boxes1, boxes2, eps), reduction)


def complete_box_iou_loss(boxes1: Tensor, boxes2: Tensor, reduction: str = "none", eps: float = 1e-7) -> Tensor:
    """1 - complete IoU, box by box. Shapes: (N, 4), (N, 4) -> (N), or () if reduced by `mean` or `sum`."""
    return reduced(1 - paired_ciou(boxes1, boxes2, eps), reduction)


def reduced(loss: Tensor, reduction: str) -> Tensor:
    """The loss as it is (`none`), its `sum`, or its `mean`, which is 0 over nothing. Raises ValueError for others."""
    match reduction:
        case "none":
            return loss
        case "sum":
            return loss.sum()
        case "mean":
            return loss.sum() / max(loss.numel(), 1)
    raise ValueError(f"reduction is none, mean or sum, not {reduction}")
