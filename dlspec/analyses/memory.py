"""Bytes of activations: what training keeps for the backward pass, and the most that inference holds at once.

Tensors are counted, not a kernel's scratch space, and bytes of weights are counted apart (see `cost`). Views share the
memory of what they look at. What depends on an open size is an expression of it.
"""

from __future__ import annotations

from dlspec.graph import Application, Node
from dlspec.ops.fact import BYTES, FLOATS
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Size, evaluated, product, symbols_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from dlspec.graph import Graph, Tensor
    from dlspec.ops.fact import Fact
    from dlspec.sizes import Dim
    from dlspec.sizes.size import Atom


class Memory:
    """Bytes that a network holds beside its weights."""

    __slots__ = ("activation_bytes", "peak_bytes", "peak_node")

    def __init__(self, activation_bytes: Dim, peak_bytes: Dim | Largest, peak_node: Node | None) -> None:
        self.activation_bytes = activation_bytes
        """What a training step keeps between the forward and the backward pass."""
        self.peak_bytes = peak_bytes
        """The most that inference holds at once: inputs, results, and what is still needed of what lies between."""
        self.peak_node = peak_node
        """Where that is reached; for open sizes, where they are large."""


class Largest:
    """The largest of several sizes, where the open sizes decide which that is."""

    __slots__ = ("sizes",)

    def __init__(self, sizes: tuple[Dim, ...]) -> None:
        self.sizes = sizes

    def evaluate(self, values: Mapping[str, int]) -> int:
        return max(evaluated(size, values) for size in self.sizes)

    def __str__(self) -> str:
        return f"max({', '.join(map(str, self.sizes))})"

    __repr__ = __str__


def memory(graph: Graph) -> Memory:
    """Activation and peak bytes; the graph of training decides the former where it differs."""
    peak, node = _peak(graph)
    return Memory(_kept(graph.training or graph), peak, node)


def tensor_bytes(fact: Fact) -> Dim:
    """Bytes of the numbers of a tensor."""
    return product(fact.full_shape) * BYTES[fact.dtype]


class _Storages:
    """In whose memory each tensor lies: its own, or that of the tensor of which it is a view."""

    __slots__ = ("_moved", "_owner", "is_training")

    def __init__(self, is_training: bool) -> None:
        self._owner: dict[Tensor, Tensor] = {}
        self._moved: set[Tensor] = set()
        self.is_training = is_training

    def add(self, node: Node) -> None:
        """Enter the results of a node; its inputs are entered before."""
        shares = node.op.shares
        if node.op.training_only and not self.is_training:
            shares = "same"
        if not shares or not node.inputs:
            return
        source = node.inputs[0]
        lies_moved = source in self._moved
        if shares == "packed" and lies_moved:
            return
        for tensor in node.outputs:
            self._owner[tensor] = self.owner(source)
            if lies_moved or shares == "moved":
                self._moved.add(tensor)

    def owner(self, tensor: Tensor) -> Tensor:
        return self._owner.get(tensor, tensor)


# What the backward pass keeps


def _kept(graph: Graph) -> Dim:
    """Bytes of everything that some operator keeps, each tensor once."""
    storages = _Storages(is_training=True)
    differentiable: set[Node] = set()
    kept: dict[Tensor, None] = {}
    saved = _Pile()
    for node in graph.nodes:
        storages.add(node)
        if not _needs_gradient(node, differentiable):
            continue
        differentiable.add(node)
        keeps = node.op.keeps
        tensors = (*(node.inputs if "x" in keeps else ()), *(node.outputs if "y" in keeps else ()))
        kept.update(dict.fromkeys(map(storages.owner, tensors)))
        for fact in node.op.saved(node.at, node.outputs):
            saved.add(fact)
    for tensor in kept:
        if not _is_weight(tensor.node):
            saved.add(tensor)
    return saved.bytes


def _needs_gradient(node: Node, differentiable: set[Node]) -> bool:
    """Whether weights that are trained stand in a node or before it, and a gradient can flow through it."""
    if not any(tensor.dtype in FLOATS for tensor in node.outputs):
        return False
    module = node.module
    trained = module is not None and not module.frozen and bool(module.weights)
    return trained or any(tensor.node in differentiable for tensor in node.inputs)


# The most that inference holds


