"""Convolutions: a bank of learned filters slid over a map; transposed ones spread a map out."""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, Mistake, falls_short, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product, transposed_size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import (
        Count,
        Lengths,
        Margin1,
        Margin2,
        Margin3,
        Margins,
        Padding1,
        Padding2,
        Padding3,
        PaddingMode,
        Paddings,
        Pair,
        Single,
        Triple,
    )
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.sizes import Dim


class _Filters(Op, abstract=True):
    """What convolutions of every rank share, transposed or not."""

    family = "convolution"
    keeps = "x"

    out_channels: Count
    """Channels of the result."""
    kernel_size: Lengths
    """Extent of one filter along each axis."""

    if TYPE_CHECKING:
        groups: Count

    def limits(self, at: At) -> Iterator[Limit]:
        channels, out, groups = at["C"], self.out_channels, self.groups
        yield (
            channels % groups == 0,
            "groups",
            f"{groups} groups do not divide the {channels} channels of the input",
        )
        yield out % groups == 0, "groups", f"{groups} groups do not divide the {out} channels of the result"


class _Convolution(_Filters, abstract=True):
    filter_axis = 0

    stride: Lengths
    """Positions moved between one output and the next."""
    padding: Paddings
    """Positions added on every side; `"same"` keeps the size, `"valid"` adds none."""
    dilation: Lengths
    """Spacing between the taps of a filter."""
    groups: Count = 1
    """Blocks that the channels are split into; as many as channels make it depthwise."""
    bias: bool = True
    """Whether each output channel learns an offset."""
    padding_mode: PaddingMode = "zeros"
    """What stands in the padding."""

    def windows(self) -> Iterable[Window]:
        if self.padding == "same":
            return map(Window.same, self.kernel_size, self.dilation)
        padding = (0,) * len(self.kernel_size) if isinstance(self.padding, str) else self.padding
        return map(Window.of, self.kernel_size, self.stride, padding, self.dilation)

    def limits(self, at: At) -> Iterator[Limit]:
        yield from super().limits(at)
        yield (
            self.padding != "same" or set(self.stride) == {1},
            "padding", 'a strided convolution has no padding "same": the stride must be 1', "E0202",
        )  # fmt: skip

    def through(self, at: At, axis: str, window: Window) -> Dim:
        """How many windows fit, where the padding can be filled from the map."""
        least = max(window.before, window.after)
        if self.padding_mode in ("reflect", "circular") and least:
            least += self.padding_mode == "reflect"
            at.at_least(at[axis], least, self._unfilled(axis, at[axis], least))
        return super().through(at, axis, window)

    def _unfilled(self, axis: str, size: Dim, least: int) -> Mistake:
        return Mistake(
            "E0307", f'the padding "{self.padding_mode}" of `{self.name}` is wider than its input',
            f"{axis} must be at least {least}, it is {size}", parameter="padding",
        )  # fmt: skip

    @property
    def keeps(self) -> str:  # type: ignore[override]  # depends on the padding here
        """The input, or what was made of it before the filters saw it."""
        if self.padding_mode == "circular" or (self.padding == "same" and not self._is_symmetric()):
            return ""
        return "x"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The input with its padding, where the convolution does not pad by itself."""
        given = at.inputs[0]
        if self.padding_mode != "zeros":
            margins = [window.before + window.after for window in self.windows()]
        elif self.padding == "same" and not self._is_symmetric():
            margins = [window.after - window.before for window in self.windows()]
        else:
            return
        sizes = (size + margin for size, margin in zip(given.shape[2:], margins))
        yield Fact(given.dtype, (*given.shape[:2], *sizes))

    def _is_symmetric(self) -> bool:
        return all(window.before == window.after for window in self.windows())

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.out_channels, at["C"] // self.groups, *self.kernel_size)
        if self.bias:
            yield "bias", (self.out_channels,)

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Every weight once for each position of the result: N·H'·W' · out_channels·(C/groups)·k·k."""
        (_, weight), *_ = self.weights(at)
        out = outputs[0].shape
        return product(weight) * out[0] * product(out[2:])


