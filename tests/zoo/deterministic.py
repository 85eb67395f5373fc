"""Weights and inputs that depend on no generator of torch: each tensor is drawn from numpy's PCG64, seeded by its key.

The reference outputs in `torchvision/` were measured with just these.
"""

from __future__ import annotations

import zlib

import numpy as np
import torch
from torch import Tensor, nn


def fill(key: str, shape: tuple[int, ...]) -> Tensor:
    """The weight of a key of the `state_dict`: He-scaled matrices, norms near 1, small biases."""
    drawn = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode()))).standard_normal(shape)
    if key.endswith("running_var"):
        drawn = 1.0 + 0.25 * np.abs(drawn)
    elif len(shape) >= 2:
        drawn *= np.sqrt(2.0 / max(1, int(np.prod(shape[1:]))))
    elif key.endswith("weight"):
        drawn = 1.0 + 0.1 * drawn
    else:
        drawn = 0.1 * drawn
    return torch.from_numpy(drawn.astype(np.float32))


def fill_module(module: nn.Module) -> None:
    """Give every floating tensor of a module its deterministic value; counters begin at nothing.

    The module may lie on the `meta` device, where it was made without drawing weights that nobody asks for.
    """
    state = {
        key: fill(key, tuple(value.shape)) if value.is_floating_point() else torch.zeros(value.shape, dtype=value.dtype)
        for key, value in module.state_dict().items()
    }
    module.load_state_dict(state, assign=True)


def picture(shape: tuple[int, ...], seed: int = 12345) -> Tensor:
    return torch.from_numpy(np.random.Generator(np.random.PCG64(seed)).standard_normal(shape).astype(np.float32))
