"""From the scores and corrections of the second stage to what a detector says it found."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.nn.box_coding import decode_boxes
from dlspec.nn.boxes import clip_boxes_to_image, sides_reach
from dlspec.nn.precision import single_at_least
from dlspec.nn.programs import NOT_THERE, best_of_images, in_program, suppressed
from dlspec.nn.proposals import best_per_image
from dlspec.nn.rois import image_index
from dlspec.nn.suppression import batched_nms


def postprocess_detections(
    scores: Tensor,
    deltas: Tensor,
    rois: Tensor,
    sizes: Tensor,
    score_thresh: float = 0.05,
    nms_thresh: float = 0.5,
    detections_per_img: int = 100,
    bbox_reg_weights: Sequence[float] = (10.0, 10.0, 5.0, 5.0),
    min_size: float = 1e-2,
    activation: str = "softmax",
) -> tuple[Tensor, Tensor, Tensor]:
    """The best boxes of each image, their scores and classes.

    A region may be of several classes; suppression is within each. `scores` are logits with the background first,
    `sizes` the heights and widths of the images. With the activation `sigmoid` each class has a chance of its own, as
    where each was learned by itself.

    Shapes: (R, K), (R, 4K), (R, 5), (N, 2) -> rois (D, 5), scores (D), labels (D) in 1..K-1, image by image, by
    falling score; D <= N·detections_per_img.
    """
    images, count = image_index(rois), scores.shape[1]
    boxes = decode_boxes(single_at_least(deltas), rois[:, 1:], bbox_reg_weights).unflatten(1, (count, 4))
    boxes = clip_boxes_to_image(boxes, sizes[images].unsqueeze(1))[:, 1:]
    scores = single_at_least(scores)
    chances = (scores.softmax(dim=1) if activation == "softmax" else scores.sigmoid())[:, 1:]
    if in_program():
        chances = chances.masked_fill((chances <= score_thresh) | ~sides_reach(boxes, min_size), NOT_THERE)
        return _found_in_program(boxes, chances, images, sizes.shape[0], nms_thresh, detections_per_img)
    rows, classes = torch.nonzero((chances > score_thresh) & sides_reach(boxes, min_size), as_tuple=True)
    return best_detections(
        boxes[rows, classes], chances[rows, classes], classes + 1, images[rows], nms_thresh, detections_per_img
    )


def _found_in_program(
    boxes: Tensor, chances: Tensor, images: Tensor, count: int, nms_thresh: float, detections_per_img: int
) -> tuple[Tensor, Tensor, Tensor]:
    """The best of each image, where a line of scores holds one class in the regions of one image.

    Shapes: (R, C, 4), (R, C), (R) -> rois (D, 5), scores (D), labels (D) from 1.
    """
    own = images == torch.arange(count, device=images.device).unsqueeze(1)  # (N, R)
    scores = chances.masked_fill(~own.unsqueeze(2), NOT_THERE)  # (N, R, C)
    stays = suppressed(boxes.transpose(0, 1), scores.permute(2, 0, 1), nms_thresh).permute(1, 2, 0)
    found, places = best_of_images(scores.flatten(1), stays.flatten(1), detections_per_img)
    rows, classes = places // chances.shape[1], places % chances.shape[1]
    rois = torch.cat([found.unsqueeze(1).to(boxes.dtype), boxes[rows, classes]], dim=1)
    return rois, chances[rows, classes], classes + 1


def best_detections(
    boxes: Tensor,
    scores: Tensor,
    labels: Tensor,
    images: Tensor,
    nms_thresh: float = 0.5,
    detections_per_img: int = 100,
) -> tuple[Tensor, Tensor, Tensor]:
    """The best candidates of each image after suppression within each class.

    Shapes: (M, 4), (M), (M), (M) image indices -> rois (D, 5), scores (D), labels (D), image by image, best first.
    """
    most = torch.cat([labels, labels.new_zeros(1)]).max()  # there is a largest even of no labels
    groups = images * (most + 1) + labels
    keep = best_per_image(images, batched_nms(boxes, scores, groups, nms_thresh), detections_per_img)
    rois = torch.cat([images[keep].unsqueeze(1).to(boxes.dtype), boxes[keep]], dim=1)
    return rois, scores[keep], labels[keep]
