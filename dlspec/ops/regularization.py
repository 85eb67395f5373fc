"""Noise: numbers put to zero at random in training, untouched in evaluation, and numbers drawn."""

from __future__ import annotations

from dlspec.ops.fact import At, Fact
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Fraction


class _Dropout(Op, abstract=True):
    axes = "*S -> *S"
    family = "regularization"
    training_only = True

    p: Fraction = 0.5
    """The probability of a zero."""

    @property
    def shares(self) -> str:  # type: ignore[override]  # depends on the probability here
        """With probability 0 PyTorch gives back the tensor itself."""
        return "" if self.p else "same"

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        """Which numbers, or channels, were kept."""
        if self.p:
            yield Fact("float32", self.mask(at, outputs[0].shape))

    def mask(self, at: At, shape: Shape) -> Shape:
        """The shape of what is drawn."""
        return shape


class Dropout(_Dropout):
    """Put each number to zero with probability p and scale the others up, in training only."""

    torch = "nn.Dropout(p=)"
    function = "F.dropout({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4] -> dropout", "float32[2, 3, 4] -> dropout(0.2)", "float32[2, 3, 4] -> dropout(0)")
    mistakes = (("float32[2, 3] -> dropout(1.5)", "E0202"),)


class Dropout1d(_Dropout):
    """Put whole channels of a sequence to zero with probability p, in training only."""

    axes = "N C L -> N C L"
    torch = "nn.Dropout1d(p=)"
    function = "F.dropout1d({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4] -> dropout1d",)
    mistakes = (("float32[2, 3, 4, 5] -> dropout1d", "E0301"),)

    def mask(self, at: At, shape: Shape) -> Shape:
        return (at["N"], at["C"], 1)


class Dropout2d(_Dropout):
    """Put whole channels to zero with probability p, in training only."""

    axes = "N C H W -> N C H W"
    torch = "nn.Dropout2d(p=)"
    function = "F.dropout2d({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4, 5] -> dropout2d(0.1)",)
    mistakes = (("float32[2, 3, 4, 5] -> dropout2d(-0.1)", "E0202"),)
    beyond_torch = (("float32[3, 4, 5] -> dropout2d", "E0301"),)

    def mask(self, at: At, shape: Shape) -> Shape:
        return (at["N"], at["C"], 1, 1)


class Dropout3d(_Dropout):
    """Put whole channels of a volume to zero with probability p, in training only."""

    axes = "N C D H W -> N C D H W"
    torch = "nn.Dropout3d(p=)"
    function = "F.dropout3d({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4, 5, 6] -> dropout3d",)
    mistakes = (("float32[2, 3, 4, 5, 6] -> dropout3d(2)", "E0202"),)
    beyond_torch = (("float32[3, 4, 5, 6] -> dropout3d", "E0301"),)

    def mask(self, at: At, shape: Shape) -> Shape:
        return (at["N"], at["C"], 1, 1, 1)


class StochasticDepth(_Dropout):
    """Leave a branch out for each image with probability p and scale it up for the others, in training only."""

    axes = "N *S -> N *S"
    torch = "dlspec.nn.StochasticDepth(p=)"
    function = "dlspec.nn.stochastic_depth({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4, 5] -> stochastic_depth(0.1)", "float32[2, 3] -> stochastic_depth(0)")
    mistakes = (("float32[2, 3] -> stochastic_depth(1.5)", "E0202"),)
    beyond_torch = (("float32[] -> stochastic_depth(0.1)", "E0301"),)

    p: Fraction
    """The probability that it is left out."""

    def mask(self, at: At, shape: Shape) -> Shape:
        return (at["N"], *(1,) * len(at["*S"]))


class RandnLike(Op):
    """Normal noise of mean 0 and variance 1 in the shape of a tensor, drawn anew at every call, in evaluation too."""

    axes = "*S -> *S"
    function = "torch.randn_like({x})"
    family = "regularization"
    samples = ("float32[2, 3, 4] -> randn_like",)
    mistakes = (("int64[2, 3] -> randn_like", "E0304"),)


class AlphaDropout(_Dropout):
    """A dropout that keeps mean and variance, for stacks of `selu`."""

    torch = "nn.AlphaDropout(p=)"
    function = "F.alpha_dropout({x}, p=, training=self.training)"
    samples = ("float32[2, 3, 4] -> alpha_dropout(0.1)",)
