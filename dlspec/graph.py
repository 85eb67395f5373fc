"""The graph of a network: nodes in topological order, the modules they run, and the tree of block uses.

Three views of one thing:

- `Node`s are what is computed, in order; each knows its inputs, outputs, path and span.
- `Module`s hold weights; several nodes may run one module (shared weights), which counts once.
- `Application`s tell how it came to be: each use of a block, group, list or network, with what it was
  given, what it gave, and its steps in order — nodes and further applications. Drawing clusters and
  lowering classes follow them.
"""

from __future__ import annotations

from dlspec.ops.fact import mistake_of
from dlspec.ops.op import At, Fact, Op
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import networkx

    from dlspec.ops.fact import Found
    from dlspec.sizes import Dim
    from dlspec.source import Span


class Tensor(Fact):
    """A value that flows: one output of a node."""

    __slots__ = ("node", "port")

    def __init__(self, dtype: str, shape: tuple[Dim, ...], node: Node, port: int = 0, count: Dim | None = None) -> None:
        super().__init__(dtype, shape, count)
        self.node = node
        self.port = port


class Source(Op, abstract=True):
    """What stands where a tensor comes from: an input or a learned tensor, not an operator of the catalogue."""

    family = "input"
    kind: str

    def __init__(self, kind: str, start: str = "") -> None:
        self.kind = kind
        self.start = start
        """How a learned tensor begins: `zeros`, `ones`, `normal(0.02)` …"""
        self.name = kind  # type: ignore[misc]  # one class for all that is no operator of the catalogue
        self.given = {}


class Module:
    """Something with a path of its own in the generated network: an operator with its weights."""

    __slots__ = ("at", "buffers", "frozen", "op", "path", "span", "weights")

    def __init__(self, path: str, op: Op, at: At, span: Span) -> None:
        self.path = path
        self.op = op
        self.at = at
        self.span = span
        self.weights: tuple[tuple[str, tuple[Dim, ...]], ...] = tuple(op.weights(at))
        self.buffers: tuple[tuple[str, tuple[Dim, ...], str], ...] = tuple(op.buffers(at))
        self.frozen = False


class Node:
    """One application of an operator."""

    __slots__ = ("application", "at", "call", "index", "inputs", "module", "op", "outputs", "path", "span")

    def __init__(
        self, path: str, op: Op, inputs: tuple[Tensor, ...], at: At, span: Span, application: Application
    ) -> None:
        self.path = path
        """`layer1.0.conv1`; what runs again, as part of a shared module, has `#2`, `#3` behind its path."""
        self.op = op
        self.inputs = inputs
        self.at = at
        self.span = span
        self.application = application
        self.outputs: tuple[Tensor, ...] = ()
        self.module: Module | None = None
        """What it runs, where that has weights or a label."""
        self.call: Any = None
        """The expression of the tree that made it."""
        self.index = -1

    @property
    def name(self) -> str:
        """The last part of its path."""
        return self.path.rpartition(".")[2]

    def __repr__(self) -> str:
        return f"<{self.path}: {self.op.name}>"


