"""What sources of scenes in files share: pictures with their objects, all brought to one size."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import BACKGROUND
from dlspec.record import Record
from dlspec.training import image_files
from dlspec.training.objects import Objects, Targets, class_map, scaled
from dlspec.training.samples import Dataset, Samples


class SceneFile(Record):
    """A picture and what is in it: objects of one image, its height and width, a class map where the files have one."""

    path: Path
    size: tuple[int, int]
    objects: Objects
    map: Tensor | None = None


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


def dataset_of(
    scenes: Sequence[SceneFile], classes: Sequence[str], channels: str, plan: ResolvedPlan, broken: str, where: Path,
    notes: Sequence[str] = (),
) -> Dataset:  # fmt: skip
    """Pictures and targets as a data set; `classes` are those of objects, numbered from 1.

    Raises UnreadableError where a picture is broken and is not to be skipped, RunError where sizes differ.
    """
    paths = [scene.path for scene in scenes]
    grey = 1 if channels == "grey" else 3
    pictures = image_files.Pictures([str(path) for path in paths], paths.__getitem__, grey)
    found = image_files.loaded(pictures, plan, broken, str(where))
    kept = [scenes[row] for row in found.rows]
    names = [str(scene.path) for scene in kept]
    targets = scaled(*_targets(kept, found.inputs.shape[-2:], plan))
    every = (BACKGROUND, *classes)
    return Dataset(Samples(found.inputs, targets), every, names=names, notes=(*notes, *found.notes))


def _targets(
    scenes: Sequence[SceneFile], size: Sequence[int], plan: ResolvedPlan
) -> tuple[Targets, Sequence[int], Sequence[Sequence[int]]]:
    """What the plan reads of scenes, and the sizes that boxes go to and come from."""
    sizes = [scene.size for scene in scenes]
    if plan.task == "objects":
        kinds = ([one for scene in scenes for one in scene.objects.kinds()[kind]] for kind in range(3))
        return Objects(*kinds), size, sizes
    maps = [class_map(*_named(scene)) if scene.map is None else scene.map for scene in scenes]
    return torch.cat([_as_targets(one, size) for one in maps]), size, sizes


def _as_targets(named: Tensor, size: Sequence[int]) -> Tensor:
    brought = scaled(named[None], size, [named.shape])
    assert isinstance(brought, Tensor)
    return brought


def _named(scene: SceneFile) -> tuple[Tensor, Tensor]:
    """The labels and masks of a scene's objects; without any, of no object."""
    (labels,) = scene.objects.labels
    masks = scene.objects.masks[0] if scene.objects.masks else torch.zeros(0, *scene.size, dtype=torch.uint8)
    return labels, masks
