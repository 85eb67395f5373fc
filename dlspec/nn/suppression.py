"""Non-maximum suppression: of boxes that overlap too much, the one with the best score stays."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.groups import rank_in_group
from dlspec.nn.onnx_operators import exporting, onnx_nms
from dlspec.nn.torchvision_kernels import compiled

# Rows compared at once with all that follow: what fits a processor's cache. A GPU wants more to do, within its memory.
_BLOCK, _MOST_ON_GPU = 64, 1 << 25


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """The indices of the boxes that stay, by falling score: each overlaps no better one by more than the threshold.

    Of equal scores the earlier comes first. Shapes: (N, 4), (N) -> (K), int64.
    """
    if exporting():
        return onnx_nms(boxes, scores, iou_threshold)
    if kernel := compiled("nms"):
        kept: Tensor = kernel(boxes, scores, iou_threshold)
        return kept
    order = torch.sort(scores.detach(), stable=True, descending=True).indices
    ordered = boxes.detach()[order].unsqueeze(0)
    alive = torch.ones(ordered.shape[:2], dtype=torch.bool, device=boxes.device)
    return order[survivors(ordered, alive, iou_threshold).squeeze(0)]


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """Suppression within each group (a class, a pyramid level, an image) and not across groups.

    Shapes: (N, 4), (N), (N) integers -> (K), int64, by falling score over all groups.
    """
    if exporting():
        return onnx_nms(_apart(boxes, idxs), scores, iou_threshold)
    order = torch.sort(scores.detach(), stable=True, descending=True).indices
    keep = torch.zeros(len(order), dtype=torch.bool, device=boxes.device)
    groups = torch.unique(idxs, return_inverse=True)[1][order]
    counts = torch.bincount(groups)
    ranks, ordered, widths = rank_in_group(groups), boxes.detach()[order], counts[groups]
    for width in sorted({_rounded_up(count) for count in counts.tolist()}):
        rows = torch.nonzero((widths <= width) & (widths > width // 2)).squeeze(1)
        keep[rows] = _kept_in_groups(ordered[rows], groups[rows], ranks[rows], iou_threshold)
    return order[keep]


def _rounded_up(count: int) -> int:
    return 1 << (count - 1).bit_length() if count else 0


def _kept_in_groups(boxes: Tensor, groups: Tensor, ranks: Tensor, iou_threshold: float) -> Tensor:
    """Groups of about one size, laid out as rows of a table and suppressed together. Shapes: (R, 4), … -> (R) bool."""
    lines = torch.unique(groups, return_inverse=True)[1]
    shape = (int(lines.max()) + 1, int(ranks.max()) + 1)
    table = boxes.new_zeros(*shape, 4)
    table[lines, ranks] = boxes
    alive = torch.zeros(shape, dtype=torch.bool, device=boxes.device)
    alive[lines, ranks] = True
    return survivors(table, alive, iou_threshold)[lines, ranks]


def survivors(boxes: Tensor, alive: Tensor, iou_threshold: float) -> Tensor:
    """Which boxes stay, of groups that are each sorted by falling score.

    Shapes: (G, M, 4), and (G, M) bool: the rows that are real -> (G, M) bool.
    """
    block = max(_BLOCK, _MOST_ON_GPU // max(alive.numel(), 1)) if boxes.is_cuda else _BLOCK
    corners, alive = tuple(part.contiguous() for part in boxes.unbind(-1)), alive.clone()
    for start in range(0, boxes.shape[1], block):
        over = _overlap(corners, start, block) > iou_threshold
        stays = _settled(over[:, :, : over.shape[1]], alive[:, start : start + block])
        alive[:, start : start + block] = stays
        if (rest := over[:, :, block:]).shape[2]:
            alive[:, start + block :] &= ~(rest & stays.unsqueeze(2)).any(dim=1)
    return alive


def _overlap(corners: tuple[Tensor, ...], start: int, block: int) -> Tensor:
    """IoU of the rows of a block with themselves and all after them. Shapes: 4 of (G, M) -> (G, block, M - start)."""
    x1, y1, x2, y2 = (part[:, start : start + block].unsqueeze(2) for part in corners)
    xx1, yy1, xx2, yy2 = (part[:, start:].unsqueeze(1) for part in corners)
    inter = (torch.minimum(x2, xx2) - torch.maximum(x1, xx1)).clamp_(min=0)
    inter *= (torch.minimum(y2, yy2) - torch.maximum(y1, yy1)).clamp_(min=0)
    union = (x2 - x1) * (y2 - y1) + (xx2 - xx1) * (yy2 - yy1) - inter
    return inter.div_(union)


def _settled(over: Tensor, alive: Tensor) -> Tensor:
    """Which rows of a block stay: a row falls if a row before it overlaps it and stays itself.

    Found by repeating the rule until nothing changes: after n rounds the first n rows are right, and chains of boxes
    that depend on each other are short. Shapes: (G, B, B), (G, B) -> (G, B).
    """
    before = over.triu(1)
    stays = alive
    while True:
        again = alive & ~(before & stays.unsqueeze(2)).any(dim=1)
        if torch.equal(again, stays):
            return stays
        stays = again


def _apart(boxes: Tensor, idxs: Tensor) -> Tensor:
    """Boxes moved so far apart by group that none of different groups overlap. Shapes: (N, 4), (N) -> (N, 4)."""
    corners = torch.cat([boxes, boxes.new_zeros(1, 4)])  # there is a largest even of no boxes
    return boxes + (idxs.to(boxes.dtype) * (corners.max() - corners.min() + 1)).unsqueeze(1)
