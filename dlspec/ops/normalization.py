"""Normalization layers."""

from __future__ import annotations

from dlspec.ops.op import At, Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.ops.kinds import Number
    from dlspec.ops.op import Shape


class BatchNorm2d(Op):
    """Give every channel mean 0 and variance 1 over the batch, then a learned scale and shift."""

    axes = "N C H W -> N C H W"
    torch = "nn.BatchNorm2d(C, eps=, momentum=, affine=, track_running_stats=)"
    family = "normalization"
    keeps = "x"
    samples = ("float32[2, 3, 4, 5] -> batch_norm2d", "float32[2, 3, 4, 5] -> batch_norm2d(eps=1e-3, affine=false)")
    mistakes = (("float32[2, 3] -> batch_norm2d", "E0301"),)

    eps: Number = 1e-5
    """Added to the variance, so that a constant channel is not divided by zero."""
    momentum: Number | None = 0.1
    """How much a batch moves the running mean and variance; `null` averages over all batches."""
    affine: bool = True
    """Whether each channel learns a scale and a shift."""
    track_running_stats: bool = True
    """Whether running statistics are kept for evaluation."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.affine:
            yield "weight", (at["C"],)
            yield "bias", (at["C"],)

    def buffers(self, at: At) -> Iterator[tuple[str, Shape, str]]:
        if self.track_running_stats:
            yield "running_mean", (at["C"],), "float32"
            yield "running_var", (at["C"],), "float32"
            yield "num_batches_tracked", (), "int64"
