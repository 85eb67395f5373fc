"""The base of operators on regions of images: boxes, anchors, proposals, masks.

The regions of a batch are one tensor, `R 5`: the number of the image, then x1, y1, x2, y2 in pixels; how many there
are only a run knows. Patterns of axes have a sign more than others: an axis that ends in `_` has a size per level of a
pyramid. An input that the operator names in `lists` is a list with a tensor per image.
"""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.ops.pattern import fits, paired, pattern
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, symbols_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from typing import Any, ClassVar

    from dlspec.ops.fact import Shape
    from dlspec.ops.pattern import Axes
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim

_BOXES = {
    "4": "a box is 4 numbers: x1, y1, x2, y2",
    "5": "a region is 5 numbers: the image it is in, then x1, y1, x2, y2",
    "2": "sizes of images are 2 numbers: height and width",
}
"""What an axis of so many positions holds."""


class Given:
    """One input of an operator on regions: its name, its level where it is one of a pyramid, its axes."""

    __slots__ = ("axes", "dtype", "fact", "level", "name", "position")

    def __init__(self, name: str, level: int | None, axes: Axes, dtype: str, fact: Fact, position: int) -> None:
        self.name = name
        self.level = level
        self.axes = axes
        self.dtype = dtype
        self.fact = fact
        self.position = position


