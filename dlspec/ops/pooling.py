"""Poolings: the largest or the mean number of every window of a map."""

from __future__ import annotations

from dlspec.ops.op import Fact, Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlspec.ops.kinds import Count, Margin2, Pair
    from dlspec.ops.op import At


class _Pooling(Op, abstract=True):
    """A window slid over a map, without weights."""

    family = "pooling"

    @property
    def steps(self) -> tuple[int, ...]:
        """Positions moved between outputs: the window's own size unless said."""
        return self.kernel_size if self.stride is None else self.stride

    @property
    def dilations(self) -> tuple[int, ...]:
        return getattr(self, "dilation", (1,) * len(self.kernel_size))

    def windows(self) -> Iterable[Window]:
        windows = map(Window.of, self.kernel_size, self.steps, self.padding, self.dilations)
        return map(Window.rounded_up, windows) if self.ceil_mode else windows

    def limits(self, at: At) -> Iterator[tuple[bool, str, str]]:
        for kernel, padding, dilation in zip(self.kernel_size, self.padding, self.dilations):
            most = ((kernel - 1) * dilation + 1) // 2
            yield padding <= most, "padding", f"padding {padding} is more than half of the window, {most}", "E0202"


class MaxPool2d(_Pooling):
    """Keep the largest number of every window."""

    axes = "N C H W -> N C H' W'"
    torch = "nn.MaxPool2d(kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    function = "F.max_pool2d({x}, kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    keeps = "x"
    samples = (
        "float32[2, 3, 8, 9] -> max_pool2d(2)",
        "float32[2, 3, 9, 9] -> max_pool2d(3, stride=2, padding=1, ceil_mode=true)",
    )
    mistakes = (
        ("float32[2, 3, 8, 8] -> max_pool2d(9)", "E0307"),
        ("float32[2, 3, 8, 8] -> max_pool2d(2, padding=2)", "E0202"),
    )

    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    """Positions moved between one output and the next; the window's own size unless said."""
    padding: Margin2 = (0, 0)
    """Positions added on every side; they never win."""
    dilation: Pair = (1, 1)
    """Spacing between the positions of a window."""
    ceil_mode: bool = False
    """Whether a last window that reaches over the edge counts."""


class AvgPool2d(_Pooling):
    """Take the mean of every window."""

    axes = "N C H W -> N C H' W'"
    torch = "nn.AvgPool2d(kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    function = "F.avg_pool2d({x}, kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    keeps = "x"
    samples = (
        "float32[2, 3, 8, 9] -> avg_pool2d(2)",
        "float32[2, 3, 9, 9] -> avg_pool2d(3, stride=2, padding=1, count_include_pad=false)",
    )
    mistakes = (("float32[2, 3, 8, 8] -> avg_pool2d(9)", "E0307"),)

    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    """Positions moved between one output and the next; the window's own size unless said."""
    padding: Margin2 = (0, 0)
    """Zeros added on every side."""
    ceil_mode: bool = False
    """Whether a last window that reaches over the edge counts."""
    count_include_pad: bool = True
    """Whether zeros of the padding enter the mean."""
    divisor_override: Count | None = None
    """What the sum is divided by instead of the number of positions."""


class AdaptiveAvgPool2d(Op):
    """Take means over windows of such a size that the result has the wanted one; 1 is the mean of the whole map."""

    axes = "N C H W -> N C H W"
    torch = "nn.AdaptiveAvgPool2d(output_size)"
    function = "F.adaptive_avg_pool2d({x}, output_size)"
    family = "pooling"
    keeps = "x"
    field = "whole"
    samples = ("float32[2, 3, 8, 9] -> adaptive_avg_pool2d(1)", "float32[2, 3, 8, 9] -> adaptive_avg_pool2d([3, 5])")
    mistakes = (("float32[2, 3] -> adaptive_avg_pool2d(1)", "E0301"),)

    output_size: Pair
    """Height and width of the result."""

    def result(self, at: At):
        fact = self.bind(at)[0]
        return (Fact(fact.dtype, (*fact.shape[:-2], *self.output_size)),)
