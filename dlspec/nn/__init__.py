"""What generated modules need and torch lacks; imports torch and nothing of dlspec's other rooms."""

from dlspec.nn.crop import crop
from dlspec.nn.frozen_batch_norm import FrozenBatchNorm2d

__all__ = ["FrozenBatchNorm2d", "crop"]
