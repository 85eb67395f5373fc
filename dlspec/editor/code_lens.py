"""Above every network what it costs and sees, above every block what its uses hold."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.analyses.words import count_words
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.summary import Summary
    from dlspec.editor.document import Document
    from dlspec.graph import Graph
    from dlspec.source import Span


class Lens:
    """Words above a definition, at an offset of whichever version of the text."""

    __slots__ = ("offset", "text")

    def __init__(self, offset: int, text: str) -> None:
        self.offset = offset
        self.text = text


def lenses(document: Document) -> list[Lens]:
    """The lenses that need no more than the networks that the hints show; other networks are asked for one by one."""
    shown = [graph for network in document.shown_networks() if (graph := document.graph(network)) is not None]
    found = []
    for item in document.tree.items:
        if isinstance(item, tree.Block):
            text = _block_words(item, shown)
            if text:
                found.append(Lens(item.span.start, text))
    return found


def network_places(document: Document) -> dict[str, Span]:
    """The networks that can be made, with where they are defined."""
    makeable = set(document.spec.networks)
    return {
        item.name: item.name_span
        for item in document.tree.items
        if isinstance(item, tree.Network | tree.Alias) and item.name in makeable
    }


def network_words(document: Document, network: str) -> str | None:
    """`25,557,032 parameters · 4,089,184,256 MACs at 224 × 224 · sees 427 × 427`; None where it has mistakes."""
    summary = document.summary(network)
    if summary is None:
        return None
    words = [f"{summary.cost.parameters:,} parameters", f"{count_words(summary.cost.macs)} MACs"]
    return " · ".join([*words, *_field_words(summary)])


def _field_words(summary: Summary) -> list[str]:
    """The largest stretch of the input that a unit before the end sees, and what only the end does."""
    sizes, whole = [], False
    for node in summary.layers:
        field = summary.fields.of(node)
        found = None if field is None else field.to_json()
        if isinstance(found, dict):
            sizes.append(tuple(found["size"]))
        whole = whole or found == "whole"
    if not sizes:
        return ["sees the whole input"] if whole else []
    size = max(sizes, key=lambda one: [axis if isinstance(axis, int) else 0 for axis in one])
    words = f"receptive field {' × '.join(map(str, size))}" if any(axis != 1 for axis in size) else ""
    return [words + (", then the whole input" if whole and words else "")] if words else []


def _block_words(block: tree.Block, graphs: list[Graph]) -> str:
    """How often a block is used, and what one use holds."""
    for graph in graphs:
        uses = [part for part in _applications(graph.root) if part.definition is block]
        if uses:
            held = sorted({_parameters(graph, use) for use in uses})
            amount = f"{held[0]:,}" if len(held) == 1 else f"{held[0]:,} to {held[-1]:,}"
            times = "once" if len(uses) == 1 else f"{len(uses)} times"
            return f"used {times} in {graph.name}" + (f" · {amount} parameters" if held[-1] else "")
    return ""


def _parameters(graph: Graph, use: Application) -> int:
    from dlspec.analyses.cost import parameters

    inner = f"{use.path}."
    return sum(parameters(module) for path, module in graph.modules.items() if path.startswith(inner))


def _applications(part: Application) -> Iterator[Application]:
    for step in part.steps:
        if isinstance(step, Application):
            yield step
            yield from _applications(step)


def code_lens(document: Document, found: list[Lens]) -> list[lsp.CodeLens]:
    """The lenses of blocks with their words, and those of networks, whose words `resolved` fills in when they show."""
    at = document.positions
    words = [lsp.CodeLens(at.range(lens.offset, lens.offset), command=_words(lens.text)) for lens in found]
    later = [
        lsp.CodeLens(at.of(span), data={"uri": document.uri, "network": name})
        for name, span in network_places(document).items()
    ]
    return [*words, *later]


def _words(text: str) -> lsp.Command:
    return lsp.Command(title=text, command="")


def resolved(lens: lsp.CodeLens, document: Document, network: str) -> lsp.CodeLens:
    """The lens of a network with its words."""
    return lsp.CodeLens(
        lens.range, _words(network_words(document, network) or "cannot be made as it stands"), lens.data
    )
