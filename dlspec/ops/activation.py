"""Activations: a function of every number on its own, and softmax, a function of the numbers along one axis."""

from __future__ import annotations

from dlspec.ops.op import At, Op, checked_axis
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.kinds import Count, Literal, Number, Positive, Whole
    from dlspec.ops.op import Fact, Shape


class _Pointwise(Op, abstract=True):
    """One number in, one number out."""

    axes = "*S -> *S"
    family = "activation"


class Relu(_Pointwise):
    """Keep what is positive, put zero for the rest."""

    torch = "nn.ReLU()"
    function = "F.relu({x})"
    keeps = "y"
    samples = ("float32[2, 3, 4] -> relu",)


class Relu6(_Pointwise):
    """Keep what is positive, but never more than 6."""

    torch = "nn.ReLU6()"
    function = "F.relu6({x})"
    keeps = "x"
    samples = ("float32[2, 3, 4] -> relu6",)


class LeakyRelu(_Pointwise):
    """Keep what is positive, scale down what is negative."""

    torch = "nn.LeakyReLU(negative_slope=)"
    function = "F.leaky_relu({x}, negative_slope=)"
    keeps = "x"
    samples = ("float32[2, 3, 4] -> leaky_relu", "float32[2, 3, 4] -> leaky_relu(0.1)")
    mistakes = (("float32[2, 3] -> leaky_relu(true)", "E0201"),)

    negative_slope: Number = 0.01
    """Factor for negative numbers."""


class Sigmoid(_Pointwise):
    """Squash to between 0 and 1: 1/(1 + exp(-x))."""

    torch = "nn.Sigmoid()"
    function = "torch.sigmoid({x})"
    keeps = "y"
    gives = "probabilities"
    samples = ("float32[2, 3, 4] -> sigmoid",)


class Tanh(_Pointwise):
    """Squash to between -1 and 1: the hyperbolic tangent."""

    torch = "nn.Tanh()"
    function = "torch.tanh({x})"
    keeps = "y"
    samples = ("float32[2, 3, 4] -> tanh",)


class Softmax(_Pointwise):
    """Turn scores along an axis into probabilities: exp(x), divided by its sum along the axis."""

    torch = "nn.Softmax(dim=dim)"
    function = "F.softmax({x}, dim=dim)"
    keeps = "y"
    gives = "probabilities"
    samples = ("float32[2, 3, 4] -> softmax", "float32[2, 3, 4] -> softmax(dim=1)")
    mistakes = (("float32[2, 3] -> softmax(dim=2)", "E0309"),)

    dim: Whole = -1
    """The axis whose numbers sum to 1; the last one unless said (PyTorch asks for it)."""

    def result(self, at: At) -> tuple[Fact, ...]:
        checked_axis(self, at.inputs[0], self.dim, "dim")
        return super().result(at)
