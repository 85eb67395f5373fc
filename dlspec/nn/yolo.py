"""A detector without anchors or proposals: every cell of a map says whether an object is centred there, and which.

After "You Only Look Once" (Redmon et al. 2016), with the coding of places and sizes that its successors settled on:
a centre may lie half a cell outside its own cell, so that up to three cells answer for an object, and sizes are
powers of e. A prediction (N, 5 + K, h, w) holds for each cell two places, two sizes, whether there is an object, and
scores of K classes. Labels count from 1, as 0 is the background.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.nn.box_losses import generalized_box_iou_loss
from dlspec.nn.precision import single_at_least
from dlspec.nn.programs import NOT_THERE, OfAllImages, best_of_images, in_program, suppressed
from dlspec.nn.shared_batch import divisor
from dlspec.nn.suppression import batched_nms

LARGEST = 4.0
"""The largest power of e that a side is, in cells, so that none overflows."""


def yolo_boxes(prediction: Tensor, image: Tensor) -> Tensor:
    """The boxes (N, h * w, 4) of every cell in pixels of the image (N, C, H, W), row by row.

    With `t` of a cell at (column, row): the centre lies at column - 0.5 + 2 sigmoid(t), of its left edge, and a side is
    e^t cells long.
    """
    height, width = prediction.shape[-2:]
    cell = _cell(prediction, image)
    rows, columns = torch.meshgrid(
        torch.arange(height, device=cell.device), torch.arange(width, device=cell.device), indexing="ij"
    )
    corner = torch.stack([columns, rows]).flatten(1) - 0.5  # (2, h * w)
    place = prediction[:, :2].flatten(2).sigmoid() * 2 + corner
    side = prediction[:, 2:4].flatten(2).clamp(max=LARGEST).exp()
    boxes: Tensor = torch.cat([place - side / 2, place + side / 2], dim=1).mT * cell.repeat(2)
    return boxes


def _cell(prediction: Tensor, image: Tensor) -> Tensor:
    """Width and height of a cell in pixels."""
    (height, width), (rows, columns) = image.shape[-2:], prediction.shape[-2:]
    return prediction.new_tensor([width / columns, height / rows])


def yolo_assign(prediction: Tensor, image: Tensor, boxes: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The cells that answer for objects, and the objects that they answer for, numbered through the whole batch.

    These are the cell that holds an object's centre and the two that are nearest to it beside and above or below, as
    far as they are on the map: cells (P) count over (image, row, column). Of several objects of a cell the last counts.
    """
    rows, columns = prediction.shape[-2:]
    every = torch.cat(boxes)
    counts = torch.tensor([len(one) for one in boxes], device=every.device)
    number = torch.repeat_interleave(torch.arange(len(boxes), device=every.device), counts)
    centre = (every[:, :2] + every[:, 2:]) / 2 / _cell(prediction, image)
    limit = centre.new_tensor([columns, rows])
    home = torch.minimum(centre.floor().clamp(min=0), limit - 1)
    towards = torch.where(centre - home < 0.5, -1.0, 1.0)
    beside = torch.stack([home, home + towards * centre.new_tensor([1, 0]), home + towards * centre.new_tensor([0, 1])])
    inside = ((beside >= 0) & (beside < limit)).all(2)  # (3, M)
    index = (number * rows + beside[..., 1].long()) * columns + beside[..., 0].long()
    objects = torch.arange(len(every), device=every.device).expand(3, -1)
    cells, objects = index[inside], objects[inside]
    owner = cells.new_full((len(boxes) * rows * columns,), -1).scatter_reduce(0, cells, objects, "amax")
    taken = (owner >= 0).nonzero()[:, 0]
    return taken, owner[taken]


