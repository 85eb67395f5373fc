"""Scenes drawn with their objects: boxes, masks and names, and what was found beside the truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dlspec.record import Record
from dlspec.training.found import Found
from dlspec.training.mask_runs import decoded
from dlspec.training.objects import Objects
from dlspec.training.ragged import Images

TRUE, HIT, WRONG, MISSED = "#F2C14E", "#3FBF7F", "#EF5B5B", "#B58CFF"
"""Colours of boxes: of the truth, of what was found rightly and wrongly, and of what was overlooked."""
PALETTE = ("#F2C14E", "#3FBF7F", "#5AA9F2", "#EF8354", "#B58CFF", "#EF5B9C", "#7BD3D3", "#C5D86D", "#F28B82", "#9AA5F0")
"""Colours of classes."""
SMALLEST = 360
"""Pixels that the longer side of a drawn scene has at least."""
OVERLAP = 0.5
"""The IoU from which on a box is a hit."""
SHOWN_FROM = 0.3
"""The score from which on a detection is drawn."""
SCENES, COLUMNS = 8, 2
"""Scenes in a picture, and how many stand side by side."""
INK = "#0F172A"
TINT = 0.45
"""How strongly a mask colours its pixels."""


class Mark(Record):
    """A box (x1, y1, x2, y2) with a colour, words and perhaps a mask (H, W)."""

    box: Sequence[float]
    colour: str
    words: str
    mask: Tensor | None = None
    below: bool = False
    """Whether the words stand below the box, where another box of about that place has its words above."""

    def without_words(self) -> Mark:
        return Mark(self.box, self.colour, "", self.mask)

    def with_words_below(self) -> Mark:
        return Mark(self.box, self.colour, self.words, self.mask, True)


def drawn(image: Tensor, marks: Sequence[Mark]) -> Image.Image:
    """A picture of an image (C, H, W) in 0..1 with its marks; small ones are enlarged."""
    pixels = _tinted(image, marks)
    times = max(1, -(-SMALLEST // max(pixels.shape[:2])))
    picture = Image.fromarray(pixels.repeat(times, 0).repeat(times, 1))
    pen = ImageDraw.Draw(picture)
    wide = max(2, round(max(picture.size) / 300))
    font = ImageFont.load_default(max(12, round(max(picture.size) / 32)))
    for mark in marks:
        x1, y1, x2, y2 = (times * side for side in mark.box)
        pen.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), outline=mark.colour, width=wide)
    for mark in marks:
        _name(pen, mark, times, font, picture.size)
    return picture


def _tinted(image: Tensor, marks: Sequence[Mark]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    shown = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    pixels = shown.permute(1, 2, 0).clamp(0, 1).cpu().numpy().astype(np.float32).copy()
    for mark in marks:
        if mark.mask is not None:
            colour = np.array([int(mark.colour[place : place + 2], 16) for place in (1, 3, 5)], np.float32) / 255
            inside = mark.mask.bool().cpu().numpy()
            pixels[inside] = (1 - TINT) * pixels[inside] + TINT * colour
    return np.round(pixels * 255).astype(np.uint8)


def _name(
    pen: ImageDraw.ImageDraw, mark: Mark, times: int, font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    size: tuple[int, int],
) -> None:  # fmt: skip
    """The words above a box, or below it, or inside it where there is no room."""
    if not mark.words:
        return
    left, top, right, bottom = pen.textbbox((0, 0), mark.words, font=font)
    high, wide = bottom - top + 4, right - left + 6
    x = min(max(times * mark.box[0], 0), max(size[0] - wide, 0))
    above, under = times * mark.box[1] - high, times * mark.box[3]
    y = under if mark.below else above if above >= 0 else above + high
    y = min(y, size[1] - high)
    pen.rectangle((x, y, x + wide, y + high), fill=mark.colour)
    pen.text((x + 3 - left, y + 2 - top), mark.words, fill="#10151C", font=font)


def true_marks(objects: Objects, classes: Sequence[str], colours: Sequence[str] | None = None) -> list[Mark]:
    """The marks of one image's objects."""
    (boxes,), (labels,) = objects.boxes, objects.labels
    masks = objects.masks[0] if objects.masks else [None] * len(boxes)
    colours = colours or [TRUE] * len(boxes)
    each = zip(boxes.tolist(), colours, labels.tolist(), masks, strict=True)
    return [Mark(box, colour, classes[label], mask) for box, colour, label, mask in each]


def found_marks(found: Found, classes: Sequence[str], colours: Sequence[str] | None = None) -> list[Mark]:
    """The marks of what was found in one image, with the scores."""
    colours = colours or [HIT] * len(found.boxes)
    masks: Sequence[Tensor | None] = [None] * len(found.boxes)
    if found.masks:
        masks = list(decoded(found.masks, found.masks[0]["size"]))
    each = zip(found.boxes.tolist(), colours, found.labels.tolist(), found.scores.tolist(), masks, strict=True)
    return [Mark(box, colour, f"{classes[label]} {score:.0%}", mask) for box, colour, label, score, mask in each]


