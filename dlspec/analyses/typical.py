"""Numbers for open sizes, where a picture or a sentence needs some: an image of 224, or the next that may be."""

from __future__ import annotations

from dlspec.analyses.open_sizes import admissible
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import symbols_of

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.sizes import Dim

SIDE = 224
"""Pixels of a side of an image, as ImageNet's networks are published."""
LENGTH = 128
"""Steps of a sequence."""


def typical_sizes(graph: Graph) -> dict[str, int]:
    """A number for every open size of the inputs: 1 for the batch, and for others one with which the network runs."""
    left = admissible(graph)
    sizes: dict[str, int] = {}
    for tensor in graph.inputs.values():
        wanted = SIDE if len(tensor.shape) == 4 else LENGTH
        for axis, size in enumerate(tensor.shape):
            for name in symbols_of(size):
                known = left.get(name)
                low = 1 if axis == 0 else wanted
                if known is None or not known.runs:
                    sizes.setdefault(name, low)
                    continue
                larger = known.clipped(low, None)
                sizes.setdefault(name, larger.low if larger.runs else int(known.high or low))
    return sizes


def number(size: Dim, sizes: dict[str, int]) -> int | None:
    """What a size comes to; None where a part of it is known only when the network runs."""
    if isinstance(size, int):
        return size
    if not all(name in sizes for name in symbols_of(size)):
        return None
    return int(size.evaluate(sizes))
