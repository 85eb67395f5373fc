"""Arithmetic number by number: between tensors, whose sizes of 1 stretch, or between a tensor and a number."""

from __future__ import annotations

from dlspec.ops.axis import broadcast, joined_type
from dlspec.ops.fact import ALL, FLOATS, INTEGERS, At, Fact, Mistake
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import ClassVar

    from dlspec.ops.kinds import Number, Scalar, Whole
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer


class _Elementwise(Op, abstract=True):
    """Two tensors, number by number."""

    axes = "*S, *T -> *S"
    family = "join"
    takes: ClassVar[tuple[str, ...]] = (*INTEGERS, *FLOATS)

    def check_types(self, at: At) -> None:
        """Element types may differ; each must be one that it runs on."""
        for position, fact in enumerate(at.inputs):
            if fact.dtype not in self.takes:
                words = f"`{self.name}` does not run on {fact.dtype}"
                raise Mistake("E0304", words, f"is {fact.dtype}", input=position)

    def result(self, at: At) -> tuple[Fact, ...]:
        self.bind(at)
        first, *rest = at.inputs
        shape = broadcast(self, at, first, rest[0]) if rest else first.shape
        return (Fact(self.result_type(at), shape),)

    def result_type(self, at: At) -> str:
        return joined_type(at.inputs)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Each position sees its own; of a stretched axis all there is."""
        own, out = at.inputs[port].shape, outputs[0].shape
        shift = len(out) - len(own)
        return tuple(
            (None, "whole") if size == 1 and out[axis] != 1 else (axis, Window())
            for axis, size in enumerate(own, shift)
        )


class _Binary(_Elementwise, abstract=True):
    """`x` and `y`, or `x` and a number."""

    inputs = ("x", "y?")
    sign: ClassVar[str] = ""
    level: ClassVar[int] = 1
    """How tightly the sign binds in Python."""

    other: Scalar | None = None
    """A number in place of the second tensor."""
    reversed: bool = False
    """Whether that number stands first: `1 - x`."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield (
            len(at.inputs) == 1 or self.other is None, "other",
            f"`{self.name}` joins two tensors, or a tensor and a number, not all three", "E0202",
        )  # fmt: skip
        yield (
            len(at.inputs) == 1 or not self.reversed, "reversed", f"`{self.name}` turns around a number, not a tensor",
            "E0202",
        )  # fmt: skip
        if len(at.inputs) == 1 and self.other is None:
            words = f"`{self.name}` joins two tensors, or a tensor and a number; there is one tensor"
            raise Mistake("E0204", words, input=0)

    def result_type(self, at: At) -> str:
        return joined_type(at.inputs, self.other)

    def expression(self, write: Writer) -> str:
        from dlspec.ops.text import held

        left, *rest = write.tensors
        right = rest[0] if rest else write.word("other")
        if self.reversed:
            left, right = right, left
        # `a - (b - c)`: what binds as tightly needs brackets at the right, and at the left too for powers.
        return f"{held(left, self.level)} {self.sign} {held(right, self.level + 1)}"


class Add(_Binary):
    """Add two tensors, or a number to a tensor."""

    sign = "+"
    takes = ALL
    samples = (
        "float32[2, 3, 4], float32[2, 3, 4] -> add",
        "float32[2, 3, 4], float32[3, 1] -> add",
        "float32[2, 3] -> add(1)",
    )
    mistakes = (
        ("float32[2, 3, 4], float32[2, 3, 5] -> add", "E0302"),
        ("float32[2, 3] -> add", "E0204"),
        ("float32[2, 3], float32[2, 3] -> add(1)", "E0202"),
    )


class Sub(_Binary):
    """Subtract a tensor or a number, or a tensor from a number."""

    sign = "-"
    samples = ("float32[2, 3], float32[2, 1] -> sub", "float32[2, 3] -> sub(1, reversed=true)")
    mistakes = (("float32[2, 3], float32[2] -> sub", "E0302"), ("bool[2, 3] -> sub(1)", "E0304"))


class Mul(_Binary):
    """Multiply two tensors number by number, or a tensor by a number."""

    sign = "*"
    level = 2
    takes = ALL
    samples = ("float32[2, 3, 4, 4], float32[2, 3, 1, 1] -> mul", "float32[2, 3] -> mul(0.5)")
    mistakes = (("float32[2, 3], float32[3, 2] -> mul", "E0302"),)

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the inputs here
        """Each tensor for the other's gradient; a number needs nothing."""
        return "x" if self.other is None else ""


class Div(_Binary):
    """Divide a tensor by another or by a number, or a number by a tensor."""

    sign = "/"
    level = 2
    takes = ALL
    samples = (
        "float32[2, 3], float32[2, 1] -> div",
        "float32[2, 3] -> div(2)",
        "float32[2, 3] -> div(1, reversed=true)",
    )
    mistakes = (("float32[2, 3], float32[3, 2] -> div", "E0302"),)

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the inputs here
        return "x" if self.other is None else ""

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """One over the tensor, by which a number is multiplied."""
        if self.reversed:
            yield outputs[0]

    def result_type(self, at: At) -> str:
        found = super().result_type(at)
        return found if "float" in found else "float32"


