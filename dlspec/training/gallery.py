"""Which samples and weights of a run are worth a picture."""

from __future__ import annotations

import math
from pathlib import Path

import torch
from torch import nn

from dlspec.plan.keys import seed_of
from dlspec.training import pictures
from dlspec.training.augment import Augmenter
from dlspec.training.evaluation import Judgement
from dlspec.training.job import Setting
from dlspec.training.objective import classes_of, probabilities
from dlspec.training.samples import Samples

SHOWN = 32
"""Samples in a picture of predictions, the wrong ones first."""

AUGMENTED, VERSIONS = 6, 8
"""Rows and columns of the picture of augmentation."""


def draw_predictions(setting: Setting, samples: Samples, judged: Judgement, file: Path) -> None:
    """Images with their predicted classes, or numbers against the truth; nothing for tables of classes."""
    if not setting.classes:
        predicted = setting.fitted.in_units(judged.scores.double())
        name = setting.plan.data.source.target_name
        pictures.predicted_numbers(predicted, samples.targets, name, file, r2=judged.values.get("r2"))
        return
    if not setting.dataset.has_images:
        return
    loss, names = setting.plan.loss[0].loss, setting.dataset.classes
    predicted, chances = classes_of(loss, judged.scores), probabilities(loss, judged.scores)
    order = (predicted == samples.targets).int().argsort(stable=True)[:SHOWN]
    sure = None if chances is None else chances.max(1).values[order].tolist()
    words = [[names[number] for number in numbers[order].tolist()] for numbers in (predicted, samples.targets)]
    pictures.predictions(samples.inputs[order], words[0], words[1], sure, file)


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
    versions = [augmenter(samples.values, rows, epoch) for epoch in range(VERSIONS)]
    labels = [setting.dataset.classes[number] for number in samples.targets.tolist()] if setting.classes else []
    pictures.augmented(samples.values, versions, labels or [""] * len(rows), file)