def hits(objects: Objects, found: Found) -> tuple[list[bool], list[bool]]:
    """Which detections of an image are hits, and which objects were hit; the best scores choose first, as in COCO."""
    (boxes,), (labels,) = objects.boxes, objects.labels
    overlaps = box_overlaps(found.boxes, boxes) * (found.labels[:, None] == labels)
    right, hit = [False] * len(found.boxes), [False] * len(boxes)
    for place in found.scores.argsort(descending=True, stable=True).tolist():
        free = overlaps[place] * torch.tensor([not one for one in hit], dtype=overlaps.dtype)
        if len(free) and float(free.max()) >= OVERLAP:
            right[place] = hit[int(free.argmax())] = True
    return right, hit


def box_overlaps(some: Tensor, others: Tensor) -> Tensor:
    """The IoU of each box with each other one (M, K)."""
    low = torch.maximum(some[:, None, :2], others[None, :, :2])
    high = torch.minimum(some[:, None, 2:], others[None, :, 2:])
    common = (high - low).clamp(min=0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (some, others)]
    return common / (areas[0][:, None] + areas[1] - common).clamp(min=1e-9)


def write_findings(
    images: Images, objects: Objects, found: Sequence[Found], classes: Sequence[str], file: Path
) -> None:
    """Scenes in pairs: what is there, with what was overlooked, and what was found, rightly and wrongly."""
    pairs = []
    for image, own, given in zip(images[slice(SCENES)], objects, found, strict=False):
        shown = given.above(SHOWN_FROM)
        right, hit = hits(own, shown)
        truth = true_marks(own, classes, [TRUE if one else MISSED for one in hit])
        made = found_marks(shown, classes, [HIT if one else WRONG for one in right])
        pairs.append((drawn(image, truth), drawn(image, made)))
    _paired(pairs, ("is there, overlooked in violet", "was found, wrongly in red")).save(file)


def of_classes(labels: Tensor) -> list[str]:
    """A colour for each label, the same for the same one."""
    return [PALETTE[label % len(PALETTE)] for label in labels.tolist()]


def sheet(
    pictures: Sequence[Image.Image],
    *,
    columns: int = 4,
    side: int = 420,
    words: Sequence[str] = (),
    heading: Sequence[tuple[str, str]] = (),
) -> Image.Image:
    """Pictures of any sizes in rows, none wider or higher than `side`, with words under each.

    `heading` are words and their colours, which stand above all.
    """
    small = [picture.copy() for picture in pictures]
    for picture in small:
        picture.thumbnail((side, side))
    across, gap, below, top = min(columns, len(small)), 8, 24 if words else 0, 30 if heading else 0
    side = max(one.size[0] for one in small)
    high = [below + max(one.size[1] for one in small[row : row + across]) for row in range(0, len(small), across)]
    size = (across * (side + gap) + gap, top + sum(high) + gap * (len(high) + 1))
    paper = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(16)
    _head(pen, heading, font, gap)
    for place, picture in enumerate(small):
        row = place // across
        x, y = gap + place % across * (side + gap), top + gap * (row + 1) + sum(high[:row])
        paper.paste(picture, (x, y))
        if words:
            pen.text((x, y + picture.size[1] + 3), words[place], fill=INK, font=font)
    return paper


def _head(
    pen: ImageDraw.ImageDraw,
    heading: Sequence[tuple[str, str]],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont,
    left: int,
) -> None:
    """A square of its colour before each of some words."""
    for words, colour in heading:
        pen.rectangle((left, 9, left + 15, 24), fill=colour)
        pen.text((left + 22, 7), words, fill=INK, font=font)
        left += 22 + int(font.getlength(words)) + 20


def write_scenes(rows: Sequence[Sequence[tuple[Tensor, Objects]]], classes: Sequence[str], file: Path) -> None:
    """Scenes with their objects in rows and columns."""
    pictures = [drawn(image, true_marks(objects, classes)) for row in rows for image, objects in row]
    sheet(pictures, columns=len(rows[0])).save(file)


def _paired(pairs: Sequence[tuple[Image.Image, Image.Image]], headings: tuple[str, str]) -> Image.Image:
    """Pairs side by side, `COLUMNS` of them in a row, with headings above."""
    wide, high = (max(picture.size[axis] for pair in pairs for picture in pair) for axis in (0, 1))
    gap, top = 10, 34
    across = min(COLUMNS, len(pairs))
    pair = 2 * wide + gap // 2
    size = (gap + across * (pair + 2 * gap), top + -(-len(pairs) // across) * (high + gap))
    paper = Image.new("RGB", size, "white")
    pen, font = ImageDraw.Draw(paper), ImageFont.load_default(18)
    for place, pictures in enumerate(pairs):
        x, y = gap + place % across * (pair + 2 * gap), top + place // across * (high + gap)
        for side, picture in enumerate(pictures):
            paper.paste(picture, (x + side * (wide + gap // 2), y))
            if place < across:
                pen.text((x + side * (wide + gap // 2), 8), headings[side], fill="#0F172A", font=font)
    return paper
