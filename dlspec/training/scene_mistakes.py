"""The scenes of `val` that a detector is worst at: what it overlooked in each, and what it found that is not there."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.detection import Findings
from dlspec.training.found import Found
from dlspec.training.job import Setting
from dlspec.training.mistakes import SHOWN, write_listed
from dlspec.training.objects import Objects
from dlspec.training.scene_pictures import (
    HIT,
    MISSED,
    SCENES,
    SHOWN_FROM,
    WRONG,
    drawn,
    found_marks,
    hits,
    sheet,
    true_marks,
)

if TYPE_CHECKING:
    from typing import Any

WITHIN = 0.5
"""The share of a box that lies in a crowd, from which on nobody knows whether it is right."""
SMALL = 320
"""Pixels of a side of a small picture."""


class SceneMistake(Record):
    """A scene with what was overlooked in it and what was found wrongly."""

    row: int
    """Of the data set, the first being 1."""
    objects: int
    """How many there are."""
    missed: list[dict[str, Any]]
    """The class and the box of each that no box of its class covers by half."""
    false: list[dict[str, Any]]
    """The class, the score and the box of what was found and is no object, or one that was found before."""
    cost: float
    """How many are missed, and the scores of what is false added up."""
    file: str = ""
    """What the scene was read from, where it has a file of its own."""

    def words(self) -> str:
        """`2 of 5 missed, 1 false`."""
        said = [f"{len(self.missed)} of {self.objects} missed"] if self.missed else []
        return ", ".join([*said, f"{len(self.false)} false"] if self.false else said) or "all found"


def write_worst_scenes(setting: Setting, judgement: Findings, out: Path) -> list[tuple[bytes, bool]]:
    """`mistakes.json` and `mistakes.png` of the worst scenes; small pictures of each, and that they are no ink."""
    samples, classes = setting.splits.val, setting.dataset.classes
    objects = samples.targets
    assert isinstance(objects, Objects)
    places = worst_places(objects, judgement.found)[:SHOWN]
    found, pictures = [], []
    for place in places:
        images, own = samples.taken(torch.tensor([place]))
        assert isinstance(own, Objects)
        ignored = _ignored(objects, place)
        found.append(_described(setting, place, own, judgement.found[place], ignored))
        pictures.append(_picture(next(iter(images)), own, judgement.found[place], ignored, classes))
    write_listed(found, out / "mistakes.json")
    words = [f"{one.file or f'row {one.row:,}'}: {one.words()}" for one in found[:SCENES]]
    sheet(pictures[:SCENES], words=words, heading=HEADING).save(out / "mistakes.png")
    return [(_small(picture), False) for picture in pictures]


HEADING = (("right", HIT), ("overlooked", MISSED), ("wrong, with its score", WRONG))
"""What the colours mean."""


def worst_places(objects: Objects, found: Sequence[Found]) -> list[int]:
    """The images in the order of what they cost, the worst first; of equal ones as they come."""
    costs = [
        _cost(*_wrong(own, given, _ignored(objects, place)))
        for place, (own, given) in enumerate(zip(_boxes_alone(objects), found, strict=True))
    ]
    return sorted(range(len(costs)), key=lambda place: -costs[place])


def _boxes_alone(objects: Objects) -> Objects:
    """Without masks, which need not be unpacked to be counted."""
    return Objects(objects.boxes, objects.labels)


def _ignored(objects: Objects, place: int) -> Tensor:
    """The boxes of an image that nothing is asked of."""
    return torch.zeros(0, 4) if objects.ignored is None else objects.ignored.boxes[place]


def _wrong(own: Objects, given: Found, ignored: Tensor) -> tuple[list[bool], Found, list[bool]]:
    """Which objects of an image were hit, what of the detections is told, and which of these are right."""
    shown = given.above(SHOWN_FROM)
    right, hit = hits(own, shown)
    unknown = _within(shown.boxes, ignored)
    kept = torch.tensor([place for place in range(len(right)) if right[place] or not unknown[place]], dtype=torch.int64)
    return hit, shown.at(kept), [right[place] for place in kept.tolist()]


def _within(boxes: Tensor, crowds: Tensor) -> list[bool]:
    """Whether each box lies in a crowd."""
    low = torch.maximum(boxes[:, None, :2], crowds[None, :, :2])
    common = (torch.minimum(boxes[:, None, 2:], crowds[None, :, 2:]) - low).clamp(min=0).prod(2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(1, keepdim=True).clamp(min=1e-9)
    return [bool(one) for one in (common / areas >= WITHIN).any(1)]


def _cost(hit: list[bool], shown: Found, right: list[bool]) -> float:
    scores = zip(shown.scores.tolist(), right, strict=True)
    return hit.count(False) + float(sum(score for score, is_right in scores if not is_right))


def _described(setting: Setting, place: int, own: Objects, given: Found, ignored: Tensor) -> SceneMistake:
    classes, row = setting.dataset.classes, int(setting.splits.rows["val"][place]) + 1
    hit, shown, right = _wrong(own, given, ignored)
    boxes, labels = own.boxes[0].tolist(), own.labels[0].tolist()
    missed = [_object(classes[label], box) for label, box, one in zip(labels, boxes, hit, strict=True) if not one]
    told = zip(shown.labels.tolist(), shown.scores.tolist(), shown.boxes.tolist(), right, strict=True)
    false = [_object(classes[label], box) | {"score": round(score, 4)} for label, score, box, one in told if not one]
    file = setting.dataset.names[row - 1] if setting.dataset.names else ""
    return SceneMistake(row, len(hit), missed, false, round(_cost(hit, shown, right), 4), file)


def _object(name: str, box: Sequence[float]) -> dict[str, Any]:
    return {"class": name, "box": [round(side, 2) for side in box]}


def _picture(image: Tensor, own: Objects, given: Found, ignored: Tensor, classes: Sequence[str]) -> Image.Image:
    """A scene with what was found rightly, without words, what is false, with its score, and what was overlooked."""
    hit, shown, right = _wrong(own, given, ignored)
    found = found_marks(shown, classes, [HIT if one else WRONG for one in right])
    truth = true_marks(own, classes, [MISSED] * len(hit))
    quiet = [mark.without_words() for mark, one in zip(found, right, strict=True) if one]
    false = [mark for mark, one in zip(found, right, strict=True) if not one]
    missed = [mark.with_words_below() for mark, one in zip(truth, hit, strict=True) if not one]
    return drawn(image, [*quiet, *false, *missed])


def _small(picture: Image.Image) -> bytes:
    small = picture.copy()
    small.thumbnail((SMALL, SMALL))
    file = BytesIO()
    small.save(file, "PNG", optimize=True)
    return file.getvalue()
