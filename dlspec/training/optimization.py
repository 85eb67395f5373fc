"""Optimizers from their facts, and the learning rate as a function of the step.

A rate that is computed from the step needs no state, so a resumed run continues it exactly; only
`plateau` remembers. The formulas are those of `torch.optim.lr_scheduler`.
"""

from __future__ import annotations

import inspect
import math

import torch
from torch import nn

from dlspec.plan import schedules as named
from dlspec.plan.groups import Group
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.paths import covers
from dlspec.record import TYPE_CHECKING
from dlspec.training.metrics import better

if TYPE_CHECKING:
    from typing import Any


FUSED_IN_PARTS = ("Adam", "AdamW")
"""Optimizers whose fused form takes weights that are cut into parts."""


def build_optimizer(plan: ResolvedPlan, module: nn.Module) -> torch.optim.Optimizer:
    """torch's optimizer over the parameters that are trained, in its fused form where there is one."""
    facts = plan.optimizer
    kind = getattr(torch.optim, facts.torch)
    takes = inspect.signature(kind).parameters
    arguments = {name: value for name, value in facts.values() if value is not None}
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    cut = any(hasattr(parameter, "placements") for parameter in parameters) and facts.torch not in FUSED_IN_PARTS
    if "fused" in takes and not cut and all(parameter.device.type in ("cpu", "cuda") for parameter in parameters):
        arguments["fused"] = True
    built: torch.optim.Optimizer = kind(_grouped(plan, module), **arguments)
    return built


def _grouped(plan: ResolvedPlan, module: nn.Module) -> list[dict[str, Any]]:
    """Parameters that are trained in the same way, together, in the order of the module."""
    groups: dict[tuple[float, float | None], list[nn.Parameter]] = {}
    for name, parameter in module.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(_way(plan, name, parameter), []).append(parameter)
    return [
        {"params": parameters, "lr_factor": factor} | ({} if decay is None else {"weight_decay": decay})
        for (factor, decay), parameters in groups.items()
    ]


def _way(plan: ResolvedPlan, name: str, parameter: nn.Parameter) -> tuple[float, float | None]:
    """Factor of the learning rate, and weight decay where it is not the optimizer's.

    Scales and biases have one axis; they only shift and stretch, and are left alone where `decay` says so.
    """
    decay = 0.0 if plan.decay == "weights" and parameter.dim() < 2 else None
    for group in plan.groups:
        assert isinstance(group, Group)
        if covers(group.path, name):
            return group.lr_factor, decay if group.weight_decay is None else group.weight_decay
    return 1.0, decay


class Rate:
    """Learning rate and momentum of every step of a run."""

    def __init__(self, plan: ResolvedPlan, steps_per_epoch: int, total_steps: int) -> None:
        self.schedule = plan.schedule
        self.base: float = getattr(plan.optimizer, "lr")  # noqa: B009  # every optimizer has one
        self.momentum_field = plan.optimizer.momentum_field
        self.steps_per_epoch = steps_per_epoch
        warmup = self.schedule.warmup_steps or round(self.schedule.warmup_epochs * steps_per_epoch)
        self.warmup = min(warmup, total_steps)
        self.length = max(total_steps - self.warmup, 1)
        self.lowered = 1.0
        self.watched: float | None = None
        self.waited = 0

    def at(self, step: int) -> float:
        """The learning rate of a step, counted from 0."""
        if step < self.warmup:
            return self._shaped(0, step) * (step + 1) / (self.warmup + 1)
        return self._shaped(step - self.warmup, step)

    def _shaped(self, step: int, whole_step: int) -> float:
        schedule, progress = self.schedule, step / self.length
        epoch = whole_step if getattr(schedule, "counts", "") == "steps" else whole_step // self.steps_per_epoch
        match schedule:
            case named.Step():
                return self.base * float(schedule.gamma ** (epoch // schedule.step_size))
            case named.MultiStep():
                return self.base * float(schedule.gamma ** sum(epoch >= turn for turn in schedule.milestones))
            case named.Exponential():
                return self.base * float(schedule.gamma**epoch)
            case named.Cosine():
                return schedule.eta_min + (self.base - schedule.eta_min) * (1 + math.cos(math.pi * progress)) / 2
            case named.Linear():
                return self.base * (schedule.start_factor + (schedule.end_factor - schedule.start_factor) * progress)
            case named.Polynomial():
                return self.base * float((1 - progress) ** schedule.power)
            case named.OneCycle():
                highest = schedule.max_lr or self.base
                first = highest / schedule.div_factor
                return _cycle(schedule, step, self.length, first, highest, first / schedule.final_div_factor)
            case named.Plateau():
                return max(self.base * self.lowered, min(schedule.min_lr, self.base))
        return self.base

    def momentum_at(self, step: int) -> float | None:
        """The momentum of a step where the schedule moves it."""
        schedule = self.schedule
        if not isinstance(schedule, named.OneCycle) or not schedule.cycle_momentum or not self.momentum_field:
            return None
        low, high = schedule.base_momentum, schedule.max_momentum
        return _cycle(schedule, max(step - self.warmup, 0), self.length, high, low, high)

    def set(self, optimizer: torch.optim.Optimizer, step: int) -> float:
        """Put the step's rate, and momentum where it moves, into the optimizer."""
        rate, momentum = self.at(step), self.momentum_at(step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_factor", 1.0)
            if momentum is not None and self.momentum_field == "betas":
                group["betas"] = (momentum, group["betas"][1])
            elif momentum is not None and self.momentum_field:
                group[self.momentum_field] = momentum
        return rate

    def watch(self, scores: dict[str, float]) -> None:
        """Tell `plateau` the scores of an epoch."""
        schedule = self.schedule
        if not isinstance(schedule, named.Plateau):
            return
        value, metric = scores[schedule.by], schedule.by.partition(".")[2]
        if better(metric, value, self.watched, by=schedule.threshold * abs(self.watched or 0)):
            self.watched, self.waited = value, 0
            return
        self.waited += 1
        if self.waited > schedule.patience:
            self.lowered, self.waited = self.lowered * schedule.factor, 0

    def state(self) -> dict[str, float | None]:
        return {"lowered": self.lowered, "watched": self.watched, "waited": self.waited}

    def restore(self, state: dict[str, float | None]) -> None:
        self.lowered, self.watched = state["lowered"] or 0.0, state["watched"]
        self.waited = int(state["waited"] or 0)


def _cycle(schedule: named.OneCycle, step: int, length: int, start: float, peak: float, end: float) -> float:
    """From `start` to `peak` over `pct_start` of the run and on to `end`, as torch's OneCycleLR."""
    top, last = schedule.pct_start * length - 1, length - 1
    if step <= top:
        return _between(schedule.anneal_strategy, start, peak, step / top if top else 1.0)
    return _between(schedule.anneal_strategy, peak, end, (step - top) / (last - top) if last > top else 1.0)


def _between(strategy: str, start: float, end: float, share: float) -> float:
    share = min(share, 1.0)
    if strategy == "linear":
        return start + (end - start) * share
    return end + (start - end) / 2 * (1 + math.cos(math.pi * share))
