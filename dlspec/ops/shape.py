"""Operators that only arrange numbers anew."""

from __future__ import annotations

from dlspec.ops.axis import checked_axes, checked_axis, without
from dlspec.ops.fact import ALL, At, Fact, Mistake, shown, spaced
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, exact_quotient, product

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Axes, Counts, ElementType, Sizes, Whole
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class Arrangement(Op, abstract=True):
    axes = "*S -> *S"
    family = "shape"
    takes: ClassVar[tuple[str, ...]] = ALL


def split_by(op: Op, at: At, fact: Fact, total: Dim, wanted: Shape, parameter: str) -> Shape:
    """The sizes wanted, whose product must be `total`; a single -1 stands for what is left."""
    if wanted.count(-1) > 1:
        raise Mistake(
            "E0202",
            f"`{op.name}` can work out one size only, and -1 stands twice",
            "here",
            parameter=parameter,
        )
    for size in wanted:
        if isinstance(size, int) and size != -1 and size < 1:
            raise Mistake("E0202", f"a size of {size} in `{op.name}`", "here", parameter=parameter)
    given = product(size for size in wanted if size != -1)
    words = f"{total} numbers do not fill {spaced(wanted).replace('(-1)', '?')}"
    mistake = Mistake(
        "E0308", f"`{op.name}`: {words}", "set here", parameter=parameter, notes=[f"the input {shown(fact)}"]
    )
    if -1 not in wanted:
        at.equal(given, total, mistake)
        return wanted
    rest = exact_quotient(total, given)
    if rest is None:
        at.equal(total % given, 0, mistake)
        rest = total // given
    return tuple(rest if size == -1 else size for size in wanted)


class Flatten(Arrangement):
    """Fold axes into one; every axis after the batch unless said."""

    torch = "nn.Flatten(start_dim=, end_dim=)"
    function = "{x}.flatten(start_dim, end_dim=)"
    shares = "packed"
    samples = (
        "float32[2, 3, 4, 5] -> flatten",
        "float32[2, 3, 4, 5] -> flatten(2)",
        "float32[2, 3, 4, 5] -> flatten(0, 1)",
    )
    mistakes = (("float32[2, 3, 4] -> flatten(3)", "E0309"), ("float32[2, 3, 4] -> flatten(2, 1)", "E0202"))

    start_dim: Whole = 1
    """The first axis that is folded."""
    end_dim: Whole = -1
    """The last axis that is folded."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        start, end = self.ends(fact)
        if start > end:
            raise Mistake(
                "E0202", f"`flatten` starts at axis {start} and ends before it, at {end}", "set here",
                parameter="start_dim",
            )  # fmt: skip
        shape = fact.shape
        return (Fact(fact.dtype, (*shape[:start], product(shape[start : end + 1]), *shape[end + 1 :])),)

    def ends(self, fact: Fact) -> tuple[int, int]:
        """The first and the last axis that are folded, counted from the left."""
        return checked_axis(self, fact, self.start_dim, "start_dim"), checked_axis(self, fact, self.end_dim, "end_dim")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Each position its own; axes that move along the same axis of the result are folded in it."""
        start, end = self.ends(at.inputs[0])
        axes = range(len(at.inputs[0].shape))
        return tuple((min(axis, start) if axis <= end else axis - (end - start), Window()) for axis in axes)


