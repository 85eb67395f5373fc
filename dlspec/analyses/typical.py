"""Numbers for open sizes, where a picture or a sentence needs some: an image of 224, or the next that may be."""

from __future__ import annotations

from dlspec.analyses.open_sizes import admissible
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import evaluated, substituted, symbols_of

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.sizes import Dim

SIDE = 224
"""Pixels of a side of an image, as ImageNet's networks are published."""
LENGTH = 128
"""Steps of a sequence."""


def typical_sizes(graph: Graph) -> dict[str, int]:
    """A number for every open size of the inputs: 1 for the batch, and for others one with which the network runs.

    Of sizes that only a run knows those that then are likely have one too.
    """
    left = admissible(graph)
    sizes: dict[str, int] = {}
    for tensor in graph.inputs.values():
        is_image = len(tensor.shape) == (3 if tensor.is_list else 4)
        wanted = SIDE if is_image else LENGTH
        for axis, size in enumerate(tensor.shape):
            for name in symbols_of(size):
                known = left.get(name)
                low = 1 if axis == 0 and not tensor.is_list else wanted
                if known is None or not known.runs:
                    sizes.setdefault(name, low)
                    continue
                larger = known.clipped(low, None)
                sizes.setdefault(name, larger.low if larger.runs else int(known.high or low))
        for name in symbols_of(tensor.count or 1):
            sizes.setdefault(name, 1)
    for node in graph.nodes:
        for size, likely in node.op.likely(node.at, sizes):
            for name in symbols_of(size):
                sizes.setdefault(name, likely)
    return sizes


def number(size: Dim, sizes: dict[str, int]) -> int | None:
    """What a size comes to; None where a part of it is known only when the network runs."""
    if isinstance(size, int):
        return size
    if not all(name in sizes for name in symbols_of(size)):
        return None
    return int(size.evaluate(sizes))


def apart(size: Dim, sizes: dict[str, int]) -> tuple[int, list[tuple[str, int]]]:
    """What a size comes to without what only a run counts, and what each one of that adds."""
    left = substituted(size, sizes)
    names = sorted(symbols_of(left))
    none = dict.fromkeys(names, 0)
    base = evaluated(left, none)
    return base, [(name, evaluated(left, {**none, name: 1}) - base) for name in names]
