"""Two samples of a batch put together, and their targets with them: mixup and cutmix.

A sample's partner is the one before it in the batch. What share it keeps depends on (seed, epoch, sample) alone.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan.augmentations import Cutmix
from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.record import Record
from dlspec.training import draws
from dlspec.training.augment import draws_within
from dlspec.training.errors import RunError
from dlspec.training.parallel import ALONE, Group

STREAM = 0x6D69786564
"""What sets these numbers apart from others of the same seed."""


class Mixed(Record):
    """A mixed batch: its inputs, what is asked for, and the samples that are counted, which keep most of themselves."""

    inputs: Tensor
    wanted: Tensor
    targets: Tensor
    rows: Tensor


class Mixer:
    """The change of a plan that mixes samples; it is false where no change does."""

    def __init__(self, plan: ResolvedPlan, classes: int) -> None:
        self.change = next((one for one in plan.augment if one.mixes), None)
        self.seed = seed_of(plan, "augmentation") ^ STREAM
        self.classes = classes if plan.task == "classes" else 0

    def __bool__(self) -> bool:
        return self.change is not None

    def rows(self, batch: Tensor, group: Group) -> tuple[Tensor, float]:
        """This process's rows of a batch, behind them those of partners that others have, and how often they count."""
        own, weight = group.share(batch)
        if self.change is None or group.count == 1:
            return own, weight
        return torch.cat([own, group.share(batch.roll(1))[0]]), weight

    def __call__(self, inputs: Tensor, targets: Tensor, rows: Tensor, epoch: int, group: Group = ALONE) -> Mixed:
        """Inputs (N, C, H, W) and targets mixed with those of partners; classes become shares (N, classes)."""
        if group.count == 1:
            others = inputs.roll(1, 0), targets.roll(1, 0)
        else:
            (inputs, *apart), (targets, *asked) = inputs.chunk(2), targets.chunk(2)
            others, rows = (apart[0], asked[0]), rows.chunk(2)[0]
        number = draws.uniform(self.seed, epoch, rows, 3).to(inputs.dtype)
        share = own_share(number[:, 0], getattr(self.change, "alpha", 1.0))
        if isinstance(self.change, Cutmix):
            cut = torch.where(number[:, 1] < self.change.p, share, torch.ones_like(share))
            inside, share = pasted(cut, number[:, 2], inputs.shape[-2:])
            inputs = torch.where(inside, others[0], inputs)
        else:
            kept = share[:, None, None, None]
            inputs = inputs * kept + others[0] * (1 - kept)
        first, second = self._shares(targets, inputs.dtype), self._shares(others[1], inputs.dtype)
        weight = share.view(-1, *[1] * (first.dim() - 1))
        return Mixed(inputs, first * weight + second * (1 - weight), targets, rows)

    def _shares(self, targets: Tensor, dtype: torch.dtype) -> Tensor:
        """Targets that can be mixed: of several classes a share of each."""
        if targets.dtype == torch.int64 and targets.dim() > 1:
            raise RunError("a class for every pixel cannot be mixed", "leave `mixup` and `cutmix` out")
        if self.classes:
            return F.one_hot(targets, self.classes).to(dtype)
        return targets.to(dtype)


def own_share(number: Tensor, alpha: float) -> Tensor:
    """From numbers in [0, 1) to shares of Beta(alpha, alpha), the larger of the two: by the inverse of its integral."""
    from scipy.special import betaincinv  # type: ignore[import-untyped]

    share = torch.from_numpy(betaincinv(alpha, alpha, number.double().cpu().numpy())).to(number)
    return torch.maximum(share, 1 - share)


def pasted(share: Tensor, number: Tensor, size: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Where (N, 1, H, W) another image is pasted, a rectangle of the image's shape, and the share that stays."""
    height, width = size
    side = (1 - share).sqrt()
    tall, wide = (side * height).floor(), (side * width).floor()
    top, left = draws_within(number, height - tall, width - wide)
    rows, columns = (torch.arange(length, device=share.device) for length in size)
    in_rows = (rows >= top[:, None]) & (rows < (top + tall)[:, None])
    in_columns = (columns >= left[:, None]) & (columns < (left + wide)[:, None])
    inside = in_rows[:, :, None] & in_columns[:, None, :]
    return inside[:, None], 1 - tall * wide / (height * width)
