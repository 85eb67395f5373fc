"""Poolings: the largest or the mean number of every window of a map."""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, falls_short
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlspec.ops.kinds import (
        Count,
        Lengths,
        Margin1,
        Margin2,
        Margin3,
        Margins,
        Output1,
        Output2,
        Output3,
        Outputs,
        Pair,
        Single,
        Triple,
    )
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen


class _Pooling(Op, abstract=True):
    """A window slid over a map, without weights."""

    family = "pooling"
    keeps = "x"

    kernel_size: Lengths
    """Extent of the window along each axis."""
    stride: Lengths | None = None
    """Positions moved between one output and the next; the window's own size unless said."""

    if TYPE_CHECKING:
        padding: Margins
        ceil_mode: bool

    @property
    def dilations(self) -> tuple[int, ...]:
        """Spacing between the positions of a window."""
        return (1,) * len(self.kernel_size)

    def windows(self) -> Iterable[Window]:
        strides = self.kernel_size if self.stride is None else self.stride
        windows = map(Window.of, self.kernel_size, strides, self.padding, self.dilations)
        return map(Window.rounded_up, windows) if self.ceil_mode else windows

    def limits(self, at: At) -> Iterator[Limit]:
        for kernel, padding in zip(self.kernel_size, self.padding):
            yield (
                padding <= kernel // 2, "padding",
                f"padding {padding} of `{self.name}` is more than half of its window: {kernel // 2} at most", "E0202",
            )  # fmt: skip


