"""Random numbers that follow from a word for each image alone, whatever batch it stands in and on whatever device.

The mixing is SplitMix64 (Steele, Lea, Flood: "Fast Splittable Pseudorandom Number Generators", 2014).
"""

from __future__ import annotations

import torch
from torch import Tensor

GOLDEN = 0x9E3779B97F4A7C15 - (1 << 64)
MIX_1 = 0xBF58476D1CE4E5B9 - (1 << 64)
MIX_2 = 0x94D049BB133111EB - (1 << 64)
"""The constants of SplitMix64 as signed words."""


def uniform(words: Tensor, count: int) -> Tensor:
    """`count` numbers in [0, 1) for each word, multiples of 2^-24. Shapes: (N) int64 -> (N, count) float32."""
    places = torch.arange(1, count + 1, device=words.device) * GOLDEN
    mixed = mix(words.unsqueeze(1) + places)
    return shifted(mixed, 40).to(torch.float32) * 2.0**-24


def mix(words: Tensor) -> Tensor:
    """The finalizer of SplitMix64 on int64 words, whose arithmetic wraps."""
    words = (words ^ shifted(words, 30)) * MIX_1
    words = (words ^ shifted(words, 27)) * MIX_2
    return words ^ shifted(words, 31)


def shifted(words: Tensor, places: int) -> Tensor:
    """A shift to the right that brings in zeros; torch's own brings in the sign."""
    return (words >> places) & ((1 << (64 - places)) - 1)