class Unflatten(Arrangement):
    """Split one axis into several."""

    torch = "nn.Unflatten(dim, unflattened_size)"
    function = "{x}.unflatten(dim, unflattened_size)"
    shares = "same"
    field = "whole"
    samples = ("float32[2, 12] -> unflatten(1, [3, 4])", "float32[2, 12, 5] -> unflatten(-2, [-1, 4])")
    mistakes = (
        ("float32[2, 12] -> unflatten(1, [5, 2])", "E0308"),
        ("float32[2, 12] -> unflatten(1, [5, -1])", "E0308"),
        ("float32[2, 12] -> unflatten(2, [3, 4])", "E0309"),
    )

    dim: Whole
    """The axis that is split."""
    unflattened_size: Sizes
    """What it is split into; one size may be -1."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = checked_axis(self, fact, self.dim, "dim")
        if not fact.shape:
            raise Mistake("E0301", "`unflatten` takes at least 1 axis, its input has none", shown(fact), input=0)
        sizes = split_by(self, at, fact, fact.shape[axis], self.unflattened_size, "unflattened_size")
        return (Fact(fact.dtype, (*fact.shape[:axis], *sizes, *fact.shape[axis + 1 :])),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        rank = len(at.inputs[0].shape)
        split, more = self.dim % rank, len(self.unflattened_size) - 1
        return tuple(
            (None, "whole") if axis == split else (axis if axis < split else axis + more, Window())
            for axis in range(rank)
        )


class Reshape(Arrangement):
    """Read the same numbers, in the same order, as another shape."""

    function = "{x}.reshape(*shape)"
    shares = "packed"
    samples = ("float32[2, 3, 4] -> reshape([2, 12])", "float32[2, 3, 4] -> reshape([4, -1, 2])")
    mistakes = (
        ("float32[2, 3, 4] -> reshape([5, 5])", "E0308"),
        ("float32[2, 3, 4] -> reshape([5, -1])", "E0308"),
        ("float32[2, 3, 4] -> reshape([-1, -1])", "E0202"),
    )

    shape: Sizes
    """The new shape; one size may be -1, which is what is left."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        return (Fact(fact.dtype, split_by(self, at, fact, product(fact.shape), self.shape, "shape")),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Axes that stay in place at the left or at the right, until the first that changes; the others whole."""
        before, after = at.inputs[0].shape, outputs[0].shape
        left = _common(before, after)
        right = min(_common(before[::-1], after[::-1]), min(len(before), len(after)) - left)
        shift = len(after) - len(before)
        return tuple(
            (axis, Window())
            if axis < left
            else (axis + shift, Window())
            if axis >= len(before) - right
            else (None, "whole")
            for axis in range(len(before))
        )


def _common(left: Shape, right: Shape) -> int:
    """How many sizes agree from the start."""
    return next((i for i, (one, other) in enumerate(zip(left, right)) if one != other), min(len(left), len(right)))


