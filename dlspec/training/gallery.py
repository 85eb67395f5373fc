"""Which samples and weights of a run are worth a picture."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.plan.keys import seed_of
from dlspec.training import class_map_pictures, pictures, scene_pictures
from dlspec.training.augment import Augmenter
from dlspec.training.class_maps import is_map
from dlspec.training.detection import Findings
from dlspec.training.evaluation import Judgement, MapJudgement
from dlspec.training.job import Setting
from dlspec.training.mixing import Mixer
from dlspec.training.objective import classes_of, probabilities
from dlspec.training.objects import Objects
from dlspec.training.ragged import Ragged, extent
from dlspec.training.samples import Samples
from dlspec.training.scene_pictures import SCENES

SHOWN = 32
"""Samples in a picture of predictions, the wrong ones first."""

AUGMENTED, VERSIONS = 6, 8
"""Rows and columns of the picture of augmentation."""
MOVED = 3
"""Scenes, and epochs of them, in that of scenes."""


def draw_predictions(setting: Setting, samples: Samples, judged: Judgement, file: Path) -> None:
    """Images with their predicted classes, or numbers against the truth; nothing for tables of classes."""
    if isinstance(judged, Findings):
        objects = samples.targets
        assert isinstance(objects, Objects)
        images = samples.inputs[torch.arange(min(SCENES, len(samples)))]
        scene_pictures.write_findings(images, objects, judged.found, setting.dataset.classes, file)
        return
    if not setting.classes:
        predicted = setting.fitted.in_units(judged.scores.double())
        names = setting.plan.data.source.target_names
        pictures.predicted_numbers(predicted, samples.truth, names, file, r2=judged.values.get("r2"))
        return
    if not setting.dataset.has_images:
        return
    loss, names = setting.plan.loss[0].loss, setting.dataset.classes
    predicted, chances = classes_of(loss, judged.scores), probabilities(loss, judged.scores)
    order = (predicted == samples.truth).int().argsort(stable=True)[:SHOWN]
    sure = None if chances is None else chances.max(1).values[order].tolist()
    words = [[names[number] for number in numbers[order].tolist()] for numbers in (predicted, samples.truth)]
    pictures.predictions(list(samples.inputs[order]), words[0], words[1], sure, file)


def _draw_moved(setting: Setting, samples: Samples, rows: Tensor, augmenter: Augmenter, file: Path) -> None:
    """Scenes as successive epochs see them, with boxes and masks that have moved with them."""
    images, objects = samples.taken(slice(None))
    assert isinstance(objects, Objects)
    columns = [(images, objects)]
    for epoch in range(MOVED):
        moved = augmenter.followed(objects, rows, epoch, extent(images))
        assert isinstance(moved, Objects)
        columns.append((augmenter(images, rows, epoch), moved))
    shown = [[([*seen][row], own[[row]]) for seen, own in columns] for row in range(min(MOVED, len(rows)))]
    scene_pictures.write_scenes(shown, setting.dataset.classes, file)


def draw_class_maps(setting: Setting, test: Samples | None, judged: Judgement | None, file: Path) -> None:
    """The first images of the test split, or of `val` where nothing was tested, with their class maps."""
    if judged is None:
        return
    samples = setting.splits.val if test is None else test
    rows = torch.arange(min(SCENES, len(samples)))
    assert isinstance(judged, MapJudgement)
    images, true = samples.taken(rows)
    assert isinstance(true, Tensor | Ragged)
    class_map_pictures.write_maps(images, true, judged.maps[rows], setting.dataset.classes, file)


def draw_templates(setting: Setting, file: Path) -> None:
    """The weights of a network whose one layer with weights looks at the whole image."""
    layers = [layer for layer in setting.module.modules() if next(layer.parameters(recurse=False), None) is not None]
    shape = setting.splits.train.inputs.shape[1:]
    if not setting.classes or not setting.dataset.has_images or len(layers) != 1:
        return
    (layer,) = layers
    if isinstance(layer, nn.Linear) and layer.in_features == math.prod(shape):
        names = setting.dataset.classes if layer.out_features > 1 else (f"{setting.dataset.classes[-1]}",)
        pictures.templates(layer.weight, shape, names, file)


def draw_augmentation(setting: Setting, file: Path) -> None:
    """The first training samples as successive epochs see them."""
    if not setting.plan.augment or not setting.dataset.has_images:
        return
    rows = torch.arange(min(AUGMENTED, len(setting.splits.train)))
    samples = setting.splits.train.at(rows)
    augmenter = Augmenter(setting.plan.augment, seed_of(setting.plan, "augmentation"))
    if isinstance(samples.targets, Objects):
        _draw_moved(setting, samples, rows, augmenter, file)
        return
    versions = [augmenter(samples.images, rows, epoch) for epoch in range(VERSIONS)]
    maps = is_map(samples.targets)
    if (mixer := Mixer(setting.plan, setting.classes)) and not maps:
        versions = [
            mixer(one, samples.truth, rows, epoch).inputs
            for epoch, one in enumerate(versions)
            if isinstance(one, Tensor)
        ]
    named = setting.classes and not maps
    labels = [setting.dataset.classes[number] for number in samples.truth.tolist()] if named else []
    pictures.augmented(list(samples.images), [list(one) for one in versions], labels or [""] * len(rows), file)
