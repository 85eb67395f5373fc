"""Budgets: what a network may cost at most, held against what it costs, with its largest contributors.

An open size counts as the largest that the inputs declare; where they declare none, what cannot be decided is said.
"""

from __future__ import annotations

from dlspec.analyses.cost import cost, parameters, weight_bytes
from dlspec.analyses.memory import Largest, memory, tensor_bytes
from dlspec.analyses.open_sizes import admissible
from dlspec.analyses.words import bytes_words, count_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING, Record
from dlspec.sizes import evaluated, symbols_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from dlspec.graph import Graph, Module, Node, Tensor
    from dlspec.sizes import Dim
    from dlspec.source import Span

SHOWN = 3
"""Contributors that are named."""
LONGEST = 1 << 20
"""Up to which size it is looked how far a limit is kept."""


class Budget(Record):
    """The most that a network may have of something: `parameters`, `macs`, or bytes of a kind."""

    name: str
    most: int
    span: Span | None = None


def over_budget(
    graph: Graph, budgets: Iterable[Budget], *, batch: int = 1, sizes: Mapping[str, int] = {}
) -> Iterator[Diagnostic]:
    """E0221 for each budget that is exceeded, W0425 for each that open sizes leave undecided.

    Multiply-adds are those of one sample, bytes those of a batch of `batch`; `sizes` are open sizes that are known.
    """
    for budget in budgets:
        measure = _MEASURES[budget.name]
        samples = 1 if budget.name == "macs" else batch
        closed = _Closed(graph, samples, sizes)
        total = measure.total(graph)
        if (least := _at(total, closed.low)) > budget.most:
            yield _exceeded(graph, budget, measure, least, closed.low)
        elif not closed.is_bounded(total):
            yield _undecided(graph, budget, measure, total, closed)
        elif (most := _at(total, closed.high)) > budget.most:
            yield _exceeded(graph, budget, measure, most, closed.high)


def closed(total: Dim | Largest, graph: Graph, *, batch: int = 1, sizes: Mapping[str, int] = {}) -> int:
    """A total at the least sizes that the inputs declare, those known given."""
    return _at(total, _Closed(graph, batch, sizes).low)


def closed_sizes(tensor: Tensor, sample: Sequence[int]) -> dict[str, int]:
    """The open sizes of an input that a sample of that shape, without the batch, closes."""
    return {str(axis): size for axis, size in zip(tensor.shape[1:], sample) if symbols_of(axis) == {str(axis)}}


class _Closed:
    """The least and the largest value of each open size; the batch is as long as is said."""

    __slots__ = ("batch", "high", "low")

    def __init__(self, graph: Graph, samples: int, sizes: Mapping[str, int]) -> None:
        first = {name for tensor in graph.inputs.values() for name in symbols_of(tensor.shape[0])}
        later = {name for tensor in graph.inputs.values() for size in tensor.shape[1:] for name in symbols_of(size)}
        self.batch = first - later
        known = {**dict.fromkeys(self.batch, samples), **sizes}
        self.low, self.high = dict(known), dict(known)
        for name, numbers in admissible(graph).items():
            if name not in known:
                self.low[name] = numbers.low
                if numbers.high is not None:
                    self.high[name] = numbers.high

    def is_bounded(self, total: Dim | Largest) -> bool:
        """Whether every size that a total depends on has a largest value."""
        return all(name in self.high for name in _symbols(total))


def _symbols(total: Dim | Largest) -> set[str]:
    parts = total.sizes if isinstance(total, Largest) else (total,)
    return {name for part in parts for name in symbols_of(part)}


def _at(total: Dim | Largest, values: Mapping[str, int]) -> int:
    values = {**dict.fromkeys(_symbols(total), 1), **values}  # what only a run knows counts as 1 at least
    return total.evaluate(values) if isinstance(total, Largest) else evaluated(total, values)


class _Measure(Record):
    """What a budget is about: how it is said, its total, and what the parts of a network add to it."""

    words: Callable[[int], str]
    says: str
    part_says: str
    total: Callable[[Graph], Dim | Largest]
    parts: Callable[[Graph], Iterable[tuple[Node, Dim]]]


def _per_module(count: Callable[[Module], int]) -> Callable[[Graph], Iterable[tuple[Node, Dim]]]:
    def parts(graph: Graph) -> Iterable[tuple[Node, Dim]]:
        first = {node.module: node for node in reversed(graph.nodes) if node.module is not None}
        return [(node, count(module)) for module, node in first.items()]

    return parts


def _macs_of_nodes(graph: Graph) -> Iterable[tuple[Node, Dim]]:
    return [(node, node.op.macs(node.at, node.outputs)) for node in graph.nodes]


