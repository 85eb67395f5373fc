"""What builds but is almost surely not meant: each finding with its evidence in the network's own numbers.

A lint that is wrong once is read no more, so each of them stays silent where the pattern has a known use.
"""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.places import bias_left_out, put_before
from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.analyses.words import count_words, shape_words
from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from dlspec.graph import Graph, Module, Node, Tensor
    from dlspec.sizes import Dim, Window
    from dlspec.source import Span


def lint(graph: Graph) -> list[Diagnostic]:
    """Every finding once, however often its block is used; without those that the network allows.

    The graph of training is looked at too, where it differs: what only training uses is used.
    """
    uses = [_Uses(one) for one in (graph, graph.training) if one is not None]
    found = _once((*_unused_values(uses), *_unused_inputs(uses)))
    for one in uses:
        for check in LINTS:
            for key, diagnostic in _once(check(one)).items():
                found.setdefault(key, diagnostic)
    return [diagnostic for diagnostic in found.values() if diagnostic.name not in graph.allowed]


def _once(diagnostics: Iterable[Diagnostic]) -> dict[tuple[str, Span | None], Diagnostic]:
    """Diagnostics by code and place; the same in another use of a block is only counted."""
    found: dict[tuple[str, Span | None], Diagnostic] = {}
    more: dict[tuple[str, Span | None], int] = {}
    for diagnostic in diagnostics:
        key = (diagnostic.code, diagnostic.place)
        if found.setdefault(key, diagnostic) is not diagnostic:
            more[key] = more.get(key, 0) + 1
    for key, count in more.items():
        words = "further use of the block meets" if count == 1 else "further uses of the block meet"
        found[key].notes.append(f"{count} {words} the same")
    return found


class _Uses:
    """Who reads what in a graph, and which nodes lead to an output."""

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
        self.alive = _leading_to([tensor.node for tensor in self.results])

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


def _leading_to(nodes: Sequence[Node]) -> set[Node]:
    reached, stack = set(nodes), list(nodes)
    while stack:
        for tensor in stack.pop().inputs:
            if tensor.node not in reached:
                reached.add(tensor.node)
                stack.append(tensor.node)
    return reached


# W0402, W0415: values and inputs that nothing needs


def _unused_values(uses: list[_Uses]) -> Iterator[Diagnostic]:
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


def _unused_value(uses: _Uses, end: Node) -> Diagnostic:
    behind = _leading_to([end]) - uses.alive
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


def _unused_inputs(uses: list[_Uses]) -> Iterator[Diagnostic]:
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


# W0411: linear layers that are one


def _collapsing(uses: _Uses) -> Iterator[Diagnostic]:
    for first in uses.graph.nodes:
        if not _is_linear_map(first) or not uses.is_own(first):
            continue
        second = uses.only_reader(first)
        if second is None or not _is_linear_map(second) or not uses.is_own(second):
            continue
        if first.op.family == second.op.family:
            one = _as_one(first, second)
            if one is not None:
                yield _collapse(first, second, one)


def _is_linear_map(node: Node) -> bool:
    return node.op.family in ("linear", "convolution") and len(node.inputs) == 1 and node.module is not None


def _as_one(first: Node, second: Node) -> int | None:
    """The parameters of the one layer that two in a row are; None where two may be meant.

    A middle with fewer features than both ends is a factorisation of low rank, groups and oblong windows are factorised
    filters: they save parameters, which is what they are for.
    """
    windows = [list(node.op.windows()) for node in (first, second)]
    if first.op.family == "convolution" and not all(map(_is_square, windows)):
        return None
    before, after = _features(first), _features(second)
    if before is None or after is None:
        return None
    (taken, middle), (_, given) = before, after
    if middle < min(taken, given):
        return None
    kernel = product(_taps(one.then(other)) for one, other in zip(*windows))
    has_bias = any(name == "bias" for node in (first, second) for name, _ in node.module.weights)  # type: ignore[union-attr]
    one = int(taken * given * kernel + given * has_bias)  # type: ignore[arg-type]  # windows are numbers
    return one if one <= _own_parameters(first, second) else None


def _features(node: Node) -> tuple[int, int] | None:
    """How many features a layer takes and gives, where each result weighs all of them."""
    assert node.module is not None
    given, taken = node.module.weights[0][1][:2]
    axis = -1 if node.op.family == "linear" else 1
    return (taken, given) if taken == node.inputs[0].shape[axis] else None  # type: ignore[return-value]  # numbers


def _is_square(windows: list[Window]) -> bool:
    return bool(windows) and len({window.span for window in windows}) == 1 and windows[0].apart == 1


def _taps(window: Window) -> int:
    return window.span


def _own_parameters(*nodes: Node) -> int:
    return sum(parameters(node.module) for node in nodes if node.module is not None)


KIND = {"linear": "linear layer", "convolution": "convolution"}


