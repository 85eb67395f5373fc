"""What stands under a stage: its name, what it is, its shape, and its costs."""

from __future__ import annotations

from dlspec.analyses.typical import apart, number
from dlspec.drawing.figure.items import sorts
from dlspec.drawing.words import count_text, names_text, title
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.analyses.cost import Cost
    from dlspec.analyses.receptive_field import ReceptiveFields
    from dlspec.drawing.figure.items import Item
    from dlspec.graph import Graph, Tensor
    from dlspec.sizes import Dim


LONG = 100_000
"""From where on a field is told in few digits."""


class Costs(Record):
    """What a stage costs, at the sizes of the figure."""

    parameters: int
    macs: int
    field: str
    """`35`, `7×3`, `whole`; empty for what has none."""
    exceeds: bool
    """Whether the field is larger than the input."""


class Words:
    """Writes the texts of one figure."""

    def __init__(self, graph: Graph, sizes: dict[str, int], cost: Cost, fields: ReceptiveFields) -> None:
        self.graph = graph
        self.sizes = sizes
        self.cost = cost
        self.fields = fields
        self.macs = apart(cost.macs, sizes)[0]
        """Of the whole network, without what only a run counts."""

    def result(self, item: Item) -> str:
        """The shape that a stage gives; of what could not be made those that it was given."""
        if item.failed is not None:
            return ", ".join(self.shape(tensor) for tensor in item.failed.inputs)
        if item.levels > 1:
            return f"{self.shape(item.slices[0].tensor)} … {self.shape(item.slices[-1].tensor)}"
        if sorts(item.nodes[0]):
            return ", ".join(self.shape(one.tensor) for one in item.slices)
        if self.depends_on_data(item) and not item.result.is_list:
            return "×".join(str(number(size, self.sizes) or size) for size in item.result.shape)
        return self.shape(item.result)

    def shape(self, tensor: Tensor) -> str:
        """`64×56×56`, without the batch; of a list what each image has."""
        shape = tensor.shape if tensor.is_list else tensor.shape[1:]
        return "×".join(str(number(size, self.sizes) or size) for size in shape) or "1"

    def number(self, size: Dim) -> int | None:
        """What a size comes to in this figure."""
        return number(size, self.sizes)

    def name(self, item: Item) -> str:
        """Its label, or what it does where nobody named it."""
        last = item.label.rpartition(".")[2].partition("–")[0]
        host = next((one.node for one in item.slices if one.family != "pooling"), item.nodes[0])
        if item.application is None and last.rstrip("0123456789_") == host.op.name.rstrip("0123456789_"):
            is_result = item.outputs and (host.module is None or not host.module.weights)
            return ", ".join(item.outputs) if is_result else _kind(item)
        return item.label

    def count(self, item: Item) -> int:
        """How many slabs that are no pooling it has; one where they have the same weights."""
        if item.levels > 1 or sorts(item.nodes[0]):
            return 1
        if item.application is not None and item.application.kind == "block" and not _repeated_name(item):
            return len([one for one in item.slices if one.application is not None])
        return sum(one.family != "pooling" for one in item.slices)

    def detail(self, item: Item) -> str:
        """`conv 7×7 /2`, `bottleneck`, `linear`; of several layers what is the same in all."""
        if item.nodes[0].op.family == "input" and len(item.slices) == 1:
            return str(item.result.dtype) if item.result.dtype != "float32" else "input"
        if item.failed is not None:
            return f"{item.failed.op.name} gets"
        if item.application is None and item.nodes[0].op.family == "detection":
            return _kind(item) if item.outputs and len(item.slices) == 1 else ""
        if item.levels > 1 and item.application is not None:
            return f"{item.application.definition.name}, shared by {item.levels} levels"
        if item.application is None and self.name(item).startswith("global "):
            return ""
        return self._kind_of_layers(item) + (", shared" if self.is_shared(item) else "")

    def is_shared(self, item: Item) -> bool:
        """Whether its weights are those of a stage before it."""
        weighty = [node for node in item.nodes if node.module is not None and node.module.weights]
        return bool(weighty) and all("#" in node.path for node in weighty)

    def _kind_of_layers(self, item: Item) -> str:
        repeated = _repeated_name(item)
        if not repeated and item.application is not None and item.application.kind in ("block", "network", "foreign"):
            return str(getattr(item.application.definition, "name", ""))
        return repeated or _common(item)

    def depends_on_data(self, item: Item) -> bool:
        """Whether the numbers themselves choose what of the input it sees."""
        field = self.fields.of(item.result.node)
        return field is not None and field.depends_on_data

    def stride(self, item: Item) -> float | None:
        """Positions of the input between neighbours in its map, along the last axis; None where that is not known."""
        if item.nodes[0].op.family == "input":
            return 1.0
        field = self.fields.of(item.result.node)
        reaches = () if field is None else field.reaches
        if field is None or len(reaches) != len(field.sights):
            return None
        return reaches[-1].numerator / reaches[-1].denominator

    def costs(self, item: Item) -> Costs:
        """Parameters, multiply-adds and receptive field of the last unit."""
        counted = [self.cost.nodes[node] for node in item.nodes if node in self.cost.nodes]
        parameters = sum(share.parameters for share in counted)
        macs = sum(number(share.macs, self.sizes) or 0 for share in counted)
        field = self.fields.of(item.result.node)
        if field is None or field.depends_on_data or item.nodes[0].op.family == "input":
            return Costs(parameters, macs, "", False)
        said = field.to_json()
        if isinstance(said, str):
            return Costs(parameters, macs, said, False)
        spans = [number(size, self.sizes) if not isinstance(size, int) else size for size in field.size]
        text = "×".join("?" if span is None else count_text(span) if span >= LONG else str(span) for span in spans)
        limits = [number(size, self.sizes) for size in field.sizes]
        exceeds = any(span and limit and span > limit for span, limit in zip(spans, limits))
        return Costs(parameters, macs, ("≤ " if field.is_bound else "") + text, exceeds)

    def heading(self) -> str:
        """`25.6M parameters · 4.09G MACs · input 3×224×224`."""
        words = [f"{count_text(self.cost.parameters, 3)} parameters"] if self.cost.parameters else []
        words += self.arithmetic()
        inputs = {name: self.shape(tensor) for name, tensor in self.graph.inputs.items()}
        if len(inputs) == 1:
            words.append(f"input {next(iter(inputs.values()))}")
        else:
            words += [f"{name} {text}" for name, text in inputs.items()]
        return " · ".join(words)

    def arithmetic(self) -> list[str]:
        """`4.09G MACs`; with what each region adds, where only a run knows how many there are."""
        base, added = apart(self.cost.macs, self.sizes)
        terms = [count_text(base, 3) if base else "", *(f"{count_text(each, 3)}·{name}" for name, each in added)]
        said = " + ".join(term for term in terms if term)
        return [f"{said} MACs"] if said else []