class Squeeze(Arrangement):
    """Leave out axes of size 1."""

    function = "{x}.squeeze(dim)"
    shares = "same"
    samples = (
        "float32[2, 1, 4, 1] -> squeeze",
        "float32[2, 1, 4, 1] -> squeeze(1)",
        "float32[2, 1, 4, 1] -> squeeze([1, -1, 0])",
    )
    mistakes = (("float32[2, 1] -> squeeze(2)", "E0309"),)

    dim: Axes | None = None
    """The axis or axes that are left out where their size is 1; all such axes unless said."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        return (Fact(fact.dtype, without(fact.shape, self.left_out(at, fact))),)

    def left_out(self, at: At, fact: Fact) -> tuple[int, ...]:
        """The axes that go, counted from the left."""
        if self.dim is None:
            for axis, size in enumerate(fact.shape):
                if size.__class__ is not int:
                    at.at_least(size, 2, self._unsure(axis, size, fact))
            return tuple(axis for axis, size in enumerate(fact.shape) if size == 1)
        gone: list[int] = []
        axes = checked_axes(self, fact, self.dim, "dim")
        for axis in axes if fact.shape else ():
            size = fact.shape[axis]
            if size.__class__ is not int:
                at.equal(size, 1, self._longer(axis, size, fact))
            if size.__class__ is not int or size == 1:
                gone.append(axis)
        return tuple(gone)

    def _unsure(self, axis: int, size: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0312", f"`squeeze` would leave out axis {axis} where {size} is 1", shown(fact), input=0,
            help="name the axes: `squeeze(1)`",
        )  # fmt: skip

    def _longer(self, axis: int, size: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0312", f"`squeeze` leaves out axis {axis}, which has {size} positions", "set here", parameter="dim",
            notes=[f"the input {shown(fact)}"],
        )  # fmt: skip

    def expression(self, write: Writer) -> str:
        return write.call("{x}.squeeze()" if self.dim is None else self.function)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        fact, place = at.inputs[0], 0
        gone = self.left_out(At(at.inputs), fact)
        seen: list[Seen] = []
        for axis in range(len(fact.shape)):
            seen.append((None, "whole") if axis in gone else (place, Window()))
            place += axis not in gone
        return tuple(seen)


class Unsqueeze(Arrangement):
    """Put in an axis of size 1."""

    function = "{x}.unsqueeze(dim)"
    shares = "same"
    samples = ("float32[2, 3] -> unsqueeze(1)", "float32[2, 3] -> unsqueeze(-1)")
    mistakes = (("float32[2, 3] -> unsqueeze(3)", "E0309"),)

    dim: Whole
    """Where it stands in the result."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = checked_axis(self, fact, self.dim, "dim", room=1)
        return (Fact(fact.dtype, (*fact.shape[:axis], 1, *fact.shape[axis:])),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        new = self.dim % len(outputs[0].shape)
        return tuple((axis + (axis >= new), Window()) for axis in range(len(at.inputs[0].shape)))


class Expand(Arrangement):
    """Stretch axes of size 1, and put new ones before the first."""

    function = "{x}.expand(*sizes)"
    shares = "moved"
    samples = ("float32[2, 1, 4] -> expand([2, 3, 4])", "float32[1, 4] -> expand([5, -1, -1])")
    mistakes = (
        ("float32[2, 2] -> expand([2, 4])", "E0302"),
        ("float32[2, 3] -> expand([3])", "E0202"),
        ("float32[2, 3] -> expand([-1, 2, 3])", "E0202"),
    )

    sizes: Sizes
    """Sizes of the result; -1 keeps what the input has."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        new = len(self.sizes) - len(fact.shape)
        if new < 0 or -1 in self.sizes[:new] or 0 in self.sizes:
            raise self._no_size(fact)
        out = list(self.sizes[:new])
        for axis, (wanted, size) in enumerate(zip(self.sizes[new:], fact.shape), new):
            if wanted != -1 and size != 1:
                at.equal(wanted, size, self._longer(axis, wanted, size, fact))
            out.append(size if wanted == -1 else wanted)
        return (Fact(fact.dtype, tuple(out)),)

    def _no_size(self, fact: Fact) -> Mistake:
        return Mistake(
            "E0202", f"`expand` to {len(self.sizes)} sizes of a tensor with {len(fact.shape)} axes", "set here",
            parameter="sizes", notes=["it takes a size for every axis, the new ones first; -1 keeps one that is there"],
        )  # fmt: skip

    def _longer(self, axis: int, wanted: Dim, size: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0302", f"`expand` stretches axes of size 1, axis {axis} has {size} and is to have {wanted}", shown(fact),
            input=0,
        )  # fmt: skip

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        new = len(outputs[0].shape) - len(at.inputs[0].shape)
        pairs = zip(at.inputs[0].shape, outputs[0].shape[new:])
        return tuple(
            (axis, Window()) if size == wanted else (None, "whole") for axis, (size, wanted) in enumerate(pairs, new)
        )


class Repeat(Arrangement):
    """Put copies of a tensor one after the other along its axes, and along new ones before the first."""

    function = "{x}.repeat(*repeats)"
    samples = ("float32[2, 3] -> repeat([1, 2])", "float32[3] -> repeat([2, 4])")
    mistakes = (("float32[2, 3] -> repeat(2)", "E0202"), ("float32[2, 3] -> repeat([1, 0])", "E0202"))

    repeats: Counts
    """Copies along every axis of the result, new ones first."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        new = len(self.repeats) - len(fact.shape)
        if new < 0:
            words = f"`repeat` has {len(self.repeats)} counts for {len(fact.shape)} axes"
            raise Mistake("E0202", words, "set here", parameter="repeats", notes=[f"the input {shown(fact)}"])
        sizes = ((1,) * new + fact.shape, self.repeats)
        return (Fact(fact.dtype, tuple(size * count for size, count in zip(*sizes))),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A repeated axis is seen from afar."""
        new = len(self.repeats) - len(at.inputs[0].shape)
        counts = enumerate(self.repeats[new:], new)
        return tuple((axis, Window()) if count == 1 else (None, "whole") for axis, count in counts)


class To(Arrangement):
    """Turn the numbers into another element type."""

    function = "{x}.to(dtype)"
    samples = ('uint8[2, 3] -> to("float32")', 'float32[2, 3] -> to("float16")')
    mistakes = (('float32[2, 3] -> to("float")', "E0202"),)

    dtype: ElementType
    """The element type of the result."""

    def result_type(self, at: At) -> str:
        return self.dtype

    def expression(self, write: Writer) -> str:
        return write.filled(f"{{x}}.to(torch.{self.dtype})")


class Identity(Arrangement):
    """Give back what comes in."""

    passes_on = True
    torch = "nn.Identity()"
    function = "{x}"
    shares = "same"
    samples = ("float32[2, 3, 4] -> identity",)

    def expression(self, write: Writer) -> str:
        return write.tensors[0]