class Pow(_Binary):
    """Raise to a power: a number, or number by number of another tensor."""

    sign = "**"
    level = 4
    samples = (
        "float32[2, 3] -> pow(2)",
        "float32[2, 3], float32[3] -> pow",
        "float32[2, 3] -> pow(2, reversed=true)",
    )
    mistakes = (("float32[2, 3], float32[2] -> pow", "E0302"),)

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the inputs here
        return "xy" if self.other is None or self.reversed else "x"

    def expression(self, write: Writer) -> str:
        from dlspec.ops.text import POWER, PRIMARY, held

        left, *rest = write.tensors
        right = rest[0] if rest else write.word("other")
        if self.reversed:
            left, right = right, left
        left, right = held(left, PRIMARY), right if right[1:].isdigit() else held(right, POWER)
        tight = all(part.lstrip("-").replace(".", "").replace("_", "").isalnum() for part in (left, right))
        return f"{left}**{right}" if tight else f"{left} ** {right}"


class Maximum(_Elementwise):
    """The larger of two numbers at every position."""

    inputs = ("x", "y")
    function = "torch.maximum({x}, {y})"
    keeps = "x"
    takes = ALL
    samples = ("float32[2, 3], float32[2, 3] -> maximum",)
    mistakes = (("float32[2, 3], float32[2, 2] -> maximum", "E0302"),)


class Minimum(_Elementwise):
    """The smaller of two numbers at every position."""

    inputs = ("x", "y")
    function = "torch.minimum({x}, {y})"
    keeps = "x"
    takes = ALL
    samples = ("float32[2, 3], float32[2, 1] -> minimum",)
    mistakes = (("float32[2, 3], float32[2, 2] -> minimum", "E0302"),)


class _Function(Op, abstract=True):
    """A function of every number on its own."""

    axes = "*S -> *S"
    family = "function"
    keeps = "x"


class Neg(_Function):
    """Turn the sign around."""

    takes = (*INTEGERS, *FLOATS)
    keeps = ""
    samples = ("float32[2, 3] -> neg",)
    mistakes = (("bool[2, 3] -> neg", "E0304"),)

    def expression(self, write: Writer) -> str:
        from dlspec.ops.text import SIGN, held

        return f"-{held(write.tensors[0], SIGN)}"


class Abs(_Function):
    """Leave the sign out."""

    function = "torch.abs({x})"
    takes = (*INTEGERS, *FLOATS)
    samples = ("float32[2, 3] -> abs",)


class Exp(_Function):
    """The exponential."""

    function = "torch.exp({x})"
    keeps = "y"
    samples = ("float32[2, 3] -> exp",)


class Log(_Function):
    """The natural logarithm."""

    function = "torch.log({x})"
    samples = ("float32[2, 3] -> log",)


class Sqrt(_Function):
    """The square root."""

    function = "torch.sqrt({x})"
    keeps = "y"
    samples = ("float32[2, 3] -> sqrt",)


class Rsqrt(_Function):
    """One over the square root."""

    function = "torch.rsqrt({x})"
    keeps = "y"
    samples = ("float32[2, 3] -> rsqrt",)


class Square(_Function):
    """The number times itself."""

    function = "torch.square({x})"
    samples = ("float32[2, 3] -> square",)


class Sin(_Function):
    """The sine."""

    function = "torch.sin({x})"
    samples = ("float32[2, 3] -> sin",)


class Cos(_Function):
    """The cosine."""

    function = "torch.cos({x})"
    samples = ("float32[2, 3] -> cos",)


class Clamp(_Function):
    """Clip to a range, open at an end that is not given."""

    function = "torch.clamp({x}, min=, max=)"
    samples = ("float32[2, 3] -> clamp(0, 1)", "float32[2, 3] -> clamp(max=2)")
    mistakes = (("float32[2, 3] -> clamp", "E0203"),)

    min: Number | None = None
    """The least number that comes out."""
    max: Number | None = None
    """The largest number that comes out."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield (
            self.min is not None or self.max is not None,
            "min",
            "`clamp` has neither `min` nor `max`",
            "E0203",
        )


class Cumsum(_Function):
    """The sum of all numbers up to each, along an axis."""

    function = "torch.cumsum({x}, dim=dim)"
    keeps = ""
    samples = ("float32[2, 3] -> cumsum(1)",)
    mistakes = (("float32[2, 3] -> cumsum(2)", "E0309"),)

    dim: Whole
    """The axis."""

    def result(self, at: At) -> tuple[Fact, ...]:
        from dlspec.ops.axis import checked_axis

        (fact,) = self.bind(at)
        checked_axis(self, fact, self.dim, "dim")
        return (Fact(fact.dtype, fact.shape),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Everything before it; the whole axis, to be plain."""
        rank = len(outputs[0].shape)
        return tuple((None, "whole") if axis == self.dim % rank else (axis, Window()) for axis in range(rank))
