"""The batches of a run: which samples, in what order, and what is changed of them.

All of it follows from (seed, epoch, sample), so that a run goes on with the very batch it was stopped before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.record import Record
from dlspec.training import draws
from dlspec.training.aspect_groups import grouped, groups_of
from dlspec.training.augment import Augmenter
from dlspec.training.job import Job
from dlspec.training.mixing import Mixer
from dlspec.training.objects import Targets
from dlspec.training.ragged import Images, changed, extent
from dlspec.training.samples import Samples
from dlspec.training.stored import Stored, expect


def batch_length(plan: ResolvedPlan, count: int) -> int:
    return count if plan.batch_size == "full" else min(int(plan.batch_size), count)


def batch_ends(count: int, length: int) -> list[int]:
    """Where batches end. A last batch of one sample joins the one before it: batch norm cannot use it."""
    ends = [*range(length, count, length), count]
    if length > 1 and len(ends) > 1 and ends[-1] - ends[-2] == 1:
        del ends[-2]
    return ends


def orders(samples: Samples, plan: ResolvedPlan, ends: list[int]) -> Callable[[int, int], Tensor]:
    """The order of an epoch's samples, given its number and theirs; samples that share a file stay near each other.

    Where the plan groups images by shape, those of a batch are of one group, as far as they go.
    """
    seed = seed_of(plan, "order")
    blocks = samples.inputs.blocks if isinstance(samples.inputs, Stored) else None
    groups = groups_of(samples.sizes, plan.data.aspect_ratio_group_factor) if samples.is_ragged else None
    if groups is not None:
        return lambda epoch, count: grouped(draws.permutation(seed, epoch, count), groups, ends)
    if blocks is None:
        return partial(draws.permutation, seed)
    return lambda epoch, count: draws.permutation_in_blocks(seed, epoch, blocks)


class Fed(Record):
    """A batch, or this process's share of one."""

    inputs: Images
    """As the network takes them."""
    wanted: Targets
    """What the loss judges by: shares of classes, where samples are mixed."""
    targets: Targets
    """What metrics count by."""
    rows: Tensor
    """The samples' places in the training split."""
    weight: float
    """How often the mean over this share counts beside those of other processes; 0 for one that only takes part."""
    end: int
    """The place in the epoch that comes after it."""


class Feed:
    """The training samples of a job, batch by batch."""

    def __init__(self, job: Job) -> None:
        plan = job.setting.plan
        self.job, self.setting, self.count = job, job.setting, len(job.train)
        self.ends = batch_ends(self.count, batch_length(plan, self.count))
        seed = seed_of(plan, "augmentation")
        self.augmenter, self.mixer = Augmenter(plan.augment, seed), Mixer(plan, job.setting.classes)
        self.follows, self.augments = bool(plan.augment), bool(plan.augment) and job.augments
        self.ordered = orders(job.train, plan, self.ends)
        self.order = torch.arange(self.count, device=self.setting.device)
        is_one = len(self.ends) == 1 and job.group.count == 1
        self.all = job.train.taken(slice(None)) if is_one else None

    def begin(self, epoch: int, position: int) -> None:
        """Put the samples of an epoch in order; those in files are read ahead from a position on."""
        if len(self.ends) > 1:
            self.order = self.ordered(epoch, self.count).to(self.setting.device)
        expect(self.job.train.inputs, self._rows_from(position), epoch)

    def _rows_from(self, position: int) -> Iterator[Tensor]:
        for end in self.ends[bisect_right(self.ends, position) :]:
            yield self.mixer.rows(self.order[position:end], self.job.group)[0]
            position = end

    def batch(self, epoch: int, position: int) -> Fed:
        """The batch that begins at a position of the epoch: taken, augmented, filled up, mixed."""
        job, setting = self.job, self.setting
        end = self.ends[bisect_right(self.ends, position)]
        rows, weight = self.mixer.rows(self.order[position:end], job.group)
        inputs, targets = self.all or job.train.taken(rows)
        if self.follows:
            targets = self.augmenter.followed(targets, rows, epoch, extent(inputs))
        if self.augments:
            inputs = changed(self.augmenter(inputs, rows, epoch), setting.fitted.prepared)
        inputs, targets = setting.together(inputs, targets)
        if self.mixer and isinstance(inputs, Tensor) and isinstance(targets, Tensor):
            mixed = self.mixer(inputs, targets, rows, epoch, job.group)
            return Fed(mixed.inputs, mixed.wanted, mixed.targets, mixed.rows, weight, end)
        return Fed(inputs, targets, targets, rows, weight, end)
