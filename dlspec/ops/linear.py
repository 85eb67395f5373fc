"""Fully connected layers: every output number is a weighted sum of all inputs along an axis."""

from __future__ import annotations

from dlspec.ops.axis import broadcast_shapes
from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class Linear(Op):
    """Weigh every input feature for every output feature; works on the last axis."""

    axes = "*B I -> *B out_features"
    torch = "nn.Linear(I, out_features, bias=)"
    family = "linear"
    keeps = "x"
    filter_axis = 0
    samples = (
        "float32[2, 16] -> linear(10)",
        "float32[2, 7, 16] -> linear(10, bias=false)",
        "float32[16] -> linear(3)",
    )
    mistakes = (
        ("float32[2, 16] -> linear(0)", "E0202"),
        ("int64[2, 16] -> linear(3)", "E0304"),
        ("float32[] -> linear(3)", "E0301"),
    )

    out_features: Count
    """Features of the result."""
    bias: bool = True
    """Whether each output feature learns an offset."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.out_features, at["I"])
        if self.bias:
            yield "bias", (self.out_features,)

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Every weight once for each position of the result."""
        features: Dim = at["I"]
        return features * product(outputs[0].shape)


class Matmul(Op):
    """Multiply matrices: the last axis of the first with the last but one of the second, batch by batch."""

    axes = "*X, *Y -> *X"
    inputs = ("x", "y")
    family = "linear"
    keeps = "x"
    samples = (
        "float32[2, 3, 4], float32[2, 4, 5] -> matmul",
        "float32[6, 1, 3, 4], float32[7, 4, 5] -> matmul",
        "float32[3, 4], float32[4] -> matmul",
        "float32[4], float32[2, 4, 5] -> matmul",
        "float32[4], float32[4] -> matmul",
    )
    mistakes = (
        ("float32[2, 3, 4], float32[2, 5, 4] -> matmul", "E0302"),
        ("float32[2, 3, 4], float32[3, 4, 5] -> matmul", "E0302"),
        ("float32[], float32[3] -> matmul", "E0301"),
        ("float32[3], float64[3] -> matmul", "E0304"),
    )

    def result(self, at: At) -> tuple[Fact, ...]:
        first, second = self.bind(at)
        for position, fact in enumerate(at.inputs):
            if not fact.shape:
                raise Mistake(
                    "E0301", "`matmul` takes at least 1 axis, its input has none", shown(fact), input=position
                )
        inner = second.shape[-2] if len(second.shape) > 1 else second.shape[0]
        at.equal(first.shape[-1], inner, self._unequal(first.shape[-1], inner, second))
        batch = broadcast_shapes(self, at, first.shape[:-2], second.shape[:-2])
        rows = first.shape[-2:-1] if len(first.shape) > 1 else ()
        columns = second.shape[-1:] if len(second.shape) > 1 else ()
        return (Fact(first.dtype, (*batch, *rows, *columns)),)

    def _unequal(self, left: Dim, right: Dim, second: Fact) -> Mistake:
        return Mistake(
            "E0302", f"`matmul` multiplies rows of {left} by columns of {right}", shown(second), input=1,
            help="transpose the second" if len(second.shape) > 1 and second.shape[-1] == left else None,
            insert="transpose(-2, -1)" if len(second.shape) > 1 and second.shape[-1] == left else None,
        )  # fmt: skip

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """The length of a row for each number of the result."""
        return at.inputs[0].shape[-1] * product(outputs[0].shape)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Copies of what is stretched over a batch, or laid out anew."""
        first, second = at.inputs
        batch = outputs[0].shape[:-2]
        if len(first.shape) > 2 and len(second.shape) > 2:
            yield from (Fact(fact.dtype, (*batch, *fact.shape[-2:])) for fact in at.inputs if fact.shape[:-2] != batch)
        elif len(second.shape) > 2:
            yield second

    def expression(self, write: Writer) -> str:
        from dlspec.ops.text import PRODUCT, SIGN, held

        left, right = write.tensors
        return f"{held(left, PRODUCT)} @ {held(right, SIGN)}"

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A number of the result sees a row of the first and a column of the second."""
        own, rank = at.inputs[port].shape, len(outputs[0].shape)
        both_ranks = [len(fact.shape) for fact in at.inputs]
        batch = max(*both_ranks, 2) - 2
        kept: list[Seen] = [(axis, Window()) for axis in range(batch - max(len(own) - 2, 0), batch)]
        if len(own) == 1:
            return ((None, "whole"),)
        if port == 0:
            return (*kept, (batch, Window()), (None, "whole"))
        return (*kept, (None, "whole"), (rank - 1, Window()))
