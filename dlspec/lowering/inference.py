"""The graph of a network that is only evaluated: batch norms within the layers before them, training's parts left out.

In evaluation a batch norm is one scale and one shift of every channel, so a convolution or linear layer right before it
can do its work: `(w·x + b − mean) · s + beta` is `(s·w)·x + (b − mean) · s + beta`, with `s = gamma / √(var + eps)`.
"""

from __future__ import annotations

from dlspec.graph import Application, Graph, Module, Node, Tensor
from dlspec.lowering.frozen import prefixes
from dlspec.lowering.uses import tensors_in
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from dlspec.ops.op import Op


class Fold(Record):
    """A batch norm that went into the layer before it; paths are those of the network as trained."""

    layer: str
    norm: str
    eps: float
    axis: int
    """The axis of the weight that counts the channels of the result."""
    groups: int
    """Parts of the weight, one behind the other on its first axis, that have result channels of their own."""


class Inference(Record):
    """A graph for evaluation alone, and where it has the weights of the graph that it was made of."""

    graph: Graph
    folds: list[Fold]
    moved: dict[str, str]
    """Paths of modules that hold weights, as trained and as they are here, where those differ."""
    left_out: list[str]
    """The parts that training alone has, the largest of them."""


def for_inference(graph: Graph) -> Inference:
    """What a graph computes in evaluation, by fewer nodes; the graph itself stays as it is."""
    folds = list(_folds(graph))
    gone = {fold.norm for fold in folds}
    dropped = {
        node
        for node in graph.nodes
        if node.op.training_only or node.op.passes_on or (node.module is not None and node.module.path in gone)
    }
    paths = _Paths(graph, dropped)
    made = _Copy(graph, dropped, {fold.layer for fold in folds}, paths).graph
    gone |= {node.module.path for node in dropped if node.module is not None}
    moved = {path: paths.of(path) for path in graph.modules if path not in gone}
    return Inference(made, folds, {path: new for path, new in moved.items() if path != new}, _of_training(graph))


def _of_training(graph: Graph) -> list[str]:
    kept = {prefix for path in graph.modules for prefix in prefixes(path)}
    trained = graph.training.modules if graph.training is not None else {}
    parts = (next(prefix for prefix in prefixes(path) if prefix not in kept) for path in trained if path not in kept)
    return list(dict.fromkeys(parts))


def _folds(graph: Graph) -> Iterator[Fold]:
    """Every batch norm that alone reads a layer, in each place where the two run."""
    readers: dict[Tensor, list[Node | None]] = {}
    for node in graph.nodes:
        for tensor in node.inputs:
            readers.setdefault(tensor, []).append(node)
    for tensor in tensors_in(graph.root.result):
        readers.setdefault(tensor, []).append(None)
    runs: dict[str, list[Node]] = {}
    for node in graph.nodes:
        if node.module is not None:
            runs.setdefault(node.module.path, []).append(node)
    for path, nodes in runs.items():
        if not all(_scales_features(node) for node in nodes):
            continue
        after = {_only_norm(readers.get(node.outputs[0], ())) for node in nodes}
        norm = after.pop() if len(after) == 1 else None
        if norm is None or len(runs[norm]) != len(nodes):
            continue
        op: Any = runs[norm][0].op
        layer: Any = nodes[0].op
        yield Fold(path, norm, float(op.eps), layer.filter_axis, layer.groups if layer.filter_axis else 1)


def _scales_features(node: Node) -> bool:
    """Whether it is a layer whose weight can take up a scale of axis 1 of what it gives."""
    if node.op.filter_axis is None:
        return False
    return node.op.family == "convolution" or len(node.outputs[0].shape) == 2


def _only_norm(readers: Iterable[Node | None]) -> str | None:
    """The path of the batch norm that alone reads a tensor."""
    first, *others = [*readers, None]
    if first is None or others != [None] or first.module is None or not first.op.is_scale:
        return None
    return first.module.path


class _Paths:
    """New paths: the numbers of a sequence close up where some of its steps are gone."""

    def __init__(self, graph: Graph, dropped: set[Node]) -> None:
        before: dict[str, dict[str, None]] = {}
        after: dict[str, set[str]] = {}
        for node in graph.nodes:
            for prefix, part in _steps(node.path):
                before.setdefault(prefix, {})[part] = None
                if node not in dropped:
                    after.setdefault(prefix, set()).add(part)
        self._new: dict[tuple[str, str], str] = {}
        for prefix, parts in before.items():
            numbers = sorted(int(part) for part in parts if part.isdecimal())
            if numbers and numbers[0] == 0:
                left = [number for number in numbers if str(number) in after.get(prefix, ())]
                self._new.update({(prefix, str(number)): str(place) for place, number in enumerate(left)})

    def of(self, path: str) -> str:
        """The path that a path of the graph has in the copy."""
        plain, mark, again = path.partition("#")
        return ".".join(self._new.get(step, step[1]) for step in _steps(plain)) + mark + again


