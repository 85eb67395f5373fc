"""What an open input size may be: the values left by what the inputs declare and the network requires."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Domain, solve, symbol, symbols_of
from dlspec.sizes.progressions import Progressions

if TYPE_CHECKING:
    from dlspec.graph import Graph


def admissible(graph: Graph) -> dict[str, Progressions]:
    """For each open size of the inputs the values with which the network runs.

    Where conditions tie sizes to each other (`H == W`) it is what each may be for some value of the others.
    """
    domain = Domain.from_conditions(Condition(relation, left, right) for relation, left, right in graph.declared)
    answer = solve((Condition(asked.relation, asked.left, asked.right) for asked in graph.requirements), domain)
    names: dict[str, None] = {}
    for tensor in graph.inputs.values():
        for size in tensor.shape:
            names.update(dict.fromkeys(symbols_of(size)))
    return {name: answer.numbers.get(name) or _declared(domain, name) for name in names}


def _declared(domain: Domain, name: str) -> Progressions:
    known = domain.normal(symbol(name))
    return Progressions(1, [(known, known)]) if isinstance(known, int) else domain.numbers(name)
