"""Who reads what in a graph: what the lints ask of it, found once."""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.graph import Graph, Module, Node, Tensor


class Uses:
    """Who reads what in a graph, and which nodes lead to an output, or to where a mistake stands in the way."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.readers: dict[Tensor, list[Node]] = {}
        self.runs: dict[Module, int] = {}
        for node in graph.nodes:
            for tensor in node.inputs:
                self.readers.setdefault(tensor, []).append(node)
            if node.module is not None:
                self.runs[node.module] = self.runs.get(node.module, 0) + 1
        self.results = set(graph.outputs.values())
        self.alive = leading_to([tensor.node for tensor in (*self.results, *graph.lost)])

    def only_reader(self, node: Node) -> Node | None:
        """The one node that reads the one result of a node, where nothing else does."""
        if len(node.outputs) != 1 or node.outputs[0] in self.results:
            return None
        readers = self.readers.get(node.outputs[0], [])
        return readers[0] if len(readers) == 1 else None

    def is_own(self, node: Node) -> bool:
        """Whether a node has weights of its own that are trained: neither shared nor frozen nor absent."""
        module = node.module
        return module is not None and bool(module.weights) and not module.frozen and self.runs[module] == 1


def leading_to(nodes: Sequence[Node]) -> set[Node]:
    reached, stack = set(nodes), list(nodes)
    while stack:
        for tensor in stack.pop().inputs:
            if tensor.node not in reached:
                reached.add(tensor.node)
                stack.append(tensor.node)
    return reached


def is_linear_map(node: Node) -> bool:
    """Whether a node weighs the numbers of one tensor and adds them up."""
    return node.op.family in ("linear", "convolution") and len(node.inputs) == 1 and node.module is not None


def own_parameters(*nodes: Node) -> int:
    """The parameters of the modules that nodes run."""
    return sum(parameters(node.module) for node in nodes if node.module is not None)
