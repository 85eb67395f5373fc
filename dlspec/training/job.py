"""What a run works with, where it is, and the random state that belongs to its place."""

from __future__ import annotations

import torch
from torch import nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.data import Samples
from dlspec.training.fitted import Fitted
from dlspec.training.objective import Objective

if TYPE_CHECKING:
    from typing import Any

    from dlspec.training.progress import Progress
    from dlspec.training.record import Recorder


class Job(Record):
    """What a run works with."""

    module: nn.Module
    plan: ResolvedPlan
    objective: Objective
    fitted: Fitted
    train: Samples
    """Training samples; inputs as the data has them where they are augmented, else prepared."""
    val: Samples
    classes: int
    device: torch.device
    recorder: Recorder
    checkpoints: Checkpoints
    progress: Progress


class State(Record):
    """Where a run is; saved with every checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    seen: int = 0
    best: float | None = None
    best_step: int = 0
    best_epoch: int = 0
    since_best: int = 0
    watched: float | None = None
    stopped: str = ""


def random_state(device: torch.device) -> dict[str, Any]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
