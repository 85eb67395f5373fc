"""Masks of objects as COCO's runs, in which one takes a hundred bytes: kept so, and turned to pixels by the batch."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.nearest import nearest

if TYPE_CHECKING:
    from typing import Any


class EncodedMasks(Record):
    """The masks of one image's objects: runs of pixels, their size, and the size that they are wanted in."""

    runs: list[dict[str, Any]]
    size: tuple[int, int]
    wanted: tuple[int, int]

    def __len__(self) -> int:
        return len(self.runs)

    def decoded(self) -> Tensor:
        """Masks (M, H, W) uint8 of 0 and 1."""
        return nearest(decoded(self.runs, self.size), self.wanted)

    def as_wanted(self) -> list[dict[str, Any]]:
        """Runs in the size that is wanted."""
        return self.runs if self.size == self.wanted else encoded(self.decoded())


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


def areas(runs: Sequence[dict[str, Any]]) -> list[int]:
    """How many pixels each mask has."""
    if not runs:
        return []
    return [int(area) for area in mask_coder().area([one | {"counts": _bytes(one["counts"])} for one in runs])]


def drawn_runs(drawn: Any, size: tuple[int, int]) -> dict[str, Any]:
    """The runs of what COCO's files have as `segmentation`: polygons, runs as a list of numbers, or compressed ones.

    Raises ValueError for what is none, or of another size (height, width) than its image.
    """
    if isinstance(drawn, dict) and "size" in drawn and [*drawn["size"]] != [*size]:
        high, wide = (*drawn["size"], 0, 0)[:2]
        raise ValueError(f"runs of {wide} x {high} in an image of {size[1]} x {size[0]}")
    if isinstance(drawn, list) and not all(isinstance(part, list) and len(part) >= 6 for part in drawn):
        raise ValueError("a polygon has three corners at least, as x and y of each in turn")
    try:
        runs: dict[str, Any] = mask_coder().segmToRle(drawn, size[1], size[0])
        areas([runs])
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError) as error:
        raise ValueError((str(error) or type(error).__name__).splitlines()[0]) from None
    return {"size": [*size], "counts": _text(runs["counts"])}


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