class Conv1d(_Convolution):
    """Slide a bank of learned filters along a sequence."""

    axes = "N C L -> N out_channels L'"
    torch = "nn.Conv1d(C, out_channels, kernel_size=, stride=, padding=, dilation=, groups=, bias=, padding_mode=)"
    samples = (
        "float32[2, 3, 9] -> conv1d(4, 3)",
        'float32[2, 4, 9] -> conv1d(6, 4, padding="same", dilation=2, groups=2, padding_mode="reflect")',
    )
    mistakes = (
        ("float32[2, 3, 9] -> conv1d(4, 10)", "E0307"),
        ('float32[2, 3, 9] -> conv1d(4, 3, stride=2, padding="same")', "E0202"),
        ("float64[2, 3, 9] -> conv1d(4, 3)", "E0304"),
    )
    beyond_torch = (("float32[3, 9] -> conv1d(4, 3)", "E0301"),)

    kernel_size: Single
    stride: Single = (1,)
    padding: Padding1 = (0,)
    dilation: Single = (1,)


class Conv2d(_Convolution):
    """Slide a bank of learned filters over a feature map."""

    axes = "N C H W -> N out_channels H' W'"
    torch = "nn.Conv2d(C, out_channels, kernel_size=, stride=, padding=, dilation=, groups=, bias=, padding_mode=)"
    samples = (
        "float32[2, 3, 8, 9] -> conv2d(4, 3)",
        "float32[1, 6, 9, 9] -> conv2d(4, [3, 5], stride=[2, 1], padding=[1, 2], dilation=2, groups=2, bias=false)",
        'float32[1, 3, 5, 6] -> conv2d(2, 3, padding=2, padding_mode="circular")',
    )
    mistakes = (
        ("float32[2, 3, 8, 8] -> conv2d(4, 9)", "E0307"),
        ("float32[2, 3, 8, 8] -> conv2d(4, 3, groups=2)", "E0303"),
        ("float32[2, 4, 8, 8] -> conv2d(3, 3, groups=2)", "E0303"),
        ("float32[2, 3, 8, 8] -> conv2d(4, 3, stride=0)", "E0202"),
        ('float32[2, 3, 2, 8] -> conv2d(4, 3, padding=2, padding_mode="reflect")', "E0307"),
        ("float32[2, 3] -> conv2d(4, 3)", "E0301"),
    )
    beyond_torch = (("float32[3, 8, 8] -> conv2d(4, 3)", "E0301"),)

    kernel_size: Pair
    """Height and width of one filter."""
    stride: Pair = (1, 1)
    padding: Padding2 = (0, 0)
    dilation: Pair = (1, 1)


class Conv3d(_Convolution):
    """Slide a bank of learned filters through a volume."""

    axes = "N C D H W -> N out_channels D' H' W'"
    torch = "nn.Conv3d(C, out_channels, kernel_size=, stride=, padding=, dilation=, groups=, bias=, padding_mode=)"
    samples = (
        "float32[1, 2, 5, 6, 7] -> conv3d(4, 3)",
        "float32[1, 2, 5, 6, 7] -> conv3d(4, [1, 3, 2], stride=2, padding=1)",
    )
    mistakes = (("float32[1, 2, 2, 6, 7] -> conv3d(4, 3)", "E0307"),)
    beyond_torch = (("float32[2, 5, 6, 7] -> conv3d(4, 3)", "E0301"),)

    kernel_size: Triple
    """Depth, height and width of one filter."""
    stride: Triple = (1, 1, 1)
    padding: Padding3 = (0, 0, 0)
    dilation: Triple = (1, 1, 1)


