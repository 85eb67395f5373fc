"""Operators that change the resolution of a map."""

from __future__ import annotations

from dlspec.ops.axis import per_axis
from dlspec.ops.fact import At, Fact, Mistake, falls_short, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, resized_size

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Resized, Scales
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen, Stretch
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim

_RANKS = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
_SPANS = {"nearest": 1, "nearest-exact": 1, "linear": 2, "bilinear": 2, "trilinear": 2, "bicubic": 4}


class _Resize(Op, abstract=True):
    """A map at another resolution."""

    axes = "N C *S, *T -> N C *S"
    family = "resize"

    size: Resized | None = None
    """Sizes of the axes after batch and channels."""
    scale_factor: Scales | None = None
    """Factors for them; the result is rounded down."""
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"] = "nearest"
    """How numbers between the given ones are found."""
    align_corners: bool | None = None
    """Whether the outermost positions stay where they are (linear and cubic modes only)."""

    def limits(self, at: At) -> Iterator[Limit]:
        given = (self.size is not None) + (self.scale_factor is not None) + (len(at.inputs) > 1)
        parameter = "scale_factor" if self.scale_factor is not None else "size"
        yield given < 2, parameter, f"`{self.name}` is told its size in more than one way", "E0202"
        if not given:
            raise Mistake("E0203", f"`{self.name}` is not told its size", help="add `size=` or `scale_factor=`")
        rank = len(at.inputs[0].shape) - 2
        fits = 1 <= rank <= 3 and _RANKS.get(self.mode, rank) == rank
        yield fits, "mode", f'mode "{self.mode}" does not resize {rank} axes', "E0301"
        yield (
            self.align_corners is None or self.mode in _RANKS, "align_corners",
            f'mode "{self.mode}" has no corners to align', "E0202",
        )  # fmt: skip

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact, *like) = self.bind(at)
        before = fact.shape[2:]
        if like and len(like[0].shape) != len(fact.shape):
            raise self.wrong_rank(("N", "C", *["S"] * len(before)), like[0], 1)
        after = self.after(at, before)
        for axis, (old, new) in enumerate(zip(before, after), 2):
            if falls_short(new, 1):
                at.at_least(new, 1, self._nothing(axis, old, new, fact))
        return (Fact(fact.dtype, (*fact.shape[:2], *after)),)

    def after(self, at: At, before: Shape) -> Shape:
        """The sizes after resizing."""
        if len(at.inputs) > 1:
            return at.inputs[1].shape[2:]
        if self.size is not None:
            return per_axis(self.size, len(before), self.name, "size")
        return tuple(map(_resized, before, per_axis(self.scale_factor, len(before), self.name, "scale_factor")))

    def formulas(self, at: At, outputs: Sequence[Fact]) -> Iterator[tuple[int, str, str]]:
        if self.scale_factor is not None:
            count = len(at.inputs[0].shape) - 2
            for axis, scale in enumerate(per_axis(self.scale_factor, count, self.name, "scale_factor"), 2):
                yield axis, "⌊in·factor⌋", f"⌊{{in}}·{scale:g}⌋"

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the mode here
        """Nothing but sizes, unless areas are averaged as by an adaptive pooling."""
        return "x" if self.mode == "area" else ""

    def _nothing(self, axis: int, old: Dim, new: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0307", f"`{self.name}` leaves {new} positions of axis {axis}", f"has {old}", input=0,
            notes=[f"the input {shown(fact)}"],
        )  # fmt: skip

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A few neighbours, at a step that is a fraction; of a tensor that gives the size, nothing."""
        if port:
            return tuple((None, Window()) for _ in at.inputs[port].shape)
        seen: list[Seen] = [(0, Window()), (1, Window())]
        for axis, (old, new) in enumerate(zip(at.inputs[0].shape[2:], outputs[0].shape[2:]), 2):
            view = self.view(axis - 2, old, new)
            seen.append((None, "whole") if view is None else (axis, view))
        return tuple(seen)

    def view(self, axis: int, old: Dim, new: Dim) -> Stretch | None:
        """What a position of the result sees of an axis; None where the ratio is not known."""
        from dlspec.ops.spread import Stretch, ratio

        found = self.steps(axis) or ratio(old, new)
        if found is None:
            return None
        numerator, denominator = found
        span = self.reach(numerator, denominator)
        if isinstance(old, int):
            span = min(span, old)
        if self.align_corners and isinstance(old, int) and isinstance(new, int) and new > 1:
            return Stretch(span, old - 1, new - 1, 0) if old > 1 else None
        return Stretch.resized(span, numerator, denominator)

    def steps(self, axis: int) -> tuple[int, int] | None:
        """Input positions per output position, where PyTorch takes the factor for it and not the sizes."""
        if self.scale_factor is None or self.mode == "area" or self.align_corners:
            return None
        from dlspec.sizes.window import simplest_fraction

        scale = self.scale_factor[axis] if isinstance(self.scale_factor, tuple) else self.scale_factor
        denominator, numerator = simplest_fraction(float(scale))
        return numerator, denominator

    def reach(self, numerator: int, denominator: int) -> int:
        """The most input positions that a position of the result sees."""
        return _SPANS.get(self.mode) or -(-numerator // denominator) + (numerator % denominator > 0)


def _resized(size: Dim, scale: float) -> Dim:
    """PyTorch multiplies in double precision and rounds down."""
    return int(size * scale) if isinstance(size, int) else resized_size(size, scale)


class Interpolate(_Resize):
    """Resize a map to a size, by a factor, or to the height and width of another tensor."""

    inputs = ("x", "like?")
    function = "F.interpolate({x}, size=, scale_factor=, mode=, align_corners=, antialias=)"
    samples = (
        "float32[2, 3, 4, 5] -> interpolate(scale_factor=2)",
        'float32[2, 3, 4, 5] -> interpolate([7, 9], mode="bilinear", align_corners=false)',
        "float32[2, 3, 4, 5], float32[1, 7, 8, 10] -> interpolate",
        'float32[2, 3, 9] -> interpolate(scale_factor=0.5, mode="linear")',
        'float32[1, 1, 9, 8] -> interpolate([4, 5], mode="bicubic", antialias=true)',
        'float32[1, 1, 9, 8] -> interpolate([4, 5], mode="area")',
        'float32[1, 1, 9, 8] -> interpolate(scale_factor=[0.7, 1.3], mode="nearest-exact")',
    )
    mistakes = (
        ("float32[2, 3, 4, 5] -> interpolate", "E0203"),
        ("float32[2, 3, 4, 5] -> interpolate(3, scale_factor=2)", "E0202"),
        ('float32[2, 3, 4, 5] -> interpolate(3, mode="linear")', "E0301"),
        ("float32[2, 3, 4, 5] -> interpolate(3, align_corners=true)", "E0202"),
        ("float32[2, 3, 4, 5] -> interpolate([3, 4, 5])", "E0202"),
        ("float32[2, 3, 4, 5] -> interpolate(scale_factor=0.1)", "E0307"),
        ("float32[2, 3, 4, 5] -> interpolate(3, antialias=true)", "E0202"),
    )

    antialias: bool = False
    """Whether shrinking averages over what it leaves out (bilinear and bicubic only)."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield from super().limits(at)
        yield (
            not self.antialias or self.mode in ("bilinear", "bicubic"), "antialias",
            f'mode "{self.mode}" has no antialiasing', "E0202",
        )  # fmt: skip

    def reach(self, numerator: int, denominator: int) -> int:
        """Shrinking with antialiasing widens the neighbourhood by the factor."""
        if self.antialias and numerator > denominator:
            return -(-_SPANS[self.mode] * numerator // denominator) + 1
        return super().reach(numerator, denominator)

    def module_template(self, at: At) -> str:
        """`nn.Upsample`, which shrinks as well, where no other tensor is needed."""
        if len(at.inputs) > 1 or self.antialias:
            return ""
        return Upsample.torch

    def expression(self, write: Writer) -> str:
        if len(write.tensors) > 1:
            return write.call("F.interpolate({x}, size={like}.shape[2:], mode=, align_corners=, antialias=)")
        return write.call(self.function)


class Upsample(_Resize):
    """Resize a map to a size or by a factor; another name of `interpolate`."""

    torch = "nn.Upsample(size=, scale_factor=, mode=, align_corners=)"
    function = "F.interpolate({x}, size=, scale_factor=, mode=, align_corners=)"
    samples = (
        "float32[2, 3, 4, 5] -> upsample(scale_factor=2)",
        'float32[2, 3, 4, 5] -> upsample([8, 10], mode="bicubic", align_corners=true)',
    )
    mistakes = (("float32[2, 3, 4, 5] -> upsample", "E0203"),)


class PixelShuffle(Op):
    """Turn channels into resolution: every r·r channels become a square of r by r positions."""

    axes = "*B C H W -> *B C H W"
    family = "resize"
    torch = "nn.PixelShuffle(upscale_factor)"
    function = "F.pixel_shuffle({x}, upscale_factor)"
    samples = ("float32[2, 12, 4, 5] -> pixel_shuffle(2)",)
    mistakes = (
        ("float32[2, 6, 4, 5] -> pixel_shuffle(2)", "E0303"),
        ("float32[4, 5] -> pixel_shuffle(2)", "E0301"),
    )

    upscale_factor: Count
    """Factor for height and width."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        factor, channels = self.upscale_factor, at["C"]
        at.equal(channels % factor**2, 0, Mistake(
            "E0303", f"`pixel_shuffle` by {factor} takes a multiple of {factor**2} channels, its input has {channels}",
            shown(fact), input=0,
        ))  # fmt: skip
        return (Fact(fact.dtype, (*at["*B"], channels // factor**2, at["H"] * factor, at["W"] * factor)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """One position, in channels that depend on the place."""
        from dlspec.ops.spread import Stretch

        rank = len(outputs[0].shape)
        step = Stretch.resized(1, 1, self.upscale_factor)
        kept: list[Seen] = [(axis, Window()) for axis in range(rank - 3)]
        return (*kept, (None, "whole"), (rank - 2, step), (rank - 1, step))


class PixelUnshuffle(Op):
    """Turn resolution into channels: every square of r by r positions becomes r·r channels."""

    axes = "*B C H W -> *B C H W"
    family = "resize"
    torch = "nn.PixelUnshuffle(downscale_factor)"
    function = "F.pixel_unshuffle({x}, downscale_factor)"
    samples = ("float32[2, 3, 4, 6] -> pixel_unshuffle(2)",)
    mistakes = (("float32[2, 3, 4, 5] -> pixel_unshuffle(2)", "E0303"),)

    downscale_factor: Count
    """Divisor of height and width."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        factor = self.downscale_factor
        for axis in "HW":
            at.equal(at[axis] % factor, 0, Mistake(
                "E0303", f"`pixel_unshuffle` by {factor} does not divide {axis}, which is {at[axis]}", shown(fact),
                input=0,
            ))  # fmt: skip
        height, width = at["H"] // factor, at["W"] // factor
        return (Fact(fact.dtype, (*at["*B"], at["C"] * factor**2, height, width)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A square of positions."""
        rank, factor = len(outputs[0].shape), self.downscale_factor
        square = Window(factor, factor)
        kept: list[Seen] = [(axis, Window()) for axis in range(rank - 3)]
        return (*kept, (None, "whole"), (rank - 2, square), (rank - 1, square))
