"""Convolutions: a bank of learned filters slid over a map."""

from __future__ import annotations

from dlspec.ops.op import At, Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from dlspec.ops.kinds import Count, Pair, PaddingMode
    from dlspec.ops.op import Shape


class _Convolution(Op, abstract=True):
    """What the convolutions of every rank share."""

    family = "convolution"
    keeps = "x"

    out_channels: Count
    """Channels of the result."""

    def windows(self) -> Iterable[Window]:
        return map(Window.of, self.kernel_size, self.stride, self.padding, self.dilation)

    def limits(self, at: At) -> Iterator[tuple[bool, str, str]]:
        channels, groups = at["C"], self.groups
        yield channels % groups == 0, "groups", f"{groups} groups do not divide the {channels} channels of the input"
        yield (
            self.out_channels % groups == 0, "groups",
            f"{groups} groups do not divide the {self.out_channels} channels of the result",
        )  # fmt: skip

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.out_channels, at["C"] // self.groups, *self.kernel_size)
        if self.bias:
            yield "bias", (self.out_channels,)


class Conv2d(_Convolution):
    """Slide a bank of learned filters over a feature map."""

    axes = "N C H W -> N out_channels H' W'"
    torch = "nn.Conv2d(C, out_channels, kernel_size, stride=, padding=, dilation=, groups=, bias=, padding_mode=)"
    samples = (
        "float32[2, 3, 8, 9] -> conv2d(4, 3)",
        "float32[1, 6, 9, 9] -> conv2d(4, [3, 5], stride=[2, 1], padding=[1, 2], dilation=2, groups=2, bias=false)",
    )
    mistakes = (("float32[2, 3, 8, 8] -> conv2d(4, 9)", "E0307"), ("float32[2, 3, 8, 8] -> conv2d(4, 3, groups=2)", "E0303"))

    kernel_size: Pair
    """Height and width of one filter."""
    stride: Pair = (1, 1)
    """Positions moved between one output and the next."""
    padding: Margin2 = (0, 0)
    """Zeros added on every side."""
    dilation: Pair = (1, 1)
    """Spacing between the taps of a filter."""
    groups: Count = 1
    """Blocks that the channels are split into; as many as channels make it depthwise."""
    bias: bool = True
    """Whether each output channel learns an offset."""
    padding_mode: PaddingMode = "zeros"
    """What stands in the padding."""
