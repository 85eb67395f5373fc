"""Layers that scikit-learn fits to regions once the gradient steps are done: the machines and regressors of R-CNN.

Girshick et al., "Rich feature hierarchies" (2014), section 2.3 and appendix C. The weights that are found are those of
`linear` layers, so that what was fitted is evaluated, drawn and exported as any other network.
"""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from dlspec.nn import box_iou, encode_boxes
from dlspec.plan.stages import BoxRidge, LinearSvm
from dlspec.record import Record
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.job import Setting
from dlspec.training.objective import given as as_given
from dlspec.training.objects import Objects
from dlspec.training.samples import Samples

AT_ONCE = 16
"""Images of a batch."""
LENGTH = 20.0
"""What features are scaled to, on average: the strengths of regularisation are meant for it."""
FIRST_NEGATIVES = 4000
ROUNDS = 2
"""How often machines look for background that they tell wrongly."""
BIAS = 10.0
"""The constant feature beside the others; a large one is hardly held back."""

Array = NDArray[np.float32]


class Seen(Record):
    """Regions of the training images: what a layer was given of each, and how each lies to the objects of its image."""

    features: Array
    """(R, F), scaled so that they have a length of 20 on average."""
    overlaps: Array
    """(R, classes), the best IoU with an object of each class."""
    nearest: Tensor
    """(R, classes, 4), that object's box."""
    rois: Tensor
    """(R, 4)."""
    owners: NDArray[np.int64]
    """(R), the class of a region that is a true box itself, else 0."""
    scale: float
    """What the features were multiplied by."""


def finish(setting: Setting, checkpoints: Checkpoints) -> None:
    """Fit the plan's stages to the last weights, a checkpoint after each; those that a checkpoint holds are done."""
    found, _ = checkpoints.latest()
    assert found is not None, "a run is saved when it ends"
    setting.module.load_state_dict(found.weights)
    samples, run = setting.prepared(setting.splits.train), found.state["run"]
    for number, stage in enumerate(setting.plan.then[run["stages"] :], run["stages"] + 1):
        assert isinstance(stage, LinearSvm | BoxRidge)
        layer = setting.module.get_submodule(stage.layer)
        assert isinstance(layer, nn.Linear), "the plan's checks look at layers"
        if isinstance(stage, LinearSvm):
            _fit_machines(stage, layer, look(setting, samples, layer))
        else:
            _fit_regressors(stage, layer, look(setting, samples, layer, overlapping=stage.overlap))
        state = found.state | {"run": run | {"stages": number}}
        checkpoints.save(run["step"], setting.module.state_dict(), found.training, state)


class _Enough(Exception):
    """The layer was reached; what comes after it does not matter."""


@torch.no_grad()
def look(setting: Setting, samples: Samples, layer: nn.Linear, *, overlapping: float = 0.0) -> Seen:
    """What a layer is given of the proposals and the true boxes of all samples, in evaluation mode.

    Only regions that overlap some object so much are kept.
    """
    objects = samples.targets
    assert isinstance(objects, Objects)
    setting.module.eval()
    given: list[Tensor] = []
    parts: list[tuple[Tensor, ...]] = []

    def keep(_: nn.Module, inputs: tuple[Tensor]) -> None:
        given.append(inputs[0].flatten(1).float().cpu())
        raise _Enough

    hook = layer.register_forward_pre_hook(keep)
    try:
        for rows in torch.arange(len(samples)).split(AT_ONCE):
            own = objects[rows]
            regions = [torch.cat(pair) for pair in zip(own.proposals, own.boxes, strict=True)]
            with suppress(_Enough):
                images, _ = setting.together(samples.inputs[rows], own)
                setting.module(as_given(images), proposals=regions)
            classes = len(setting.dataset.classes)
            lying = [_lie(some, each, classes) for some, each in zip(regions, own, strict=True)]
            overlaps, nearest, rois, owners = (torch.cat(kind).cpu() for kind in zip(*lying, strict=True))
            near = overlaps.amax(dim=1) >= overlapping
            parts.append((given.pop()[near], overlaps[near], nearest[near], rois[near], owners[near]))
    finally:
        hook.remove()
    features, overlaps, nearest, rois, owners = (torch.cat(kind) for kind in zip(*parts, strict=True))
    scale = LENGTH / max(float(features.norm(dim=1).mean()), 1e-12)
    return Seen((features * scale).numpy(), overlaps.numpy(), nearest, rois, owners.numpy(), scale)


def _lie(regions: Tensor, objects: Objects, classes: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """How regions (R, 4), the true boxes last, lie to the objects of their image."""
    (boxes,), (labels,) = objects.boxes, objects.labels
    iou = box_iou(regions, boxes)
    overlaps, nearest = regions.new_zeros(len(regions), classes), regions.new_zeros(len(regions), classes, 4)
    for label in labels.unique().tolist():
        best, which = iou[:, labels == label].max(dim=1)
        overlaps[:, label], nearest[:, label] = best, boxes[labels == label][which]
    return overlaps, nearest, regions, torch.cat([labels.new_zeros(len(regions) - len(labels)), labels])


@torch.no_grad()
def _fit_machines(stage: LinearSvm, layer: nn.Linear, seen: Seen) -> None:
    """A machine for each class: its weights are a row of the layer, whose first row, the background's, is 0."""
    layer.weight.zero_()
    layer.bias.zero_()
    for label in range(1, layer.out_features):
        weight, bias = _machine(stage, seen, label)
        layer.weight[label] = torch.from_numpy(weight * seen.scale)
        layer.bias[label] = bias


def _machine(stage: LinearSvm, seen: Seen, label: int) -> tuple[Array, float]:
    """Weights (F) and bias of one class, found again with the background that was told wrongly so far."""
    from sklearn.svm import LinearSVC

    positives = np.flatnonzero(seen.owners == label)
    if not len(positives):
        return np.zeros(seen.features.shape[1], np.float32), -1.0
    others = np.flatnonzero(seen.overlaps[:, label] < stage.background_below)
    chosen = np.random.default_rng(label).permutation(others)[:FIRST_NEGATIVES]
    for again in range(ROUNDS + 1):
        machine = LinearSVC(C=stage.c, class_weight={1: stage.weight}, intercept_scaling=BIAS, dual=False)
        rows = np.concatenate([positives, chosen])
        machine.fit(seen.features[rows], np.arange(len(rows)) < len(positives))
        weight, bias = machine.coef_[0].astype(np.float32), float(machine.intercept_[0])
        if again < ROUNDS:
            hard = others[seen.features[others] @ weight + bias > -1]
            chosen = np.union1d(chosen, hard)
    return weight, bias


@torch.no_grad()
def _fit_regressors(stage: BoxRidge, layer: nn.Linear, seen: Seen) -> None:
    """Four regressions for each class: their weights are four rows of the layer."""
    from sklearn.linear_model import Ridge

    layer.weight.zero_()
    layer.bias.zero_()
    for label in range(1, layer.out_features // 4):
        rows = np.flatnonzero(seen.overlaps[:, label] >= stage.overlap)
        if not len(rows):
            continue
        targets = encode_boxes(seen.nearest[rows, label], seen.rois[rows])
        ridge = Ridge(alpha=stage.alpha).fit(seen.features[rows], targets.numpy())
        four = slice(4 * label, 4 * label + 4)
        layer.weight[four] = torch.from_numpy(ridge.coef_.astype(np.float32) * seen.scale)
        layer.bias[four] = torch.from_numpy(ridge.intercept_.astype(np.float32))