class Application(Record):
    """One use of a block, a group, a list or a network."""

    span: Span
    """The call, or the group, as written."""
    kind: str
    """`network`, `block`, `group`, `list` or `foreign`."""
    path: str
    """The path of its scope; empty for the network itself."""
    definition: Any
    """The `Block`, `Network`, `Group` or `ListExpr` of the tree."""
    arguments: dict[str, Any]
    """Parameter to value, as bound; tensors among them."""
    parent: Application | None
    steps: list[Node | Application]
    """What it did, in order."""
    result: Any = None
    """The value it gave: a tensor, a list, a record."""
    again: bool = False
    """Whether this uses modules that an earlier application made."""
    call: Any = None
    """The expression of the tree that made it."""
    decisions: list[tuple[Any, bool]] = []
    """The compile-time conditions it met (`If` or `IfExpr` of the tree), with what they came to."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def name(self) -> str:
        return self.path.rpartition(".")[2]

    def nodes(self) -> Iterator[Node]:
        """Every node in it, at any depth, in order."""
        for step in self.steps:
            if isinstance(step, Node):
                yield step
            else:
                yield from step.nodes()


class Requirement:
    """What open sizes must satisfy, with the node that asks for it."""

    __slots__ = ("_mistake", "left", "node_span", "path", "relation", "right")

    def __init__(self, relation: str, left: Dim, right: Dim, mistake: Any, span: Span, path: str) -> None:
        self.relation = relation
        self.left = left
        self.right = right
        self._mistake = mistake
        self.node_span = span
        self.path = path

    @property
    def mistake(self) -> Any:
        """What is to be said where it does not hold, a `Mistake` of the operator."""
        return mistake_of(self._mistake)


class Failure(Record):
    """An operator that refused its inputs, so that no node was made of it."""

    path: str
    op: Op
    inputs: tuple[Tensor, ...]
    message: str
    span: Span
    application: Application

    def node(self) -> Node:
        """A node that stands for it where a network is shown as far as it could be made; it gives what it was given."""
        made = Node(self.path, Failed(self), self.inputs, At([]), self.span, self.application)
        made.outputs = (Tensor(self.inputs[0].dtype, self.inputs[0].shape, made),)
        return made


class Failed(Op, abstract=True):
    """Stands for an operator that refused what it was given."""

    family = "wrong"

    def __init__(self, failure: Failure) -> None:
        self.name = failure.op.name  # type: ignore[misc]  # each stands for another operator
        self.given = {}


class Graph:
    """A network as made: everything later stages ask for."""

    def __init__(self, name: str, root: Application) -> None:
        self.name = name
        self.root = root
        self.nodes: list[Node] = []
        self.modules: dict[str, Module] = {}
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        self.output_spans: dict[str, Span] = {}
        self.declared: list[tuple[str, Dim, Dim]] = []
        """What the inputs declare of their sizes: relation, left, right."""
        self.found: dict[str, Found] = {}
        """The sizes that only a run knows, with their bounds."""
        self.failures: list[Failure] = []
        """What could not be made, in a network with mistakes."""
        self.lost: set[Tensor] = set()
        """Tensors that a mistake keeps from being read."""
        self.requirements: list[Requirement] = []
        self.requires: list[str] = []
        """The same, solved and in words: `H % 32 == 0`."""
        self.training: Graph | None = None
        """The graph of training, where that differs."""
        self.definition: Any = None
        """The `Network` of the tree."""
        self.arguments: dict[str, Any] = {}
        self.limits: Any = None
        self.allowed: dict[str, str] = {}
        self.source_name = ""

    def node(self, path: str) -> Node | None:
        """The node of that path."""
        return next((node for node in self.nodes if node.path == path), None)

    @property
    def has_foreign_modules(self) -> bool:
        """Whether a module of the user is in it, whose weights only Python knows."""
        return any(node.op.family == "foreign" for node in self.nodes)

    def state(self) -> dict[str, tuple[Any, ...]]:
        """Shapes of all weights and buffers by the names that `state_dict` has."""
        found: dict[str, tuple[Any, ...]] = {}
        for path, module in self.modules.items():
            for name, shape in (*module.weights, *((name, shape) for name, shape, _ in module.buffers)):
                found[f"{path}.{name}" if name else path] = shape
        return found

    def to_networkx(self) -> networkx.MultiDiGraph[str]:
        """Nodes by path, an edge for every input with its `port` and `position`; for algorithms and for users."""
        import networkx

        graph: networkx.MultiDiGraph[str] = networkx.MultiDiGraph(name=self.name)
        for node in self.nodes:
            graph.add_node(node.path, op=node.op.name, shapes=[t.shape for t in node.outputs], node=node)
        for node in self.nodes:
            for position, tensor in enumerate(node.inputs):
                graph.add_edge(tensor.node.path, node.path, port=tensor.port, position=position, tensor=tensor)
        return graph
