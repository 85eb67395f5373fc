"""Loss and metrics of a network over samples, without training it."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.record import Record
from dlspec.training.data import Samples
from dlspec.training.job import Setting
from dlspec.training.metrics import Scores
from dlspec.training.objective import objective

EVALUATED_AT_ONCE = 512
"""Samples of a batch."""


class Judgement(Record):
    """Loss and metrics by name, the sums behind them, and the score of every sample."""

    values: dict[str, float]
    sums: Scores
    scores: Tensor


@torch.no_grad()
def judge(setting: Setting, samples: Samples) -> Judgement:
    """What the network makes of prepared samples, in evaluation mode."""
    setting.module.eval()
    judged = objective(setting.plan)
    sums, total, all_scores = Scores(setting.plan, setting.classes, setting.fitted), 0.0, []
    for start in range(0, len(samples), EVALUATED_AT_ONCE):
        rows = slice(start, start + EVALUATED_AT_ONCE)
        inputs, targets = samples.inputs[rows], samples.targets[rows]
        with setting.autocast():
            outputs = setting.module(inputs)
        total += float(judged(outputs, targets)) * len(targets)
        scores = judged.scores(outputs)
        sums.add(scores, targets)
        all_scores.append(scores.cpu())
    return Judgement({"loss": total / len(samples), **sums.values()}, sums, torch.cat(all_scores))
