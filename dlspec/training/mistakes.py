"""The worst mistakes of a run: the samples of `val` that its loss is highest on, by their rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from dlspec.plan.losses import Loss
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.evaluation import Judgement
from dlspec.training.job import Setting
from dlspec.training.objective import classes_of, loss_of, probabilities
from dlspec.training.samples import Samples
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any

SHOWN = 24
"""Samples that are listed."""


class Mistake(Record):
    """A sample with what it is, what it was taken for, and what that cost."""

    row: int
    """Of the data set, the first being 1."""
    true: str
    predicted: str
    probability: float | None
    """Of the prediction; None for numbers, and for scores that mean no probability."""
    loss: float
    wrong: bool
    """False for a class that was guessed right, however unsurely; True for numbers, never exact."""
    file: str = ""
    """What the sample was read from, where it has a file of its own."""


def losses(loss: Loss, scores: Tensor, targets: Tensor) -> Tensor:
    """The loss of each sample alone (N); scores (N, ...) are raw outputs, targets as the loss sees them."""
    return torch.stack([loss_of(loss, *one) for one in zip(scores.split(1), targets.split(1), strict=True)])


def worst(setting: Setting, samples: Samples, judgement: Judgement, most: int = SHOWN) -> tuple[list[Mistake], Samples]:
    """The samples that the plan's first loss is highest on, worst first, and the same as the data has them.

    `samples` are those of `val` as the data has them, `judgement` what the network made of them.
    """
    loss, scores = setting.plan.loss[0].loss, judgement.scores
    each = losses(loss, scores, setting.fitted.applied(samples).truth)
    order = each.argsort(descending=True, stable=True)[:most]
    chosen = Samples(*samples.taken(order))
    rows = (setting.splits.rows["val"][order] + 1).tolist()
    costs = [round(cost, 6) for cost in each[order].tolist()]
    if not setting.classes:
        true, guesses = _numbers(chosen.truth), _numbers(setting.fitted.in_units(scores[order].double()))
        told = zip(rows, true, guesses, costs, strict=True)
        return [Mistake(row, one, guess, None, cost, True) for row, one, guess, cost in told], chosen
    names, predicted = setting.dataset.classes, classes_of(loss, scores[order])
    chances = probabilities(loss, scores[order])
    found = []
    for place, (row, cost, true, guess) in enumerate(
        zip(rows, costs, chosen.truth.tolist(), predicted.tolist(), strict=True)
    ):
        sure = None if chances is None else round(float(chances[place, guess]), 6)
        file = setting.dataset.names[row - 1] if setting.dataset.names else ""
        found.append(Mistake(row, names[true], names[guess], sure, cost, true != guess, file))
    return found, chosen


def _numbers(values: Tensor) -> list[str]:
    return ["  ".join(f"{value:.4g}" for value in row) for row in values.flatten(1).tolist()]


def write_mistakes(found: list[Mistake], samples: Samples, out: Path, *, has_images: bool) -> None:
    """`mistakes.json`, and `mistakes.png` where samples are images."""
    write_listed(found, out / "mistakes.json")
    if has_images:
        from dlspec.training import pictures

        pictures.mistakes(samples.values, found, out / "mistakes.png")


def write_listed(found: Sequence[Record], file: Path) -> None:
    """Mistakes of any kind as a list of objects."""
    listed: list[dict[str, Any]] = [{field: getattr(one, field) for field in type(one)._fields} for one in found]
    write_whole(file, json.dumps(listed, indent=1) + "\n")