def yolo_loss(
    prediction: Tensor, image: Tensor, boxes: list[Tensor], labels: list[Tensor], label_smoothing: float = 0.0
) -> tuple[Tensor, Tensor, Tensor]:
    """Losses of boxes (1 - generalized IoU), of whether there is an object, and of its class; three scalars.

    Whether there is one is asked of every cell, and the answer sought is the IoU of the box that the cell gives. All
    three are sums over a batch, divided by the number of cells that answer for an object; without any they stay
    connected to the prediction.
    """
    prediction = single_at_least(prediction)
    cells, objects = yolo_assign(prediction, image, boxes)
    flat = prediction.flatten(2).mT.flatten(0, 1)  # (N * h * w, 5 + K)
    every, named = torch.cat(boxes), torch.cat(labels)
    count = divisor(len(cells), prediction)
    own = yolo_boxes(prediction, image).flatten(0, 1)[cells]
    wanted = every[objects].to(own.dtype)
    loss_box = generalized_box_iou_loss(own, wanted, reduction="sum") / count
    sought = torch.zeros_like(flat[:, 4])
    sought[cells] = _overlap(own.detach(), wanted)
    loss_object = F.binary_cross_entropy_with_logits(flat[:, 4], sought, reduction="sum") / count
    scores = flat[cells, 5:]
    loss_class = F.cross_entropy(scores, named[objects] - 1, reduction="sum", label_smoothing=label_smoothing) / count
    return loss_box, loss_object, loss_class


def _overlap(boxes: Tensor, others: Tensor) -> Tensor:
    """The IoU of each box with the other at its place."""
    low, high = torch.maximum(boxes[:, :2], others[:, :2]), torch.minimum(boxes[:, 2:], others[:, 2:])
    common = (high - low).clamp(min=0).prod(1)
    areas = [(one[:, 2:] - one[:, :2]).prod(1) for one in (boxes, others)]
    return common / (areas[0] + areas[1] - common)


def yolo_detections(
    prediction: Tensor,
    image: Tensor,
    score_thresh: float = 0.05,
    nms_thresh: float = 0.5,
    detections_per_img: int = 100,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """Boxes (D, 4), scores (D) and labels (D) of each image, best first; boxes of a class suppress each other.

    A score is the chance of an object times that of its class; a cell gives the boxes of all classes that reach
    `score_thresh`.
    """
    prediction = single_at_least(prediction)
    height, width = image.shape[-2:]
    limit = prediction.new_tensor([width, height, width, height])
    everywhere = torch.minimum(yolo_boxes(prediction, image).clamp(min=0), limit)
    flat = prediction.flatten(2).mT
    chances = flat[..., 4:5].sigmoid() * flat[..., 5:].softmax(-1)
    if in_program():
        return cells_in_program(everywhere, chances, score_thresh, nms_thresh, detections_per_img)
    found: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for own, chance in zip(everywhere, chances, strict=True):
        cell, number = (chance >= score_thresh).nonzero(as_tuple=True)
        boxes, scores = own[cell], chance[cell, number]
        kept = batched_nms(boxes, scores, number, nms_thresh)[:detections_per_img]
        for kind, values in zip(found, (boxes[kept], scores[kept], number[kept] + 1), strict=True):
            kind.append(values)
    return found


def cells_in_program(
    boxes: Tensor, chances: Tensor, score_thresh: float, nms_thresh: float, detections_per_img: int
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:
    """The best boxes of all images, of a program.

    Shapes: (N, B, 4), (N, B, K) -> boxes (D, 4), scores (D), labels (D).
    """
    scores = chances.masked_fill(chances < score_thresh, NOT_THERE)
    stays = suppressed(boxes, scores.mT, nms_thresh).mT
    images, places = best_of_images(scores.flatten(1), stays.flatten(1), detections_per_img)
    cells, classes = places // chances.shape[2], places % chances.shape[2]
    found = (boxes[images, cells], chances[images, cells, classes], classes + 1)
    return tuple(OfAllImages(values, images) for values in found)  # type: ignore[return-value]
