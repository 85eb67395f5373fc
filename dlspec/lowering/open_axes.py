"""The open axes of a network's inputs, as exporters of the lowered module take them."""

from __future__ import annotations

from dlspec.analyses.open_sizes import admissible
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.graph import Graph
    from dlspec.sizes.progressions import Progressions


class OpenAxis(Record):
    """An axis of size `step * n + first` for whole n from 0, up to `last` where there is a greatest."""

    name: str
    step: int
    first: int
    last: int | None


def open_axes(graph: Graph, *, least: int = 1) -> dict[str, list[int | OpenAxis]]:
    """The axes of every input. Of sizes that are no single progression, the one with most members is taken.

    An axis that is a function of open sizes, and no open size itself, is open without a bound. With `least` they are
    so large that no map of the network has fewer rows or columns. The first axis of a list with a tensor per image is
    how many images there are.
    """
    left = admissible(graph, least=least)
    return {
        name: [size if isinstance(size, int) else _open(str(size), left.get(str(size))) for size in tensor.full_shape]
        for name, tensor in graph.inputs.items()
    }


def _open(name: str, left: Progressions | None) -> OpenAxis:
    if left is None or not left.runs:
        return OpenAxis(name, 1, 1, None)
    first, last = max(left.runs, key=lambda run: _members(run, left.modulus))
    return OpenAxis(name, left.modulus, first, last)


def _members(run: tuple[int, int | None], step: int) -> float:
    first, last = run
    return float("inf") if last is None else (last - first) // step + 1
