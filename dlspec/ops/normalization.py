"""Normalization layers: numbers brought to mean 0 and variance 1, or to length 1, over some of their axes."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis, replaced
from dlspec.ops.fact import At, Fact, Mistake, falls_short, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Number, Sizes, Whole
    from dlspec.ops.spread import Seen
    from dlspec.sizes import Dim


class _Normalization(Op, abstract=True):
    family = "normalization"
    keeps = "x"


class _BatchNorm(_Normalization, abstract=True):
    """Statistics of every channel over the batch and all positions."""

    centres = True
    over_batch = True

    eps: Number = 1e-5
    """Added to the variance, so that a constant channel is not divided by zero."""
    momentum: Number | None = 0.1
    """How much a batch moves the running mean and variance; `null` averages over all batches."""
    affine: bool = True
    """Whether each channel learns a scale and a shift."""
    track_running_stats: bool = True
    """Whether running statistics are kept for evaluation."""

    def result(self, at: At) -> tuple[Fact, ...]:
        """With statistics of its own it takes any batch in evaluation; without, a variance of two numbers at least."""
        made = super().result(at)
        (fact,) = made
        if not self.track_running_stats and falls_short(many := fact.shape[0] * product(fact.shape[2:]), 2):
            words = f"`{self.name}` would take the variance of a single number"
            at.at_least(many, 2, Mistake("E0312", words, shown(at.inputs[0]), input=0))
        return made

    @property
    def is_scale(self) -> bool:  # type: ignore[override]  # without running statistics it takes those of the batch
        return self.track_running_stats

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.affine:
            yield "weight", (at["C"],)
            yield "bias", (at["C"],)

    def buffers(self, at: At) -> Iterator[tuple[str, Shape, str]]:
        if self.track_running_stats:
            yield "running_mean", (at["C"],), "float32"
            yield "running_var", (at["C"],), "float32"
            yield "num_batches_tracked", (), "int64"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Mean and inverse deviation of every channel."""
        yield Fact("float32", (at["C"],))
        yield Fact("float32", (at["C"],))


class BatchNorm1d(_BatchNorm):
    """Give every feature mean 0 and variance 1 over the batch, then a learned scale and shift."""

    axes = "N C *L -> N C *L"
    torch = "nn.BatchNorm1d(C, eps=, momentum=, affine=, track_running_stats=)"
    samples = ("float32[2, 3] -> batch_norm1d", "float32[2, 3, 5] -> batch_norm1d(momentum=null)")
    mistakes = (("float32[2, 3, 4, 5] -> batch_norm1d", "E0301"), ("float32[3] -> batch_norm1d", "E0301"))

    def result(self, at: At) -> tuple[Fact, ...]:
        if len(at.inputs[0].shape) > 3:
            raise Mistake(
                "E0301", f"`batch_norm1d` takes 2 or 3 axes (N C, N C L), its input has {len(at.inputs[0].shape)}",
                shown(at.inputs[0]), input=0,
                help="write `batch_norm2d`" if len(at.inputs[0].shape) == 4 else None,
            )  # fmt: skip
        return super().result(at)


class BatchNorm2d(_BatchNorm):
    """Give every channel mean 0 and variance 1 over the batch, then a learned scale and shift."""

    axes = "N C H W -> N C H W"
    torch = "nn.BatchNorm2d(C, eps=, momentum=, affine=, track_running_stats=)"
    samples = (
        "float32[2, 3, 4, 5] -> batch_norm2d",
        "float32[2, 3, 4, 5] -> batch_norm2d(eps=1e-3, affine=false)",
    )
    mistakes = (
        ("float32[2, 3] -> batch_norm2d", "E0301"),
        ("float32[1, 3, 1, 1] -> batch_norm2d(track_running_stats=false)", "E0312"),
    )


class BatchNorm3d(_BatchNorm):
    """Give every channel of a volume mean 0 and variance 1 over the batch, then a learned scale and shift."""

    axes = "N C D H W -> N C D H W"
    torch = "nn.BatchNorm3d(C, eps=, momentum=, affine=, track_running_stats=)"
    samples = ("float32[2, 3, 4, 5, 6] -> batch_norm3d",)
    mistakes = (("float32[2, 3, 4, 5] -> batch_norm3d", "E0301"),)


