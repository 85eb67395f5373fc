"""Scenes as data sets: objects for networks that find them, a class for every pixel for those that segment."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import DigitScenes
from dlspec.training import digit_scenes
from dlspec.training.maps import Maps, encoded_map
from dlspec.training.objects import Objects, Targets, class_map, joined
from dlspec.training.ragged import OPEN, Ragged
from dlspec.training.samples import Dataset, Samples, loads


@loads(DigitScenes)
def _digit_scenes(source: DigitScenes, plan: ResolvedPlan) -> Dataset:
    counts = {role: getattr(source, role) for role in digit_scenes.ROLES}
    made = [
        digit_scenes.scenes_of_sizes(role, count, source.seed, source.canvas) for role, count in counts.items() if count
    ]
    images, objects = [one for images, _ in made for one in images], joined([objects for _, objects in made])
    ragged = source.shape[-1] == OPEN
    inputs = Ragged(images) if ragged else torch.stack(images)
    samples = Samples(inputs, wanted(objects, plan, ragged=ragged))
    return Dataset(samples, source.class_names, rows=rows_by_role(counts), may_differ=True)


def wanted(objects: Objects, plan: ResolvedPlan, *, ragged: bool = False) -> Targets:
    """The objects, or where the plan's loss reads a class for every pixel, maps of them (N, H, W)."""
    if plan.task == "objects":
        return objects
    maps = [class_map(labels, masks) for labels, masks in zip(objects.labels, objects.masks, strict=True)]
    return Maps([encoded_map(one) for one in maps], ragged=True) if ragged else torch.stack(maps)


def rows_by_role(counts: dict[str, int]) -> dict[str, Tensor]:
    """Rows where those of a role come after those of the role before."""
    return dict(zip(counts, torch.arange(sum(counts.values())).split(list(counts.values())), strict=True))
