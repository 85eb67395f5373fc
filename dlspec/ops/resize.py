"""Operators that change the resolution of a map."""

from __future__ import annotations

from dlspec.ops.op import At, Fact, Mistake, Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes.window import resized_size

if TYPE_CHECKING:
    from dlspec.ops.kinds import Literal, Scales, Sizes


class Interpolate(Op):
    """Resize a map to a size, by a factor, or to the height and width of another tensor."""

    axes = "N C *S, *T -> N C *S"
    inputs = ("x", "like?")
    family = "resize"
    samples = (
        "float32[2, 3, 4, 5] -> interpolate(scale_factor=2)",
        'float32[2, 3, 4, 5] -> interpolate([7, 9], mode="bilinear", align_corners=false)',
    )

    size: Sizes | None = None
    """Height and width of the result."""
    scale_factor: Scales | None = None
    """Factor for height and width."""
    mode: Literal["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"] = "nearest"
    """How numbers between the given ones are found."""
    align_corners: bool | None = None
    """Whether the corners of the result lie on the corners of the map (linear modes only)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact, *like) = self.bind(at)
        return (Fact(fact.dtype, (*fact.shape[:2], *self.spatial(fact, like))),)

    def spatial(self, fact, like):
        spatial = fact.shape[2:]
        if like:
            return like[0].shape[-len(spatial) :]
        if self.size is not None:
            return self.size * len(spatial) if len(self.size) == 1 else self.size
        scales = self.scale_factor * len(spatial) if len(self.scale_factor) == 1 else self.scale_factor
        return tuple(map(resized_size, spatial, scales))
