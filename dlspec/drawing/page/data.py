"""What the page shows, as data: parts in parts, edges between them, a row for every layer, derivations, and fields."""

from __future__ import annotations

from dlspec.analyses.explain import explain_layer
from dlspec.analyses.summary import summarize
from dlspec.analyses.typical import number, typical_sizes
from dlspec.drawing.faces import Faces
from dlspec.drawing.figure.words import Words
from dlspec.drawing.metrics import width
from dlspec.drawing.parts import Box, Card
from dlspec.drawing.scene import scene
from dlspec.drawing.words import names_text
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.drawing.parts import Part
    from dlspec.drawing.scene import Scene
    from dlspec.graph import Graph, Node

WIDER = 1.12
"""How much wider a reader's font may be than Helvetica."""
ROOM = 3000
"""Cards that a page holds; it opens with the outermost blocks alone."""


def page_data(graph: Graph) -> dict[str, Any]:
    """Everything that `page.js` reads."""
    return _Page(graph).data()


class _Page:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.summary = summarize(graph)
        self.sizes = typical_sizes(graph)
        self.words = Words(graph, self.sizes, self.summary.cost, self.summary.fields)
        self.made: Scene = scene(graph, room=ROOM)
        self.faces = Faces(self.made)
        self.parts: list[dict[str, Any]] = []
        self.number: dict[Part, int] = {}

    def data(self) -> dict[str, Any]:
        roots = [self._part(part, -1) for part in self.made.parts]
        edges = [[self.number[edge.source], self.number[edge.target], edge.role] for edge in self.made.edges]
        return {
            "name": self.graph.name,
            "heading": self.words.heading(),
            "requires": list(self.graph.requires),
            "notes": self.made.notes,
            "parts": self.parts,
            "roots": roots,
            "edges": edges,
            "rows": [self._row(node) for node in self.graph.nodes],
            "image": self._image(),
        }

    # Parts

    def _part(self, part: Part, parent: int) -> int:
        place = self.number[part] = len(self.parts)
        made: dict[str, Any] = {"parent": parent, "label": names_text([one.label for one in (part, *part.copies)])}
        self.parts.append(made)
        if part.count > 1:
            made["count"] = part.count
        if isinstance(part, Box):
            self._box(part, made)
            made["parts"] = [self._part(inner, place) for inner in part.parts]
        elif isinstance(part, Card):
            self._card(part, made)
        made["width"] = _wide(made)
        return place

    def _box(self, box: Box, made: dict[str, Any]) -> None:
        results = self.made.folder.results(box)
        made |= {
            "title": box.definition_name, "shape": self.words.shape(results[0]) if results else "",
            "weights": self.faces.parameters(box), "path": box.application.path, "family": "other",
        }  # fmt: skip

    def _card(self, card: Card, made: dict[str, Any]) -> None:
        if card.is_join:
            made |= {"join": True, "family": "join", "title": "".join(run.text for run in self.faces.join(card)[:1])}
        else:
            face = self.faces.card(card)
            first = face.lines[0][0]
            made |= {"family": _family(card), "title": first[0].text}
            made["shape"] = self.words.shape(card.result) if card.nodes else ""
            made["weights"] = self.faces.parameters(card) if card.nodes else ""
            if len(card.nodes) > 1 and card.closed is None:
                made["with"] = " · ".join(run.text for run in face.lines[-1][1])
        if card.output is not None:
            made |= {
                "title": card.output,
                "shape": self.words.shape(self.graph.outputs[card.output]),
                "label": "output",
            }
        elif card.nodes:
            made["path"] = card.host.path
            made["nodes"] = [node.index for node in card.nodes[:6]]
            made["text"] = [explain_layer(self.summary, node, width=62) for node in card.nodes[:3] if node.inputs]

    # Rows

    def _row(self, node: Node) -> list[Any]:
        """Path, operator, shape, parameters, multiply-adds, field, the card that shows it, and where the field lies."""
        share = self.summary.cost.nodes[node]
        field = self.summary.fields.of(node)
        card = self.made.home.get(node)
        shown = self.number.get(card, -1) if card is not None else -1
        macs = number(share.macs, self.sizes) or 0
        said = "" if field is None or not node.inputs else str(field)
        return [
            node.path, node.op.name, self.words.shape(node.outputs[0]) if node.outputs else "", share.parameters, macs,
            said, shown, self._window(node),
        ]  # fmt: skip

    def _window(self, node: Node) -> list[int] | None:
        """What the unit in the middle of a map sees: where it begins and how large it is, along height and width."""
        field = self.summary.fields.of(node)
        shape = node.outputs[0].shape if node.outputs else ()
        if field is None or len(field.reaches) != 2 or len(shape) != 4:
            return None
        found = []
        for axis, (size, stride, padding) in enumerate(zip(field.size, field.stride, field.padding)):
            span, count = number(size, self.sizes), number(shape[2 + axis], self.sizes)
            if span is None or count is None or not isinstance(stride, int) or not isinstance(padding, int):
                return None
            found += [count // 2 * stride - padding, span]
        return found

    def _image(self) -> list[int] | None:
        """Height and width of the first input that is an image."""
        for tensor in self.graph.inputs.values():
            if len(tensor.shape) == 4:
                sizes = [number(size, self.sizes) for size in tensor.shape[2:]]
                return [size for size in sizes if size is not None] if None not in sizes else None
        return None


def _family(card: Card) -> str:
    if card.output is not None:
        return "input"
    if card.closed is not None or not card.nodes:
        return "other"
    return "resize" if "output_padding" in card.host.op.fields else str(card.host.op.family)


def _wide(made: dict[str, Any]) -> float:
    """Points of its longest line."""
    first = width(made.get("title", ""), 12, True) + width(made.get("weights", ""), 10) + 16
    beside = made.get("with", "") or (made.get("title", "") if "parts" in made else "")
    second = width(made.get("shape", ""), 11) + width(beside, 10) + 16
    label = width(f"{made['label']} ×{made.get('count', 1)} {made.get('title', '')}", 11, True) + 20
    if made.get("join"):
        return max(width(made["title"], 12, True) + 18, 28)
    return round(max(first, second, label, 110) * WIDER + 22)