def _peak(graph: Graph) -> tuple[Dim | Largest, Node | None]:
    """The largest sum of live bytes over the schedule, and the node where it is reached."""
    storages = _Storages(is_training=False)
    for node in graph.nodes:
        storages.add(node)
    freed = _freed_after(graph, storages)
    live = _Pile()
    moments: dict[frozenset[tuple[Dim, int]], Node] = {}
    for node in graph.nodes:
        before = live.changes
        for tensor in node.outputs:
            if storages.owner(tensor) is tensor and not _is_weight(node):
                live.add(tensor)
        # What an operator of several steps makes on its way is what its backward pass would keep; statistics of
        # channels are made in training alone.
        makes_nothing = node.op.training_only or node.op.centres
        scratch = () if makes_nothing else tuple(node.op.saved(node.at, node.outputs))
        for fact in scratch:
            live.add(fact)
        if live.changes != before:
            moments.setdefault(live.moment, node)
        for fact in (*scratch, *freed.get(node, ())):
            live.remove(fact)
    return _largest({_sum(moment): node for moment, node in reversed(moments.items())})


class _Pile:
    """Tensors counted by their bytes: many layers have few sizes, and adding up open sizes costs microseconds."""

    __slots__ = ("_bytes", "_counts", "changes")

    def __init__(self) -> None:
        self._bytes: dict[tuple[object, ...], Dim] = {}
        self._counts: dict[Dim, int] = {}
        self.changes = 0
        """How often a tensor came or went."""

    def add(self, fact: Fact, count: int = 1) -> None:
        self.changes += 1
        key = (fact.dtype, fact.shape)
        size = self._bytes.get(key)
        if size is None:
            size = self._bytes[key] = tensor_bytes(fact)
        total = self._counts.get(size, 0) + count
        if total:
            self._counts[size] = total
        else:
            del self._counts[size]

    def remove(self, fact: Fact) -> None:
        self.add(fact, -1)

    @property
    def moment(self) -> frozenset[tuple[Dim, int]]:
        """What lies on it: bytes, and how many tensors of so many bytes."""
        return frozenset(self._counts.items())

    @property
    def bytes(self) -> Dim:
        return _sum(self.moment)


def _sum(moment: Iterable[tuple[Dim, int]]) -> Dim:
    total: Dim = 0
    for size, count in moment:
        total = total + size * count
    return total


def _is_weight(node: Node) -> bool:
    return not node.inputs and node.module is not None


def _freed_after(graph: Graph, storages: _Storages) -> dict[Node, list[Tensor]]:
    """The tensors whose memory is free once a node has run; inputs and results of the network never are."""
    last: dict[Tensor, Node] = {}
    ends = _Ends(graph)
    for node in graph.nodes:
        for tensor in node.outputs:
            last[storages.owner(tensor)] = node
        for tensor in node.inputs:
            owner, until = storages.owner(tensor), ends.held_until(tensor, node)
            if until.index > last[owner].index:
                last[owner] = until
    stay = {storages.owner(tensor) for tensor in (*graph.inputs.values(), *graph.outputs.values())}
    freed: dict[Node, list[Tensor]] = {}
    for tensor, node in last.items():
        if tensor not in stay and not _is_weight(tensor.node):
            freed.setdefault(node, []).append(tensor)
    return freed


class _Ends:
    """How long a value is held, as Python holds it.

    What is passed to the module of a block is held by the caller until the block has run; a value that is read
    later than by the very next step has a name, and a name lives until its block ends.
    """

    __slots__ = ("_depth", "_last", "_place")

    def __init__(self, graph: Graph) -> None:
        self._depth: dict[Application, int] = {}
        self._last: dict[Application, Node | None] = {}
        self._place: dict[Node | Application, int] = {}
        self._visit(graph.root, 0)

    def _visit(self, application: Application, depth: int) -> Node | None:
        self._depth[application] = depth
        last: Node | None = None
        for place, step in enumerate(application.steps):
            self._place[step] = place
            found = step if isinstance(step, Node) else self._visit(step, depth + 1)
            if found is not None and (last is None or found.index > last.index):
                last = found
        self._last[application] = last
        return last

    def held_until(self, tensor: Tensor, node: Node) -> Node:
        """The node with which a value that a node reads may go."""
        made: Node | Application = tensor.node
        reads: Node | Application = node
        outside, inside = tensor.node.application, node.application
        while inside is not outside:
            if self._depth[inside] >= self._depth[outside]:
                if inside.parent is None:
                    break
                reads, inside = inside, inside.parent
            else:
                if outside.parent is None:
                    break
                made, outside = outside, outside.parent
        if self._place[reads] > self._place[made] + 1 or (reads is node and _is_read_by_name(tensor, node)):
            return self._last[inside] or node
        return node if isinstance(reads, Node) else self._last[reads] or node


