"""The graph as generated code sees it: uses of blocks with what they take, do and give.

A use is an application with its data flow made plain: which tensors come in, which of those it makes are wanted
outside, and its steps in order. Labelled lists have no flow of their own; their steps belong to what holds them.
"""

from __future__ import annotations

from dlspec.graph import Application, Node, Tensor
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.graph import Graph
    from dlspec.lowering.units import Unit
    from dlspec.source import Span


class Step:
    """A node, or a further use, in the order of a use."""

    __slots__ = ("node", "path", "pattern", "span", "use")

    def __init__(self, path: str | None, span: Span, node: Node | None, use: Use | None) -> None:
        self.path = path
        """The path of the module that it runs; None where it is only a function."""
        self.span = span
        self.node = node
        self.use = use
        self.pattern: tuple[Any, ...] | None = None
        """Of a node: what it is, its numbers aside; kept since it is asked for often."""

    @property
    def operands(self) -> list[Tensor]:
        if self.node is not None:
            return read_inputs(self.node)
        assert self.use is not None
        return [self.use.inputs[name] for name in self.use.unit.inputs if name in self.use.inputs]

    @property
    def outputs(self) -> list[Tensor]:
        if self.node is not None:
            return list(self.node.outputs)
        assert self.use is not None
        return self.use.unit.results_in(self.use)

    @property
    def call(self) -> Any:
        """The expression of the tree that made it."""
        if self.node is not None:
            return self.node.call
        assert self.use is not None
        return self.use.application.call

    @property
    def site(self) -> tuple[Any, ...]:
        """Where it is written; steps of several uses that are written at one place correspond."""
        kind: Any = self.node.op.name if self.node is not None else "use"
        if self.use is not None and self.use.unit.is_parted_by_mode:
            kind = ("use", self.use.training)
        return id(self.span.source), self.span.start, self.span.end, kind


class Use:
    """One application."""

    __slots__ = (
        "application", "borrowed", "depth", "first", "inputs", "names", "number", "parent", "path", "results", "steps",
        "training", "unit",
    )  # fmt: skip

    unit: Unit
    number: int
    """Its place among the uses of its unit."""

    def __init__(self, application: Application, parent: Use | None, training: bool, first: bool) -> None:
        self.application = application
        self.parent = parent
        self.training = training
        self.first = first
        """Whether its modules are made here, not found again."""
        self.depth: int = 0 if parent is None else parent.depth + 1
        self.path = application.path
        self.steps: list[Step] = []
        self.inputs: dict[str, Tensor] = {}
        self.results: list[Tensor] = []
        self.borrowed: dict[str, str] = {}
        """Modules that live outside and are handed in: path to name."""
        self.names: dict[str, Any] = {}
        """Compile-time values by the names of the spec, tensors left out."""

    @property
    def definition(self) -> Any:
        return self.application.definition

    @property
    def enclosing(self) -> Use:
        """The block or network whose names it sees: itself, or what a group stands in."""
        use = self
        while use.application.kind == "group" and use.parent is not None:
            use = use.parent
        return use


