"""What a network costs in weights and arithmetic: parameters, buffers, bytes, and multiply-adds.

One MAC is one multiply and one add, counted as `torch.utils.flop_counter` counts them (and halved). What depends on an
open size is an expression of it, everything else an int.
"""

from __future__ import annotations

from dlspec.graph import Application, Node
from dlspec.ops.fact import BYTES, FLOATS
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product

if TYPE_CHECKING:
    from dlspec.graph import Graph, Module
    from dlspec.sizes import Dim


class Share:
    """What one node, or one use of a block, adds to the totals.

    A module that runs again adds its parameters where it runs first, so that shares sum to the totals.
    """

    __slots__ = ("buffers", "macs", "parameters", "trainable")

    def __init__(self, parameters: int = 0, trainable: int = 0, buffers: int = 0, macs: Dim = 0) -> None:
        self.parameters = parameters
        self.trainable = trainable
        """Parameters that are not frozen."""
        self.buffers = buffers
        """Numbers that are kept but not learned."""
        self.macs = macs

    def __add__(self, other: Share) -> Share:
        return Share(
            self.parameters + other.parameters, self.trainable + other.trainable, self.buffers + other.buffers,
            self.macs + other.macs,
        )  # fmt: skip


class Cost:
    """The shares of all nodes and uses of blocks, and the totals."""

    __slots__ = ("bytes_of_trainable", "nodes", "parts", "total", "weight_bytes")

    def __init__(self, nodes: dict[Node, Share], parts: dict[Application, Share], counts: dict[Module, int]) -> None:
        self.nodes = nodes
        self.parts = parts
        """A share for every use of a block, group, list or network, the sum of what is in it."""
        self.total = next(iter(parts.values()))
        learned = {module: count * _bytes_each(module) for module, count in counts.items()}
        self.weight_bytes = sum(learned.values()) + sum(map(_buffer_bytes, counts))
        """Bytes of parameters and buffers, as a file of weights holds them."""
        self.bytes_of_trainable = sum(size for module, size in learned.items() if not module.frozen)

    @property
    def parameters(self) -> int:
        return self.total.parameters

    @property
    def trainable_parameters(self) -> int:
        return self.total.trainable

    @property
    def buffers(self) -> int:
        return self.total.buffers

    @property
    def macs(self) -> Dim:
        return self.total.macs

    def optimizer_bytes(self, copies: int) -> int:
        """Bytes of optimizer state with that many numbers for each trained one: 1 for momentum, 2 for Adam."""
        return copies * self.bytes_of_trainable


def cost(graph: Graph) -> Cost:
    """Parameters, buffers and MACs of every node and every use of a block; shared modules count once."""
    counts = {module: parameters(module) for module in graph.modules.values()}
    counted: set[Module] = set()
    nodes = {node: _share(node, counts, counted) for node in graph.nodes}
    parts: dict[Application, Share] = {graph.root: Share()}
    _sum(graph.root, nodes, parts)
    return Cost(nodes, parts, counts)


def _share(node: Node, counts: dict[Module, int], counted: set[Module]) -> Share:
    macs = node.op.macs(node.at, node.outputs)
    module = node.module
    if module is None or module in counted:
        return Share(macs=macs)
    counted.add(module)
    count = counts[module]
    buffers = sum(_count(shape) for _, shape, _ in module.buffers) if module.buffers else 0
    return Share(count, 0 if module.frozen else count, buffers, macs)


def _sum(application: Application, nodes: dict[Node, Share], parts: dict[Application, Share]) -> Share:
    total = Share()
    parts[application] = total
    for step in application.steps:
        own = nodes[step] if isinstance(step, Node) else _sum(step, nodes, parts)
        total.parameters += own.parameters
        total.trainable += own.trainable
        total.buffers += own.buffers
        total.macs = total.macs + own.macs
    return total


def parameters(module: Module) -> int:
    """How many numbers a module learns, or would if it were not frozen."""
    return sum(_count(shape) for _, shape in module.weights)


def weight_bytes(module: Module) -> int:
    """Bytes of a module's parameters and buffers."""
    return parameters(module) * _bytes_each(module) + _buffer_bytes(module)


def _buffer_bytes(module: Module) -> int:
    return sum(_count(shape) * BYTES[dtype] for _, shape, dtype in module.buffers) if module.buffers else 0


def _bytes_each(module: Module) -> int:
    """Bytes of each number that a module learns."""
    dtype = module.op.result_type(module.at) if module.weights and module.at.inputs else "float32"
    return BYTES[dtype if dtype in FLOATS else "float32"]


def _count(shape: tuple[Dim, ...]) -> int:
    """The numbers of a weight; its sizes are known before anything runs."""
    count = product(shape)
    assert isinstance(count, int), "the sizes of weights are numbers"
    return count
