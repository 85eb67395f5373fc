"""Loss and metrics of a network over samples, without training it."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.record import Record
from dlspec.training.class_maps import MAPS_AT_ONCE, is_map, loss_of_each
from dlspec.training.job import Setting
from dlspec.training.metrics import Scores
from dlspec.training.objective import Objective, Outputs, objective, selected
from dlspec.training.parallel import ALONE, Group
from dlspec.training.ragged import Images, Ragged, alike
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
    """The same of class maps, as `maps`: from predicted classes no loss can be told any more."""

    maps: Images
    """The predicted classes (N, H, W), or of several sizes ragged."""
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


def _nothing(judged: Objective) -> Tensor:
    """For each loss its sum over no samples, and what that is to be divided by (2, losses)."""
    return torch.zeros(2, len(judged.terms), dtype=torch.float64)


def _summed(judged: Objective, outputs: Outputs, targets: Tensor) -> Tensor:
    counts = judged.measures(targets).cpu().double()
    return torch.stack([judged.each(outputs, targets).cpu().double() * counts, counts])


def _mean(total: Tensor) -> float:
    """The loss of all samples, in however many batches and processes they were judged."""
    return float((total[0] / total[1].clamp(min=torch.finfo(torch.float64).tiny)).sum())


@torch.no_grad()
def judge(setting: Setting, samples: Samples, group: Group = ALONE) -> Judgement:
    """What the network makes of prepared samples, in evaluation mode; several processes take a share of them each."""
    if setting.plan.task == "objects":
        from dlspec.training.detection import judge_findings

        return judge_findings(setting, samples, group)
    if is_map(samples.targets):
        return _judge_maps(setting, samples, group)
    setting.module.eval()
    truth, judged = samples.truth, objective(setting.plan)
    sums, total, all_scores = Scores(setting.plan, setting.classes, setting.fitted), _nothing(judged), []
    batches = torch.arange(len(samples)).split(EVALUATED_AT_ONCE * group.count)
    expect(samples.inputs, (group.share(batch)[0] for batch in batches))
    for batch in batches:
        rows, weight = group.share(batch)
        start = int(batch[0])
        inputs, targets = (samples.inputs[rows], truth[rows]) if group.count > 1 else (
            samples.inputs[start : start + len(batch)], truth[start : start + len(batch)]
        )  # fmt: skip
        with setting.autocast():
            outputs = setting.module(inputs)
        own = (_summed(judged, outputs, targets), judged.scores(outputs).cpu())
        shares = group.gathered(own if weight else None)
        total += sum(share[0] for share in shares if share is not None)
        scores = _in_order([share[1] for share in shares if share is not None], len(batch))
        sums.add(scores.to(truth.device), truth[start : start + len(batch)])
        all_scores.append(scores)
    values = {"loss": _mean(total), **sums.values()}
    return Judgement(values, sums, torch.cat(all_scores))


def _judge_maps(setting: Setting, samples: Samples, group: Group) -> MapJudgement:
    """The same of class maps; images of several sizes are looked at with others of their size, and none is filled up
    but to the multiple that the plan asks for, which is cut off again.
    """
    setting.module.eval()
    judged, most = objective(setting.plan), MAPS_AT_ONCE * group.count
    sums, total = Scores(setting.plan, setting.classes, setting.fitted), _nothing(judged)
    maps: dict[int, Tensor] = {}
    losses: dict[int, Tensor] = {}
    sizes = samples.sizes
    batches = alike(sizes, most) if samples.is_ragged else list(torch.arange(len(samples)).split(most))
    expect(samples.inputs, (group.share(batch)[0] for batch in batches))
    for batch in batches:
        rows, weight = group.share(batch)
        inputs, targets = setting.together(*samples.taken(rows))
        assert isinstance(targets, Tensor)
        with setting.autocast():
            outputs = setting.module(inputs)
        each = loss_of_each(judged.judged, selected(outputs, judged.judged), targets)
        own = (_summed(judged, outputs, targets), judged.scores(outputs).cpu(), each.cpu(), targets)
        own = own if group.count == 1 else (*own[:3], own[3].cpu())
        shares = [share for share in group.gathered(own if weight else None) if share is not None]
        total += sum(share[0] for share in shares)
        scores, each, truth = (_in_order([share[part] for share in shares], len(batch)) for part in (1, 2, 3))
        sums.add(scores.to(truth.device), truth)
        height, width = sizes[int(batch[0])]
        maps |= dict(zip(batch.tolist(), scores[:, :height, :width], strict=True))
        losses |= dict(zip(batch.tolist(), each, strict=True))
    values = {"loss": _mean(total), **sums.values()}
    shown = [maps[row] for row in range(len(samples))]
    found = Ragged(shown) if samples.is_ragged else torch.stack(shown)
    each = torch.stack([losses[row] for row in range(len(samples))])
    return MapJudgement(values, sums, torch.empty(0), found, each)
