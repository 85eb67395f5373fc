"""Activations: a function of every number on its own."""

from __future__ import annotations

from dlspec.ops.op import Op


class _Pointwise(Op, abstract=True):
    axes = "*S -> *S"
    family = "activation"


class Relu(_Pointwise):
    """Keep what is positive, put zero for the rest."""

    torch = "nn.ReLU()"
    function = "F.relu({x})"
    keeps = "y"
    samples = ("float32[2, 3, 4] -> relu",)
