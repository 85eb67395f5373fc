"""Operators that put a margin around a map, or cut one off."""

from __future__ import annotations

from dlspec.ops.axis import per_axis
from dlspec.ops.fact import ALL, At, Fact, Mistake, falls_short, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Number, Offsets, Resized, Wholes
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class Pad(Op):
    """Put a margin around a tensor; a negative margin cuts."""

    axes = "*S -> *S"
    family = "shape"
    function = "F.pad({x}, pad, mode=, value=)"
    samples = (
        "float32[2, 3, 4, 5] -> pad([1, 1])",
        "float32[2, 3, 4, 5] -> pad([1, 2, -1, 0], value=0.5)",
        'float32[2, 3, 4, 5] -> pad([1, 1, 2, 2], mode="reflect")',
    )
    mistakes = (
        ("float32[2, 3] -> pad([1])", "E0202"),
        ("float32[2, 3] -> pad([1, 1, 1, 1, 1, 1])", "E0202"),
        ('float32[2, 3, 4, 5] -> pad([5, 1], mode="reflect")', "E0301"),
        ('float32[2, 3, 5] -> pad([5, 1], mode="reflect")', "E0307"),
        ('float32[2, 3, 5] -> pad([1, 1], mode="reflect", value=1)', "E0202"),
        ("float32[2, 3, 5] -> pad([-3, -3])", "E0307"),
    )
    beyond_torch = (("float32[2, 3, 5] -> pad([-3, -2])", "E0307"),)

    pad: Wholes
    """Positions added before and after the last axis, then the one before it, and so on."""
    mode: Literal["constant", "reflect", "replicate", "circular"] = "constant"
    """What stands in the margin."""
    value: Number | None = None
    """The number in a constant margin; 0 unless said."""

    def limits(self, at: At) -> Iterator[Limit]:
        count, rank = len(self.pad), len(at.inputs[0].shape)
        yield count % 2 == 0, "pad", f"`pad` takes two margins for every axis, here are {count}", "E0202"
        yield (
            count // 2 <= rank,
            "pad",
            f"`pad` has margins for {count // 2} axes, its input has {rank}",
            "E0202",
        )
        yield (
            self.mode == "constant" or self.value is None, "value",
            f'a margin of mode "{self.mode}" has no number of its own', "E0202",
        )  # fmt: skip

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axes = len(self.pad) // 2
        if self.mode != "constant" and not (axes <= 3 and axes + 1 <= len(fact.shape) <= axes + 2):
            raise Mistake(
                "E0301", f'`pad` with mode "{self.mode}" pads the axes after batch and channels, its input has '
                f"{len(fact.shape)} axes and {axes} of them are padded", shown(fact), input=0,
            )  # fmt: skip
        shape = list(fact.shape)
        for index in range(axes):
            axis = len(shape) - 1 - index
            shape[axis] = self.padded(at, axis, shape[axis], *self.pad[2 * index : 2 * index + 2])
        return (Fact(fact.dtype, tuple(shape)),)

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the mode here
        return "x" if self.mode in ("reflect", "replicate") else ""

    def padded(self, at: At, axis: int, size: Dim, before: int, after: int) -> Dim:
        """The size of an axis with its margins."""
        least = max(before, after) + (self.mode == "reflect")
        if self.mode in ("reflect", "circular") and falls_short(size, least):
            words = f'the margin of `pad` with mode "{self.mode}" is wider than its input'
            mistake = Mistake("E0307", words, f"axis {axis} must be at least {least}, it is {size}", parameter="pad")
            at.at_least(size, least, mistake)
        cut = -min(before, 0) - min(after, 0)
        if cut and falls_short(size, cut):
            words = f"`pad` cuts {cut} positions off axis {axis}"
            at.at_least(size, cut, Mistake("E0307", words, f"the axis has {size}", parameter="pad"))
        out = size + before + after
        if falls_short(out, 1):
            words = f"`pad` cuts off all of axis {axis}"
            at.at_least(out, 1, Mistake("E0307", words, f"leaves {out} of {size}", parameter="pad"))
        return out

    def module_template(self, at: At) -> str:
        """`nn.ZeroPad2d(1)` and its like, where batch and channels stand before what is padded."""
        axes = len(self.pad) // 2
        if not 1 <= axes <= 3 or len(at.inputs[0].shape) != axes + 2:
            return ""
        if self.mode != "constant":
            kind = {"reflect": "Reflection", "replicate": "Replication", "circular": "Circular"}[self.mode]
            return f"nn.{kind}Pad{axes}d(pad)"
        return f"nn.ConstantPad{axes}d(pad, value=value)" if self.value else f"nn.ZeroPad{axes}d(pad)"

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A margin is padding; what stands there in the other modes is taken from the edge."""
        rank = len(at.inputs[0].shape)
        seen: list[Seen] = [(axis, Window()) for axis in range(rank)]
        for index in range(len(self.pad) // 2):
            before, after = self.pad[2 * index : 2 * index + 2]
            seen[rank - 1 - index] = (rank - 1 - index, Window(1, 1, before, after))
        return tuple(seen)


class Crop(Op):
    """Cut height and width to a size, or to those of another tensor: from the middle, or from an offset."""

    axes = "N C *S, *T -> N C *S"
    inputs = ("x", "like?")
    family = "shape"
    shares = "moved"
    takes = ALL
    samples = (
        "float32[2, 3, 8, 9], float32[2, 5, 4, 4] -> crop",
        "float32[2, 3, 8, 9] -> crop([4, 5])",
        "float32[2, 3, 8, 9] -> crop(4, offset=[1, 2])",
    )
    mistakes = (
        ("float32[2, 3, 8, 9] -> crop", "E0203"),
        ("float32[2, 3, 8, 9] -> crop([4, 5, 6])", "E0202"),
        ("float32[2, 3, 8, 9] -> crop([9, 5])", "E0307"),
        ("float32[2, 3, 8, 9] -> crop(5, offset=4)", "E0307"),
        ("float32[2, 3, 8, 9], float32[2, 5, 4, 10] -> crop", "E0307"),
        ("float32[2, 3, 8, 9], float32[4, 8] -> crop", "E0301"),
    )

    size: Resized | None = None
    """Height and width of the result, where no tensor gives them."""
    offset: Offsets | None = None
    """Where the part begins; in the middle unless said."""

    def result(self, at: At) -> tuple[Fact, ...]:
        fact = self.bind(at)[0]
        space = fact.shape[2:]
        wanted = self.wanted(at)
        for axis, (size, part, offset) in enumerate(zip(space, wanted, self.offsets(space, wanted)), 2):
            need = part if self.offset is None else part + offset
            if falls_short(size, need):
                at.at_least(size, need, self._too_small(axis, size, part, offset))
        return (Fact(fact.dtype, (*fact.shape[:2], *wanted)),)

    def _too_small(self, axis: int, size: Dim, part: Dim, offset: Dim) -> Mistake:
        begin = f" from {offset} on" if self.offset is not None else ""
        return Mistake(
            "E0307", f"`crop` to {part}{begin} of an axis with {size}", f"axis {axis} has {size}", input=0
        )  # fmt: skip

    def wanted(self, at: At) -> Shape:
        """The size of the part along each axis after batch and channels."""
        fact, *like = at.inputs
        rank = len(fact.shape)
        if like and self.size is not None:
            raise Mistake("E0202", "`crop` has both a tensor and a size to crop to", "set here", parameter="size")
        if like and len(like[0].shape) != rank:
            raise self.wrong_rank(("N", "C", *["S"] * (rank - 2)), like[0], 1)
        if like:
            return like[0].shape[2:]
        if self.size is None:
            raise Mistake("E0203", "`crop` has neither a tensor nor a size to crop to", help="add `size=` or a tensor")
        return per_axis(self.size, rank - 2, "crop", "size")

    def offsets(self, space: Shape, wanted: Shape) -> Sequence[Dim]:
        """Where the part begins along each axis."""
        if self.offset is None:
            return [(size - part) // 2 for size, part in zip(space, wanted)]
        return per_axis(self.offset, len(space), "crop", "offset")

    def expression(self, write: Writer) -> str:
        """A plain index where it can be said as one; else `dlspec.nn.crop`."""
        from dlspec.ops.text import slice_text

        space, wanted = write.at.inputs[0].shape[2:], self.wanted(write.at)
        offsets = self.offsets(space, wanted)
        if all(isinstance(size, int) for size in (*wanted, *offsets)):
            cuts = [slice_text(str(begin or ""), str(begin + part)) for begin, part in zip(offsets, wanted)]
            return write.filled("{x}.").removesuffix(".") + f"[:, :, {', '.join(cuts)}]"
        size = write.filled("{like}.shape[2:]") if len(write.tensors) > 1 else write.tuple(wanted)
        offset = "" if self.offset is None else f", offset={write.tuple(offsets)}"
        return write.filled(f"dlspec.nn.crop({{x}}, {size}{offset})")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """The view begins at the offset; of the other tensor only the size is read."""
        if port:
            return tuple((None, Window()) for _ in at.inputs[port].shape)
        space = at.inputs[0].shape[2:]
        offsets = self.offsets(space, outputs[0].shape[2:])
        begin = [offset if isinstance(offset, int) else 0 for offset in offsets]
        return (
            (0, Window()),
            (1, Window()),
            *((axis, Window(1, 1, -b, 0)) for axis, b in enumerate(begin, 2)),
        )