def _is_read_by_name(tensor: Tensor, node: Node) -> bool:
    """Whether one of several values that are joined stands there under a name, which holds it."""
    if len(node.inputs) < 2:
        return False
    operands = _operands(node.call)
    if len(operands) != len(node.inputs):
        return False
    return any(given is tensor and text.isidentifier() for text, given in zip(operands, node.inputs))


def _operands(call: Any) -> list[str]:
    """What is joined, as written: by a sign, as arguments, or as items of a list."""
    if hasattr(call, "left"):
        return [call.left.span.text, call.right.span.text]
    given = [argument.value for argument in getattr(call, "args", ())]
    listed = getattr(given[0], "items", None) if given else None
    return [operand.span.text for operand in (listed if isinstance(listed, tuple) else given)]


# The largest of sizes that may be open


def _largest(moments: dict[Dim, Node]) -> tuple[Dim | Largest, Node | None]:
    """The size that is never below another, or all that may be the largest, with the node of the first."""
    if not moments:
        return 0, None
    values = dict.fromkeys(sorted({name for size in moments for name in symbols_of(size)}), 960)
    ranked = sorted(moments, key=lambda size: evaluated(size, values), reverse=True)
    kept: list[Dim] = []
    for size in ranked:
        if not any(is_at_least(larger, size) for larger in kept):
            kept.append(size)
    return (kept[0] if len(kept) == 1 else Largest(tuple(kept))), moments[kept[0]]


def is_at_least(larger: Dim, smaller: Dim) -> bool:
    """Whether it is seen at once that one size is never below another, for open sizes of 1 and more.

    Every term that is taken away must be covered by terms that are added, factor by factor.
    """
    difference = larger - smaller
    if isinstance(difference, int):
        return difference >= 0
    terms = [((), difference.constant), *difference.terms.items()]
    spare = {atoms: count for atoms, count in terms if count > 0}
    for atoms, count in terms:
        owed = -count
        for cover in spare if owed > 0 else ():
            if owed > 0 and spare[cover] and _covers(cover, atoms):
                paid = min(owed, spare[cover])
                spare[cover] -= paid
                owed -= paid
        if owed > 0:
            return False
    return True


def _covers(larger: tuple[Atom, ...], smaller: tuple[Atom, ...]) -> bool:
    """Whether a product is never below another: each factor has one above it, and what is left over is at least 1."""
    rest = list(larger)
    for atom in smaller:
        above = next((other for other in rest if _is_above(other, atom)), None)
        if above is None:
            return False
        rest.remove(above)
    return all(_line(atom) is not None and _is_above(atom, None) for atom in rest)


def _is_above(larger: Atom, smaller: Atom | None) -> bool:
    """Whether `(x + a)//s >= (x + b)//t` for every x of 1 and more; None stands for the number 1."""
    one, other = _line(larger), None if smaller is None else _line(smaller)
    if larger == smaller:
        return True
    if one is None or (other is None and smaller is not None):
        return False
    name, offset, divisor = one
    if other is None:
        return 1 + offset >= divisor
    # Both sides of t·(x + a) >= s·(x + b) are lines: it holds from 1 on if it does at 1 and the left one is as steep.
    return name == other[0] and other[2] >= divisor and other[2] * (1 + offset) >= divisor * (1 + other[1])


def _line(atom: Atom) -> tuple[str, int, int] | None:
    """The name, offset and divisor of an atom `(x + a)//s`; None where it is another expression."""
    if isinstance(atom, str):
        return atom, 0, 1
    numerator, divisor = atom.numerator, atom.divisor
    if not isinstance(numerator, Size) or not isinstance(divisor, int) or len(numerator.terms) != 1:
        return None
    ((atoms, count),) = numerator.terms.items()
    if count != 1 or len(atoms) != 1 or not isinstance(atoms[0], str):
        return None
    return atoms[0], numerator.constant, divisor
