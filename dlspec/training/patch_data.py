"""Patches around pixels of scenes, each with the class of its middle pixel: what a sliding window is trained on."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.scene_sources import DigitPatches
from dlspec.training import digit_scenes, draws
from dlspec.training.objects import class_map
from dlspec.training.samples import Dataset, Samples, loads
from dlspec.training.scene_data import rows_by_role

OF_SCENE = 20
"""Patches that are cut from a scene, half of them around ink."""
STREAM = 0x7061746368
"""What sets the drawn places apart from other numbers of the same seed."""


@loads(DigitPatches)
def _digit_patches(source: DigitPatches, plan: ResolvedPlan) -> Dataset:
    counts = {role: getattr(source, role) for role in digit_scenes.ROLES}
    made = [_patches(role, count, source) for role, count in counts.items() if count]
    samples = Samples(torch.cat([one.values for one in made]), torch.cat([one.truth for one in made]))
    return Dataset(samples, source.class_names, rows=rows_by_role(counts))


def _patches(role: str, count: int, source: DigitPatches) -> Samples:
    """So many patches of as many scenes as they take."""
    images, objects = digit_scenes.scenes(role, -(-count // OF_SCENE), source.seed)
    numbers = draws.uniform(source.seed ^ STREAM, digit_scenes.ROLES.index(role), torch.arange(len(images)), OF_SCENE)
    inputs, labels = [], []
    for image, own, drawn in zip(images, objects, numbers, strict=True):
        classes = class_map(own.labels[0], own.masks[0])
        rows, columns = _places(classes, drawn)
        inputs.append(patches(image, source.reach, rows, columns))
        labels.append(classes[rows, columns])
    return Samples(torch.cat(inputs)[:count], torch.cat(labels)[:count])


def _places(classes: Tensor, drawn: Tensor) -> tuple[Tensor, Tensor]:
    """Rows and columns of pixels that numbers in [0, 1) pick: of ink and of background in turn."""
    rows, columns = [], []
    for number, value in enumerate(drawn.tolist()):
        places = (classes > 0 if number % 2 == 0 else classes == 0).nonzero()
        row, column = places[int(value * len(places))].tolist()
        rows.append(row)
        columns.append(column)
    return torch.tensor(rows), torch.tensor(columns)


def patches(image: Tensor, reach: int, rows: Tensor, columns: Tensor) -> Tensor:
    """The patches (M, C, 2 reach + 1, 2 reach + 1) around pixels of an image (C, H, W), 0 beyond its edge."""
    side = 2 * reach + 1
    windows = F.pad(image, [reach] * 4).unfold(1, side, 1).unfold(2, side, 1)  # (C, H, W, side, side)
    return windows[:, rows, columns].transpose(0, 1)
