"""A network at a glance: its layers with shapes, parameters, multiply-adds and receptive fields, and its totals."""

from __future__ import annotations

from dlspec.analyses.cost import cost
from dlspec.analyses.memory import Largest, memory
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.analyses.cost import Cost
    from dlspec.analyses.memory import Memory
    from dlspec.analyses.receptive_field import Field, ReceptiveFields
    from dlspec.graph import Graph, Node, Tensor
    from dlspec.sizes import Dim

SCHEMA_VERSION = 1


class Summary:
    """The analyses of one network, as data, as JSON and as a table."""

    __slots__ = ("cost", "fields", "graph", "memory")

    def __init__(self, graph: Graph, cost: Cost, memory: Memory, fields: ReceptiveFields) -> None:
        self.graph = graph
        self.cost = cost
        self.memory = memory
        self.fields = fields

    @property
    def layers(self) -> list[Node]:
        """The nodes that compute or hold something: all but the inputs."""
        inputs = {tensor.node for tensor in self.graph.inputs.values()}
        return [node for node in self.graph.nodes if node not in inputs]

    def to_json(self) -> dict[str, Any]:
        """The object that `dlspec summary --json` prints; a size or count is an int, or a text where it is open."""
        graph = self.graph
        plain = _Plain()
        return {
            "schema_version": SCHEMA_VERSION,
            "network": graph.name,
            "inputs": {name: plain.tensor(tensor) for name, tensor in graph.inputs.items()},
            "outputs": {name: plain.tensor(tensor) for name, tensor in graph.outputs.items()},
            "requires": list(graph.requires),
            "totals": {
                "parameters": self.cost.parameters,
                "trainable_parameters": self.cost.trainable_parameters,
                "buffers": self.cost.buffers,
                "macs": plain.size(self.cost.macs),
                "weight_bytes": self.cost.weight_bytes,
                "activation_bytes": plain.size(self.memory.activation_bytes),
                "peak_bytes": plain.size(self.memory.peak_bytes),
            },
            "layers": [self._layer(node, plain) for node in self.layers],
        }

    def _layer(self, node: Node, plain: _Plain) -> dict[str, Any]:
        share, field, span = self.cost.nodes[node], self.fields.of(node), node.span
        line, column = span.source.position(span.start)
        return {
            "path": node.path,
            "op": node.op.name,
            "inputs": [tensor.node.path for tensor in node.inputs],
            "output_shape": plain.shape(node.outputs[0].shape),
            "parameters": share.parameters,
            "macs": plain.size(share.macs),
            "receptive_field": None if field is None else plain.field(field),
            "file": span.source.name,
            "line": line,
            "column": column,
        }

    def to_text(self, width: int = 100, colour: bool = False) -> str:
        """The table, in at most `width` columns."""
        from dlspec.analyses.table import table

        return table(self, width=width, colour=colour)

    def __repr__(self) -> str:
        return self.to_text()


class _Plain:
    """Sizes and fields as JSON has them; each open size and each field is put into words once."""

    __slots__ = ("_fields", "_texts")

    def __init__(self) -> None:
        self._texts: dict[Dim | Largest, str] = {}
        self._fields: dict[Field, dict[str, list[int | str]] | str] = {}

    def size(self, size: Dim | Largest) -> int | str:
        if isinstance(size, int):
            return size
        text = self._texts.get(size)
        if text is None:
            text = self._texts[size] = str(size)
        return text

    def shape(self, shape: tuple[Dim, ...]) -> list[int | str]:
        return [self.size(size) for size in shape]

    def field(self, field: Field) -> dict[str, list[int | str]] | str:
        said = self._fields.get(field)
        if said is None:
            said = self._fields[field] = field.to_json()
        return said if isinstance(said, str) else {name: [*values] for name, values in said.items()}

    def tensor(self, tensor: Tensor) -> dict[str, Any]:
        return {"dtype": tensor.dtype, "shape": self.shape(tensor.full_shape)}


def summarize(graph: Graph) -> Summary:
    """All analyses of a graph; time is linear in its nodes."""
    return Summary(graph, cost(graph), memory(graph), receptive_fields(graph))