class Survey:
    """Every use of a graph, innermost first, and who owns each path."""

    def __init__(self, graph: Graph, training: bool) -> None:
        self.graph = graph
        self.training = training
        self.uses: list[Use] = []
        self.owners: dict[str, Use] = {}
        self.owned: dict[str, list[str]] = {}
        """Paths of modules and uses by the path of the use that holds them."""
        self._of: dict[Application, Use] = {}
        self.root = self._survey(graph.root, None)
        for path in dict.fromkeys([*graph.modules, *(path for path in self.owners if path)]):
            self.owned.setdefault(self.owner(path).path, []).append(path)
        self._flow()
        self._borrow()

    def _survey(self, application: Application, parent: Use | None) -> Use:
        use = Use(application, parent, self.training, application.path not in self.owners)
        self.owners.setdefault(application.path, use)
        use.names = {**parent.names} if application.kind == "group" and parent is not None else {}
        for name, value in application.arguments.items():
            use.names.pop(name, None)
            if next(tensors_in(value), None) is None:
                use.names[name] = value
        self._gather(use, application)
        self.uses.append(use)
        return use

    def _gather(self, use: Use, application: Application) -> None:
        self._of[application] = use
        for item in application.steps:
            if isinstance(item, Node):
                path = item.module.path if item.module is not None else None
                use.steps.append(Step(path, item.span, item, None))
            elif item.kind == "list":
                self._gather(use, item)
            elif any(True for _ in item.nodes()):
                inner = self._survey(item, use)
                use.steps.append(Step(item.path, item.span, None, inner))

    def _flow(self) -> None:
        """Fill in what comes into each use and what of it is wanted outside."""
        taken: dict[Use, dict[Tensor, None]] = {use: {} for use in self.uses}
        wanted: dict[Use, dict[Tensor, None]] = {use: {} for use in self.uses}
        for node in self.graph.nodes:
            at = self._of[node.application]
            for tensor in read_inputs(node):
                origin = self._of[tensor.node.application]
                if origin is not at:
                    self._cross(tensor, origin, at, taken, wanted)
        outputs = list(tensors_in(self.graph.root.result))
        for tensor in outputs:
            self._cross(tensor, self._of[tensor.node.application], self.root, taken, wanted)
        for use in self.uses:
            use.inputs = _named_inputs(use, taken[use])
            use.results = _ordered_results(use, wanted[use])
        self.root.inputs = dict(self.graph.inputs)

    def _cross(
        self,
        tensor: Tensor,
        origin: Use,
        at: Use,
        taken: dict[Use, dict[Tensor, None]],
        wanted: dict[Use, dict[Tensor, None]],
    ) -> None:
        """A tensor goes from one use to another: out of all that hold the one only, into all that hold the other."""
        while origin is not at:
            if origin.depth > at.depth:
                wanted[origin][tensor] = None
                origin = _parent(origin)
            elif at.depth > origin.depth:
                taken[at][tensor] = None
                at = _parent(at)
            else:
                wanted[origin][tensor] = taken[at][tensor] = None
                origin, at = _parent(origin), _parent(at)

    def _borrow(self) -> None:
        """Name the modules that a use runs and another owns."""
        for use in self.uses:
            for step in use.steps:
                if step.path is None:
                    continue
                owner = self.owner(step.path)
                within: Use | None = use
                while within is not None and within.path != owner.path:
                    within.borrowed.setdefault(step.path, step.path.rpartition(".")[2])
                    within = within.parent

    def owner(self, path: str) -> Use:
        """The use that holds the module of that path."""
        while path:
            path = path.rpartition(".")[0]
            if path in self.owners:
                return self.owners[path]
        return self.root


def read_inputs(node: Node) -> list[Tensor]:
    """The inputs that the code of a node reads; the first stands where one is not written at all."""
    left_out = node.op.unwritten(node.at)
    return [node.inputs[0] if place in left_out else tensor for place, tensor in enumerate(node.inputs)]


def _parent(use: Use) -> Use:
    assert use.parent is not None
    return use.parent


def _named_inputs(use: Use, taken: dict[Tensor, None]) -> dict[str, Tensor]:
    """Inputs by name: a block's by its parameters, in their order; what is caught from around behind them."""
    found: dict[str, Tensor] = {}
    if use.application.kind in ("block", "network"):
        for name, value in use.application.arguments.items():
            for key, tensor in _flat(name, value):
                short = key.removeprefix(f"{name}_")
                if tensor in taken:
                    found[short if short.isidentifier() and short not in found else key] = tensor
    named = set(found.values())
    others = [tensor for tensor in taken if tensor not in named]
    for index, tensor in enumerate(others):
        own = tensor.node.path.rpartition(".")[2].partition("#")[0]
        name = (
            "x" if index == 0 and not found else own if tensor.node.op.family in ("input", "parameter") else f"x{index}"
        )
        while name in found or not name.isidentifier():
            name = f"x_{name}"
        found[name] = tensor
    return found


def _flat(name: str, value: Any) -> Iterator[tuple[str, Tensor]]:
    """The tensors of an argument with a name each: `features_c2`, `levels_0`."""
    if isinstance(value, Tensor):
        yield name, value
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from _flat(f"{name}_{index}", item)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{name}_{key}", item)


def _ordered_results(use: Use, wanted: dict[Tensor, None]) -> list[Tensor]:
    """What is wanted outside, in the order in which the spec gives it."""
    given = [tensor for tensor in dict.fromkeys(tensors_in(use.application.result)) if tensor in wanted]
    rest = [tensor for tensor in wanted if tensor not in given]
    return given + sorted(rest, key=lambda tensor: (tensor.node.index, tensor.port))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """Every tensor in a value, through lists and records."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
