"""What a detector found in images, and both that and the truth in COCO's format."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
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
        kept = (self.scores >= score).nonzero()[:, 0]
        masks = None if self.masks is None else [self.masks[place] for place in kept.tolist()]
        return Found(self.boxes[kept], self.scores[kept], self.labels[kept], masks)


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


def encoded(masks: Tensor) -> list[dict[str, Any]]:
    """Masks (M, H, W) of 0 and 1 as COCO's compressed runs, `{"size": [H, W], "counts": …}`."""
    if not len(masks):
        return []
    pixels = np.asfortranarray(masks.to(torch.uint8).cpu().numpy().transpose(1, 2, 0))
    runs: list[dict[str, Any]] = mask_coder().encode(pixels)
    return [{"size": [int(side) for side in one["size"]], "counts": _text(one["counts"])} for one in runs]


def decoded(runs: Sequence[dict[str, Any]], size: Sequence[int]) -> Tensor:
    """Masks (M, H, W) uint8 from runs."""
    if not runs:
        return torch.zeros(0, *size, dtype=torch.uint8)
    pixels = mask_coder().decode([one | {"counts": _bytes(one["counts"])} for one in runs])
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))


def _text(counts: bytes | str) -> str:
    return counts.decode("ascii") if isinstance(counts, bytes) else counts


def _bytes(counts: bytes | str) -> bytes:
    return counts.encode("ascii") if isinstance(counts, str) else counts


def mask_coder() -> ModuleType:
    """The library's functions on runs; raises RunError where it is not installed."""
    coco()
    from faster_coco_eval.core import mask

    coder: ModuleType = mask
    return coder


def coco() -> ModuleType:
    """The library that judges as COCO does; raises RunError where it is not installed."""
    try:
        import faster_coco_eval
    except ImportError:
        hint = "install it: `pip install 'dlspec[coco]'`"
        raise RunError("detections are judged by `faster-coco-eval`, which is not installed", hint) from None
    library: ModuleType = faster_coco_eval
    return library


def as_coco(objects: Objects, sizes: Sequence[Sequence[int]], classes: Sequence[str]) -> dict[str, Any]:
    """The truth as a COCO data set: images, annotations and categories, numbered from 1; class 0 is no category.

    `sizes` are the height and width of each image.
    """
    made: list[dict[str, Any]] = []
    for image, (boxes, labels) in enumerate(zip(objects.boxes, objects.labels, strict=True), 1):
        runs = encoded(objects.masks[image - 1]) if objects.masks else None
        for place, (box, label) in enumerate(zip(corner_and_sides(boxes), labels.tolist(), strict=True)):
            area = box[2] * box[3]
            one = {
                "id": len(made) + 1,
                "image_id": image,
                "category_id": label,
                "bbox": box,
                "area": area,
                "iscrowd": 0,
            }
            if runs is not None:
                one |= {"segmentation": runs[place], "area": int(objects.masks[image - 1][place].sum())}
            made.append(one)
    return {
        "images": [{"id": image, "height": int(h), "width": int(w)} for image, (h, w) in enumerate(sizes, 1)],
        "annotations": made,
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes) if number],
    }


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
