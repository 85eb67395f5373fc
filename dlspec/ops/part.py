"""Operators that take a part of a tensor, or put a margin around it."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis, replaced, without
from dlspec.ops.fact import ALL, At, Fact, Mistake, falls_short, shown, spaced
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, ceil_div

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any, Literal

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Bound, Count, Number, Offsets, Resized, Sections, Whole, Wholes
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class _Part(Op, abstract=True):
    axes = "*S -> *S"
    family = "shape"
    shares = "moved"
    takes = ALL

    if TYPE_CHECKING:
        dim: int

    def axis(self, fact: Fact) -> int:
        """The axis it works on, counted from the left."""
        if not fact.shape:
            raise Mistake(
                "E0301", f"`{self.name}` takes at least 1 axis, its input has none", shown(fact), input=0
            )
        return checked_axis(self, fact, self.dim, "dim")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A part of an axis begins where it is cut, which a window says as negative padding."""
        rank = len(at.inputs[0].shape)
        cut = self.dim % rank
        return tuple((axis, self.cut(at, cut) if axis == cut else Window()) for axis in range(rank))

    def cut(self, at: At, axis: int) -> Window:
        """What a position of the result sees of the axis that is cut."""
        return Window()


class Slice(_Part):
    """Keep a stretch of an axis, as `x[:, start:end:step]` does; negative ends count from the far side."""

    samples = (
        "float32[2, 8, 4] -> slice(1, 2, 6)",
        "float32[2, 8, 4] -> slice(1, start=-3)",
        "float32[2, 8, 4] -> slice(-1, end=-1, step=2)",
    )
    mistakes = (
        ("float32[2, 8] -> slice(2, 0, 1)", "E0309"),
        ("float32[2, 8] -> slice(1, 0, 4, step=0)", "E0202"),
    )
    beyond_torch = (("float32[2, 8] -> slice(1, 3, 3)", "E0202"),)

    dim: Whole
    """The axis."""
    start: Bound = 0
    """The first position kept."""
    end: Bound | None = None
    """The position after the last one; the end of the axis unless said."""
    step: Count = 1
    """Positions from one kept to the next."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = self.axis(fact)
        size = fact.shape[axis]
        start, end = self.place(at, self.start, size, "start"), size
        if self.end is not None:
            end = self.place(at, self.end, size, "end")
        length = ceil_div(end - start, self.step)
        if falls_short(length, 1):
            at.at_least(end - start, 1, self._empty(axis, start, end, fact))
        return (Fact(fact.dtype, replaced(fact.shape, axis, length)),)

    def place(self, at: At, bound: Dim, size: Dim, parameter: str) -> Dim:
        """A bound counted from the start; past the axis it is the end of it, where both are known."""
        found, low, high = bound, bound, size
        if isinstance(bound, int) and bound < 0:
            found, low, high = size + bound, 0, size + bound
        if isinstance(size, int) and isinstance(found, int):
            return min(max(found, 0), size)
        at.at_least(high, low, self._past(size, parameter))
        return found

    def _past(self, size: Dim, parameter: str) -> Mistake:
        words = f"`slice` reaches past an axis of {size}"
        return Mistake("E0202", words, f"is {getattr(self, parameter)}", parameter=parameter)

    def _empty(self, axis: int, start: Dim, end: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0202", f"`slice` of axis {axis} from {start} to {end} is empty", "set here",
            parameter="end" if self.end is not None else "start", notes=[f"the input {shown(fact)}"],
        )  # fmt: skip

    def expression(self, write: Writer) -> str:
        start = "" if self.start == 0 else write.word("start")
        end = "" if self.end is None else write.word("end")
        return indexed(write, self.axis(write.at.inputs[0]), slice_text(start, end, self.step))

    def cut(self, at: At, axis: int) -> Window:
        start = self.place(At(at.inputs), self.start, at.inputs[0].shape[axis], "start")
        return Window(1, self.step, -start if isinstance(start, int) else 0, 0)


def slice_text(start: str, end: str, step: int = 1) -> str:
    """`2:6`, with spaces around the colon where a bound is more than a name or a number, as formatters want it."""
    parts = [start, end] if step == 1 else [start, end, str(step)]
    plain = all(part.lstrip("-").isalnum() or part.isidentifier() for part in parts if part)
    if plain:
        return ":".join(parts)
    return " : ".join(parts).strip()


def indexed(write: Writer, axis: int, index: str) -> str:
    """`x[:, :, index]`, with the index at one axis."""
    return write.filled("{x}.").removesuffix(".") + f"[{', '.join([':'] * axis + [index])}]"


class Select(_Part):
    """Keep one position of an axis, which goes: `x[:, index]`."""

    samples = ("float32[2, 8, 4] -> select(1, 0)", "float32[2, 8, 4] -> select(-1, -2)")
    mistakes = (
        ("float32[2, 8] -> select(1, 8)", "E0202"),
        ("float32[2, 8] -> select(1, -9)", "E0202"),
        ("float32[2, 8] -> select(2, 0)", "E0309"),
    )

    dim: Whole
    """The axis."""
    index: Bound
    """The position; negative ones count from the far side."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = self.axis(fact)
        size, index = fact.shape[axis], self.index
        least = -index if isinstance(index, int) and index < 0 else index + 1
        at.at_least(size, least, Mistake(
            "E0202", f"`select` takes position {index} of an axis with {size}", "set here", parameter="index",
            notes=[f"the input {shown(fact)}"],
        ))  # fmt: skip
        return (Fact(fact.dtype, without(fact.shape, [axis])),)

    def expression(self, write: Writer) -> str:
        return indexed(write, self.axis(write.at.inputs[0]), write.word("index"))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """The axis that goes does not move the view."""
        gone = self.dim % len(at.inputs[0].shape)
        return tuple(
            (None, "whole") if axis == gone else (axis - (axis > gone), Window())
            for axis in range(len(at.inputs[0].shape))
        )


