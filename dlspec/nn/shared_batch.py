"""A batch that several processes share: losses are divided by the counts of all of it, and each image draws its own.

A detector's losses are sums divided by how many anchors or regions were drawn. Were each process to divide by its own
count, the mean over processes would not be the loss of one process that has the whole batch. Inside `shared_batch` the
counts are added up over all processes, and the sample of an image follows from a word of its own, so that two
processes take the step that one takes. Outside of it nothing is exchanged, and torch's random numbers are drawn.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from dlspec.nn.seeded import mix, uniform


class _Batch:
    """What is known of the batch that is computed; one object, changed in place, so that compiled code stays valid."""

    words: Tensor | None = None
    share: float | None = None
    counts: bool = True
    drawn: int = 0


_BATCH = _Batch()


@contextmanager
def shared_batch(words: Tensor | None = None, share: float | None = None, *, counts: bool = True) -> Iterator[None]:
    """The batch of a forward pass: a word for each image (N) int64, by which it draws, and the share that is here.

    With a `share` all processes of the default group must enter together. A process without images of its own does so
    with any one, and `counts` false. The gradients are those of one process once each process's losses count `share`
    times the number of processes, and are averaged, as `DistributedDataParallel` averages.
    """
    before = (_BATCH.words, _BATCH.share, _BATCH.counts, _BATCH.drawn)
    _BATCH.words, _BATCH.share, _BATCH.counts, _BATCH.drawn = words, share, counts, 0
    try:
        yield
    finally:
        _BATCH.words, _BATCH.share, _BATCH.counts, _BATCH.drawn = before


def divisor(count: int | Tensor, like: Tensor) -> int | Tensor:
    """What a sum over `count` things is divided by, at least 1; in a shared batch all of its things, by share."""
    if _BATCH.share is None:
        return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)
    total = torch.as_tensor(count).to(like.device, torch.float32) * _BATCH.counts
    torch.distributed.all_reduce(total)
    return (total.clamp(min=1) * _BATCH.share).to(like.dtype)


def uniform_keys(shape: tuple[int, int], device: torch.device, generator: torch.Generator | None) -> Tensor:
    """A number in [0, 1) for each candidate of each image: by its word, the given generator, or torch's. (N, A)."""
    words = _BATCH.words
    if generator is not None or words is None:
        return torch.rand(shape, generator=generator, device=device)
    _BATCH.drawn += 1
    return uniform(mix(words.to(device) + _BATCH.drawn), shape[1])
