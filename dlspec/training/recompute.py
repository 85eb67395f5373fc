"""Activation checkpointing: parts that keep their inputs alone, and run once more when the backward pass needs more.

Chen, Xu, Zhang, Guestrin: "Training Deep Nets with Sublinear Memory Cost" (2016). The gradients are those of the
plain network bit for bit: dropout draws the same numbers again, and batch norm counts a batch once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.utils.checkpoint import checkpoint

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.paths import covered
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Recomputed:
    """The forward pass of a module, to be run again in the backward pass."""

    def __init__(self, module: nn.Module) -> None:
        self.module, self.forward = module, module.forward

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if not torch.is_grad_enabled():
            return self.forward(*args, **kwargs)
        return checkpoint(self.forward, *args, use_reentrant=False, context_fn=self.contexts, **kwargs)

    def contexts(self) -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
        """Those of the first forward pass, and of the second."""
        return nullcontext(), self.with_statistics_held()

    @contextmanager
    def with_statistics_held(self) -> Iterator[None]:
        """Batch norm sees the same batch again, and its running statistics stay as they are."""
        norms = [one for one in self.module.modules() if isinstance(one, _NormBase) and one.track_running_stats]
        moved = [(norm, norm.momentum) for norm in norms if norm.training]
        for norm, _ in moved:
            norm.momentum = 0.0
        try:
            yield
        finally:
            for norm, momentum in moved:
                norm.momentum = momentum
                if norm.num_batches_tracked is not None:
                    norm.num_batches_tracked.sub_(1)


def recompute(module: nn.Module, plan: ResolvedPlan) -> list[str]:
    """Let the outermost parts that the plan's `checkpoint` covers be computed again; gives their paths."""
    found: list[str] = []
    for path, part in module.named_modules() if plan.checkpoint else ():
        inside = any(path.startswith(f"{outer}.") for outer in found)
        if path and not inside and covered(plan.checkpoint, path):
            part.forward = Recomputed(part)
            found.append(path)
    return found
