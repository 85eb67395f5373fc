"""What a detector finds in the user's own images: drawn on them, or written as COCO JSON.

An image is brought to the size that the plan says, or that the network was trained on, and what is found goes back to
its own. A network that was trained on images of several sizes, or takes a list of them, gets it as it is.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.data import resized
from dlspec.training.errors import RunError
from dlspec.training.found import Found, found_in, of_image
from dlspec.training.mask_runs import decoded, encoded
from dlspec.training.proposals import proposals
from dlspec.training.ragged import Ragged, alike, filled_up, takes_list
from dlspec.training.trained import Trained
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any

AT_ONCE = 16
"""Images of a batch."""


class Pictured(Record):
    """An image (C, H, W) in 0..1 as its file has it, and the name of the file."""

    name: str
    image: Tensor


@torch.no_grad()
def detect(run: Trained, images: Sequence[Tensor]) -> list[Found]:
    """What a run's best weights find in images (C, H, W) of any size, in pixels of each."""
    as_list = takes_list(run.module)
    if run.plan.data.resize is not None or not (as_list or run.keeps_sizes):
        return _detect_resized(run, images, as_list=as_list)
    found: dict[int, Found] = {}
    for rows in alike([(one.shape[1], one.shape[2]) for one in images], AT_ONCE):
        own = [images[row] for row in rows.tolist()]
        prepared = Ragged([run.fitted.prepared(one[None].to(run.device, run.dtype))[0] for one in own])
        inputs = prepared.tensors if as_list else filled_up(prepared, 0, run.plan.data.size_divisible)
        outputs = run.module(inputs, **_searched(run, torch.stack(own)))
        found |= dict(zip(rows.tolist(), found_in(outputs), strict=True))
    return [found[row] for row in range(len(images))]


def _detect_resized(run: Trained, images: Sequence[Tensor], *, as_list: bool) -> list[Found]:
    """The same by way of the one size that the network was trained on."""
    found: list[Found] = []
    for start in range(0, len(images), AT_ONCE):
        own = images[start : start + AT_ONCE]
        batch = torch.cat([resized(image[None], (run.sample[1], run.sample[2])) for image in own])
        inputs = run.fitted.prepared(batch.to(run.device, run.dtype))
        outputs = run.module([*inputs] if as_list else inputs, **_searched(run, batch))
        found += [brought_back(one, run.sample, image.shape) for one, image in zip(found_in(outputs), own, strict=True)]
    return found


def _searched(run: Trained, batch: Tensor) -> dict[str, list[Tensor]]:
    """Regions that may hold an object, where the network takes them."""
    proposer = run.plan.data.proposals
    return {} if proposer is None else {"proposals": [one.to(run.device) for one in proposals(batch, proposer)]}


def brought_back(found: Found, sample: Sequence[int], shape: Sequence[int]) -> Found:
    """Boxes and masks in pixels of an image of another size."""
    (height, width), (rows, columns) = shape[-2:], sample[-2:]
    if (height, width) == (rows, columns):
        return found
    boxes = found.boxes * torch.tensor([width / columns, height / rows] * 2)
    masks = found.masks
    if masks:
        grown = torch.nn.functional.interpolate(
            decoded(masks, (rows, columns))[:, None].float(), (height, width), mode="nearest-exact"
        )
        masks = encoded(grown[:, 0])
    return Found(boxes, found.scores, found.labels, masks)


def write_found(run: Trained, pictured: Sequence[Pictured], out: Path) -> list[dict[str, Any]]:
    """Write what is found in images: `.json` in COCO's format, `.png` as one picture, a folder as one for each.

    Gives a row for each image: its name, and how many objects were found.
    """
    found = detect(run, [one.image for one in pictured])
    if out.suffix == ".json":
        out.parent.mkdir(parents=True, exist_ok=True)
        write_whole(out, json.dumps(coco_json(pictured, found, run.classes), indent=1) + "\n")
    else:
        _draw(run, pictured, found, out)
    return [{"input": one.name, "objects": len(each.boxes)} for one, each in zip(pictured, found, strict=True)]


def coco_json(pictured: Sequence[Pictured], found: Sequence[Found], classes: Sequence[str]) -> dict[str, Any]:
    """A COCO data set of what was found: images by file name, annotations with a score, categories."""
    listed = [one for image, each in enumerate(found, 1) for one in of_image(each, image)]
    areas = [one["bbox"][2] * one["bbox"][3] for one in listed]
    return {
        "images": [
            {"id": number, "file_name": one.name, "width": one.image.shape[2], "height": one.image.shape[1]}
            for number, one in enumerate(pictured, 1)
        ],
        "annotations": [
            {"id": number, **one, "area": round(area, 2), "iscrowd": 0}
            for number, (one, area) in enumerate(zip(listed, areas, strict=True), 1)
        ],
        "categories": [{"id": number, "name": name} for number, name in enumerate(classes) if number],
    }


def _draw(run: Trained, pictured: Sequence[Pictured], found: Sequence[Found], out: Path) -> None:
    from dlspec.training.scene_pictures import SHOWN_FROM, drawn, found_marks, of_classes, sheet

    pictures = []
    for one, each in zip(pictured, found, strict=True):
        shown = each.above(SHOWN_FROM)
        marks = found_marks(shown, run.classes, of_classes(shown.labels))
        pictures.append(drawn(one.image, marks[::-1]))  # the best on top
    try:
        if out.suffix == ".png":
            out.parent.mkdir(parents=True, exist_ok=True)
            names = [one.name for one in pictured]
            (pictures[0] if len(pictures) == 1 else sheet(pictures, words=names)).save(out)
            return
        out.mkdir(parents=True, exist_ok=True)
        for name, picture in zip(_file_names([one.name for one in pictured]), pictures, strict=True):
            picture.save(out / name)
    except OSError as error:
        raise RunError(f"`{out}` cannot be written: {error.strerror or error}") from error


def _file_names(names: Sequence[str]) -> list[str]:
    """A name of a PNG file for each input, of equal ones with a number."""
    taken: dict[str, int] = {}
    made = []
    for name in names:
        stem = Path(name.replace(":", "-")).stem
        taken[stem] = taken.get(stem, 0) + 1
        made.append(f"{stem}.png" if taken[stem] == 1 else f"{stem}-{taken[stem]}.png")
    return made
