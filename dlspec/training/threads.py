"""How many threads a run computes with.

Threads that share a core wait for each other at every operator: where others use the machine, a
small network ran forty times slower with two threads than with one, and where nobody does it gained
30 %. So a batch with little arithmetic takes one thread, and the rest what torch takes.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from dlspec.training.batches import batch_length
from dlspec.training.job import Setting
from dlspec.training.objective import given

LITTLE = 100_000_000
"""Multiply-adds in the forward pass of a batch below which one thread is enough."""


@contextmanager
def chosen(setting: Setting) -> Iterator[None]:
    """The plan's number of threads for the time of a run; OMP_NUM_THREADS has the word where the plan has not."""
    wanted, before = setting.plan.threads, torch.get_num_threads()
    if wanted == "auto":
        small = setting.device.type == "cpu" and macs(setting) < LITTLE
        wanted = 1 if small and "OMP_NUM_THREADS" not in os.environ else before
    torch.set_num_threads(int(wanted))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@torch.no_grad()
def macs(setting: Setting) -> int:
    """About how many multiply-adds the layers with a weight matrix do for one training batch.

    Each weight counts once per output position, found by running two samples.
    """
    counts: list[int] = []

    def count(layer: nn.Module, inputs: object, output: object) -> None:
        weight = getattr(layer, "weight", None)
        if isinstance(weight, Tensor) and weight.dim() > 1 and isinstance(output, Tensor):
            counts.append(weight.numel() * output[0].numel() // weight.shape[0])

    hooks = [layer.register_forward_hook(count) for layer in setting.module.modules()]
    try:
        setting.module.eval()
        tried = setting.prepared(setting.splits.train.at(torch.arange(2)))
        images, _ = setting.together(*tried.taken(slice(None)))
        setting.module(given(images), **tried.beside)
    finally:
        for hook in hooks:
            hook.remove()
    return sum(counts) * batch_length(setting.plan, len(setting.splits.train))
