"""What a name of the file stands for: its definition, its comment, its values or shapes in the networks that use it."""

from __future__ import annotations

from dlspec.editor.code_lens import network_words
from dlspec.editor.derivation import stage_shapes
from dlspec.editor.symbols import detail
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.editor.names import Symbol


def named(document: Document, offset: int) -> list[str]:
    """What a name of the file stands for."""
    found = document.names.at(offset)
    if found is None:
        return []
    symbol = found.symbol
    parts = [f"```dls\n{_head(symbol)}\n```"]
    comment = _comment_above(symbol)
    if comment:
        parts.append(comment)
    words = network_words(document, symbol.name) if symbol.name in document.spec.networks else None
    if words and symbol.kind == "network":
        parts.append(words)
    if symbol.kind == "parameter" and symbol.owner is not None:
        parts += _values(document, symbol)
    if symbol.kind in ("value", "output", "label", "input"):
        parts += _shapes(document, symbol)
    return parts


def _head(symbol: Symbol) -> str:
    owner = f"  # in {symbol.owner.name}" if symbol.owner is not None else ""
    if symbol.kind in ("block", "network", "foreign"):
        return f"{symbol.kind} {symbol.name} {detail(symbol)}".replace(" (", "(").rstrip()
    if symbol.kind == "parameter":
        return f"{symbol.node.span.text}{owner}"
    words = {"value": "", "label": "", "loop": "", "constant": "", "learned": "parameter "}.get(
        symbol.kind, f"{symbol.kind} "
    )
    behind = detail(symbol)
    mark = ": " if symbol.kind in ("label", "input") and behind else " " if behind else ""
    return f"{words}{symbol.name}{mark}{behind}{owner}"


def _comment_above(symbol: Symbol) -> str:
    """The comment on the lines directly above a definition."""
    if symbol.kind not in ("block", "network", "foreign", "constant", "plan"):
        return ""
    source = symbol.span.source
    line = symbol.node.span.line - 1
    texts: list[str] = []
    while line >= 1 and source.line(line).lstrip().startswith("#"):
        texts.insert(0, source.line(line).strip().lstrip("#").strip())
        line -= 1
    return " ".join(texts)


def _values(document: Document, symbol: Symbol) -> list[str]:
    """What a parameter was given by the uses of its block."""
    from dlspec.analyses.words import multiples, shape_words, value_words
    from dlspec.graph import Tensor

    for network in document.shown_networks():
        graph = document.graph(network)
        if graph is None:
            continue
        parts = multiples(graph)
        texts: list[str] = []
        for use in uses(graph.root):
            if use.definition.span.start == symbol.owner.node.span.start and symbol.name in use.arguments:  # type: ignore[union-attr]  # has one
                value = use.arguments[symbol.name]
                if isinstance(value, Tensor):
                    texts.append(shape_words(value.shape, parts))
                elif isinstance(value, int | float | str | list | tuple | None) and "<" not in repr(value):
                    texts.append(value_words(value))
        if texts:
            shown = list(dict.fromkeys(texts))
            more = f" and {len(shown) - 6} more" if len(shown) > 6 else ""
            return [f"in `{graph.name}`: {', '.join(f'`{text}`' for text in shown[:6])}{more}"]
    return []


def uses(part: Application) -> list[Application]:
    """A network and every use of a block in it."""
    found, stack = [], [part]
    while stack:
        one = stack.pop()
        if one.kind in ("network", "block") and one.definition is not None:
            found.append(one)
        stack += [step for step in reversed(one.steps) if isinstance(step, Application)]
    return found


def _shapes(document: Document, symbol: Symbol) -> list[str]:
    """The shape of what a name stands for, from the stage that gives it."""
    from dlspec.analyses.words import multiples, shape_words

    if symbol.kind == "input":
        for network in document.spec.networks[::-1]:
            graph = document.graph(network)
            if graph is not None and symbol.name in graph.inputs:
                tensor = graph.inputs[symbol.name]
                return [f"`{tensor.dtype}` `{shape_words(tensor.shape, multiples(graph))}`"]
        return []
    value = getattr(symbol.node, "value", None)
    if value is None or symbol.file.source is not document.source:
        return []
    last = value.steps[-1] if isinstance(value, tree.Pipe) else value
    last = last.value if isinstance(last, tree.Labelled) else last
    stage = next((one for one in document.stages if (one.start, one.end) == (last.span.start, last.span.end)), None)
    return [stage_shapes(stage)] if stage is not None and stage.made else []
