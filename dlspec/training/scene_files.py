"""What sources of scenes in files share: pictures with their objects, each in its own size or all brought to one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PureWindowsPath

import torch

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import BACKGROUND
from dlspec.record import Record
from dlspec.training import image_files
from dlspec.training.maps import EncodedMap, Maps, encoded_map
from dlspec.training.mask_runs import EncodedMasks
from dlspec.training.objects import IGNORED, Objects, Targets, class_map, joined, scaled_boxes
from dlspec.training.ragged import OPEN, Size
from dlspec.training.samples import Dataset, Samples

MAPS_IN_MEMORY = 1 << 26
"""Bytes of class maps up to which they are pixels at once; more of them stay runs until a batch asks for them."""


class SceneFile(Record):
    """A picture and what is in it: its height and width, objects of one image, a class map where the files have one."""

    path: Path
    size: Size
    objects: Objects
    map: EncodedMap | None = None


def told_of(left_out: Sequence[str]) -> list[str]:
    """A note on what was left out: the first, and how many more."""
    more = f", and {len(left_out) - 1} more like it" if len(left_out) > 1 else ""
    return [f"left out: {left_out[0]}{more}"] if left_out else []


def wants_masks(plan: ResolvedPlan) -> bool:
    """Whether the plan learns or judges masks, or classes of pixels."""
    if plan.task != "objects":
        return True
    names = [metric.name for metric in plan.metrics or ()] + [str(term.loss.output) for term in plan.loss]
    return any("mask" in name for name in names)


def picture_of(folder: Path, name: str) -> Path:
    """The picture that annotations name: in its folder, by a path of Windows too, else by its last part alone.

    Where none of these is there it is the first, so that it is named as missing.
    """
    windows = PureWindowsPath(name)
    for path in (folder / name, folder / windows.as_posix(), folder / windows.name):
        if path.is_file():
            return path
    return folder / (windows.name if windows.drive or windows.root else name)


def dataset_of(
    scenes: Sequence[SceneFile], classes: Sequence[str], channels: str, plan: ResolvedPlan, broken: str, where: Path,
    notes: Sequence[str] = (),
) -> Dataset:  # fmt: skip
    """Pictures and targets as a data set; `classes` are those of objects, numbered from 1.

    Raises UnreadableError where a picture is broken, or of another size than is annotated, and is not to be skipped.
    """
    paths = [scene.path for scene in scenes]
    pictures = image_files.Pictures([str(path) for path in paths], paths.__getitem__, 1 if channels == "grey" else 3)
    pictures.annotated = [scene.size for scene in scenes]
    found = image_files.loaded(pictures, plan, broken, str(where), ragged=True)
    kept = [scenes[row] for row in found.rows]
    ragged = found.inputs.shape[-1] == OPEN
    size = (found.inputs.shape[-2], found.inputs.shape[-1])
    wanted = found.sizes if ragged else [size] * len(kept)
    targets = _objects(kept, wanted) if plan.task == "objects" else _maps(kept, wanted, ragged=ragged)
    names = [str(scene.path) for scene in kept]
    every = (BACKGROUND, *classes)
    samples = Samples(found.inputs, targets)
    return Dataset(samples, every, names=names, notes=(*notes, *found.notes), may_differ=True)


def _objects(scenes: Sequence[SceneFile], wanted: Sequence[Size]) -> Objects:
    """The objects of all pictures, in the sizes that these are brought to."""
    return _brought(joined([scene.objects for scene in scenes]), [scene.size for scene in scenes], wanted)


def _brought(objects: Objects, sizes: Sequence[Size], wanted: Sequence[Size]) -> Objects:
    runs = [EncodedMasks(one.runs, one.size, size) for one, size in zip(objects.runs, wanted, strict=False)]
    ignored = None if objects.ignored is None else _brought(objects.ignored, sizes, wanted)
    return Objects(scaled_boxes(objects.boxes, sizes, wanted), objects.labels, [], [], runs, ignored)


def _maps(scenes: Sequence[SceneFile], wanted: Sequence[Size], *, ragged: bool) -> Targets:
    """Class maps: as one tensor where they are of one size and few."""
    kept = []
    for scene, size in zip(scenes, wanted, strict=True):
        own = scene.map or named(scene.objects, scene.size)
        kept.append(EncodedMap(own.classes, own.lengths, own.size, size))
    maps = Maps(kept, ragged=ragged)
    small = 8 * sum(height * width for height, width in wanted) <= MAPS_IN_MEMORY
    if not ragged and small:
        pixels = maps[slice(None)]
        assert isinstance(pixels, torch.Tensor)
        return pixels
    return maps


def named(objects: Objects, size: Size) -> EncodedMap:
    """The class map of one image's objects; of what is ignored nothing is asked, where no object is."""
    shown = torch.zeros(size, dtype=torch.int64)
    if objects.ignored is not None:
        for mask in objects.ignored[[0]].masks[0]:
            shown[mask.bool()] = IGNORED
    own = objects[[0]]
    if own.masks and len(own.masks[0]):
        over = class_map(own.labels[0], own.masks[0])
        shown = torch.where(over > 0, over, shown)
    return encoded_map(shown)