class FrozenBatchNorm2d(_Normalization):
    """A batch norm that learns nothing: scale, shift and statistics are those it was loaded with."""

    axes = "N C H W -> N C H W"
    torch = "dlspec.nn.FrozenBatchNorm2d(C, eps=)"
    keeps = ""
    is_scale = True
    samples = ("float32[2, 3, 4, 5] -> frozen_batch_norm2d",)
    mistakes = (("float32[2, 3] -> frozen_batch_norm2d", "E0301"),)

    eps: Number = 1e-5
    """Added to the variance, so that a constant channel is not divided by zero."""

    def buffers(self, at: At) -> Iterator[tuple[str, Shape, str]]:
        for name in ("weight", "bias", "running_mean", "running_var"):
            yield name, (at["C"],), "float32"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The scale of every channel, found anew from the buffers."""
        yield Fact("float32", (1, at["C"], 1, 1))


class _LastAxes(_Normalization, abstract=True):
    """Statistics over the last axes of every position."""

    axes = "*S -> *S"
    differs = {"normalized_shape": "PyTorch asks for it; the compiler knows the last axis"}

    normalized_shape: Sizes | None = None
    """Sizes of the last axes, which are taken together; the last axis alone unless said."""

    def result(self, at: At) -> tuple[Fact, ...]:
        fact = at.inputs[0]
        wanted = self.shape(at)
        if len(wanted) > len(fact.shape) or not fact.shape:
            raise Mistake(
                "E0301", f"`{self.name}` takes at least {len(wanted) or 1} axes, its input has {len(fact.shape)}",
                shown(fact), input=0,
            )  # fmt: skip
        self.bind(at)
        for left, right in zip(wanted, fact.shape[len(fact.shape) - len(wanted) :]):
            at.equal(left, right, self._unequal(left, right, fact))
        return (Fact(fact.dtype, fact.shape),)

    def shape(self, at: At) -> Shape:
        """The sizes of the axes that are taken together."""
        return at.inputs[0].shape[-1:] if self.normalized_shape is None else self.normalized_shape

    def _unequal(self, left: Dim, right: Dim, fact: Fact) -> Mistake:
        return Mistake(
            "E0312", f"`{self.name}` is set to an axis of {left}, its input has {right}", shown(fact),
            parameter="normalized_shape", help="leave `normalized_shape` out: the last axis is taken as it is",
        )  # fmt: skip

    def per_position(self, at: At) -> Fact:
        """One number for every position."""
        fact, count = at.inputs[0], len(self.shape(at))
        return Fact(fact.dtype, (*fact.shape[: len(fact.shape) - count], *(1,) * count))

    def module_template(self, at: At) -> str:
        own = self.torch.partition("(normalized_shape")
        if self.normalized_shape is None:
            return f"{own[0]}(I{own[2]}"
        if len(self.normalized_shape) == 1:
            return f"{own[0]}(I{own[2]}"
        return self.torch

    def bind(self, at: At) -> Sequence[Fact]:
        at["I"] = self.shape(at)[-1]
        return super().bind(at)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """All of the axes that are taken together, one position of the others."""
        rank = len(outputs[0].shape)
        first = rank - len(self.shape(at))
        return tuple((None, "whole") if axis >= first else (axis, Window()) for axis in range(rank))


class LayerNorm(_LastAxes):
    """Give the features of every position mean 0 and variance 1, then a learned scale and shift."""

    torch = "nn.LayerNorm(normalized_shape, eps=, elementwise_affine=, bias=)"
    samples = (
        "float32[2, 3, 4] -> layer_norm",
        "float32[2, 3, 4] -> layer_norm([3, 4], bias=false)",
        "float32[2, 3, 4] -> layer_norm(eps=1e-6, elementwise_affine=false)",
    )
    mistakes = (("float32[2, 3, 4] -> layer_norm(3)", "E0312"), ("float32[4] -> layer_norm([3, 4])", "E0301"))

    eps: Number = 1e-5
    """Added to the variance."""
    elementwise_affine: bool = True
    """Whether each feature learns a scale and a shift."""
    bias: bool = True
    """Whether each feature learns a shift, where it learns a scale."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.elementwise_affine:
            yield "weight", self.shape(at)
            if self.bias:
                yield "bias", self.shape(at)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Mean and inverse deviation of every position."""
        yield self.per_position(at)
        yield self.per_position(at)


class LayerNorm2d(_Normalization):
    """Give the channels of every position mean 0 and variance 1, then a learned scale and shift, as ConvNeXt has it."""

    axes = "N C H W -> N C H W"
    torch = "dlspec.nn.LayerNorm2d(C, eps=)"
    samples = ("float32[2, 3, 4, 5] -> layer_norm2d", "float32[2, 3, 4, 5] -> layer_norm2d(eps=1e-6)")
    mistakes = (("float32[2, 3, 4] -> layer_norm2d", "E0301"),)

    eps: Number = 1e-5
    """Added to the variance."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (at["C"],)
        yield "bias", (at["C"],)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Mean and inverse deviation of every position."""
        position = Fact("float32", (at["N"], at["H"], at["W"], 1))
        yield position
        yield position

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """All channels of its position."""
        return ((0, Window()), (None, "whole"), (2, Window()), (3, Window()))


class RmsNorm(_LastAxes):
    """Give the features of every position a mean square of 1, then a learned scale."""

    torch = "nn.RMSNorm(normalized_shape, eps=, elementwise_affine=)"
    samples = ("float32[2, 3, 4] -> rms_norm", "float32[2, 3, 4] -> rms_norm([3, 4], eps=1e-6)")
    mistakes = (("float32[2, 3, 4] -> rms_norm(3)", "E0312"),)

    eps: Number | None = None
    """Added to the mean square; the smallest step of the element type unless said."""
    elementwise_affine: bool = True
    """Whether each feature learns a scale."""

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.elementwise_affine:
            yield "weight", self.shape(at)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The inverse root of every position, and the scaled numbers where they are weighed."""
        yield self.per_position(at)
        if self.elementwise_affine:
            yield at.inputs[0]


