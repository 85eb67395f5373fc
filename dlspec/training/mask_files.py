"""Scenes with their masks as PNG: the number of a pixel, grey or of a palette, says what it shows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import MaskPng
from dlspec.training import files, image_files
from dlspec.training.errors import UnreadableError
from dlspec.training.maps import encoded_map
from dlspec.training.mask_runs import EncodedMasks, encoded
from dlspec.training.objects import IGNORED, Objects, boxes_around
from dlspec.training.samples import Dataset, loads
from dlspec.training.scene_files import SceneFile, dataset_of, told_of


@loads(MaskPng)
def _mask_png(source: MaskPng, plan: ResolvedPlan) -> Dataset:
    images, masks = (files.existing_folder(Path(plan.folder) / name) for name in (source.images, source.masks))
    pictures = sorted(one for one in images.iterdir() if one.suffix.lower() in image_files.SUFFIXES)
    if not pictures:
        hint = f"pictures end in {', '.join(image_files.SUFFIXES[:4])}, ..."
        raise UnreadableError(f"the folder `{images}` holds no pictures", hint)
    scenes: list[SceneFile] = []
    left_out: list[str] = []
    for picture in pictures:
        try:
            scenes.append(_scene(picture, masks, source, runs=plan.task == "objects"))
        except UnreadableError as error:
            if source.broken == "refuse":
                raise
            left_out.append(error.message)
    if not scenes:
        raise UnreadableError(f"no mask of `{masks}` can be read", left_out[0])
    return dataset_of(scenes, source.classes, source.channels, plan, source.broken, images, told_of(left_out))


def _scene(picture: Path, masks: Path, source: MaskPng, *, runs: bool) -> SceneFile:
    """One picture with what its mask says; raises UnreadableError for one that is missing or says too much.

    Masks of objects are kept as runs where they are wanted.
    """
    path = masks / f"{picture.stem}.png"
    if not path.exists():
        raise UnreadableError(f"`{picture}` has no mask: there is no `{path}`", "take it out, or say `broken=skip`")
    numbers = read_numbers(path)
    size = (numbers.shape[0], numbers.shape[1])
    found = [number for number in numbers.unique().tolist() if number]
    if source.holds == "objects":
        each = torch.stack([numbers == number for number in found]) if found else torch.zeros(0, *size)
        labels = torch.ones(len(found), dtype=torch.int64)
        shown = encoded_map((numbers > 0).long())
        return SceneFile(picture, size, _objects(each, labels, runs=runs), shown)
    beyond = [number for number in found if number > len(source.classes) and number != IGNORED]
    if beyond:
        says = f"`{path}` has pixels of the number {beyond[0]}, and there are {len(source.classes)} classes beside 0"
        raise UnreadableError(says, "name all of them in `classes`; 255 asks nothing")
    own = [number for number in found if number != IGNORED]
    each = torch.stack([numbers == number for number in own]) if own else torch.zeros(0, *size)
    objects = _objects(each, torch.tensor(own, dtype=torch.int64), runs=runs)
    return SceneFile(picture, size, objects, encoded_map(numbers))


def _objects(masks: Tensor, labels: Tensor, *, runs: bool) -> Objects:
    size = (masks.shape[1], masks.shape[2])
    return Objects([boxes_around(masks)], [labels], [], [], [EncodedMasks(encoded(masks), size, size)] if runs else [])


def read_numbers(path: Path, size: tuple[int, int] | None = None) -> Tensor:
    """The number of each pixel (H, W), int64, of a PNG in grey or with a palette; raises UnreadableError."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            if image.mode not in ("L", "P", "1", "I;16", "I"):
                says = f"`{path}` is in colours (`{image.mode}`), and a mask has one number for each pixel"
                raise UnreadableError(says, "write it in grey, or with a palette")
            pixels = np.asarray(image).astype(np.int64)
    except (OSError, ValueError, SyntaxError) as error:
        raise UnreadableError(f"`{path}` cannot be read as a mask: {error}", "write it anew, as PNG") from error
    if size is not None and pixels.shape != size:
        says = f"`{path}` is {pixels.shape[1]} x {pixels.shape[0]}, and its picture {size[1]} x {size[0]}"
        raise UnreadableError(says)
    return torch.from_numpy(pixels)
