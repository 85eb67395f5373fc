"""Layer normalization over the channels of a map."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class LayerNorm2d(nn.LayerNorm):
    """Give the channels of every position mean 0 and variance 1, then a learned scale and shift.

    The weights have the names and shapes that `nn.LayerNorm(C)` has, so those of torchvision's ConvNeXt load.

    Shapes: (N, C, H, W) -> (N, C, H, W).
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)
