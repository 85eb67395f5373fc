"""Class maps as pictures: a colour for each class, and maps that were predicted beside the true ones."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dlspec.training.objects import IGNORED
from dlspec.training.ragged import Images

Pixels = NDArray[np.uint8]

SMALLEST = 240
"""Pixels that the longer side of a drawn map has at least."""
COLUMNS = 2
"""Images side by side, each with its two maps."""
GAP, TOP = 10, 34
HEADINGS = ("image", "true classes", "predicted classes")
INK = "#0F172A"


COLOURS = (
    "#000000", "#E6194B", "#3CB44B", "#FFE119", "#4C6FFF", "#F58231", "#A64DDB", "#42D4F4", "#F032E6", "#BFEF45",
    "#FABED4", "#2FA59B", "#DCBEFF", "#B97A33", "#FFFAC8", "#B03A2E", "#AAFFC3", "#A3A32B", "#FFD8B1", "#7F8CFF",
    "#C8C8C8",
)  # fmt: skip
"""Classes 0 to 20: the background black, and colours that are told apart on black and from each other."""
UNJUDGED = "#F1EBDD"


def palette() -> list[int]:
    """The colours of classes 0 to 255, three numbers each: after the first ones they are dealt by the bits of a class.

    >>> palette()[:6], palette()[-3:]
    ([0, 0, 0, 230, 25, 75], [241, 235, 221])
    """
    first = [_numbers(colour) for colour in COLOURS]
    # As in Pascal VOC: bits go to red, green and blue in turn, from the highest of each downwards.
    rest = [
        [sum((number >> (3 * place + channel) & 1) << (7 - place) for place in range(3)) for channel in range(3)]
        for number in range(len(COLOURS), IGNORED)
    ]
    return [part for colour in (*first, *rest, _numbers(UNJUDGED)) for part in colour]


def _numbers(colour: str) -> list[int]:
    return [int(colour[place : place + 2], 16) for place in (1, 3, 5)]


def as_picture(classes: Tensor) -> Image.Image:
    """A class map (H, W) as a picture with a palette: the value of a pixel is its class."""
    picture = Image.fromarray(classes.to(torch.uint8).cpu().numpy())
    picture.putpalette(palette())
    return picture


def write_maps(
    images: Images, true: Images, predicted: Images, names: Sequence[str], file: Path, words: Sequence[str] = ()
) -> None:
    """Images (N, C, H, W) with their true and predicted maps (N, H, W) beside them, and what the colours mean.

    All may be ragged. `words` stand under the images. What is not judged is pale in both maps.
    """
    shown = [triplet(*one) for one in zip(images, true, predicted, strict=True)]
    font = ImageFont.load_default(16)
    wide, high = (max(one.size[axis] for one in shown) for axis in (0, 1))
    below = 24 if words else 0
    across = min(COLUMNS, len(shown))
    key = _key([*true, *predicted], names, font, across * (wide + 2 * GAP) - GAP)
    rows = -(-len(shown) // across)
    size = (GAP + across * (wide + 2 * GAP) - GAP, TOP + rows * (high + below + GAP) + key.size[1] + GAP)
    sheet = Image.new("RGB", size, "white")
    pen = ImageDraw.Draw(sheet)
    for place, picture in enumerate(shown):
        x, y = GAP + place % across * (wide + 2 * GAP), TOP + place // across * (high + below + GAP)
        sheet.paste(picture, (x, y))
        if words:
            pen.text((x, y + high + 2), words[place], fill=INK, font=font)
        if place < across:
            for part, heading in enumerate(HEADINGS):
                pen.text((x + part * (wide + GAP // 2) // 3, 8), heading, fill=INK, font=font)
    sheet.paste(key, (GAP, size[1] - key.size[1] - GAP // 2))
    sheet.save(file)


def triplet(image: Tensor, true: Tensor, predicted: Tensor) -> Image.Image:
    """An image (C, H, W) in 0..1 with its true and its predicted map (H, W) to the right of it; small ones enlarged."""
    unjudged = true == IGNORED
    maps = [as_picture(one).convert("RGB") for one in (true, predicted.long().where(~unjudged, IGNORED))]
    parts = [Image.fromarray(_grey_or_colour(image)), *maps]
    times = max(1, -(-SMALLEST // max(parts[0].size)))
    wide, high = (times * side for side in parts[0].size)
    sheet = Image.new("RGB", (3 * wide + GAP, high), "white")
    for place, part in enumerate(parts):
        large = part.resize((wide, high), Image.Resampling.NEAREST)
        sheet.paste(large, (place * (wide + GAP // 2), 0))
    return sheet


def thumbnail(image: Tensor, true: Tensor, predicted: Tensor, side: int = 194) -> bytes:
    """A small square PNG file: the image and its true map above, the predicted map and where it is wrong below."""
    wrong = ((predicted != true) & (true != IGNORED)).to(torch.uint8)
    maps = [as_picture(one).convert("RGB") for one in (true, predicted, wrong)]
    quarters = [Image.fromarray(_grey_or_colour(image)), *maps]
    half = side // 2 - 1
    sheet = Image.new("RGB", (side, side), "white")
    for place, quarter in enumerate(quarters):
        quarter.thumbnail((half, half))
        sheet.paste(quarter, (place % 2 * (half + 2), place // 2 * (half + 2)))
    file = BytesIO()
    sheet.save(file, "PNG", optimize=True)
    return file.getvalue()


def _grey_or_colour(image: Tensor) -> Pixels:
    shown = image[:3] if len(image) >= 3 else image[:1].expand(3, -1, -1)
    pixels: Pixels = np.round(shown.permute(1, 2, 0).clamp(0, 1).cpu().numpy() * 255).astype(np.uint8)
    return pixels


def _key(
    maps: Sequence[Tensor], names: Sequence[str],
    font: ImageFont.ImageFont | ImageFont.FreeTypeFont, wide: int,
) -> Image.Image:  # fmt: skip
    """A square of its colour before the name of each class that is shown, in as many lines as they take."""
    present = sorted({number for one in maps for number in one.unique().tolist()})
    named = [(number, names[number] if number < len(names) else "not judged") for number in present]
    places, x, y = [], 0, 0
    for number, name in named:
        length = 22 + int(font.getlength(name)) + 18
        if x + length > wide and x:
            x, y = 0, y + 24
        places.append((x, y, number, name))
        x += length
    key = Image.new("RGB", (wide, y + 24), "white")
    pen, colours = ImageDraw.Draw(key), palette()
    for x, y, number, name in places:
        colour = (colours[3 * number], colours[3 * number + 1], colours[3 * number + 2])
        pen.rectangle((x, y + 3, x + 15, y + 18), fill=colour, outline="#94A3B8")
        pen.text((x + 22, y + 1), name, fill=INK, font=font)
    return key
