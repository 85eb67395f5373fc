"""Operators that put axes, or the numbers along them, in another order."""

from __future__ import annotations

from dlspec.ops.axis import checked_axes, checked_axis
from dlspec.ops.fact import FLOATS, At, Fact, Mistake, shown
from dlspec.ops.shape import Arrangement
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.ops.kinds import Axes, Count, Whole, Wholes
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer


class Permute(Arrangement):
    """Put the axes in another order."""

    function = "{x}.permute(*dims)"
    shares = "moved"
    samples = ("float32[2, 3, 4, 5] -> permute([0, 2, 3, 1])", "float32[2, 3] -> permute([-1, 0])")
    mistakes = (
        ("float32[2, 3, 4] -> permute([0, 1])", "E0202"),
        ("float32[2, 3, 4] -> permute([0, 1, 1])", "E0202"),
        ("float32[2, 3, 4] -> permute([0, 1, 3])", "E0309"),
    )

    dims: Wholes
    """The axes of the input in their new order."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        order = checked_axes(self, fact, self.dims, "dims")
        if len(order) != len(fact.shape):
            raise Mistake(
                "E0202", f"`permute` orders {len(order)} axes, its input has {len(fact.shape)}", "set here",
                parameter="dims", notes=[f"the input {shown(fact)}"],
            )  # fmt: skip
        return (Fact(fact.dtype, tuple(fact.shape[axis] for axis in order)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        order = [axis % len(self.dims) for axis in self.dims]
        return tuple((order.index(axis), Window()) for axis in range(len(order)))


class Transpose(Arrangement):
    """Swap two axes."""

    function = "{x}.transpose(dim0, dim1)"
    shares = "moved"
    samples = ("float32[2, 3, 4] -> transpose(1, 2)", "float32[2, 3, 4] -> transpose(-1, 0)")
    mistakes = (("float32[2, 3, 4] -> transpose(1, 3)", "E0309"),)

    dim0: Whole
    """One axis."""
    dim1: Whole
    """The other."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        first = checked_axis(self, fact, self.dim0, "dim0")
        second = checked_axis(self, fact, self.dim1, "dim1")
        shape = list(fact.shape)
        if shape:
            shape[first], shape[second] = shape[second], shape[first]
        return (Fact(fact.dtype, tuple(shape)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        places = list(range(len(at.inputs[0].shape)))
        if places:
            places[self.dim0], places[self.dim1] = places[self.dim1], places[self.dim0]
        return tuple((place, Window()) for place in places)


class ChannelShuffle(Arrangement):
    """Deal the channels out anew, as cards: the first of every group, then the second of every group, and so on."""

    axes = "N C *S -> N C *S"
    torch = "nn.ChannelShuffle(groups)"
    takes = FLOATS
    samples = ("float32[2, 6, 4, 5] -> channel_shuffle(3)", "float32[2, 6, 4] -> channel_shuffle(2)")
    mistakes = (
        ("float32[2, 6, 4, 5] -> channel_shuffle(4)", "E0303"),
        ("float32[2, 6] -> channel_shuffle(2)", "E0301"),
    )

    groups: Count
    """Groups that the channels stand in."""

    def result(self, at: At) -> tuple[Fact, ...]:
        fact = at.inputs[0]
        if len(fact.shape) < 3:
            raise self.wrong_rank(("N", "C", "L", "*S"), fact, 0)
        self.bind(at)
        words = f"{self.groups} groups do not divide the {at['C']} channels of the input"
        at.equal(at["C"] % self.groups, 0, Mistake("E0303", words, "set here", parameter="groups"))
        return (Fact(fact.dtype, fact.shape),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """One position, in a channel that depends on the place."""
        rank = len(outputs[0].shape)
        return tuple((None, "whole") if axis == 1 else (axis, Window()) for axis in range(rank))


class Roll(Arrangement):
    """Move the numbers along an axis; what leaves at one end comes in at the other."""

    function = "{x}.roll(shifts, dims)"
    samples = ("float32[2, 3, 4] -> roll(1, 2)", "float32[2, 3, 4] -> roll([1, -1], [1, 2])")
    mistakes = (("float32[2, 3, 4] -> roll([1, 2], 1)", "E0202"), ("float32[2, 3, 4] -> roll(1, 3)", "E0309"))

    shifts: Wholes
    """Positions moved along each axis."""
    dims: Axes
    """The axis or axes."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        for axis in self.dims:
            checked_axis(self, fact, axis, "dims")
        if len(self.shifts) != len(self.dims) or not fact.shape:
            words = f"`roll` moves {len(self.dims)} axes by {len(self.shifts)} shifts"
            raise Mistake("E0202", words, "set here", parameter="shifts")
        return (Fact(fact.dtype, fact.shape),)

    def expression(self, write: Writer) -> str:
        if len(self.shifts) == 1:
            return write.filled(f"{{x}}.roll({self.shifts[0]}, {self.dims[0]})")
        return write.filled(f"{{x}}.roll({write.tuple(self.shifts)}, {write.tuple(self.dims)})")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A shifted axis wraps around, so it is seen from afar."""
        rank = len(outputs[0].shape)
        moved = [axis % rank for axis in self.dims]
        return tuple((None, "whole") if axis in moved else (axis, Window()) for axis in range(rank))


class Flip(Arrangement):
    """Turn axes around."""

    function = "{x}.flip(*dims)"
    samples = ("float32[2, 3, 4] -> flip(-1)", "float32[2, 3, 4] -> flip([1, 2])")
    mistakes = (("float32[2, 3] -> flip(2)", "E0309"), ("float32[2, 3] -> flip([1, 1])", "E0202"))

    dims: Axes
    """The axis or axes."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        checked_axes(self, fact, self.dims, "dims")
        return (Fact(fact.dtype, fact.shape),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        rank = len(outputs[0].shape)
        turned = [axis % rank for axis in self.dims] if rank else []
        return tuple((None, "whole") if axis in turned else (axis, Window()) for axis in range(rank))
