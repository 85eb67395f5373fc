"""Reductions: one number in place of all numbers along some axes."""

from __future__ import annotations

from dlspec.ops.axis import broadcast, checked_axes, checked_axis, replaced, without
from dlspec.ops.fact import ALL, FLOATS, INTEGERS, At, Fact
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.kinds import Axes, Natural, Number, Whole
    from dlspec.ops.spread import Seen


class _Reduction(Op, abstract=True):
    axes = "*S -> *S"
    family = "reduction"

    dim: Axes | None = None
    """The axis or axes that are taken together; all of them unless said."""

    if TYPE_CHECKING:
        keepdim: bool

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        gone = self.gone(fact)
        shape = tuple(1 if axis in gone else size for axis, size in enumerate(fact.shape))
        return (Fact(self.result_type(at), shape if self.keepdim else without(shape, gone)),)

    def gone(self, fact: Fact) -> tuple[int, ...]:
        """The axes that are taken together, counted from the left."""
        if self.dim is None:
            return tuple(range(len(fact.shape)))
        return checked_axes(self, fact, self.dim, "dim")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """All of the axes that are taken together, one position of the others."""
        gone, place = self.gone(at.inputs[0]), 0
        seen: list[Seen] = []
        for axis in range(len(at.inputs[0].shape)):
            seen.append((None, "whole") if axis in gone else (place, Window()))
            place += axis not in gone or self.keepdim
        return tuple(seen)


class _Total(_Reduction, abstract=True):
    """Of all numbers alike."""

    keepdim: bool = False
    """Whether they stay, with size 1."""


class Mean(_Total):
    """The mean along axes."""

    function = "{x}.mean(dim=, keepdim=)"
    samples = (
        "float32[2, 3, 4] -> mean",
        "float32[2, 3, 4] -> mean([1, 2])",
        "float32[2, 3, 4] -> mean(-1, keepdim=true)",
    )
    mistakes = (
        ("float32[2, 3] -> mean(2)", "E0309"),
        ("float32[2, 3] -> mean([1, -1])", "E0202"),
        ("int64[2, 3] -> mean", "E0304"),
    )


class Sum(_Total):
    """The sum along axes; of a list of tensors, the tensors added up."""

    function = "{x}.sum(dim=, keepdim=)"
    of_several = "add"
    takes = ALL
    samples = ("float32[2, 3, 4] -> sum", "float32[2, 3, 4] -> sum(1)")
    mistakes = (("float32[2, 3] -> sum(2)", "E0309"),)

    def result_type(self, at: At) -> str:
        dtype = at.inputs[0].dtype
        return dtype if dtype in FLOATS else "int64"


class Max(_Total):
    """The largest number along axes."""

    function = "{x}.amax(dim=, keepdim=)"
    takes = ALL
    keeps = "xy"
    samples = ("float32[2, 3, 4] -> max", "float32[2, 3, 4] -> max([1, 2])")
    mistakes = (("float32[2, 3] -> max(-3)", "E0309"),)


class Min(_Total):
    """The smallest number along axes."""

    function = "{x}.amin(dim=, keepdim=)"
    takes = ALL
    keeps = "xy"
    samples = ("float32[2, 3, 4] -> min", "float32[2, 3, 4] -> min(1, keepdim=true)")
    mistakes = (("float32[2, 3] -> min(2)", "E0309"),)


class _Deviation(_Reduction, abstract=True):
    """How far numbers are from their mean."""

    correction: Natural = 1
    """What the count is lessened by: 1 for an estimate from a sample, 0 for these numbers alone."""
    keepdim: bool = False
    """Whether they stay, with size 1."""


class Var(_Deviation):
    """The variance along axes."""

    function = "{x}.var(dim=, correction=, keepdim=)"
    keeps = "x"
    samples = ("float32[2, 3, 4] -> var", "float32[2, 3, 4] -> var(1, correction=0)")
    mistakes = (("float32[2, 3] -> var(2)", "E0309"),)


class Std(_Deviation):
    """The standard deviation along axes."""

    function = "{x}.std(dim=, correction=, keepdim=)"
    keeps = "xy"
    samples = ("float32[2, 3, 4] -> std", "float32[2, 3, 4] -> std(-1)")
    mistakes = (("float32[2, 3] -> std(2)", "E0309"),)


