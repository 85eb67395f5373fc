"""Loss and metrics of a network over samples, without training it."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.training.data import Samples
from dlspec.training.job import Job
from dlspec.training.metrics import Scores

EVALUATED_AT_ONCE = 512
"""Samples of a batch."""


@torch.no_grad()
def evaluate(job: Job, samples: Samples) -> dict[str, float]:
    """Loss and metrics over prepared samples, in evaluation mode."""
    return judge(job, samples)[0]


@torch.no_grad()
def judge(job: Job, samples: Samples) -> tuple[dict[str, float], Scores, Tensor]:
    """Loss and metrics, the sums behind them, and the score of every sample."""
    job.module.eval()
    sums, total, all_scores = Scores(job.plan, job.classes, job.fitted), 0.0, []
    for start in range(0, len(samples), EVALUATED_AT_ONCE):
        rows = slice(start, start + EVALUATED_AT_ONCE)
        inputs, targets = samples.inputs[rows], samples.targets[rows]
        with torch.autocast(job.device.type, dtype=torch.bfloat16, enabled=job.plan.precision == "bf16"):
            outputs = job.module(inputs)
        total += float(job.objective(outputs, targets)) * len(targets)
        scores = job.objective.scores(outputs)
        sums.add(scores, targets)
        all_scores.append(scores.cpu())
    return {"loss": total / len(samples), **sums.values()}, sums, torch.cat(all_scores)