def _collapse(first: Node, second: Node, one: int) -> Diagnostic:
    (taken, middle), (_, given) = _features(first) or (0, 0), _features(second) or (0, 0)
    edges = ", but for the padding between them" if any(w.before for w in second.op.windows()) else ""
    edit = put_before(second, "relu")
    return problem(
        "W0411", f"`{first.path}` and `{second.path}` collapse to one layer: no activation stands between them",
        second.span, f"{middle} → {given}, linear again",
        also=[(first.span, f"{taken} → {middle}, linear")],
        notes=[
            f"a linear map of a linear map is a linear map: their {_own_parameters(first, second):,} parameters can do "
            f"no more than the {one:,} of a single {KIND[second.op.family]}{edges}"
        ],
        fixes=[Fix("put an activation between them", [edit] if edit else [], "unsafe" if edit else "placeholder")],
    )  # fmt: skip


# W0412: a bias that is taken away again


def _cancelled_biases(uses: _Uses) -> Iterator[Diagnostic]:
    for node in uses.graph.nodes:
        if not _is_linear_map(node) or not uses.is_own(node):
            continue
        reader = uses.only_reader(node)
        bias = next((shape for name, shape in node.module.weights if name == "bias"), None)  # type: ignore[union-attr]
        if reader is None or bias is None or not reader.op.centres:
            continue
        # The mean is taken of axis 1, and a linear layer adds its bias along the last.
        if node.op.family == "convolution" or len(node.outputs[0].shape) == 2:
            yield _cancelled_bias(node, reader, product(bias))


def _cancelled_bias(node: Node, reader: Node, count: Dim) -> Diagnostic:
    edit = bias_left_out(node)
    fix = Fix(
        f"leave the bias out ({count} parameters fewer)", [edit] if edit else [], "safe" if edit else "placeholder"
    )
    return problem(
        "W0412", f"the bias of `{node.path}` is taken away again by `{reader.path}`", node.span,
        f"adds {count} numbers, one for each channel",
        also=[(reader.span, "subtracts the mean of each channel")],
        notes=["mean(x + b) = mean(x) + b, so b is gone with the mean; its gradient is zero"],
        fixes=[fix],
    )  # fmt: skip


# W0413: linear along height or width


def _spatial_linears(uses: _Uses) -> Iterator[Diagnostic]:
    graph = uses.graph
    nodes = [
        node for node in graph.nodes
        if node.op.family == "linear" and node.module is not None and len(node.inputs) == 1
        and len(node.inputs[0].shape) > 2
    ]  # fmt: skip
    fields = receptive_fields(graph) if nodes else None
    for node in nodes:
        for name, tensor in graph.inputs.items():
            view = fields.view(node.inputs[0].node, name) if fields else None
            axis = None if view is None else _spatial_axis(tensor, view, len(node.inputs[0].shape) - 1)
            if view is not None and axis is not None:
                yield _spatial_linear(node, tensor, view, axis)
                break


def _spatial_axis(tensor: Tensor, view: Sequence[Reach | str], last: int) -> int | None:
    """The axis of an input that a tensor's last one is, where it is a height, width or length.

    It is one where a window moved along it, and in a picture, which has one channel or three, first.
    """
    is_picture = len(tensor.shape) == 4 and tensor.shape[1] in (1, 3)
    for axis, sight in enumerate(view):
        if axis < 2 or not isinstance(sight, Reach) or sight.place != last or sight.is_folded:
            continue
        if is_picture or sight.span > 1 or sight.numerator != sight.denominator:
            return axis
    return None


def _spatial_linear(node: Node, tensor: Tensor, view: Sequence[Reach | str], axis: int) -> Diagnostic:
    given = node.inputs[0]
    names = {3: ("length",), 4: ("height", "width")}.get(len(tensor.shape), ("depth", "height", "width"))
    name = names[axis - 2] if axis - 2 < len(names) else f"axis {axis}"
    return problem(
        "W0413", f"`{node.path}` mixes the {name} of a feature map, not its channels", node.span,
        f"mixes the last axis, here the {name} {given.shape[-1]}",
        also=[(given.node.span, f"gives {shape_words(given.shape)}")],
        notes=[
            "each of its weights belongs to a place: "
            f"shift the picture by a pixel, and every weight meets another {name}"
        ],
        fixes=[_spatial_fix(node, view)],
    )  # fmt: skip


def _spatial_fix(node: Node, view: Sequence[Reach | str]) -> Fix:
    """Flatten a map that lies as convolutions give it; otherwise put its channels last."""
    given = node.inputs[0]
    folded = product(given.shape[1:])
    in_place = all(isinstance(sight, Reach) and sight.place == axis for axis, sight in enumerate(view) if axis > 1)
    if not in_place or not isinstance(folded, int):
        return Fix("put the channels last", safety="placeholder")
    edit = put_before(node, "flatten")
    places = {3: "channels and length", 4: "channels, height and width"}.get(len(given.shape), "all axes")
    return Fix(
        f"fold {places} into one axis of {folded:,} first",
        [edit] if edit else [],
        "unsafe" if edit else "placeholder",
    )


LINTS = (_collapsing, _cancelled_biases, _spatial_linears)
"""The lints that look at one graph."""
