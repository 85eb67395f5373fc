"""Overlap of boxes: intersection over union, and its kin that also tell how far apart two boxes are."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from dlspec.nn.boxes import box_area

_EPS = 1e-7


def box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Intersection over union of every pair. Shapes: (..., N, 4), (..., M, 4) -> (..., N, M)."""
    inter, union = _intersection_and_union(*_pairs(boxes1, boxes2))
    return inter / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU less the part of the hull that neither box fills, from 1 down to -1.

    Rezatofighi et al., "Generalized Intersection over Union" (2019), algorithm 1.
    Shapes: (..., N, 4), (..., M, 4) -> (..., N, M).
    """
    return paired_giou(*_pairs(boxes1, boxes2))


def distance_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """IoU less the squared distance of the centres over the squared diagonal of the hull.

    Zheng et al., "Distance-IoU Loss" (2020), equation 6. Shapes: (..., N, 4), (..., M, 4) -> (..., N, M).
    """
    return paired_diou(*_pairs(boxes1, boxes2))


def complete_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Distance IoU less a term for unlike aspect ratios.

    Zheng et al., "Distance-IoU Loss" (2020), equations 8 to 11. Shapes: (..., N, 4), (..., M, 4) -> (..., N, M).
    """
    return paired_ciou(*_pairs(boxes1, boxes2))


def paired_giou(boxes1: Tensor, boxes2: Tensor, eps: float = 0.0) -> Tensor:
    """Generalized IoU of boxes that lie opposite. Shapes: (..., 4), (..., 4) -> (...)."""
    inter, union = _intersection_and_union(boxes1, boxes2)
    hull = _hull_sides(boxes1, boxes2).prod(dim=-1)
    return inter / (union + eps) - (hull - union) / (hull + eps)


def paired_diou(boxes1: Tensor, boxes2: Tensor, eps: float = 0.0) -> Tensor:
    """Distance IoU of boxes that lie opposite. Shapes: (..., 4), (..., 4) -> (...)."""
    inter, union = _intersection_and_union(boxes1, boxes2)
    return inter / (union + eps) - _centre_distance(boxes1, boxes2)


def paired_ciou(boxes1: Tensor, boxes2: Tensor, eps: float = 0.0) -> Tensor:
    """Complete IoU of boxes that lie opposite. Shapes: (..., 4), (..., 4) -> (...)."""
    inter, union = _intersection_and_union(boxes1, boxes2)
    iou = inter / (union + eps)
    slopes = [torch.atan(_sides(boxes)[..., 0] / _sides(boxes)[..., 1]) for boxes in (boxes1, boxes2)]
    unlike = (4 / math.pi**2) * (slopes[1] - slopes[0]) ** 2
    with torch.no_grad():  # the paper's trade-off is a weight, not something to optimise
        weight = unlike / (1 - iou + unlike + _EPS)
    return iou - _centre_distance(boxes1, boxes2) - weight * unlike


def _pairs(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    return _wide(boxes1).unsqueeze(-2), _wide(boxes2).unsqueeze(-3)


def _wide(boxes: Tensor) -> Tensor:
    """Areas overflow in half precision and in small integers."""
    if boxes.is_floating_point():
        return boxes if boxes.dtype in (torch.float32, torch.float64) else boxes.float()
    return boxes if boxes.dtype in (torch.int32, torch.int64) else boxes.int()


def _intersection_and_union(boxes1: Tensor, boxes2: Tensor) -> tuple[Tensor, Tensor]:
    low = torch.maximum(boxes1[..., :2], boxes2[..., :2])
    high = torch.minimum(boxes1[..., 2:], boxes2[..., 2:])
    sides = (high - low).clamp(min=0)
    inter = sides[..., 0] * sides[..., 1]
    return inter, box_area(boxes1) + box_area(boxes2) - inter


def _hull_sides(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    low = torch.minimum(boxes1[..., :2], boxes2[..., :2])
    high = torch.maximum(boxes1[..., 2:], boxes2[..., 2:])
    return (high - low).clamp(min=0)


def _centre_distance(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    diagonal = _hull_sides(boxes1, boxes2).square().sum(dim=-1) + _EPS
    centres = [(boxes[..., :2] + boxes[..., 2:]) / 2 for boxes in (boxes1, boxes2)]
    return (centres[0] - centres[1]).square().sum(dim=-1) / diagonal


def _sides(boxes: Tensor) -> Tensor:
    return boxes[..., 2:] - boxes[..., :2]