def _kept(graph: Graph) -> Iterable[tuple[Node, Dim]]:
    """The results that an operator keeps for its backward pass, by the node that makes them."""
    kept: dict[Tensor, None] = {}
    for node in (graph.training or graph).nodes:
        tensors = (*(node.inputs if "x" in node.op.keeps else ()), *(node.outputs if "y" in node.op.keeps else ()))
        kept.update(dict.fromkeys(tensors))
    return [(tensor.node, tensor_bytes(tensor)) for tensor in kept if tensor.node.module is None or tensor.node.inputs]


def _made(graph: Graph) -> Iterable[tuple[Node, Dim]]:
    return [(tensor.node, tensor_bytes(tensor)) for node in graph.nodes for tensor in node.outputs]


_MEASURES: dict[str, _Measure] = {
    "parameters": _Measure(
        "{:,} parameters".format, "has {}", "has {}", lambda graph: cost(graph).parameters, _per_module(parameters)
    ),
    "macs": _Measure("{:,} MACs".format, "takes {}", "takes {}", lambda graph: cost(graph).macs, _macs_of_nodes),
    "weight_bytes": _Measure(
        bytes_words, "has {} of weights", "has {}", lambda graph: cost(graph).weight_bytes, _per_module(weight_bytes)
    ),
    "activation_bytes": _Measure(
        bytes_words, "keeps {} for the backward pass", "gives {}", lambda graph: memory(graph).activation_bytes, _kept
    ),
    "peak_bytes": _Measure(
        bytes_words, "holds {} at its peak", "gives {}", lambda graph: memory(graph).peak_bytes, _made
    ),
}  # fmt: skip


def _exceeded(graph: Graph, budget: Budget, measure: _Measure, found: int, values: Mapping[str, int]) -> Diagnostic:
    shares = sorted(((_at(part, values), node) for node, part in measure.parts(graph)), key=lambda pair: -pair[0])
    also = [
        (node.span, f"`{node.path}` {measure.part_says.format(measure.words(share))}")
        for share, node in shares[:SHOWN] if share
    ]  # fmt: skip
    used = _symbols(measure.total(graph))
    notes = [f"for {_sizes_words(values)}"] if (values := _only(values, used)) else []
    if budget.name == "peak_bytes" and (node := memory(graph).peak_node) is not None:
        notes.append(f"the peak is reached in `{node.path}`")
    most = measure.words(budget.most)
    return problem(
        "E0221", f"`{graph.name}` {measure.says.format(measure.words(found))}, more than its limit of {most}",
        budget.span, f"is exceeded by {measure.words(found - budget.most)}", also=also, notes=notes,
        fixes=[Fix("make the largest parts smaller, or raise the limit", safety="placeholder")],
    )  # fmt: skip


def _only(values: Mapping[str, int], names: set[str]) -> dict[str, int]:
    return {name: value for name, value in values.items() if name in names}


def _sizes_words(values: Mapping[str, int]) -> str:
    return ", ".join(f"{name} = {value:,}" for name, value in values.items())


def _undecided(graph: Graph, budget: Budget, measure: _Measure, total: Dim | Largest, closed: _Closed) -> Diagnostic:
    open_names = sorted(_symbols(total) - closed.high.keys())
    listed = " and ".join(f"`{name}`" for name in open_names)
    said = count_words(total) if not isinstance(total, Largest) else str(total)
    unit = "MACs" if budget.name == "macs" else "bytes"
    limit = measure.words(budget.most)
    most = _kept_up_to(budget, total, closed, open_names)
    declared = ", ".join(f"{name} in {closed.low.get(name, 1)}..{most}" for name in open_names)
    return problem(
        "W0425", f"it is not decided whether `{graph.name}` keeps its limit of {limit}", budget.span,
        f"depends on {listed}",
        notes=[f"it is {said} {unit}", f"the limit is kept up to {' = '.join(open_names)} = {most:,}"],
        fixes=[Fix(f"say how large it may be, as in `where {declared}`", safety="placeholder")],
    )  # fmt: skip


def _kept_up_to(budget: Budget, total: Dim | Largest, closed: _Closed, names: list[str]) -> int:
    """The largest number that all open sizes may be without exceeding a budget; costs grow with sizes."""
    low, high = min(closed.low.get(name, 1) for name in names), LONGEST
    while low < high:
        middle = (low + high + 1) // 2
        if _at(total, {**closed.high, **dict.fromkeys(names, middle)}) <= budget.most:
            low = middle
        else:
            high = middle - 1
    return low
