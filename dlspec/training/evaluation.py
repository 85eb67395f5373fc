"""Loss and metrics of a network over samples, without training it."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.record import Record
from dlspec.training.class_maps import MAPS_AT_ONCE, is_map, loss_of_each
from dlspec.training.job import Setting
from dlspec.training.metrics import Scores
from dlspec.training.objective import objective, selected
from dlspec.training.parallel import ALONE, Group
from dlspec.training.samples import Samples
from dlspec.training.stored import expect

EVALUATED_AT_ONCE = 512
"""Samples of a batch."""


class Judgement(Record):
    """Loss and metrics by name, the sums behind them, and the score of every sample."""

    values: dict[str, float]
    sums: Scores
    scores: Tensor


class MapJudgement(Judgement):
    """The same of class maps: scores are the predicted classes (N, H, W), from which no loss can be told any more."""

    each: Tensor
    """The first loss of each sample (N)."""


def _in_order(shares: list[Tensor], count: int) -> Tensor:
    """Scores that several processes made of every n-th sample each, in the order of the samples."""
    if len(shares) == 1:
        return shares[0]
    scores = shares[0].new_empty((count, *shares[0].shape[1:]))
    for rank, share in enumerate(shares):
        scores[rank :: len(shares)] = share
    return scores


@torch.no_grad()
def judge(setting: Setting, samples: Samples, group: Group = ALONE) -> Judgement:
    """What the network makes of prepared samples, in evaluation mode; several processes take a share of them each."""
    if setting.plan.task == "objects":
        from dlspec.training.detection import judge_findings

        return judge_findings(setting, samples, group)
    setting.module.eval()
    truth, judged = samples.truth, objective(setting.plan)
    sums, total, all_scores, all_each = Scores(setting.plan, setting.classes, setting.fitted), 0.0, [], []
    maps = is_map(truth)
    batches = torch.arange(len(samples)).split((MAPS_AT_ONCE if maps else EVALUATED_AT_ONCE) * group.count)
    expect(samples.inputs, (group.share(batch)[0] for batch in batches))
    for batch in batches:
        rows, weight = group.share(batch)
        start = int(batch[0])
        inputs, targets = (samples.inputs[rows], truth[rows]) if group.count > 1 else (
            samples.inputs[start : start + len(batch)], truth[start : start + len(batch)]
        )  # fmt: skip
        with setting.autocast():
            outputs = setting.module(inputs)
        each = loss_of_each(judged.judged, selected(outputs, judged.judged), targets) if maps else torch.empty(0)
        own = (float(judged(outputs, targets)) * len(targets), judged.scores(outputs).cpu(), each.cpu())
        shares = group.gathered(own if weight else None)
        total += sum(share[0] for share in shares if share is not None)
        scores = _in_order([share[1] for share in shares if share is not None], len(batch))
        sums.add(scores.to(truth.device), truth[start : start + len(batch)])
        all_scores.append(scores)
        if maps:
            all_each.append(_in_order([share[2] for share in shares if share is not None], len(batch)))
    values = {"loss": total / len(samples), **sums.values()}
    if maps:
        return MapJudgement(values, sums, torch.cat(all_scores), torch.cat(all_each))
    return Judgement(values, sums, torch.cat(all_scores))
