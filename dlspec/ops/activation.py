"""Activations: a function of every number on its own, and softmax, a function of the numbers along one axis."""

from __future__ import annotations

from dlspec.ops.axis import checked_axis
from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.ops.op import Op
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Literal

    from dlspec.ops.fact import Shape
    from dlspec.ops.kinds import Count, Number, Whole
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen


class _Activation(Op, abstract=True):
    """One number in, one number out."""

    axes = "*S -> *S"
    family = "activation"
    keeps = "x"


class Relu(_Activation):
    """Keep what is positive, put zero for the rest."""

    torch = "nn.ReLU()"
    function = "F.relu({x})"
    keeps = "y"
    samples = ("float32[2, 3, 4] -> relu",)
    mistakes = (("bool[2, 3] -> relu", "E0304"),)


class Relu6(_Activation):
    """Keep what is positive, but never more than 6."""

    torch = "nn.ReLU6()"
    function = "F.relu6({x})"
    samples = ("float32[2, 3, 4] -> relu6",)


class LeakyRelu(_Activation):
    """Keep what is positive, scale down what is negative."""

    torch = "nn.LeakyReLU(negative_slope=)"
    function = "F.leaky_relu({x}, negative_slope=)"
    samples = ("float32[2, 3, 4] -> leaky_relu", "float32[2, 3, 4] -> leaky_relu(0.1)")
    mistakes = (("float32[2, 3] -> leaky_relu(true)", "E0201"),)

    negative_slope: Number = 0.01
    """Factor for negative numbers."""


class Prelu(_Activation):
    """Keep what is positive, scale what is negative by a learned factor."""

    torch = "nn.PReLU(num_parameters=, init=)"
    samples = ("float32[2, 3, 4] -> prelu", "float32[2, 3, 4] -> prelu(3, init=0.1)")
    mistakes = (("float32[2, 3, 4] -> prelu(2)", "E0312"),)

    num_parameters: Count = 1
    """Factors learned: 1 for all, or one for each channel."""
    init: Number = 0.25
    """What each factor begins as."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        channels = fact.shape[1] if len(fact.shape) > 1 else 1
        if self.num_parameters != 1:
            at.equal(self.num_parameters, channels, self._unequal(channels, fact))
        return (Fact(fact.dtype, fact.shape),)

    def _unequal(self, channels: object, fact: Fact) -> Mistake:
        return Mistake(
            "E0312", f"`prelu` learns {self.num_parameters} factors for {channels} channels", shown(fact),
            parameter="num_parameters", help=f"set it to {channels}, or to 1",
        )  # fmt: skip

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        yield "weight", (self.num_parameters,)


class Elu(_Activation):
    """Keep what is positive; let the rest level off at -alpha: alpha·(exp(x) - 1)."""

    torch = "nn.ELU(alpha=)"
    function = "F.elu({x}, alpha=)"
    samples = ("float32[2, 3, 4] -> elu", "float32[2, 3, 4] -> elu(0.5)")

    alpha: Number = 1.0
    """Where large negative numbers level off."""


class Celu(_Activation):
    """An `elu` whose slope at 0 is 1 for every alpha: alpha·(exp(x/alpha) - 1)."""

    torch = "nn.CELU(alpha=)"
    function = "F.celu({x}, alpha=)"
    samples = ("float32[2, 3, 4] -> celu", "float32[2, 3, 4] -> celu(2)")
    mistakes = (("float32[2, 3, 4] -> celu(0)", "E0202"),)

    alpha: Number = 1.0
    """Where large negative numbers level off."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield self.alpha != 0, "alpha", "`celu` divides by alpha, which is 0", "E0202"


class Selu(_Activation):
    """An `elu` scaled so that deep plain stacks keep mean 0 and variance 1."""

    torch = "nn.SELU()"
    function = "F.selu({x})"
    samples = ("float32[2, 3, 4] -> selu",)


class Gelu(_Activation):
    """Weigh each number by the share of a normal distribution below it."""

    torch = "nn.GELU(approximate=)"
    function = "F.gelu({x}, approximate=)"
    samples = ("float32[2, 3, 4] -> gelu", 'float32[2, 3, 4] -> gelu(approximate="tanh")')
    mistakes = (('float32[2, 3, 4] -> gelu(approximate="erf")', "E0202"),)

    approximate: Literal["none", "tanh"] = "none"
    """Whether it is exact or found with a tanh."""


class Silu(_Activation):
    """Weigh each number by its sigmoid; also called swish."""

    torch = "nn.SiLU()"
    function = "F.silu({x})"
    samples = ("float32[2, 3, 4] -> silu",)


class Mish(_Activation):
    """Weigh each number by the tanh of its softplus."""

    torch = "nn.Mish()"
    function = "F.mish({x})"
    samples = ("float32[2, 3, 4] -> mish",)


class Hardswish(_Activation):
    """A `silu` made of straight pieces: x·relu6(x + 3)/6."""

    torch = "nn.Hardswish()"
    function = "F.hardswish({x})"
    samples = ("float32[2, 3, 4] -> hardswish",)


class Hardsigmoid(_Activation):
    """A sigmoid made of straight pieces: relu6(x + 3)/6."""

    torch = "nn.Hardsigmoid()"
    function = "F.hardsigmoid({x})"
    levels_off = 1 / 6
    samples = ("float32[2, 3, 4] -> hardsigmoid",)


