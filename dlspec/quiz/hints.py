"""What is said of a first wrong answer that no usual slip explains: the way to the number, without the number."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.graph import Node

OF_KIND = {
    "macs": "each weight counts once for every position of what comes out; an offset multiplies nothing",
    "field": "a window adds to what was seen before it: RF + (k − 1)·jump, with jump the product of the strides before",
    "steps": "an epoch has a step for each batch of the training split, the last and shorter one too",
}
TOTAL = "add up the layers that learn something; activations, poolings and flattening do not"


def hint(node: Node, kind: str, derivation: Sequence[str]) -> str:
    """The way to one number of a layer."""
    if kind == "shape":
        return _shape(node, derivation)
    if kind == "parameters":
        return _parameters(node)
    return OF_KIND[kind]


def _shape(node: Node, derivation: Sequence[str]) -> str:
    formula = derivation[0].partition(" = ")[0].rpartition(": ")[2] if derivation else ""
    if "in" in formula and "k" in formula:
        channels = "as many channels as come in" if node.op.family == "pooling" else "a channel for each filter"
        return f"{channels}; and each side is {formula}"
    if node.op.name == "flatten":
        return "all axes after the batch become one: multiply them"
    if node.op.family == "linear":
        return "the last axis becomes one number for each unit; the others stay"
    return "go through the axes one by one: which of them does this layer change?"


def _parameters(node: Node) -> str:
    module = node.module
    names = {name for name, _ in module.weights} if module is not None else set()
    offset = "and an offset" if "bias" in names else "and here no offset"
    if node.op.family == "convolution":
        return f"a filter has k·k weights for each channel that it looks at, {offset}; how many filters are there?"
    if node.op.family == "linear":
        return f"a unit has a weight for every number that comes in, {offset}; how many units are there?"
    if node.op.family == "normalization":
        return "what is learned is a factor and an offset for each channel"
    return "count the weights tensor by tensor, and multiply the axes of each"
