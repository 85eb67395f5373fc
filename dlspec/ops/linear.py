"""Fully connected layers."""

from __future__ import annotations

from dlspec.ops.op import At, Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.ops.kinds import Count
    from dlspec.ops.op import Shape


class Linear(Op):
    """Weigh every input feature for every output feature; works on the last axis."""

    axes = "*B I -> *B out_features"
    torch = "nn.Linear(I, out_features, bias=)"
    family = "linear"
    keeps = "x"
    samples = ("float32[2, 16] -> linear(10)", "float32[2, 7, 16] -> linear(10, bias=false)")
    mistakes = (("float32[2, 16] -> linear(0)", "E0202"),)

    out_features: Count
    """Features of the result."""
    bias: bool = True
    """Whether each output feature learns an offset."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.out_features, at["I"])
        if self.bias:
            yield "bias", (self.out_features,)
