"""What depth does to a gradient: activations that level off in a row, and many layers with no way past them."""

from __future__ import annotations

from dlspec.analyses.lints.uses import is_linear_map
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node

FAINT = 1 / 1000
"""What is left of a gradient where it is said to vanish: five sigmoids, or fourteen hyperbolic tangents."""
DEEP = 30
"""Layers that are known to train one after another with no shortcut: VGG-19 has 19, MobileNet 28."""


def vanishing_gradients(uses: Uses) -> Iterator[Diagnostic]:
    """W0420: the longest run of activations that level off, with no norm and no shortcut between."""
    if not any(node.op.levels_off for node in uses.graph.nodes):
        return
    runs = _runs(uses, lambda node: node.op.levels_off > 0, ends=lambda node: node.op.family == "normalization")
    faint = [run for run in runs.values() if run.slope <= FAINT]
    if faint:
        yield _vanishing(max(faint, key=len))


def deep_plain_stack(uses: Uses) -> Iterator[Diagnostic]:
    """W0421: an output to which even the shortest way passes very many layers."""
    if sum(map(is_linear_map, uses.graph.nodes)) <= DEEP:
        return
    runs = _runs(uses, is_linear_map, ends=lambda _: False)
    found = [runs[node] for tensor in uses.graph.outputs.values() if (node := tensor.node) in runs]
    deepest = max(found, key=len, default=None)
    if deepest is not None and len(deepest) > DEEP:
        yield _degrading(deepest)


class _Run:
    """Nodes of a kind along a path, the last with a link to those before it."""

    __slots__ = ("before", "first", "length", "node", "slope")

    def __init__(self, node: Node, before: _Run | None) -> None:
        self.node = node
        self.before = before
        self.first: Node = node if before is None else before.first
        self.length: int = 1 if before is None else before.length + 1
        self.slope: float = node.op.levels_off * (1.0 if before is None else before.slope)

    def __len__(self) -> int:
        return self.length

    def nodes(self) -> Iterator[Node]:
        """From the last to the first."""
        run: _Run | None = self
        while run is not None:
            yield run.node
            run = run.before


def _runs(uses: Uses, counts: Callable[[Node], bool], *, ends: Callable[[Node], bool]) -> dict[Node, _Run]:
    """For each node the run along the way to it on which there are fewest; what joins offers a way past."""
    graph = uses.graph
    known: dict[Node, _Run | None] = {tensor.node: None for tensor in graph.inputs.values()}
    results = {tensor.node for tensor in uses.results}
    for node in graph.nodes:
        if node in known:
            continue
        before = [known[tensor.node] for tensor in node.inputs if tensor.node in known]
        if not before:
            continue
        least = before[0] if len(before) == 1 else min(before, key=lambda run: 0 if run is None else run.length)
        if ends(node):
            least = None
        is_last = node in results and node.op.family == "activation"
        known[node] = _Run(node, least) if counts(node) and not is_last else least
    return {node: run for node, run in known.items() if run is not None}


def _vanishing(run: _Run) -> Diagnostic:
    count: dict[str, int] = {}
    slope: dict[str, float] = {}
    for node in run.nodes():
        count[node.op.name] = count.get(node.op.name, 0) + 1
        slope[node.op.name] = node.op.levels_off
    notes = [_slope_words(name, slope[name]) for name in count]
    product = " · ".join(f"{slope[name]:.2g}^{many}" for name, many in count.items())
    return problem(
        "W0420", f"a gradient vanishes on its way through {run.length} activations that level off", run.first.span,
        "the gradient arrives here last",
        also=[(run.node.span, "and begins here")] if run.node.span != run.first.span else [],
        notes=[*notes, f"of a gradient {product} = {run.slope:.1g} is left, unless large weights add to it"],
        fixes=[Fix("use `relu`, or put a norm or a shortcut between", safety="placeholder")],
    )  # fmt: skip


def _slope_words(name: str, slope: float) -> str:
    if slope <= 0.25:
        return f"the slope of `{name}` is {slope:.2g} at most"
    return f"the slope of `{name}` is {slope:.2g} on average, for inputs of mean 0 and deviation 1"


def _degrading(run: _Run) -> Diagnostic:
    return problem(
        "W0421", f"{run.length} layers follow each other with no shortcut past any of them", run.node.span,
        f"the last of {run.length}",
        also=[(run.first.span, "the first")] if run.first.span != run.node.span else [],
        notes=[
            "deeper plain networks train worse: on ImageNet 34 plain layers ended at 28.54 % top-1 error and 18 at "
            "27.94 %, with shortcuts at 25.03 % and 27.88 % (He, Zhang, Ren, Sun 2016, table 2)"
        ],
        fixes=[Fix("add to each pair of layers what it was given: `y + x`", safety="placeholder")],
    )  # fmt: skip
