"""One fully connected layer that holds most of a network's parameters."""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.words import count_words, shape_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node, Tensor

MANY = 10**6
"""Parameters below which nobody minds where they are."""


def heavy_layer(uses: Uses) -> Iterator[Diagnostic]:
    """W0422: most parameters lie in a linear layer that weighs every place of a map apart."""
    counts = {module: parameters(module) for module in uses.graph.modules.values()}
    if len(counts) < 2:
        return
    heaviest, total = max(counts, key=lambda module: counts[module]), sum(counts.values())
    if heaviest.op.family != "linear" or counts[heaviest] < MANY or 2 * counts[heaviest] <= total:
        return
    node = next((node for node in uses.graph.nodes if node.module is heaviest and len(node.inputs) == 1), None)
    given = _folded_map(node.inputs[0]) if node is not None else None
    if node is not None and given is not None:
        yield _heavy(node, given, counts[heaviest], total)


def _folded_map(tensor: Tensor) -> Tensor | None:
    """The map of several places whose numbers a layer takes as one row; None where it takes something else."""
    taken = tensor.shape[-1]
    while len(tensor.shape) == 2:
        node = tensor.node
        if len(node.inputs) != 1 or (node.module is not None and node.module.weights):
            return None
        tensor = node.inputs[0]
    places = product(tensor.shape[2:])
    folds = len(tensor.shape) > 2 and isinstance(places, int) and places > 1 and product(tensor.shape[1:]) == taken
    return tensor if folds else None


def _heavy(node: Node, given: Tensor, count: int, total: int) -> Diagnostic:
    assert node.module is not None
    wide, taken = node.module.weights[0][1]
    channels, places = given.shape[1], product(given.shape[2:])
    bias = len(node.module.weights) > 1
    averaged = channels * wide + wide * bias
    sizes = " · ".join(f"{size}" for size in given.shape[1:])
    return problem(
        "W0422", f"`{node.path}` holds {_share(count, total)} of all parameters", node.span,
        f"{count:,} of {total:,}",
        also=[(given.node.span, f"gives {shape_words(given.shape)}")],
        notes=[
            f"each of its {wide:,} results weighs all {sizes} = {taken:,} numbers of the map apart",
            f"of the mean over the {places} places it would take {count_words(averaged)} parameters",
        ],
        fixes=[Fix("average over the places before: `adaptive_avg_pool2d(1)`", safety="placeholder")],
    )  # fmt: skip


def _share(count: int, total: int) -> str:
    """Rounded down, so that only all is 100 %."""
    return f"{100 * count // total} %"