class Hardtanh(_Activation):
    """Clip to a range."""

    torch = "nn.Hardtanh(min_val=, max_val=)"
    function = "F.hardtanh({x}, min_val=, max_val=)"
    samples = ("float32[2, 3, 4] -> hardtanh", "float32[2, 3, 4] -> hardtanh(0, 2)")
    mistakes = (("float32[2, 3, 4] -> hardtanh(2, 1)", "E0202"),)

    min_val: Number = -1.0
    """The least number that comes out."""
    max_val: Number = 1.0
    """The largest number that comes out."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield self.min_val < self.max_val, "max_val", f"{self.max_val} is not above {self.min_val}", "E0202"


class Sigmoid(_Activation):
    """Squash to between 0 and 1: 1/(1 + exp(-x))."""

    torch = "nn.Sigmoid()"
    function = "torch.sigmoid({x})"
    levels_off = 1 / 4
    keeps = "y"
    gives = "probabilities"
    samples = ("float32[2, 3, 4] -> sigmoid",)


class LogSigmoid(_Activation):
    """The logarithm of a sigmoid, found without rounding to 0."""

    torch = "nn.LogSigmoid()"
    function = "F.logsigmoid({x})"
    samples = ("float32[2, 3, 4] -> log_sigmoid",)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        yield outputs[0]


class Tanh(_Activation):
    """Squash to between -1 and 1: the hyperbolic tangent."""

    torch = "nn.Tanh()"
    function = "torch.tanh({x})"
    levels_off = 0.6057
    keeps = "y"
    samples = ("float32[2, 3, 4] -> tanh",)


class Softplus(_Activation):
    """A smooth `relu`: log(1 + exp(beta·x))/beta, and x itself where that is large."""

    torch = "nn.Softplus(beta=, threshold=)"
    function = "F.softplus({x}, beta=, threshold=)"
    samples = ("float32[2, 3, 4] -> softplus", "float32[2, 3, 4] -> softplus(2, threshold=10)")

    beta: Number = 1.0
    """How sharp the bend is."""
    threshold: Number = 20.0
    """From where beta·x is taken as it is."""


class Softsign(_Activation):
    """Squash to between -1 and 1: x/(1 + |x|)."""

    torch = "nn.Softsign()"
    function = "F.softsign({x})"
    levels_off = 0.4128
    samples = ("float32[2, 3, 4] -> softsign",)

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterator[Fact]:
        yield outputs[0]


class _AlongAxis(_Activation, abstract=True):
    """A function of all numbers along one axis."""

    keeps = "y"

    dim: Whole = -1
    """The axis whose numbers are taken together; the last one unless said."""

    differs = {"dim": "PyTorch asks for it; the last axis is where scores stand"}

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        checked_axis(self, fact, self.dim, "dim")
        return (Fact(fact.dtype, fact.shape),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Every position along the axis, one along the others."""
        seen: list[Seen] = [(axis, Window()) for axis in range(len(outputs[0].shape))]
        if seen:
            seen[self.dim] = (None, "whole")
        return tuple(seen)


class Softmax(_AlongAxis):
    """Turn scores along an axis into probabilities: exp(x), divided by its sum along the axis."""

    torch = "nn.Softmax(dim=dim)"
    function = "F.softmax({x}, dim=dim)"
    gives = "probabilities"
    samples = ("float32[2, 3, 4] -> softmax", "float32[2, 3, 4] -> softmax(dim=1)")
    mistakes = (("float32[2, 3] -> softmax(dim=2)", "E0309"),)


class LogSoftmax(_AlongAxis):
    """The logarithm of a softmax, found without rounding to 0."""

    torch = "nn.LogSoftmax(dim=dim)"
    function = "F.log_softmax({x}, dim=dim)"
    gives = "log_probabilities"
    samples = ("float32[2, 3, 4] -> log_softmax", "float32[2, 3, 4] -> log_softmax(dim=1)")
    mistakes = (("float32[2, 3] -> log_softmax(dim=-3)", "E0309"),)


class Glu(_Activation):
    """Halve an axis: the first half, weighed by the sigmoid of the second."""

    torch = "nn.GLU(dim=)"
    function = "F.glu({x}, dim=)"
    samples = ("float32[2, 3, 4] -> glu", "float32[2, 6, 4] -> glu(1)")
    mistakes = (
        ("float32[2, 3] -> glu", "E0303"),
        ("float32[2, 4] -> glu(2)", "E0309"),
        ("float32[] -> glu", "E0301"),
    )

    dim: Whole = -1
    """The axis that is halved."""

    def result(self, at: At) -> tuple[Fact, ...]:
        (fact,) = self.bind(at)
        if not fact.shape:
            raise Mistake("E0301", "`glu` takes at least 1 axis, its input has none", shown(fact), input=0)
        axis = checked_axis(self, fact, self.dim, "dim")
        size = fact.shape[axis]
        at.equal(size % 2, 0, Mistake("E0303", f"`glu` halves axis {axis}, which has {size}", shown(fact), input=0))
        return (Fact(fact.dtype, (*fact.shape[:axis], size // 2, *fact.shape[axis + 1 :])),)

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """Two positions of the axis, a half apart; the whole of it, to be plain."""
        return tuple(
            (None, "whole") if axis == self.dim % len(outputs[0].shape) else (axis, Window())
            for axis in range(len(outputs[0].shape))
        )
