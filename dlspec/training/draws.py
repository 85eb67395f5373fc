"""Random numbers as a pure function of (seed, epoch, sample): the same whatever ran before.

So augmentation after a resume is what it would have been, and does not depend on batches. The
mixing is SplitMix64, as in `dlspec.nn.seeded`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.nn import seeded

GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
WORD = (1 << 64) - 1


def uniform(seed: int, epoch: int, samples: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each sample: (samples, count), float32, multiples of 2^-24."""
    return seeded.uniform(words(seed, epoch, samples), count)


def words(seed: int, epoch: int, samples: Tensor) -> Tensor:
    """A word for each sample, from which its numbers follow: (samples), int64."""
    key = _signed(_mixed(_mixed(seed & WORD) + epoch & WORD))
    return seeded.mix(key + (samples + 1) * _signed(GOLDEN))


def normal(seed: int, epoch: int, samples: Tensor, count: int) -> Tensor:
    """`count` standard normal numbers for each sample: (samples, count), float32."""
    centred = uniform(seed, epoch, samples, count) + 2.0**-25
    return torch.erfinv(2 * centred - 1) * 2**0.5


def seeds(seed: int, epoch: int, samples: Tensor) -> list[int]:
    """A seed for each sample, for those who draw numbers of their own."""
    return [int(word) & WORD >> 1 for word in words(seed, epoch, samples).tolist()]


def permutation(seed: int, epoch: int, count: int) -> Tensor:
    """The order in which an epoch goes through `count` samples."""
    generator = torch.Generator().manual_seed(_mixed(_mixed(seed & WORD) + epoch & WORD) >> 1)
    return torch.randperm(count, generator=generator)


MIXED = 4
"""Blocks whose samples are mixed with each other."""


def permutation_in_blocks(seed: int, epoch: int, blocks: Tensor) -> Tensor:
    """An order of samples that goes through few blocks at a time; `blocks` (N) numbers that of each sample."""
    _, place = blocks.unique(return_inverse=True)
    count = int(place.max()) + 1
    turn = torch.empty(count, dtype=torch.int64)
    turn[permutation(seed, epoch, count)] = torch.arange(count) // MIXED
    shuffled = permutation(seed ^ MIX_1 & WORD >> 1, epoch, len(blocks))
    return shuffled[turn[place[shuffled]].argsort(stable=True)]


def _mixed(word: int) -> int:
    word = ((word ^ word >> 30) * MIX_1) & WORD
    word = ((word ^ word >> 27) * MIX_2) & WORD
    return word ^ word >> 31


def _signed(word: int) -> int:
    return word - (1 << 64) if word >> 63 else word
