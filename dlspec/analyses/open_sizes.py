"""What an open input size may be: the values left by what the inputs declare and the network requires."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Domain, solve, symbol, symbols_of
from dlspec.sizes.progressions import Progressions

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.graph import Graph
    from dlspec.sizes import Dim


def admissible(graph: Graph, *, least: int = 1) -> dict[str, Progressions]:
    """For each open size of the inputs the values with which the network runs and no map is smaller than `least`.

    Where conditions tie sizes to each other (`H == W`) it is what each may be for some value of the others.
    """
    domain = Domain.from_conditions(Condition(relation, left, right) for relation, left, right in graph.declared)
    asked = [Condition(one.relation, one.left, one.right) for one in graph.requirements]
    if least > 1:
        asked += [Condition(">=", size, least) for size in _spatial(graph)]
    answer = solve(asked, domain)
    names: dict[str, None] = {}
    for tensor in graph.inputs.values():
        for size in tensor.shape:
            names.update(dict.fromkeys(symbols_of(size)))
    return {name: answer.numbers.get(name) or _declared(domain, name) for name in names}


def _spatial(graph: Graph) -> Iterator[Dim]:
    """The open sizes of all maps, behind batch and channels."""
    for node in graph.nodes:
        for tensor in node.outputs:
            yield from (size for size in tensor.shape[2:] if symbols_of(size))


def _declared(domain: Domain, name: str) -> Progressions:
    known = domain.normal(symbol(name))
    return Progressions(1, [(known, known)]) if isinstance(known, int) else domain.numbers(name)
