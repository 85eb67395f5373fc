"""What one output position sees along one axis, and the sizes of the axes that come out."""

from __future__ import annotations

from collections.abc import Iterable
from math import floor

from dlspec.sizes.size import Dim


class Window:
    """What one output position sees along one axis of the input; immutable.

    `span` input positions, starting `before` positions left of the axis, and the next output position sees
    the same thing `step` further on; `after` positions are added on the right. Windows compose by `then`,
    with `Window()` as the identity, so a chain of convolutions and poolings is one window: its `size` is the
    chain's output size and its `span` the chain's receptive field.

    >>> Window.of(7, stride=2, padding=3).then(Window.of(3, stride=2, padding=1)).size(224)
    56
    """

    __slots__ = ("after", "apart", "before", "span", "step")

    span: int
    step: int
    before: int
    after: int
    apart: int
    """How far the positions that are seen lie apart (the dilation); sizes do not depend on it, nor does `==`."""

    def __init__(self, span: int = 1, step: int = 1, before: int = 0, after: int = 0, apart: int = 1) -> None:
        self.span = span
        self.step = step
        self.before = before
        self.after = after
        self.apart = apart

    @classmethod
    def of(cls, kernel: int, stride: int = 1, padding: int = 0, dilation: int = 1) -> Window:
        """The window of a convolution or pooling with `padding` positions on either side."""
        return cls(dilation * (kernel - 1) + 1, stride, padding, padding, dilation)

    @classmethod
    def same(cls, kernel: int, dilation: int = 1) -> Window:
        """The window of stride 1 that keeps the size, as `padding="same"` does: an odd position goes to the
        right."""
        total = dilation * (kernel - 1)
        return cls(total + 1, 1, total // 2, total - total // 2, dilation)

    def then(self, outer: Window) -> Window:
        """The window seen through `self` by something that looks at its output through `outer`."""
        return Window(
            self.span + self.step * (outer.span - 1),
            self.step * outer.step,
            self.before + self.step * outer.before,
            self.after + self.step * outer.after,
        )

    def rounded_up(self) -> Window:
        """The same window in PyTorch's `ceil_mode`.

        Rounding up is padding on the right by up to `step - 1` positions; a window that would start in that
        padding is dropped, so the padding never reaches the span. That makes `size = (length + min(slack +
        step - 1, before - 1))//step + 1`, one floor as before.
        """
        after = min(self.after + self.step - 1, self.span - 1)
        return Window(self.span, self.step, self.before, after, self.apart)

    @property
    def slack(self) -> int:
        """How many positions padding gives beyond what one window needs."""
        return self.before + self.after - self.span

    def size(self, length: Dim) -> Dim:
        """How many positions this window has on an axis of `length`; 0 or less where it does not fit."""
        return (length + self.slack) // self.step + 1

    def same_size(self, other: Window) -> bool:
        """Whether both give the same size on every axis, whatever its length."""
        return (self.slack, self.step) == (other.slack, other.step)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Window) and self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        return "Window(span={}, step={}, before={}, after={})".format(*self._fields())

    def _fields(self) -> tuple[int, int, int, int]:
        return self.span, self.step, self.before, self.after


def hull(windows: Iterable[Window]) -> Window | None:
    """The smallest window that holds all of them where branches join; None if their steps differ or of none.

    It starts where the first of them starts and ends where the last ends, and has as many positions as the
    one that has most.
    """
    members = list(windows)
    if len({window.step for window in members}) != 1:
        return None
    before = max(window.before for window in members)
    span = before + max(window.span - window.before for window in members)
    slack = max(window.slack for window in members)
    return Window(span, members[0].step, before, slack + span - before)


def transposed_size(
    length: Dim,
    kernel: int,
    *,
    stride: int = 1,
    padding: int = 0,
    output_padding: int = 0,
    dilation: int = 1,
) -> Dim:
    """The size after a transposed convolution (the formula of `torch.nn.ConvTranspose2d`)."""
    return (length - 1) * stride - 2 * padding + dilation * (kernel - 1) + output_padding + 1


def resized_size(length: Dim, scale: float) -> Dim:
    """The size after resizing by a factor, rounded down as `torch.nn.functional.interpolate` does.

    torch multiplies in floating point, and so does this for a number: 90 * 0.7 is a little less than 63. For
    an open size the factor is the simplest fraction that rounds to it, exact where the denominator is a power
    of two, else one more at such lengths.
    """
    if isinstance(length, int):
        return floor(length * scale)
    numerator, denominator = simplest_fraction(scale)
    return length * numerator // denominator


def simplest_fraction(value: float) -> tuple[int, int]:
    """The first convergent of the continued fraction of a finite `value` that is the same float."""
    rest, over = value.as_integer_ratio()
    numerator, denominator, earlier, below = 1, 0, 0, 1
    while True:
        whole, left = divmod(rest, over)
        numerator, earlier = whole * numerator + earlier, numerator
        denominator, below = whole * denominator + below, denominator
        if numerator / denominator == value or not left:
            return numerator, denominator
        rest, over = over, left