class GroupNorm(_Normalization):
    """Give every group of channels of every image mean 0 and variance 1, then a learned scale and shift."""

    axes = "N C *S -> N C *S"
    torch = "nn.GroupNorm(num_groups, C, eps=, affine=)"
    samples = ("float32[2, 6, 4, 5] -> group_norm(3)", "float32[2, 6] -> group_norm(2, affine=false)")
    mistakes = (
        ("float32[2, 6, 4, 5] -> group_norm(4)", "E0303"),
        ("float32[6] -> group_norm(2)", "E0301"),
        ("float32[1, 6, 1, 1] -> group_norm(6)", "E0312"),
    )

    num_groups: Count
    """Groups that the channels are split into."""
    eps: Number = 1e-5
    """Added to the variance."""
    affine: bool = True
    """Whether each channel learns a scale and a shift."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        channels, groups = at["C"], self.num_groups
        at.equal(
            channels % groups, 0,
            Mistake(
                "E0303", f"{groups} groups do not divide the {channels} channels", "set here", parameter="num_groups"
            ),
        )  # fmt: skip
        many = at["N"] * (channels // groups) * product(at["*S"])
        if falls_short(many, 2):
            at.at_least(many, 2, self._alone(fact))
        return (Fact(fact.dtype, fact.shape),)

    def _alone(self, fact: Fact) -> Mistake:
        return Mistake("E0312", "`group_norm` would take the variance of a single number", shown(fact), input=0)

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.affine:
            yield "weight", (at["C"],)
            yield "bias", (at["C"],)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Mean and inverse deviation of every group of every image."""
        yield Fact("float32", (at["N"], self.num_groups))
        yield Fact("float32", (at["N"], self.num_groups))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Everything of its image."""
        return ((0, Window()), *((None, "whole"),) * (len(outputs[0].shape) - 1))


class _InstanceNorm(_Normalization, abstract=True):
    """Statistics of every channel of every image over its positions."""

    centres = True

    eps: Number = 1e-5
    """Added to the variance."""
    momentum: Number | None = 0.1
    """How much a batch moves the running statistics, where they are kept."""
    affine: bool = False
    """Whether each channel learns a scale and a shift."""
    track_running_stats: bool = False
    """Whether running statistics are kept for evaluation."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        positions = product(fact.shape[2:])
        if not self.track_running_stats and falls_short(positions, 2):
            at.at_least(positions, 2, self._alone(fact))
        return (Fact(fact.dtype, fact.shape),)

    def _alone(self, fact: Fact) -> Mistake:
        return Mistake("E0312", f"`{self.name}` would take the variance of a single position", shown(fact), input=0)

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        if self.affine:
            yield "weight", (at["C"],)
            yield "bias", (at["C"],)

    def buffers(self, at: At) -> Iterator[tuple[str, Shape, str]]:
        if self.track_running_stats:
            yield "running_mean", (at["C"],), "float32"
            yield "running_var", (at["C"],), "float32"
            yield "num_batches_tracked", (), "int64"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Mean and inverse deviation of every channel of every image; scale and running statistics once for each."""
        many = at["N"] * at["C"]
        for _ in range(2 + self.affine + 2 * self.track_running_stats):
            yield Fact("float32", (many,))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Every position of its channel and image."""
        return ((0, Window()), (1, Window()), *((None, "whole"),) * (len(outputs[0].shape) - 2))


