"""Scenes as data sets: objects for networks that find them, a class for every pixel for those that segment."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import DigitScenes
from dlspec.training import digit_scenes
from dlspec.training.objects import Objects, Targets, class_map, joined
from dlspec.training.samples import Dataset, Samples, loads


@loads(DigitScenes)
def _digit_scenes(source: DigitScenes, plan: ResolvedPlan) -> Dataset:
    counts = {role: getattr(source, role) for role in digit_scenes.ROLES}
    made = [digit_scenes.scenes(role, count, source.seed) for role, count in counts.items() if count]
    images, objects = torch.cat([images for images, _ in made]), joined([objects for _, objects in made])
    return Dataset(Samples(images, wanted(objects, plan)), source.class_names, rows=rows_by_role(counts))


def wanted(objects: Objects, plan: ResolvedPlan) -> Targets:
    """The objects, or where the plan's loss reads a class for every pixel, maps of them (N, H, W)."""
    if plan.task == "objects":
        return objects
    return torch.stack([class_map(labels, masks) for labels, masks in zip(objects.labels, objects.masks, strict=True)])


def rows_by_role(counts: dict[str, int]) -> dict[str, Tensor]:
    """Rows where those of a role come after those of the role before."""
    return dict(zip(counts, torch.arange(sum(counts.values())).split(list(counts.values())), strict=True))