class Region(Op, abstract=True):
    """An operator on regions; what its positions see depends on the numbers."""

    family = "detection"
    field = "data"
    dtypes: ClassVar[tuple[str, ...]] = ()
    """The element type of each input, in order; float32 for those that are left out, empty for any."""
    result_dtypes: ClassVar[tuple[str, ...]] = ()
    """The same of the results; empty for that of the first input."""
    given_lists: ClassVar[tuple[str, ...]] = ()
    """Results that are lists with a tensor per image."""
    unread: ClassVar[tuple[str, ...]] = ()
    """Inputs of which only the sizes matter."""

    def counts(self, at: At) -> Iterable[tuple[str, Dim | None]]:
        """Axes of the results whose sizes only a run knows, each with the most that it can be."""
        return ()

    def result(self, at: At) -> tuple[Fact, ...]:
        self.bind(at)
        for axis, most in self.counts(at):
            at[axis] = at.only_a_run_knows(axis, most=most)
        return tuple(self._results(at))

    def _results(self, at: At) -> Iterator[Fact]:
        names = self.results or ("",)
        for number, axes in enumerate(pattern(self.axes).outputs):
            dtype = self.result_dtypes[number] if number < len(self.result_dtypes) else "float32"
            dtype = dtype or at.inputs[0].dtype
            images = at["N"] if (names[number] or self.name) in self.given_lists else None
            yield Fact(dtype, self._shape(at, axes, iter(())), images)

    def bind(self, at: At) -> Sequence[Fact]:
        self.check_lists(at)
        self.check_types(at)
        for given in self.placed(at):
            self._bind_region(at, given)
        for holds, parameter, sentence, *code in self.limits(at):
            if not holds:
                raise Mistake(code[0] if code else "E0202", sentence, "set here", parameter=parameter)
        return at.inputs

    # Inputs by name and level

    def levels(self, at: At) -> int:
        """How many levels the pyramid has."""
        several = sum(name[0] == "*" for name in self.inputs)
        if not several:
            return 0
        optional = sum(name[-1] == "?" for name in self.inputs)
        count, rest = divmod(len(at.inputs) - (len(self.inputs) - several - optional), several)
        if rest or count < 1:
            names = [name.strip("*") for name in self.inputs if name[0] == "*"]
            raise Mistake(
                "E0322", f"`{self.name}` takes {' and '.join(names)} of every level, they are not as many",
                f"gets {len(at.inputs)} tensors in all", input=0,
            )  # fmt: skip
        return count

    def placed(self, at: At) -> Iterator[Given]:
        """Every input with its name, level, axes and element type."""
        levels = self.levels(at)
        position = 0
        for number, (name, axes) in enumerate(zip(self.inputs, pattern(self.axes).inputs)):
            dtype = self.dtypes[number] if number < len(self.dtypes) else "float32"
            for level in range(levels) if name[0] == "*" else (None,):
                if position == len(at.inputs):
                    return
                own = axes if level is None else tuple(f"{a}{level}" if a[-1] == "_" else a for a in axes)
                yield Given(name.strip("*?"), level, own, dtype, at.inputs[position], position)
                position += 1

    def lending(self, at: At) -> Collection[int]:
        return [given.position for given in self.placed(at) if given.name in self.unread or given.axes == ("N", "2")]

    def check_lists(self, at: At) -> None:
        for given in self.placed(at):
            wants = given.name in self.lists
            if wants and not given.fact.is_list:
                raise Mistake(
                    "E0325", f"`{self.name}` takes {given.name} as a list with a tensor per image, this is one tensor",
                    shown(given.fact), input=given.position,
                    notes=[f"an input of it is declared `list[{given.name}[M]]`"] if given.name != "images" else [],
                )  # fmt: skip
            if given.fact.is_list and not wants:
                raise Mistake(
                    "E0325", f"`{self.name}` takes {given.name} as one tensor, this is a list with a tensor per image",
                    shown(given.fact), input=given.position,
                )  # fmt: skip

    def check_types(self, at: At) -> None:
        for given in self.placed(at):
            if given.dtype and given.fact.dtype != given.dtype:
                raise Mistake(
                    "E0304", f"`{self.name}` takes {given.name} as {given.dtype}, they are {given.fact.dtype}",
                    f"is {given.fact.dtype}", input=given.position, insert=f'to("{given.dtype}")',
                )  # fmt: skip

    # Their axes

    def _bind_region(self, at: At, given: Given) -> None:
        fact, axes = given.fact, given.axes
        if not fits(axes, len(fact.shape)):
            raise self.wrong_rank(axes, fact, given.position)
        pairs: list[tuple[str, Any]] = list(paired(axes, fact.shape))
        if fact.count is not None:
            pairs.append(("N", fact.count))
        for axis, size in pairs:
            if axis.isdigit():
                at.equal(int(axis), size, self._not_boxes(axis, given))
            elif axis not in at:
                at[axis] = size
            elif axis[0] == "*":
                self._equal(at, axis, at[axis], size, given.position)
            elif at[axis] != size:
                self._alike(at, axis, size, given)

    def _not_boxes(self, axis: str, given: Given) -> Mistake:
        return Mistake(
            "E0320", f"`{self.name}` takes {given.name} with {axis} numbers in a row, here are {given.fact.shape[-1]}",
            shown(given.fact), input=given.position, notes=[_BOXES[axis]],
        )  # fmt: skip

    def _alike(self, at: At, axis: str, size: Dim, given: Given) -> None:
        """Two inputs that should speak of the same regions, images or channels."""
        mistake = self.unlike(at, axis, size, given)
        if _is_counted(at, at[axis]) or _is_counted(at, size):
            raise mistake
        at.equal(at[axis], size, mistake)

    def unlike(self, at: At, axis: str, size: Dim, given: Given) -> Mistake:
        """The words where an axis has two sizes."""
        bound = at[axis]
        code = "E0326" if _is_counted(at, bound) or _is_counted(at, size) else "E0302"
        what = {"R": "regions", "N": "images", "K": "classes"}.get(axis.rstrip("0123456789_"), axis.rstrip("_"))
        return Mistake(
            code, f"the inputs of `{self.name}` differ in {what}: {bound} and {size}", shown(given.fact),
            input=given.position,
        )  # fmt: skip

    def _shape(self, at: At, axes: Axes, windows: Iterator[Window]) -> Shape:
        """The sizes that the axes have by now."""
        sizes: list[Dim] = []
        for axis in axes:
            if axis[0] == "*":
                sizes += at[axis]
            else:
                sizes.append(int(axis) if axis.isdigit() else at[axis])
        return tuple(sizes)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """The numbers themselves choose what is seen, of all but what lends its sizes only."""
        from dlspec.ops.spread import DATA

        given = next(given for given in self.placed(at) if given.position == port)
        return tuple((None, Window() if given.name in self.unread else DATA) for _ in given.fact.shape)

    def size_words(self, at: At, outputs: Sequence[Fact]) -> Iterator[str]:
        """What bounds that which only a run knows."""
        for name, found in at.found.items():
            most = "" if found.most is None else f" ≤ {str(found.most).replace('*', '·')}"
            yield f"{name}{most}: how many, only the numbers tell"

    # How they are written

    def grouped(self, write: Writer) -> list[str]:
        """The texts of the inputs, those of the levels of a pyramid as one list."""
        texts: dict[str, list[str]] = {}
        several = {name.strip("*") for name in self.inputs if name[0] == "*"}
        for given, text in zip(self.placed(write.at), write.tensors):
            texts.setdefault(given.name, []).append(text)
        return [f"[{', '.join(found)}]" if name in several else found[0] for name, found in texts.items()]

    def expression(self, write: Writer) -> str:
        """`dlspec.nn.region_proposals([…], […], sizes, pre_nms_top_n=2000)`: what has its default is left out."""
        texts = self.grouped(write)
        texts += [f"{name}={write.word(name)}" for name in self.fields if not write.elided(name)]
        return f"dlspec.nn.{self.name}({', '.join(texts)})"


def _is_counted(at: At, size: Dim) -> bool:
    """Whether a size counts what a run finds, so that nobody can choose an input for which it equals another."""
    return any(name in at.counted for name in symbols_of(size))