class Argmax(Op):
    """Where the largest number stands along an axis."""

    axes = "*S -> *S"
    family = "reduction"
    takes = (*INTEGERS, *FLOATS)
    function = "{x}.argmax(dim=, keepdim=)"
    samples = ("float32[2, 3, 4] -> argmax(1)", "float32[2, 3, 4] -> argmax")
    mistakes = (("float32[2, 3] -> argmax(2)", "E0309"),)

    dim: Whole | None = None
    """The axis; all numbers together unless said."""
    keepdim: bool = False
    """Whether the axis stays, with size 1."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        gone = range(len(fact.shape)) if self.dim is None else [checked_axis(self, fact, self.dim, "dim")]
        shape = tuple(1 if axis in gone else size for axis, size in enumerate(fact.shape))
        return (Fact("int64", shape if self.keepdim else without(shape, gone)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        rank = len(at.inputs[0].shape)
        gone = range(rank) if self.dim is None or not rank else [self.dim % rank]
        kept = [axis for axis in range(rank) if self.keepdim or axis not in gone]
        return tuple((None, "whole") if axis in gone else (kept.index(axis), Window()) for axis in range(rank))


class CosineSimilarity(Op):
    """The cosine of the angle between two tensors along an axis."""

    axes = "*S, *T -> *S"
    inputs = ("x1", "x2")
    family = "reduction"
    torch = "nn.CosineSimilarity(dim=, eps=)"
    function = "F.cosine_similarity({x1}, {x2}, dim=, eps=)"
    keeps = "x"
    samples = (
        "float32[2, 8], float32[2, 8] -> cosine_similarity",
        "float32[2, 8, 3], float32[8, 1] -> cosine_similarity(2)",
    )
    mistakes = (
        ("float32[2, 8], float32[2, 7] -> cosine_similarity", "E0302"),
        ("float32[2, 8], float32[2, 8] -> cosine_similarity(2)", "E0309"),
    )

    dim: Whole = 1
    """The axis along which they are compared."""
    eps: Number = 1e-8
    """The least product of lengths that is divided by."""

    def result(self, at: At) -> tuple[Fact, ...]:
        first, second = self.bind(at)
        both = Fact(first.dtype, broadcast(self, at, first, second))
        axis = checked_axis(self, both, self.dim, "dim")
        return (Fact(first.dtype, without(both.shape, [axis])),)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Both lengths, before and after they are kept from 0, and both tensors scaled to length 1."""
        both = Fact(outputs[0].dtype, broadcast(self, At(at.inputs), at.inputs[0], at.inputs[1]))
        axis = checked_axis(self, both, self.dim, "dim")
        for _ in range(4):
            yield Fact(both.dtype, replaced(both.shape, axis, 1))
        for _ in range(2):
            yield both

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        rank = max(len(fact.shape) for fact in at.inputs)
        return _pairwise(self.dim % rank, rank, len(at.inputs[port].shape))


class PairwiseDistance(Op):
    """The distance between two tensors along their last axis."""

    axes = "*S, *T -> *S"
    inputs = ("x1", "x2")
    family = "reduction"
    keeps = "y"
    torch = "nn.PairwiseDistance(p=, eps=, keepdim=)"
    function = "F.pairwise_distance({x1}, {x2}, p=, eps=, keepdim=)"
    samples = (
        "float32[2, 8], float32[2, 8] -> pairwise_distance",
        "float32[2, 8], float32[8] -> pairwise_distance(1, keepdim=true)",
    )
    mistakes = (("float32[2, 8], float32[2, 7] -> pairwise_distance", "E0302"),)

    p: Number = 2.0
    """Exponent of the distance: 2 is the ordinary one, 1 the sum of differences."""
    eps: Number = 1e-6
    """Added to every difference, so that the slope at 0 is known."""
    keepdim: bool = False
    """Whether the last axis stays, with size 1."""

    def result(self, at: At) -> tuple[Fact, ...]:
        first, second = self.bind(at)
        shape = broadcast(self, at, first, second)
        return (Fact(first.dtype, (*shape[:-1], 1) if self.keepdim and shape else shape[:-1]),)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The differences."""
        yield Fact(outputs[0].dtype, broadcast(self, At(at.inputs), at.inputs[0], at.inputs[1]))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        rank = max(len(fact.shape) for fact in at.inputs)
        return _pairwise(rank - 1, rank, len(at.inputs[port].shape))


def _pairwise(gone: int, rank: int, own: int) -> tuple[Seen, ...]:
    """One axis whole, the others position by position, for an input aligned at the right."""
    return tuple(
        (None, "whole") if axis == gone else (axis - (axis > gone), Window()) for axis in range(rank - own, rank)
    )
