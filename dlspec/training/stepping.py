"""One step: forward and backward of a batch, whole or in parts, alone or beside other processes, then the optimizer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from torch import Tensor, nn

from dlspec.nn import shared_batch
from dlspec.plan.keys import seed_of
from dlspec.training import draws
from dlspec.training.batches import Fed
from dlspec.training.class_maps import is_map
from dlspec.training.divergence import Batch, Diverged, finite
from dlspec.training.job import Job, State
from dlspec.training.objects import Objects, Targets
from dlspec.training.ragged import Images

TINY = torch.finfo(torch.float32).tiny
SAMPLING = 0x73616D706C65
"""What sets the numbers apart by which detectors draw anchors and regions."""


class Step:
    """What steps of a run share, and what the last one came to: its loss, its scores, and how much it counts."""

    def __init__(self, job: Job, state: State, optimizer: torch.optim.Optimizer) -> None:
        self.job, self.setting, self.plan = job, job.setting, job.setting.plan
        self.state, self.optimizer = state, optimizer
        self.module = job.group.wrapped(self.setting.module)
        self.is_even = job.objective.is_over_samples(maps=is_map(job.train.targets))
        self.loss = self.scores = torch.empty(0)
        self.counts: float | Tensor = 0.0
        self.batch: Batch | None = None
        # Small gradients are 0 in float16: they are computed times a factor, and divided by it before the step.
        self.scaler = torch.amp.GradScaler(self.setting.device.type) if self.plan.precision == "fp16" else None
        # Elsewhere than on a CPU a look waits for the device; of several processes all must stop at once.
        self.looks = job.careful or (self.setting.device.type == "cpu" and job.group.count == 1)

    def take(self, fed: Fed) -> None:
        """Move the weights; in float16 only where no gradient overflowed, else the factor of the loss is halved."""
        self.batch = Batch(fed.inputs, fed.wanted, fed.rows)
        if self.scaler is None:
            self.optimizer.step(partial(self.gradients, fed.inputs, fed.wanted, fed.weight))
            return
        self.gradients(fed.inputs, fed.wanted, fed.weight)
        self.scaler.step(self.optimizer)
        self.scaler.update()

    def gradients(self, inputs: Images, targets: Targets, weight: float) -> float:
        """Forward and backward of one batch, which counts `weight` times; an optimizer may ask for it several times."""
        self.optimizer.zero_grad()
        often = self.often(targets, weight)
        if self.plan.accumulate > 1:
            loss, self.scores = self.accumulated(inputs, targets, often)
        else:
            with self.of_images(self.batch, weight):
                loss, self.scores = self.backward(inputs, targets, often)
        if self.looks and not math.isfinite(value := loss.item()):
            raise Diverged(self.plan, self.state.step + 1, value, self.sound_batch())
        if self.scaler is not None:
            self.scaler.unscale_(self.optimizer)
        elif self.job.careful and not finite(grads := self.grads()):
            value = next(float(grad[~grad.isfinite()][0]) for grad in grads if not finite([grad]))
            raise Diverged(self.plan, self.state.step + 1, value, self.batch, what="gradient")
        if self.plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.setting.module.parameters(), self.plan.clip_norm)
        self.loss = loss
        return loss  # type: ignore[return-value]  # torch's own type asks for a float and means a tensor

    def grads(self) -> list[Tensor]:
        return [one.grad for one in self.setting.module.parameters() if one.grad is not None]

    def sound_batch(self) -> Batch | None:
        """The batch, if what went wrong began with it: in a careful run, or where the weights are still sound."""
        began = self.job.careful or finite(list(self.setting.module.state_dict().values()))
        return self.batch if began else None

    def often(self, targets: Targets, weight: float) -> float | Tensor:
        """How many times this process's mean counts beside the others': by samples, or by what each loss is over."""
        if self.is_even:
            self.counts = len(targets)
            return weight
        assert isinstance(targets, Tensor)
        own = self.job.objective.measures(targets) * bool(weight)
        self.counts = own[0]
        if self.job.group.count == 1:
            return 1.0
        return own * self.job.group.count / self.job.group.summed(own).clamp(min=TINY)

    def backward(self, inputs: Images, targets: Targets, share: float | Tensor = 1.0) -> tuple[Tensor, Tensor]:
        """Add the gradient of a batch, or of a share of one; its loss and scores."""
        with self.setting.autocast():
            outputs = self.job.objective.outputs(self.module, inputs, targets)
        if isinstance(share, Tensor):
            assert isinstance(targets, Tensor)
            each = self.job.objective.each(outputs, targets)
            loss, part = each.sum(), each @ share.to(each)
        else:
            loss = self.job.objective(outputs, targets)
            part = loss if share == 1 else loss * share
        (part if self.scaler is None else self.scaler.scale(part)).backward()
        return loss.detach(), self.job.objective.scores(outputs).detach()

    def of_images(self, batch: Batch | None, weight: float = 1.0) -> AbstractContextManager[None]:
        """What a detector draws follows from each image's number; its regions are counted in all processes."""
        if batch is None or self.plan.task != "objects":
            return nullcontext()
        words = draws.words(seed_of(self.plan, "dropout") ^ SAMPLING, self.state.epoch, batch.rows)
        several = self.job.group.count > 1 and self.plan.accumulate == 1
        return shared_batch(words, (weight / self.job.group.count or 1.0) if several else None, counts=weight > 0)

    def accumulated(self, inputs: Images, targets: Targets, often: float | Tensor) -> tuple[Tensor, Tensor]:
        """A batch in parts, each counting as it does in the batch, whose mean theirs comes to."""
        assert isinstance(targets, Tensor | Objects), "class maps of a batch were filled up to one size"
        wanted_parts: Sequence[Targets] = targets.chunk(self.plan.accumulate)
        given_parts: Sequence[Images] = inputs.chunk(self.plan.accumulate)
        shares = self.shares(wanted_parts)
        rows = self.batch.rows.chunk(self.plan.accumulate) if self.batch is not None else ()
        scores: list[Tensor] = []
        total = torch.zeros((), device=self.setting.device)
        for number, (part, wanted, share) in enumerate(zip(given_parts, wanted_parts, shares, strict=True), 1):
            own = Batch(part, wanted, rows[number - 1]) if rows else None
            with self.job.group.unsynced(self.module, last=number == len(shares)), self.of_images(own):
                loss, made = self.backward(part, wanted, share * often)
            total = total + loss * (share[0].to(loss) if isinstance(share, Tensor) else share)
            scores.append(made)
        return total, torch.cat(scores)

    def shares(self, parts: Sequence[Targets]) -> Sequence[float | Tensor]:
        """What each part of a batch is of it: of its samples, or of what each loss is a mean over (losses)."""
        if self.is_even:
            return [len(part) / sum(map(len, parts)) for part in parts]
        measures = torch.stack([self.job.objective.measures(part) for part in parts if isinstance(part, Tensor)])
        return [*(measures / measures.sum(0).clamp(min=TINY))]