def _kind(item: Item) -> str:
    host = item.slices[0].node if item.slices else item.nodes[0]
    if host.op.family == "pooling":
        wanted = getattr(host.op, "output_size", None)
        kind = "max pool" if "max" in host.op.name else "avg pool"
        return f"global {kind}" if isinstance(wanted, tuple) and set(wanted) == {1} else kind
    if host.op.family == "detection":
        return host.op.name.replace("_", " ")
    return title(host).partition(" ")[0].lower()


def _repeated_name(item: Item) -> str:
    """The name of the block whose uses are its slabs."""
    uses = [one.application for one in item.slices if one.application is not None]
    if len(uses) < 2 or len({id(use.definition) for use in uses}) > 1:
        return ""
    return str(uses[0].definition.name)


def _common(item: Item) -> str:
    heavy = [one.node for one in item.slices if one.family != "pooling"] or [one.node for one in item.slices]
    if not heavy:
        return ""
    titles = list(dict.fromkeys(_short(title(node)) for node in heavy))
    if len(titles) == 1:
        return titles[0]
    kinds = list(dict.fromkeys(text.partition(" ")[0] for text in titles))
    return names_text(kinds) if len(kinds) > 2 else ", ".join(kinds if len(kinds) < len(titles) else titles)


def _short(text: str) -> str:
    first, _, rest = text.partition(" ")
    known = {
        "MaxPool": "max",
        "AvgPool": "average",
        "GlobalAvgPool": "global average",
        "GlobalMaxPool": "global max",
        "AdaptiveAvgPool": "average",
        "ConvTranspose": "transposed conv",
    }
    return f"{known.get(first, first.lower())} {rest}".strip()