class InstanceNorm1d(_InstanceNorm):
    """Give every channel of every sequence mean 0 and variance 1."""

    axes = "N C L -> N C L"
    torch = "nn.InstanceNorm1d(C, eps=, momentum=, affine=, track_running_stats=)"
    samples = ("float32[2, 3, 4] -> instance_norm1d",)
    mistakes = (("float32[2, 3, 1] -> instance_norm1d", "E0312"),)
    beyond_torch = (("float32[3, 4] -> instance_norm1d", "E0301"),)


class InstanceNorm2d(_InstanceNorm):
    """Give every channel of every image mean 0 and variance 1."""

    axes = "N C H W -> N C H W"
    torch = "nn.InstanceNorm2d(C, eps=, momentum=, affine=, track_running_stats=)"
    samples = (
        "float32[2, 3, 4, 5] -> instance_norm2d",
        "float32[2, 3, 4, 5] -> instance_norm2d(affine=true, track_running_stats=true)",
    )
    mistakes = (("float32[2, 3, 1, 1] -> instance_norm2d", "E0312"),)
    beyond_torch = (("float32[3, 4, 5] -> instance_norm2d", "E0301"),)


class LocalResponseNorm(_Normalization):
    """Divide each number by the size of its neighbours in nearby channels."""

    axes = "N C *S -> N C *S"
    torch = "nn.LocalResponseNorm(size, alpha=, beta=, k=)"
    function = "F.local_response_norm({x}, size, alpha=, beta=, k=)"
    samples = (
        "float32[2, 6, 4, 5] -> local_response_norm(5)",
        "float32[2, 6, 4] -> local_response_norm(2, k=2)",
    )
    mistakes = (("float32[2, 6] -> local_response_norm(5)", "E0301"),)

    size: Count
    """Channels that are taken together."""
    alpha: Number = 1e-4
    """Weight of the neighbours."""
    beta: Number = 0.75
    """Exponent of the divisor."""
    k: Number = 1.0
    """Added to the divisor's base."""

    def result(self, at: At) -> tuple[Fact, ...]:
        fact = at.inputs[0]
        if len(fact.shape) < 3:
            raise Mistake(
                "E0301", f"`{self.name}` takes at least 3 axes (N C *S), its input has {len(fact.shape)}",
                shown(fact), input=0,
            )  # fmt: skip
        return super().result(at)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """A few neighbouring channels of its own position."""
        own = [(axis, Window()) for axis in range(len(outputs[0].shape))]
        return (own[0], (1, Window(self.size, 1, self.size // 2, (self.size - 1) // 2)), *own[2:])

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The divisor and its base, and the squares with a margin of channels."""
        (fact,) = at.inputs
        yield fact
        yield fact
        yield Fact(fact.dtype, replaced(fact.shape, 1, fact.shape[1] + self.size - 1))


class Normalize(_Normalization):
    """Scale the numbers along an axis to length 1."""

    axes = "*S -> *S"
    function = "F.normalize({x}, p=, dim=, eps=)"
    samples = ("float32[2, 3, 4] -> normalize", "float32[2, 3, 4] -> normalize(p=1, dim=-1)")
    mistakes = (("float32[2, 3] -> normalize(dim=2)", "E0309"),)

    p: Number = 2.0
    """Exponent of the length: 2 is the ordinary one."""
    dim: Whole = 1
    """The axis along which the length is taken."""
    eps: Number = 1e-12
    """The least length that is divided by."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        checked_axis(self, fact, self.dim, "dim")
        return (Fact(fact.dtype, fact.shape),)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """The lengths, before and after they are kept from 0."""
        (fact,) = at.inputs
        for _ in range(2):
            yield Fact(fact.dtype, replaced(fact.shape, checked_axis(self, fact, self.dim, "dim"), 1))

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Every position along the axis."""
        rank = len(outputs[0].shape)
        return tuple((None, "whole") if axis == self.dim % rank else (axis, Window()) for axis in range(rank))