class _Transposed(_Filters, abstract=True):
    """A convolution run backwards: every input position adds a filter's worth of numbers to the result."""

    filter_axis = 1
    added = {"start": "a network that enlarges scores begins as interpolation, which PyTorch leaves to code"}

    stride: Lengths
    """Positions between what neighbouring inputs add to."""
    padding: Margins
    """Positions cut from every side of the result."""
    output_padding: Margins
    """Positions added on the far side of the result, to reach a size that the stride rounds away."""
    groups: Count = 1
    """Blocks that the channels are split into."""
    bias: bool = True
    """Whether each output channel learns an offset."""
    dilation: Lengths
    """Spacing between the taps of a filter."""
    start: Literal["random", "bilinear"] = "random"
    """What the weights begin as: PyTorch's random numbers, or what interpolates each channel by itself."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        sizes: list[Dim] = []
        for axis, (size, *hyper) in enumerate(zip(fact.shape[2:], *self._hyper())):
            kernel, stride, padding, extra, dilation = hyper
            out = transposed_size(size, kernel, stride=stride, padding=padding, output_padding=extra, dilation=dilation)
            if falls_short(out, 1):
                at.at_least(out, 1, self._nothing_left(at, axis + 2, out))
            sizes.append(out)
        return (Fact(fact.dtype, (fact.shape[0], self.out_channels, *sizes)),)

    def formulas(self, at: At, outputs: Sequence[Fact]) -> Iterator[tuple[int, str, str]]:
        for axis, (kernel, stride, padding, extra, dilation) in enumerate(zip(*self._hyper()), 2):
            letters, numbers = "(in − 1)·stride", f"({{in}} − 1)·{stride}"
            if padding:
                letters, numbers = f"{letters} − 2·pad", f"{numbers} − 2·{padding}"
            if dilation > 1:
                letters, numbers = (
                    f"{letters} + dilation·(k − 1) + 1",
                    f"{numbers} + {dilation}·({kernel} − 1) + 1",
                )
            else:
                letters, numbers = f"{letters} + k", f"{numbers} + {kernel}"
            if extra:
                letters, numbers = f"{letters} + output padding", f"{numbers} + {extra}"
            yield axis, letters, numbers

    def _hyper(self) -> tuple[tuple[int, ...], ...]:
        return self.kernel_size, self.stride, self.padding, self.output_padding, self.dilation

    def _nothing_left(self, at: At, axis: int, out: Dim) -> Mistake:
        return Mistake(
            "E0307", f"the padding of `{self.name}` cuts off its whole result",
            f"leaves {out} positions along axis {axis}", parameter="padding",
            notes=[f"the input {shown(at.inputs[0])}"],
        )  # fmt: skip

    def limits(self, at: At) -> Iterator[Limit]:
        yield from super().limits(at)
        for stride, dilation, extra in zip(self.stride, self.dilation, self.output_padding):
            yield (
                extra < max(stride, dilation), "output_padding",
                f"output padding {extra} is not below the stride {stride} or the dilation {dilation}", "E0202",
            )  # fmt: skip

        yield (
            self.start == "random" or self.out_channels == at["C"], "start",
            f'`start="bilinear"` carries each channel to itself: {at["C"]} come in, {self.out_channels} go out',
            "E0312",
        )  # fmt: skip

    def module_text(self, at: At, text_of: Callable[[Any], str] | None = None, words: Mapping[str, str] = {}) -> str:
        made = super().module_text(at, text_of, words)
        return f"dlspec.nn.bilinear_({made})" if self.start == "bilinear" else made

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (at["C"], self.out_channels // self.groups, *self.kernel_size)
        if self.bias:
            yield "bias", (self.out_channels,)

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Every weight once for each position of the input."""
        (_, weight), *_ = self.weights(at)
        given = at.inputs[0].shape
        return product(weight) * given[0] * product(given[2:])

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """An output position is reached by every stride-th tap: at most ceil(span/stride) inputs."""
        from dlspec.ops.spread import WHOLE, Stretch

        seen: list[Seen] = [(0, Window()), (None, WHOLE)]
        for axis, (kernel, stride, padding, _, dilation) in enumerate(zip(*self._hyper()), 2):
            reach = dilation * (kernel - 1)
            span = -(-(reach + 1) // stride)
            seen.append((axis, Stretch(span, 1, stride, 2 * padding - reach)))
        return tuple(seen)


class ConvTranspose1d(_Transposed):
    """Spread a sequence out with learned filters: the shape rule of a convolution, backwards."""

    axes = "N C L -> N out_channels L"
    torch = (
        "nn.ConvTranspose1d(C, out_channels, kernel_size=, stride=, padding=, output_padding=, groups=, bias=, "
        "dilation=)"
    )
    samples = ("float32[2, 4, 5] -> conv_transpose1d(6, 4, stride=2, padding=1)",)
    mistakes = (("float32[2, 4, 1] -> conv_transpose1d(6, 2, padding=2)", "E0307"),)
    beyond_torch = (
        ("float32[4, 5] -> conv_transpose1d(6, 4)", "E0301"),
        ("float32[2, 4, 1] -> conv_transpose1d(6, 2, padding=1)", "E0307"),
    )

    kernel_size: Single
    stride: Single = (1,)
    padding: Margin1 = (0,)
    output_padding: Margin1 = (0,)
    dilation: Single = (1,)


class ConvTranspose2d(_Transposed):
    """Spread a feature map out with learned filters: the shape rule of a convolution, backwards."""

    axes = "N C H W -> N out_channels H W"
    torch = (
        "nn.ConvTranspose2d(C, out_channels, kernel_size=, stride=, padding=, output_padding=, groups=, bias=, "
        "dilation=)"
    )
    samples = (
        "float32[2, 4, 5, 6] -> conv_transpose2d(6, 2, stride=2)",
        "float32[2, 4, 5, 6] -> conv_transpose2d(6, [3, 4], stride=2, padding=1, output_padding=[1, 0], groups=2)",
        'float32[2, 4, 5, 6] -> conv_transpose2d(4, 4, stride=2, padding=1, bias=false, start="bilinear")',
    )
    mistakes = (
        ('float32[2, 4, 5, 6] -> conv_transpose2d(6, 4, stride=2, start="bilinear")', "E0312"),
        ("float32[2, 4, 5, 6] -> conv_transpose2d(6, 3, output_padding=1)", "E0202"),
        ("float32[2, 4, 5, 6] -> conv_transpose2d(6, 3, groups=3)", "E0303"),
    )
    beyond_torch = (("float32[4, 5, 6] -> conv_transpose2d(6, 4)", "E0301"),)

    kernel_size: Pair
    """Height and width of one filter."""
    stride: Pair = (1, 1)
    padding: Margin2 = (0, 0)
    output_padding: Margin2 = (0, 0)
    dilation: Pair = (1, 1)


class ConvTranspose3d(_Transposed):
    """Spread a volume out with learned filters: the shape rule of a convolution, backwards."""

    axes = "N C D H W -> N out_channels D H W"
    torch = (
        "nn.ConvTranspose3d(C, out_channels, kernel_size=, stride=, padding=, output_padding=, groups=, bias=, "
        "dilation=)"
    )
    samples = ("float32[1, 4, 2, 3, 4] -> conv_transpose3d(2, 2, stride=2)",)
    mistakes = (("float32[2, 4, 5] -> conv_transpose3d(6, 3)", "E0301"),)
    beyond_torch = (("float32[2, 4, 5, 6] -> conv_transpose3d(6, 3)", "E0301"),)

    kernel_size: Triple
    """Depth, height and width of one filter."""
    stride: Triple = (1, 1, 1)
    padding: Margin3 = (0, 0, 0)
    output_padding: Margin3 = (0, 0, 0)
    dilation: Triple = (1, 1, 1)
