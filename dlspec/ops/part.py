"""Operators that take a part of a tensor, or cut it into several."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis, replaced, without
from dlspec.ops.fact import ALL, At, Fact, Mistake, falls_short, shown, spaced
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, ceil_div

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.ops.kinds import Bound, Count, Sections, Whole
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


PARTS = 100_000
"""Tensors that an axis may be cut into."""


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
            raise Mistake("E0301", f"`{self.name}` takes at least 1 axis, its input has none", shown(fact), input=0)
        return checked_axis(self, fact, self.dim, "dim")

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A part of an axis begins where it is cut, which a window says as negative padding.

        Of several parts each begins elsewhere: of the axis that they share the whole is said to be seen.
        """
        rank = len(at.inputs[0].shape)
        cut = self.dim % rank
        if len(outputs) > 1:
            return tuple((None, "whole") if axis == cut else (axis, Window()) for axis in range(rank))
        return tuple((axis, self.cut(at, cut) if axis == cut else Window()) for axis in range(rank))

    def cut(self, at: At, axis: int) -> Window:
        """What a position of the result sees of the axis that is cut."""
        return Window()

    def few(self, count: int, parameter: str) -> None:
        """Raise where an axis is cut into more parts than can be listed."""
        if count > PARTS:
            raise Mistake(
                "E0209", f"`{self.name}` gives {count:,} tensors; a list holds at most {PARTS:,}", "set here",
                parameter=parameter,
            )  # fmt: skip


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
        from dlspec.ops.text import slice_text

        start = "" if self.start == 0 else write.word("start")
        end = "" if self.end is None else write.word("end")
        return indexed(write, self.axis(write.at.inputs[0]), slice_text(start, end, self.step))

    def cut(self, at: At, axis: int) -> Window:
        start = self.place(At(at.inputs), self.start, at.inputs[0].shape[axis], "start")
        return Window(1, self.step, -start if isinstance(start, int) else 0, 0)


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
        self.few(whole, "split_size_or_sections")
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
        self.few(self.chunks if not isinstance(size, int) else min(self.chunks, size), "chunks")
        if isinstance(size, int) and isinstance(length, int):
            lengths: Sequence[Dim] = [length] * (size // length) + [size % length] * (size % length > 0)
        else:
            at.at_least(last, 1, Mistake(
                "E0303", f"`chunk` into {self.chunks} leaves none for the last part of {size}", "set here",
                parameter="chunks",
            ))  # fmt: skip
            lengths = [*[length] * (self.chunks - 1), last]
        return tuple(Fact(fact.dtype, replaced(fact.shape, axis, length)) for length in lengths)
