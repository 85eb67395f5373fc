"""What a detector found in images, and both that and the truth in COCO's format."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.mask_runs import areas, encoded
from dlspec.training.objects import Objects

if TYPE_CHECKING:
    from typing import Any

    from dlspec.training.objective import Outputs

MASK_FROM = 0.5
"""The probability from which on a pixel belongs to a mask."""


class Found(Record):
    """Objects of one image with scores, best first: boxes (D, 4), scores (D), labels (D), and masks as COCO's runs."""

    boxes: Tensor
    scores: Tensor
    labels: Tensor
    masks: list[dict[str, Any]] | None = None

    def above(self, score: float) -> Found:
        """Those with a score of at least so much."""
        return self.at((self.scores >= score).nonzero()[:, 0])

    def at(self, rows: Tensor) -> Found:
        """Some of them, by their places."""
        masks = None if self.masks is None else [self.masks[place] for place in rows.tolist()]
        return Found(self.boxes[rows], self.scores[rows], self.labels[rows], masks)


def found_in(outputs: Outputs) -> list[Found]:
    """What a network in evaluation gives of a batch, an item for each image; raises RunError for other outputs."""
    missing = [name for name in ("boxes", "scores", "labels") if not isinstance(outputs, dict) or name not in outputs]
    if missing or not isinstance(outputs, dict):
        listed = " and no ".join(f"`{name}`" for name in missing)
        raise RunError(f"the network gives no {listed} in evaluation", "what it finds is judged by them", code="E0705")
    masks = outputs.get("masks")
    return [
        Found(
            outputs["boxes"][place].detach().float().cpu(),
            outputs["scores"][place].detach().float().cpu(),
            outputs["labels"][place].cpu(),
            None if masks is None else encoded(masks[place].detach().flatten(0, -3) >= MASK_FROM),
        )
        for place in range(len(outputs["boxes"]))
    ]


def as_coco(objects: Objects, sizes: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, Any]:
    """The truth as a COCO data set: images, annotations and categories, numbered from 1; class 0 is no category.

    `sizes` are the height and width of each image. What nothing is asked of are crowds, by which COCO leaves things
    out of the count.
    """
    made: list[dict[str, Any]] = []
    for image in range(len(objects)):
        for own in (objects, objects.ignored):
            made += [] if own is None else _annotations(own, image, crowd=int(own is objects.ignored))
    return {
        "images": [{"id": image, "height": int(h), "width": int(w)} for image, (h, w) in enumerate(sizes, 1)],
        "annotations": [{"id": number, **one} for number, one in enumerate(made, 1)],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes) if number],
    }


def _annotations(objects: Objects, image: int, crowd: int) -> list[dict[str, Any]]:
    """The objects of one image."""
    runs = objects.mask_runs(image)
    pixels = areas(runs or [])
    made = []
    for place, (box, label) in enumerate(
        zip(corner_and_sides(objects.boxes[image]), objects.labels[image].tolist(), strict=True)
    ):
        one = {"image_id": image + 1, "category_id": label, "bbox": box, "area": box[2] * box[3], "iscrowd": crowd}
        made.append(one if runs is None else one | {"segmentation": runs[place], "area": pixels[place]})
    return made


def results(found: Sequence[Found]) -> list[dict[str, Any]]:
    """Detections as a COCO list of results, images numbered from 1."""
    return [one for image, each in enumerate(found, 1) for one in of_image(each, image)]


def of_image(found: Found, image: int) -> list[dict[str, Any]]:
    made = []
    boxes, scores, labels = corner_and_sides(found.boxes), found.scores.tolist(), found.labels.tolist()
    for place, (box, score, label) in enumerate(zip(boxes, scores, labels, strict=True)):
        one = {"image_id": image, "category_id": label, "bbox": box, "score": round(score, 6)}
        made.append(one if found.masks is None else one | {"segmentation": found.masks[place]})
    return made


def corner_and_sides(boxes: Tensor) -> list[list[float]]:
    """Boxes (x1, y1, x2, y2) as COCO writes them: x, y, width, height, in hundredths of a pixel."""
    sides = torch.cat([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], 1)
    return [[round(value, 2) for value in box] for box in sides.tolist()]
