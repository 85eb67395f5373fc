"""The first YOLO, as its paper has it: "You Only Look Once" (Redmon, Divvala, Girshick, Farhadi; 2016), section 2.

A prediction (N, h, w, 5 B + K) holds for each cell B boxes of five numbers, and the chances of K classes. The five are
the centre within the cell (0 to 1, of the cell), the square roots of width and height (of the image), and a confidence.
Labels count from 1, as 0 is the background.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn.box_iou import box_iou
from dlspec.nn.precision import single_at_least
from dlspec.nn.programs import in_program
from dlspec.nn.suppression import batched_nms
from dlspec.nn.yolo import cells_in_program


def yolo_v1_boxes(prediction: Tensor, image: Tensor, boxes_per_cell: int = 2) -> Tensor:
    """The boxes (N, h, w, B, 4) of all cells, in pixels of the image (N, C, H, W)."""
    rows, columns = prediction.shape[1:3]
    height, width = image.shape[-2:]
    five = prediction[..., : 5 * boxes_per_cell].unflatten(-1, (boxes_per_cell, 5))
    down = torch.arange(rows, device=prediction.device)[:, None, None]
    across = torch.arange(columns, device=prediction.device)[:, None]
    x, y = (five[..., 0] + across) * width / columns, (five[..., 1] + down) * height / rows
    wide, high = five[..., 2].square() * width, five[..., 3].square() * height
    return torch.stack([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2], dim=-1)


def yolo_v1_loss(
    prediction: Tensor, image: Tensor, boxes: list[Tensor], labels: list[Tensor], boxes_per_cell: int = 2,
    lambda_coord: float = 5.0, lambda_noobj: float = 0.5,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """The three sums of squares of the paper's loss: of places and sizes, of confidences, of classes; for an image.

    The cell that an object's centre falls into answers for it, by that of its boxes that overlaps it most, or where
    none does, as in the authors' program, by the nearest; of several objects of a cell the last counts. A confidence
    should be that overlap, and 0 elsewhere, which counts `lambda_noobj` times; places and sizes count `lambda_coord`
    times.
    """
    prediction = single_at_least(prediction)
    count, rows, columns = prediction.shape[:3]
    height, width = image.shape[-2:]
    given = yolo_v1_boxes(prediction, image, boxes_per_cell).detach()
    five = prediction[..., : 5 * boxes_per_cell].unflatten(-1, (boxes_per_cell, 5))
    confidence = torch.zeros_like(five[..., 4])
    weight = torch.full_like(confidence, lambda_noobj)
    places: list[Tensor] = []
    classes: list[Tensor] = []
    for number, (own, named) in enumerate(zip(boxes, labels, strict=True)):
        centre = (own[:, :2] + own[:, 2:]) / 2 / own.new_tensor([width / columns, height / rows])
        home = torch.minimum(centre.floor().clamp(min=0), own.new_tensor([columns - 1, rows - 1]))
        answered = {(int(y), int(x)): place for place, (x, y) in enumerate(home.tolist())}
        for (row, column), place in answered.items():
            overlap = box_iou(given[number, row, column], own[place : place + 1])[:, 0]
            best = int(overlap.argmax() if overlap.any() else _nearest(given[number, row, column], own[place], image))
            sides = (own[place, 2:] - own[place, :2]) / own.new_tensor([width, height])
            wanted = torch.cat([centre[place] - home[place], sides.sqrt()])
            places.append((five[number, row, column, best, :4] - wanted).square().sum())
            confidence[number, row, column, best], weight[number, row, column, best] = overlap[best], 1.0
            chances = prediction[number, row, column, 5 * boxes_per_cell :]
            one = torch.zeros_like(chances)
            one[int(named[place]) - 1] = 1
            classes.append((chances - one).square().sum())
    nothing = prediction.sum() * 0
    loss_box = lambda_coord * torch.stack([nothing, *places]).sum() / count
    loss_confidence = (weight * (five[..., 4] - confidence).square()).sum() / count
    return loss_box, loss_confidence, torch.stack([nothing, *classes]).sum() / count


def _nearest(boxes: Tensor, box: Tensor, image: Tensor) -> Tensor:
    """Which of some boxes is nearest another in centre and sides, as shares of the image. Shapes: (B, 4), (4) -> ()."""
    off = (boxes - box) / box.new_tensor([image.shape[-1], image.shape[-2]] * 2)
    low, high = off.split(2, dim=1)
    return torch.cat([(low + high) / 2, high - low], dim=1).square().sum(dim=1).argmin()


def yolo_v1_detections(
    prediction: Tensor, image: Tensor, boxes_per_cell: int = 2, score_thresh: float = 0.05, nms_thresh: float = 0.5,
    detections_per_img: int = 100,
) -> tuple[list[Tensor], list[Tensor], list[Tensor]]:  # fmt: skip
    """Boxes (D, 4), scores (D) and labels (D) of each image, best first; boxes of a class suppress each other.

    A score is the confidence of a box times the chance of a class (equation 1 of the paper).
    """
    prediction = single_at_least(prediction)
    height, width = image.shape[-2:]
    limit = prediction.new_tensor([width, height, width, height])
    everywhere = torch.minimum(yolo_v1_boxes(prediction, image, boxes_per_cell).clamp(min=0), limit).flatten(1, 3)
    five = prediction[..., : 5 * boxes_per_cell].unflatten(-1, (boxes_per_cell, 5))
    chances = (five[..., 4:] * prediction[..., None, 5 * boxes_per_cell :]).flatten(1, 3)
    if in_program():
        return cells_in_program(everywhere, chances, score_thresh, nms_thresh, detections_per_img)
    found: tuple[list[Tensor], list[Tensor], list[Tensor]] = ([], [], [])
    for own, chance in zip(everywhere, chances, strict=True):
        place, number = (chance >= score_thresh).nonzero(as_tuple=True)
        scores = chance[place, number]
        kept = batched_nms(own[place], scores, number, nms_thresh)[:detections_per_img]
        for kind, values in zip(found, (own[place][kept], scores[kept], number[kept] + 1), strict=True):
            kind.append(values)
    return found
