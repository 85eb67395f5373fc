"""Arithmetic between tensors, or between a tensor and a number; sizes of 1 stretch to the other's."""

from __future__ import annotations

from dlspec.ops.op import At, Fact, Mistake, Op, spaced
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.ops.kinds import Number


class _Binary(Op, abstract=True):
    """`x` and `y`, or `x` and a number."""

    inputs = ("x", "y?")
    axes = "*S, *T -> *S"
    family = "join"
    sign = "+"

    other: Number | None = None
    """A number in place of the second tensor."""
    reversed: bool = False
    """Whether the number stands first: `1 - x`."""

    def result(self, at: At) -> tuple[Fact, ...]:
        self.check_types(at)
        first, *rest = at.inputs
        return (Fact(first.dtype, self.joined(at, first, rest[0]) if rest else first.shape),)

    def joined(self, at, first, second):
        longer = max(len(first.shape), len(second.shape))
        left = (1,) * (longer - len(first.shape)) + first.shape
        right = (1,) * (longer - len(second.shape)) + second.shape
        out = []
        for axis, (one, other) in enumerate(zip(left, right)):
            if one == 1 or other == 1:
                out.append(other if one == 1 else one)
                continue
            at.equal(one, other, Mistake(
                "E0302", f"`{self.name}` joins shapes that differ in axis {axis}: {one} and {other}",
                f"is {spaced(second.shape)}", input=1,
            ))  # fmt: skip
            out.append(one if one.__class__ is int else other)
        return tuple(out)


class Add(_Binary):
    """Add two tensors, or a number to a tensor."""

    samples = ("float32[2, 3], float32[2, 3] -> add",)


class Sub(_Binary):
    """Subtract a tensor or a number."""


class Mul(_Binary):
    """Multiply number by number."""


class Div(_Binary):
    """Divide number by number."""
