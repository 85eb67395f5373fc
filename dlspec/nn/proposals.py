"""From the scores and corrections of a region proposal network to the regions that it proposes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.box_coding import decode_boxes
from dlspec.nn.boxes import clip_boxes_to_image, sides_reach
from dlspec.nn.groups import by_group, rank_in_group
from dlspec.nn.precision import single_at_least
from dlspec.nn.programs import NOT_THERE, best_of_images, in_program, suppressed
from dlspec.nn.suppression import batched_nms


def region_proposals(
    objectness: Sequence[Tensor],
    deltas: Sequence[Tensor],
    anchors: Sequence[Tensor],
    sizes: Tensor,
    pre_nms_top_n: int = 1000,
    post_nms_top_n: int = 1000,
    nms_thresh: float = 0.7,
    score_thresh: float = 0.0,
    min_size: float = 1e-3,
) -> Tensor:
    """The regions most like an object: of each level the best, clipped, suppressed level by level, the best of all.

    Ren et al., "Faster R-CNN" (2015), section 3.3. No gradient flows through the coordinates.

    Shapes: L of (N, A, h, w), L of (N, 4A, h, w), L of (h·w·A, 4), (N, 2) heights and widths -> rois (R, 5), image by
    image, by falling score; R <= N·post_nms_top_n.
    """
    with torch.no_grad():
        logits, codes = flat_predictions(objectness, 1).squeeze(2), flat_predictions(deltas, 4)
        best = _best_of_levels([one.shape[0] for one in anchors], logits, pre_nms_top_n)
        places, counts = torch.cat(best, dim=1), [one.shape[1] for one in best]
        codes = codes.gather(1, places.unsqueeze(2).expand(-1, -1, 4))
        boxes = clip_boxes_to_image(
            decode_boxes(single_at_least(codes), torch.cat(list(anchors))[places]), sizes.unsqueeze(1)
        )
        scores = single_at_least(logits.gather(1, places)).sigmoid()
        real = sides_reach(boxes, min_size) & (scores >= score_thresh)
        if in_program():
            return _proposed_in_program(boxes, scores.masked_fill(~real, NOT_THERE), counts, post_nms_top_n, nms_thresh)
        images = torch.arange(boxes.shape[0], device=boxes.device).unsqueeze(1).expand_as(places)
        levels = torch.cat([torch.full_like(one[0], level) for level, one in enumerate(best)])
        groups = images * len(anchors) + levels
        images, boxes, scores, groups = (part[real] for part in (images, boxes, scores, groups))
        keep = best_per_image(images, batched_nms(boxes, scores, groups, nms_thresh), post_nms_top_n)
        return torch.cat([images[keep].unsqueeze(1).to(boxes.dtype), boxes[keep]], dim=1)


def flat_predictions(predictions: Sequence[Tensor], values: int) -> Tensor:
    """The predictions of all levels in the order of the anchors.

    Shapes: L of (N, A·values, h, w) -> (N, sum of h·w·A, values).
    """
    rows = [one.unflatten(1, (-1, values)).permute(0, 3, 4, 1, 2).flatten(1, 3) for one in predictions]
    return rows[0] if len(rows) == 1 else torch.cat(rows, dim=1)


def best_per_image(images: Tensor, keep: Tensor, top: int) -> Tensor:
    """Of the rows that were kept, by falling score, the first `top` of each image, image by image.

    Shapes: (R) image indices, (K) rows -> (at most K).
    """
    keep = keep[rank_in_group(images[keep]) < top]
    return keep[by_group(images[keep])]


def _proposed_in_program(
    boxes: Tensor, scores: Tensor, counts: Sequence[int], post_nms_top_n: int, nms_thresh: float
) -> Tensor:
    """The regions that stay, level by level. Shapes: (N, K, 4), (N, K), how many of the K each level has -> (R, 5)."""
    levels = zip(boxes.split(list(counts), dim=1), scores.split(list(counts), dim=1))
    stays = [suppressed(own, its.unsqueeze(1), nms_thresh).squeeze(1) for own, its in levels]
    images, places = best_of_images(scores, torch.cat(stays, dim=1), post_nms_top_n)
    return torch.cat([images.unsqueeze(1).to(boxes.dtype), boxes[images, places]], dim=1)


def _best_of_levels(counts: Sequence[int], logits: Tensor, top: int) -> list[Tensor]:
    """The places of the best predictions of each level. Shapes: (N, sum of counts) -> L of (N, at most top)."""
    places, begin = [], 0
    for count in counts:
        best = logits[:, begin : begin + count].topk(torch.sym_min(top, count), dim=1).indices
        places.append(best + begin)
        begin += count
    return places
