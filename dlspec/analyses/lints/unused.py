"""Dead branches: values that nothing reads and inputs that lead to no output."""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.lints.uses import leading_to
from dlspec.analyses.words import count_words, shape_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node
    from dlspec.sizes import Dim


def unused_values(uses: list[Uses]) -> Iterator[Diagnostic]:
    """Each dead end: a node whose results nothing reads, and that is no output; where a block has a use that is
    read, its other uses may go unread."""
    live = {node.span for one in uses for node in one.alive}
    inputs = {tensor.node for one in uses for tensor in one.graph.inputs.values()}
    for one in uses:
        ends = [node for node in one.graph.nodes if node not in one.alive and node not in inputs]
        for node in ends:
            if node.span not in live and not any(one.readers.get(tensor) for tensor in node.outputs):
                yield _unused_value(one, node)
        live.update(node.span for node in ends)  # what the graph of training repeats is said


def _unused_value(uses: Uses, end: Node) -> Diagnostic:
    behind = leading_to([end]) - uses.alive
    dead = [node for node in uses.graph.nodes if node in behind]
    modules = {node.module: node for node in dead if node.module is not None and node.module.weights}
    count = sum(map(parameters, modules))
    macs: Dim = 0
    for node in dead:
        macs = macs + node.op.macs(node.at, node.outputs)
    costs = [f"{count:,} parameters that are never trained"] if count else []
    costs += [f"{count_words(macs)} MACs"] if not isinstance(macs, int) or macs else []
    also = [(node.span, f"{parameters(module):,} parameters") for module, node in modules.items() if node is not end]
    what = f"the {end.op.name} `{end.path}`" if not end.inputs else f"the result of `{end.path}`"
    return problem(
        "W0402", f"{what} is never used", end.span, "nothing reads this", also=also[:3],
        notes=[f"what only leads here costs {' and '.join(costs)}"] if costs else [],
        fixes=[Fix("use it in what follows, or take it out", safety="placeholder")],
    )  # fmt: skip


def unused_inputs(uses: list[Uses]) -> Iterator[Diagnostic]:
    """Inputs that no graph reads; one that ends in an unused value is told by that."""
    read = {name for one in uses for name, tensor in one.graph.inputs.items() if one.readers.get(tensor)}
    results = {name for one in uses for name, tensor in one.graph.inputs.items() if tensor in one.results}
    for one in uses:
        for name, tensor in one.graph.inputs.items():
            if name not in read and name not in results:
                yield problem(
                    "W0415", f"the input `{name}` leads to no output", tensor.node.span, "never read",
                    notes=[f"every caller has to bring it: {tensor.dtype} {shape_words(tensor.shape)}".rstrip()],
                    fixes=[Fix("use it, or take it out", safety="placeholder")],
                )  # fmt: skip
