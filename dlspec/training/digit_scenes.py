"""Scenes of handwritten digits, made from scikit-learn's: the same everywhere for the same seed.

A scene is a function of (seed, role, number), drawn as augmentation is; so more scenes begin with
the same ones, and no library's generator can change them. Sizes, where they differ, are drawn apart.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlspec.record import Record
from dlspec.training import draws
from dlspec.training.objects import Objects, boxes_around
from dlspec.training.ragged import Size, alike

SIDE = 128
CANVAS_STREAM = 0x63616E766173
"""What sets the sizes of scenes apart from other numbers of the same seed."""
FEWEST, MOST = 2, 7
"""Digits of a scene."""
LARGEST = 4
"""How many times a digit is enlarged at most."""
INK = 0.25
"""The part of full scale from which on a pixel belongs to a digit."""
OVERLAP = 0.02
"""The highest IoU of two boxes."""
FIRST_HELD_OUT = 1347
"""The digit image from which on scenes of `val` and `test` take theirs."""

ROLES = ("train", "val", "test")
TRIES = 60
"""Places that are drawn for a digit before its size is drawn anew."""
DRAWN = 3
"""Numbers drawn for a background: a constant and two gradients."""
AT_FIRST = 64
"""Numbers drawn for the digits of a scene at once; few scenes need more."""
NOISE_STREAM = 0x7363656E65
"""What sets the numbers of noise apart from the others of the same seed."""
NOISY_AT_ONCE = 64

Array = NDArray[np.float32]


class Glyphs(Record):
    """Digit images (count, 8, 8) in 0..1 and the digits that they show."""

    images: Array
    digits: NDArray[np.int64]


class Scene(Record):
    """A drawn scene: pixels (H, W), which object each pixel belongs to, counted from 1, and the digits."""

    pixels: Array
    owners: NDArray[np.uint8]
    digits: list[int]


def scenes(role: str, count: int, seed: int) -> tuple[Tensor, Objects]:
    """Images (count, 1, 128, 128) float32 in 0..1 and their objects; a digit's label is one more than it."""
    images, objects = scenes_of_sizes(role, count, seed, (SIDE, SIDE))
    return torch.stack(images) if images else torch.empty(0, 1, SIDE, SIDE), objects


def scenes_of_sizes(role: str, count: int, seed: int, canvas: Size) -> tuple[list[Tensor], Objects]:
    """Images (1, H, W) with sides between the two of the canvas, and their objects."""
    number = torch.arange(count)
    stream = ROLES.index(role)
    glyphs = _glyphs(role)
    drawn = draws.uniform(seed, stream, number, DRAWN + AT_FIRST)
    sizes = _sizes(seed, stream, number, canvas)
    backgrounds = _backgrounds(drawn[:, :3], seed, stream, sizes)
    painted = [
        _painted(background, glyphs, Numbers(seed, stream, place, first))
        for place, (background, first) in enumerate(zip(backgrounds, drawn[:, 3:].tolist(), strict=True))
    ]
    return [torch.from_numpy(scene.pixels)[None] for scene in painted], _objects(painted)


def _sizes(seed: int, stream: int, number: Tensor, canvas: Size) -> list[Size]:
    """Height and width of each scene."""
    low, high = canvas
    sides = low + (draws.uniform(seed ^ CANVAS_STREAM, stream, number, 2) * (high - low + 1)).long()
    return [(height, width) for height, width in sides.tolist()]


def _glyphs(role: str) -> Glyphs:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    kept = slice(None, FIRST_HELD_OUT) if role == "train" else slice(FIRST_HELD_OUT, None)
    return Glyphs((bunch.images[kept] / 16).astype(np.float32), bunch.target[kept].astype(np.int64))


def _backgrounds(drawn: Tensor, seed: int, stream: int, sizes: Sequence[Size]) -> list[Array]:
    """A constant from 0.1 to 0.3, a gradient of up to 0.15 either way along each axis, and normal noise of 0.06."""
    constant = 0.1 + 0.2 * drawn[:, 0]
    slopes = 0.15 * (2 * drawn[:, 1:3] - 1)
    made: dict[int, Array] = {}
    for rows in alike(sizes, NOISY_AT_ONCE):
        height, width = sizes[int(rows[0])]
        across, down = torch.linspace(-1, 1, width), torch.linspace(-1, 1, height)
        smooth = constant[rows, None, None] + slopes[rows, 0, None, None] * across
        smooth = smooth + slopes[rows, 1, None, None] * down[:, None]
        noise = draws.normal(seed ^ NOISE_STREAM, stream, rows, height * width)
        smooth += 0.06 * noise.view(-1, height, width)
        made |= dict(zip(rows.tolist(), smooth.numpy(), strict=True))
    return [made[row] for row in range(len(sizes))]


class Numbers:
    """The numbers in [0, 1) of one scene, one after the other, drawn in portions."""

    def __init__(self, seed: int, stream: int, scene: int, first: list[float]) -> None:
        self.seed, self.stream, self.scene = seed, stream, torch.tensor([scene])
        self.portions, self.left = 0, first

    def below(self, count: int) -> int:
        return int(self() * count)

    def __call__(self) -> float:
        if not self.left:
            self.portions += 1
            drawn = draws.uniform(self.seed + (self.portions << 32), self.stream, self.scene, AT_FIRST)
            self.left = drawn[0].tolist()
        return self.left.pop()


def _painted(background: Array, glyphs: Glyphs, number: Numbers) -> Scene:
    """Digits painted over a background, one after the other, where their ink and their boxes leave others alone."""
    height, width = background.shape
    scene = Scene(background, np.zeros((height, width), np.uint8), [])
    boxes: list[tuple[int, int, int, int]] = []
    count = FEWEST + number.below(MOST - FEWEST + 1)
    while len(boxes) < count:
        which, times, contrast = number.below(len(glyphs.digits)), 1 + number.below(LARGEST), 0.6 + 0.4 * number()
        glyph = glyphs.images[which].repeat(times, 0).repeat(times, 1)
        ink = glyph >= INK
        left, top, right, bottom = _extent(ink)
        for _ in range(TRIES):
            x, y = (number.below(side - len(glyph) + 1) for side in (width, height))
            box = (x + left, y + top, x + right, y + bottom)
            place = (slice(y, y + len(glyph)), slice(x, x + len(glyph)))
            if all(_iou(box, other) <= OVERLAP for other in boxes) and not (scene.owners[place][ink]).any():
                boxes.append(box)
                scene.digits.append(int(glyphs.digits[which]))
                scene.owners[place][ink] = len(boxes)
                scene.pixels[place] += glyph * (contrast - scene.pixels[place])
                break
    scene.pixels = scene.pixels.clip(0, 1)
    return scene


def _extent(ink: NDArray[np.bool_]) -> tuple[int, int, int, int]:
    columns, rows = (np.flatnonzero(ink.any(axis)) for axis in (0, 1))
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def _iou(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (one, other))
    return width * height / (areas - width * height)


def _objects(painted: Sequence[Scene]) -> Objects:
    masks = [
        (torch.from_numpy(scene.owners) == torch.arange(1, len(scene.digits) + 1)[:, None, None]).to(torch.uint8)
        for scene in painted
    ]
    labels = [torch.tensor(scene.digits) + 1 for scene in painted]
    return Objects([boxes_around(one) for one in masks], labels, masks)