def _steps(path: str) -> Iterator[tuple[str, str]]:
    """`("", "a")`, `("a", "0")` of `a.0`."""
    prefix = ""
    for part in path.partition("#")[0].split("."):
        yield prefix, part
        prefix = f"{prefix}.{part}" if prefix else part


class _Copy:
    """A graph without some of its nodes: who read what they gave reads what they took."""

    def __init__(self, graph: Graph, dropped: set[Node], with_bias: set[str], paths: _Paths) -> None:
        self.dropped = dropped
        self.with_bias = with_bias
        self.paths = paths
        self.tensors: dict[Tensor, Tensor] = {}
        self.modules: dict[str, Module] = {}
        self._ops: dict[Op, Op] = {}
        self._applications: dict[Application, Application] = {}
        self._nodes: dict[Node, Node] = {}
        for node in graph.nodes:
            self._node(node)
        root = self._application(graph.root)
        self._finish(graph.root)
        self.graph = self._whole(graph, root)

    def _whole(self, graph: Graph, root: Application) -> Graph:
        made = Graph(graph.name, root)
        made.nodes = list(self._nodes.values())
        for index, node in enumerate(made.nodes):
            node.index = index
        made.modules = {**self.modules, **self._unused(graph)}
        made.inputs = {name: self.tensors[tensor] for name, tensor in graph.inputs.items()}
        made.outputs = {name: self.tensors[tensor] for name, tensor in graph.outputs.items()}
        for name in ("output_spans", "declared", "requirements", "requires", "definition", "arguments", "limits",
                     "allowed", "source_name"):  # fmt: skip
            setattr(made, name, getattr(graph, name))
        return made

    def _unused(self, graph: Graph) -> dict[str, Module]:
        """Learned tensors and the like that no node runs."""
        run = {node.module for node in graph.nodes}
        return {self.paths.of(path): module for path, module in graph.modules.items() if module not in run}

    def _node(self, node: Node) -> None:
        inputs = tuple(self.tensors[tensor] for tensor in node.inputs)
        if node in self.dropped:
            self.tensors[node.outputs[0]] = inputs[0]
            return
        path = node.module.path if node.module is not None else ""
        op = self._biased(node.op) if path in self.with_bias else node.op
        application = self._application(node.application)
        made = Node(self.paths.of(node.path), op, inputs, node.at, node.span, application)
        made.call = node.call
        made.outputs = tuple(Tensor(t.dtype, t.shape, made, t.port, t.count) for t in node.outputs)
        self.tensors.update(zip(node.outputs, made.outputs))
        if node.module is not None:
            new = self.paths.of(path)
            if new not in self.modules:
                self.modules[new] = Module(new, op, node.module.at, node.module.span)
            made.module = self.modules[new]
        self._nodes[node] = made

    def _biased(self, op: Op) -> Op:
        """The layer with a bias, which is where the shift goes."""
        if op not in self._ops:
            self._ops[op] = type(op)({**op.given, **({"bias": True} if "bias" in op.given else {})})
        return self._ops[op]

    def _application(self, application: Application) -> Application:
        """The copy of a use, its steps and result still to come."""
        if application not in self._applications:
            parent = None if application.parent is None else self._application(application.parent)
            self._applications[application] = Application(
                application.span, application.kind, self.paths.of(application.path), application.definition, {}, parent,
                [], None, application.again, application.call, application.decisions,
            )  # fmt: skip
        return self._applications[application]

    def _finish(self, application: Application) -> None:
        made = self._application(application)
        made.arguments = self._value(application.arguments)
        made.result = self._value(application.result)
        for step in application.steps:
            if isinstance(step, Node):
                made.steps += [self._nodes[step]] if step in self._nodes else []
            else:
                self._finish(step)
                made.steps.append(self._application(step))

    def _value(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return self.tensors.get(value, value)
        if isinstance(value, (list, tuple)):
            return type(value)(map(self._value, value))
        return {key: self._value(item) for key, item in value.items()} if isinstance(value, dict) else value