class Split(_Part):
    """Cut an axis into parts of given lengths; gives one tensor for each."""

    several = True
    axes = "*S -> *S"
    function = "{x}.split(split_size_or_sections, dim=dim)"
    differs = {"dim": "axis 0 is the batch; the channels are what networks split"}
    samples = (
        "float32[2, 8, 4] -> split(4)",
        "float32[2, 8, 4] -> split([5, 3])",
        "float32[2, 8, 4] -> split(3, dim=-1)",
    )
    mistakes = (("float32[2, 8] -> split([5, 2])", "E0308"), ("float32[2, 8] -> split(2, dim=2)", "E0309"))

    split_size_or_sections: Sections
    """The length of every part (the last may be shorter), or a list with the length of each."""
    dim: Whole = 1
    """The axis that is cut; the channels unless said (PyTorch's default is 0, the batch)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = self.axis(fact)
        lengths = self.lengths(at, fact.shape[axis])
        return tuple(Fact(fact.dtype, replaced(fact.shape, axis, length)) for length in lengths)

    def lengths(self, at: At, size: Dim) -> Sequence[Dim]:
        """The length of each part."""
        wanted = self.split_size_or_sections
        if isinstance(wanted, tuple):
            at.equal(sum(wanted), size, Mistake(
                "E0308", f"`split` into {spaced(wanted)}, {sum(wanted)} in all, of an axis of {size}", "set here",
                parameter="split_size_or_sections",
            ))  # fmt: skip
            return wanted
        if not isinstance(size, int):
            raise Mistake(
                "E0212", f"into how many parts of {wanted} `split` cuts {size} is known only when the network runs",
                "set here", parameter="split_size_or_sections", help="name the length of each part, or write `chunk`",
            )  # fmt: skip
        whole, rest = divmod(size, wanted)
        return [wanted] * whole + [rest] * (rest > 0)

    def expression(self, write: Writer) -> str:
        if isinstance(self.split_size_or_sections, int):
            return write.call(self.function)
        lengths = ", ".join(map(str, self.split_size_or_sections))
        return write.call("{x}.split([" + lengths + "], dim=dim)")


class Chunk(_Part):
    """Cut an axis into so many parts of equal length, the last perhaps shorter; gives one tensor for each."""

    several = True
    function = "{x}.chunk(chunks, dim=dim)"
    differs = {"dim": "axis 0 is the batch; the channels are what networks split"}
    samples = (
        "float32[2, 8, 4] -> chunk(2)",
        "float32[2, 7, 4] -> chunk(3)",
        "float32[2, 8, 4] -> chunk(3, dim=0)",
    )
    mistakes = (("float32[2, 8] -> chunk(2, dim=2)", "E0309"), ("float32[2, 8] -> chunk(0)", "E0202"))

    chunks: Count
    """How many parts; PyTorch gives fewer where rounding up leaves none for the last."""
    dim: Whole = 1
    """The axis that is cut; the channels unless said (PyTorch's default is 0, the batch)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        axis = self.axis(fact)
        size = fact.shape[axis]
        length = ceil_div(size, self.chunks)
        last = size - length * (self.chunks - 1)
        if isinstance(size, int) and isinstance(length, int):
            lengths: Sequence[Dim] = [length] * (size // length) + [size % length] * (size % length > 0)
        else:
            at.at_least(last, 1, Mistake(
                "E0303", f"`chunk` into {self.chunks} leaves none for the last part of {size}", "set here",
                parameter="chunks",
            ))  # fmt: skip
            lengths = [*[length] * (self.chunks - 1), last]
        return tuple(Fact(fact.dtype, replaced(fact.shape, axis, length)) for length in lengths)


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
            mistake = Mistake(
                "E0307", words, f"axis {axis} must be at least {least}, it is {size}", parameter="pad"
            )
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
            raise Mistake(
                "E0202", "`crop` has both a tensor and a size to crop to", "set here", parameter="size"
            )
        if like and len(like[0].shape) != rank:
            raise self.wrong_rank(("N", "C", *["S"] * (rank - 2)), like[0], 1)
        if like:
            return like[0].shape[2:]
        if self.size is None:
            raise Mistake(
                "E0203", "`crop` has neither a tensor nor a size to crop to", help="add `size=` or a tensor"
            )
        return per_axis(self.size, rank - 2, "crop", "size")

    def offsets(self, space: Shape, wanted: Shape) -> Sequence[Dim]:
        """Where the part begins along each axis."""
        if self.offset is None:
            return [(size - part) // 2 for size, part in zip(space, wanted)]
        return per_axis(self.offset, len(space), "crop", "offset")

    def expression(self, write: Writer) -> str:
        """A plain index where it can be said as one; else `dlspec.nn.crop`."""
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


def per_axis(values: Any, axes: int, name: str, parameter: str) -> tuple[Any, ...]:
    """One value for every axis, or as many as there are axes."""
    if not isinstance(values, tuple):
        return (values,) * axes
    if len(values) != axes:
        words = f"`{name}` has {len(values)} values in `{parameter}` for {axes} axes"
        raise Mistake("E0202", words, "set here", parameter=parameter)
    return values