class _MaxPool(_Pooling, abstract=True):
    padding: Margins
    """Positions added on every side; they never win."""
    dilation: Lengths
    """Spacing between the positions of a window."""
    ceil_mode: bool = False
    """Whether a last window that reaches over the edge counts."""

    @property
    def dilations(self) -> tuple[int, ...]:
        return self.dilation

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Where the largest number of each window stood."""
        yield Fact("int64", outputs[0].shape)


class MaxPool1d(_MaxPool):
    """Keep the largest number of every window of a sequence."""

    axes = "N C L -> N C L'"
    torch = "nn.MaxPool1d(kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    function = "F.max_pool1d({x}, kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    samples = (
        "float32[2, 3, 9] -> max_pool1d(2)",
        "float32[2, 3, 9] -> max_pool1d(4, stride=3, padding=2, ceil_mode=true)",
    )
    mistakes = (("float32[2, 3, 2] -> max_pool1d(3)", "E0307"),)
    beyond_torch = (("float32[3, 9] -> max_pool1d(2)", "E0301"),)

    kernel_size: Single
    stride: Single | None = None
    padding: Margin1 = (0,)
    dilation: Single = (1,)


class MaxPool2d(_MaxPool):
    """Keep the largest number of every window."""

    axes = "N C H W -> N C H' W'"
    torch = "nn.MaxPool2d(kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    function = "F.max_pool2d({x}, kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    samples = (
        "float32[2, 3, 8, 9] -> max_pool2d(2)",
        "float32[2, 3, 9, 9] -> max_pool2d(3, stride=2, padding=1, ceil_mode=true)",
    )
    mistakes = (
        ("float32[2, 3, 8, 8] -> max_pool2d(9)", "E0307"),
        ("float32[2, 3, 8, 8] -> max_pool2d(2, padding=2)", "E0202"),
        ("float32[2, 3, 8, 8] -> max_pool2d([2, 2, 2])", "E0202"),
    )
    beyond_torch = (("float32[3, 9, 9] -> max_pool2d(2)", "E0301"),)

    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    padding: Margin2 = (0, 0)
    dilation: Pair = (1, 1)


class MaxPool3d(_MaxPool):
    """Keep the largest number of every window of a volume."""

    axes = "N C D H W -> N C D' H' W'"
    torch = "nn.MaxPool3d(kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    function = "F.max_pool3d({x}, kernel_size, stride=, padding=, dilation=, ceil_mode=)"
    samples = (
        "float32[1, 2, 4, 5, 6] -> max_pool3d(2)",
        "float32[1, 2, 4, 5, 6] -> max_pool3d([1, 2, 2], padding=[0, 1, 1])",
    )
    mistakes = (("float32[1, 2, 1, 5, 6] -> max_pool3d(2)", "E0307"),)
    beyond_torch = (("float32[2, 4, 5, 6] -> max_pool3d(2)", "E0301"),)

    kernel_size: Triple
    """Depth, height and width of the window."""
    stride: Triple | None = None
    padding: Margin3 = (0, 0, 0)
    dilation: Triple = (1, 1, 1)


class _AvgPool(_Pooling, abstract=True):
    padding: Margins
    """Zeros added on every side."""
    ceil_mode: bool = False
    """Whether a last window that reaches over the edge counts."""
    count_include_pad: bool = True
    """Whether zeros of the padding enter the mean."""


class AvgPool1d(_AvgPool):
    """Take the mean of every window of a sequence."""

    axes = "N C L -> N C L'"
    torch = "nn.AvgPool1d(kernel_size, stride=, padding=, ceil_mode=, count_include_pad=)"
    function = "F.avg_pool1d({x}, kernel_size, stride=, padding=, ceil_mode=, count_include_pad=)"
    samples = ("float32[2, 3, 9] -> avg_pool1d(2)",)
    mistakes = (("float32[2, 3, 2] -> avg_pool1d(3)", "E0307"),)
    beyond_torch = (("float32[3, 9] -> avg_pool1d(2)", "E0301"),)

    kernel_size: Single
    stride: Single | None = None
    padding: Margin1 = (0,)


class AvgPool2d(_AvgPool):
    """Take the mean of every window."""

    axes = "N C H W -> N C H' W'"
    torch = "nn.AvgPool2d(kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    function = "F.avg_pool2d({x}, kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    samples = (
        "float32[2, 3, 8, 9] -> avg_pool2d(2)",
        "float32[2, 3, 9, 9] -> avg_pool2d(3, stride=2, padding=1, count_include_pad=false)",
    )
    mistakes = (
        ("float32[2, 3, 8, 8] -> avg_pool2d(9)", "E0307"),
        ("float32[2, 3, 8, 8] -> avg_pool2d(3, padding=2)", "E0202"),
    )
    beyond_torch = (("float32[3, 9, 9] -> avg_pool2d(2)", "E0301"),)

    kernel_size: Pair
    """Height and width of the window."""
    stride: Pair | None = None
    padding: Margin2 = (0, 0)
    divisor_override: Count | None = None
    """What the sum is divided by instead of the number of positions."""


class AvgPool3d(_AvgPool):
    """Take the mean of every window of a volume."""

    axes = "N C D H W -> N C D' H' W'"
    torch = "nn.AvgPool3d(kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    function = "F.avg_pool3d({x}, kernel_size, stride=, padding=, ceil_mode=, count_include_pad=, divisor_override=)"
    samples = ("float32[1, 2, 4, 5, 6] -> avg_pool3d(2)",)
    mistakes = (("float32[1, 2, 1, 5, 6] -> avg_pool3d(2)", "E0307"),)
    beyond_torch = (("float32[2, 4, 5, 6] -> avg_pool3d(2)", "E0301"),)

    kernel_size: Triple
    """Depth, height and width of the window."""
    stride: Triple | None = None
    padding: Margin3 = (0, 0, 0)
    divisor_override: Count | None = None
    """What the sum is divided by instead of the number of positions."""

    def result(self, at: At) -> tuple[Fact, ...]:
        """As everywhere, but PyTorch asks that the window fits without its padding."""
        made = super().result(at)
        for axis, kernel in zip("DHW", self.kernel_size):
            size = at[axis]
            if falls_short(size, kernel):
                at.at_least(size, kernel, self.too_small(axis, size, Window(kernel)))
        return made


class _Adaptive(Op, abstract=True):
    """Windows chosen so that the result has the wanted size."""

    family = "pooling"
    keeps = "x"
    field = "whole"

    output_size: Outputs
    """Size of the result; `null` keeps what the input has."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        kept = zip(self.output_size, fact.shape[2:])
        sizes = tuple(size if wanted is None else wanted for wanted, size in kept)
        return (Fact(fact.dtype, (*fact.shape[:2], *sizes)),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """The window from floor(i·L/k) to ceil((i + 1)·L/k) of an axis of L for a result of k."""
        from dlspec.ops.spread import WHOLE, Stretch

        seen: list[Seen] = [(0, Window()), (1, Window())]
        for axis, (before, after) in enumerate(zip(at.inputs[0].shape[2:], outputs[0].shape[2:]), 2):
            if before == after:
                seen.append((axis, Window()))
            elif after == 1 or not (isinstance(before, int) and isinstance(after, int)):
                seen.append((None, WHOLE))
            elif before % after == 0:
                seen.append((axis, Window(before // after, before // after)))
            else:
                seen.append((axis, Stretch.resized(min(-(-before // after) + 1, before), before, after)))
        return tuple(seen)


class _AdaptiveAvgPool(_Adaptive, abstract=True):
    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the size here
        """The input; for a result of one position PyTorch takes a plain mean, which needs nothing."""
        return "" if set(self.output_size) == {1} else "x"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Take means over windows of a sequence such that the result has the wanted length."""

    axes = "N C L -> N C L"
    torch = "nn.AdaptiveAvgPool1d(output_size)"
    function = "F.adaptive_avg_pool1d({x}, output_size)"
    samples = ("float32[2, 3, 9] -> adaptive_avg_pool1d(1)", "float32[2, 3, 9] -> adaptive_avg_pool1d(4)")
    mistakes = (("float32[2, 3, 9] -> adaptive_avg_pool1d(0)", "E0202"),)
    beyond_torch = (("float32[3, 9] -> adaptive_avg_pool1d(2)", "E0301"),)

    output_size: Output1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Take means over windows such that the result has the wanted size; 1 is the mean of the whole map."""

    axes = "N C H W -> N C H W"
    torch = "nn.AdaptiveAvgPool2d(output_size)"
    function = "F.adaptive_avg_pool2d({x}, output_size)"
    samples = (
        "float32[2, 3, 8, 9] -> adaptive_avg_pool2d(1)",
        "float32[2, 3, 8, 9] -> adaptive_avg_pool2d([3, 5])",
        "float32[2, 3, 8, 9] -> adaptive_avg_pool2d([null, 12])",
    )
    mistakes = (("float32[2, 3] -> adaptive_avg_pool2d(2)", "E0301"),)
    beyond_torch = (("float32[3, 8, 9] -> adaptive_avg_pool2d(2)", "E0301"),)

    output_size: Output2
    """Height and width of the result; `null` keeps what the input has."""


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Take means over windows of a volume such that the result has the wanted size."""

    axes = "N C D H W -> N C D H W"
    torch = "nn.AdaptiveAvgPool3d(output_size)"
    function = "F.adaptive_avg_pool3d({x}, output_size)"
    samples = ("float32[1, 2, 4, 5, 6] -> adaptive_avg_pool3d([2, 3, 1])",)
    mistakes = (("float32[2, 3] -> adaptive_avg_pool3d(1)", "E0301"),)
    beyond_torch = (("float32[2, 4, 5, 6] -> adaptive_avg_pool3d(2)", "E0301"),)

    output_size: Output3
    """Depth, height and width of the result; `null` keeps what the input has."""


class _AdaptiveMaxPool(_Adaptive, abstract=True):
    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Where the largest number of each window stood."""
        yield Fact("int64", outputs[0].shape)


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Keep the largest number of windows of a sequence such that the result has the wanted length."""

    axes = "N C L -> N C L"
    torch = "nn.AdaptiveMaxPool1d(output_size)"
    function = "F.adaptive_max_pool1d({x}, output_size)"
    samples = ("float32[2, 3, 9] -> adaptive_max_pool1d(4)",)
    mistakes = (("float32[3] -> adaptive_max_pool1d(1)", "E0301"),)
    beyond_torch = (("float32[2, 3] -> adaptive_max_pool1d(1)", "E0301"),)

    output_size: Output1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Keep the largest number of windows such that the result has the wanted size."""

    axes = "N C H W -> N C H W"
    torch = "nn.AdaptiveMaxPool2d(output_size)"
    function = "F.adaptive_max_pool2d({x}, output_size)"
    samples = (
        "float32[2, 3, 8, 9] -> adaptive_max_pool2d(1)",
        "float32[2, 3, 8, 9] -> adaptive_max_pool2d([3, null])",
    )
    mistakes = (("float32[2, 3] -> adaptive_max_pool2d(1)", "E0301"),)
    beyond_torch = (("float32[3, 8, 9] -> adaptive_max_pool2d(2)", "E0301"),)

    output_size: Output2
    """Height and width of the result; `null` keeps what the input has."""
