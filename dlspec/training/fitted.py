"""What is fitted to the training split before any weight is: means and deviations, and their undoing."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.ragged import Images, Ragged, changed
from dlspec.training.samples import Samples
from dlspec.training.stored import Stored

if TYPE_CHECKING:
    from typing import Any


class Scale(Record):
    """Mean and deviation, shaped to broadcast over a batch; a deviation of 0 counts as 1."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, values: Images | Stored, axes: tuple[int, ...]) -> Scale:
        """Over the given axes, in double precision, with N (not N - 1) as scikit-learn's StandardScaler."""
        if not isinstance(values, Tensor):
            return cls.of_parts(values, axes)
        doubled = values.double()
        std = doubled.std(axes, correction=0, keepdim=True)
        return cls(doubled.mean(axes, keepdim=True), torch.where(std > 0, std, torch.ones_like(std)))

    @classmethod
    def of_parts(cls, values: Ragged | Stored, axes: tuple[int, ...]) -> Scale:
        """The same over inputs that lie in files, which are read once for it, or that are of several sizes."""
        count, total, squared = 0, torch.zeros(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        for chunk in _parts(values):
            doubled = chunk.double()
            total = total + doubled.sum(axes, keepdim=True)
            squared = squared + doubled.square().sum(axes, keepdim=True)
            count += math.prod(chunk.shape[axis] for axis in axes)
        mean = total / count
        std = (squared / count - mean.square()).clamp(min=0).sqrt()
        return cls(mean, torch.where(std > 0, std, torch.ones_like(std)))

    def applied(self, values: Tensor) -> Tensor:
        return ((values - self.mean.to(values)) / self.std.to(values)).to(values.dtype)

    def undone(self, values: Tensor) -> Tensor:
        return values * self.std.to(values) + self.mean.to(values)

    def as_data(self) -> dict[str, Any]:
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}

    @classmethod
    def from_data(cls, data: dict[str, Any] | None) -> Scale | None:
        if data is None:
            return None
        return cls(*(torch.tensor(data[key], dtype=torch.float64) for key in ("mean", "std")))


class Fitted(Record):
    """The scales of inputs and target; None where they are taken as they are."""

    inputs: Scale | None
    target: Scale | None
    gaps: Tensor | None = None
    """What stands in for a missing value of each feature, where any is missing: (1, features)."""

    @classmethod
    def to_train(cls, train: Samples, plan: ResolvedPlan) -> Fitted:
        """Per feature for tables, per channel for images, from the training split alone."""
        data, axes = plan.data, (0, *range(2, train.inputs.dim()))
        gaps = None
        if getattr(data.source, "missing", "") == "mean" and isinstance(train.inputs, Tensor):
            gaps = train.inputs.double().nanmean(0, keepdim=True).nan_to_num()
            train = Samples(filled(train.inputs, gaps), train.targets)
        per_feature = Scale.of(train.inputs, (0,)) if data.standardize.inputs else None
        per_channel = Scale.of(train.inputs, axes) if data.normalize else None
        target = Scale.of(train.truth, (0,)) if data.standardize.target else None
        return cls(per_channel or per_feature, target, gaps)

    def prepared(self, inputs: Tensor) -> Tensor:
        inputs = filled(inputs, self.gaps) if self.gaps is not None else inputs
        return self.inputs.applied(inputs) if self.inputs is not None else inputs

    def applied(self, samples: Samples) -> Samples:
        targets = self.target.applied(samples.truth) if self.target is not None else samples.targets
        if isinstance(samples.inputs, Stored):
            return Samples(samples.inputs.then(self.prepared), targets)
        return Samples(changed(samples.inputs, self.prepared), targets)

    def in_units(self, values: Tensor) -> Tensor:
        """Targets or predictions in the units of the data."""
        return self.target.undone(values) if self.target is not None else values

    def as_data(self) -> dict[str, Any]:
        scales = {"inputs": self.inputs, "target": self.target}
        gaps = {} if self.gaps is None else {"gaps": self.gaps.tolist()}
        return {name: scale and scale.as_data() for name, scale in scales.items()} | gaps

    @classmethod
    def from_data(cls, data: dict[str, Any]) -> Fitted:
        gaps = torch.tensor(data["gaps"], dtype=torch.float64) if data.get("gaps") is not None else None
        return cls(Scale.from_data(data["inputs"]), Scale.from_data(data["target"]), gaps)


def _parts(values: Ragged | Stored) -> Iterator[Tensor]:
    """All inputs as tensors, a part at a time."""
    for chunk in [values] if isinstance(values, Ragged) else values.chunks():
        if isinstance(chunk, Ragged):
            yield from (one[None] for one in chunk)
        else:
            yield chunk


def filled(inputs: Tensor, gaps: Tensor) -> Tensor:
    """Inputs (N, features) with something in place of each NaN."""
    return torch.where(inputs.isnan(), gaps.to(inputs), inputs)
