"""What a detector finds in samples, judged by average precision; several processes take a share of them each."""

from __future__ import annotations

import torch

from dlspec.plan.keys import ResolvedPlan
from dlspec.training.average_precision import Precision, average_precision
from dlspec.training.evaluation import Judgement
from dlspec.training.found import Found, found_in
from dlspec.training.job import Setting
from dlspec.training.metrics import scores_of
from dlspec.training.objective import given
from dlspec.training.objects import Objects
from dlspec.training.parallel import ALONE, Group
from dlspec.training.ragged import alike
from dlspec.training.samples import Samples
from dlspec.training.stored import expect

AT_ONCE = 32
"""Images of a batch."""


class Findings(Judgement):
    """What was found in each image, and how precise that is by `boxes` and, where there are any, `masks`."""

    found: list[Found]
    precision: dict[str, Precision]


def kinds_judged(plan: ResolvedPlan) -> list[str]:
    """`boxes`, and `masks` where a metric reads them."""
    masks = any(metric.name.startswith("mask_") for metric in plan.metrics or ())
    return ["boxes", "masks"] if masks else ["boxes"]


def judge_findings(setting: Setting, samples: Samples, group: Group = ALONE) -> Findings:
    """What the network finds in prepared samples, in evaluation mode, judged against their objects."""
    objects = samples.targets
    assert isinstance(objects, Objects)
    found = find(setting, samples, group)
    sizes = samples.sizes
    precision = {
        kind: average_precision(objects.to(torch.device("cpu")), found, sizes, setting.dataset.classes, kind)
        for kind in kinds_judged(setting.plan)
    }
    values: dict[str, float] = {}
    for kind, judged in precision.items():
        before = "mask_" if kind == "masks" else ""
        values |= {f"{before}map": judged.map, f"{before}map50": judged.map50}
    named = {metric.name: values[metric.name] for metric in setting.plan.metrics or ()}
    sums = scores_of(setting.plan, 0, setting.fitted)
    return Findings(named, sums, torch.empty(0), found, precision)


def find(setting: Setting, samples: Samples, group: Group = ALONE) -> list[Found]:
    """Detections of each sample, in their order, in every process.

    Images of several sizes are looked at with others of their size, so that what is found in one does not depend on
    what stands beside it.
    """
    setting.module.eval()
    objects = samples.targets
    assert isinstance(objects, Objects)
    most = AT_ONCE * group.count
    ragged = samples.is_ragged
    batches = alike(samples.sizes, most) if ragged else list(torch.arange(len(samples)).split(most))
    expect(samples.inputs, (group.share(batch)[0] for batch in batches))
    found: dict[int, Found] = {}
    for batch in batches:
        rows, weight = group.share(batch)
        images, _ = setting.together(samples.inputs[rows], objects)
        searched = {name: [kind[row] for row in rows.tolist()] for name, kind in objects.searched().items()}
        with setting.autocast():
            own = found_in(setting.module(given(images), **searched))
        shares = group.gathered(own if weight else [])
        each = (shares[place % group.count][place // group.count] for place in range(len(batch)))
        found |= dict(zip(batch.tolist(), each, strict=True))
    return [found[row] for row in range(len(samples))]
