"""Points in a plane, drawn at random: what a single line cannot separate."""

from __future__ import annotations

import torch
from torch import Tensor

from dlspec.plan import sources as named
from dlspec.training import draws
from dlspec.training.samples import Samples


def xor(source: named.Xor) -> Samples:
    """Four clouds around (±1, ±1); class 1 where the signs differ."""
    corner = torch.arange(source.count) % 4
    signs = torch.stack([corner % 2, corner // 2], 1)
    return Samples((2 * signs - 1) + _offsets(source), signs.sum(1) % 2)


def rings(source: named.Rings) -> Samples:
    """Circles of radius 1 and, class 1, 0.5."""
    rows = torch.arange(source.count)
    inner, angle = rows % 2, 2 * torch.pi * draws.uniform(source.seed, 1, rows, 1)
    ring = torch.cat([angle.cos(), angle.sin()], 1) * (1 - inner[:, None] / 2)
    return Samples(ring + _offsets(source), inner)


def _offsets(source: named.Xor | named.Rings) -> Tensor:
    """How far each point lies from its place."""
    return source.noise * draws.normal(source.seed, 0, torch.arange(source.count), 2)
