"""A norm that has one number of each channel to take a mean of."""

from __future__ import annotations

from dlspec.analyses.words import shape_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node
    from dlspec.sizes import Dim


def values_of_channel(node: Node) -> Dim:
    """Of how many numbers a norm over the batch takes the mean of a channel: batch times places."""
    return node.inputs[0].shape[0] * places(node)


def places(node: Node) -> Dim:
    """How many numbers of each channel a sample has."""
    return product(node.inputs[0].shape[2:])


def is_trained_norm(node: Node) -> bool:
    """Whether training takes means over the batch; where it is frozen it takes those that were kept."""
    return node.op.over_batch and not (node.module is not None and node.module.frozen)


def lone_values(uses: Uses) -> Iterator[Diagnostic]:
    """W0424: the mean of one number is that number, and what is left of it is nothing."""
    for node in uses.graph.nodes:
        if is_trained_norm(node) and values_of_channel(node) == 1:
            yield _lone(node)


def _lone(node: Node) -> Diagnostic:
    given = node.inputs[0]
    return problem(
        "W0424", f"`{node.path}` takes the mean of a single number", node.span, "has one value of each channel",
        also=[(given.node.span, f"gives {shape_words(given.shape)}")],
        notes=["x − mean(x) = 0 for a single x: nothing of the input is left, and PyTorch refuses to train so"],
        fixes=[Fix("leave the batch open, `N`, or use `layer_norm` or `group_norm`", safety="placeholder")],
    )  # fmt: skip
