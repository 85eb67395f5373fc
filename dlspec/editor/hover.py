"""What stands behind a word: where a layer's numbers come from, the page of its operator, what a name means."""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.editor.code_lens import network_words
from dlspec.editor.plan_keys import described
from dlspec.editor.stages import Stage, stages
from dlspec.editor.symbols import detail
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.editor.document import Document
    from dlspec.editor.names import Symbol

WIDTH = 76
"""Columns of a derivation in a hover; more would be broken by most editors."""


def hover(document: Document, offset: int) -> lsp.Hover | None:
    """What there is to say of the place at an offset."""
    trail = trail_to(document.tree, offset)
    parts = _argument(document, trail, offset) or _plan(trail, offset) or _allowed(trail, offset)
    if not parts:
        parts = _named(document, offset) + _stage(document, trail, offset)
    if not parts:
        return None
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, "\n\n".join(parts)))


def trail_to(node: Any, offset: int) -> list[tree.Node]:
    """The parts of the tree that hold an offset, the outermost first."""
    found: list[tree.Node] = []
    stack = [node]
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack += reversed(part)
        elif isinstance(part, tree.Node):
            if part.span.start <= offset <= part.span.end:
                found.append(part)
                stack = [getattr(part, field) for field in reversed(part._fields)]
            elif isinstance(part, tree.Arg | tree.Entry):
                stack += [part.value]
    return found


def _innermost(trail: list[tree.Node], kind: type) -> Any:
    return next((part for part in reversed(trail) if isinstance(part, kind)), None)


# Names


def _named(document: Document, offset: int) -> list[str]:
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
    stage = next((one for one in stages(document) if (one.start, one.end) == (last.span.start, last.span.end)), None)
    return [_stage_shapes(stage)] if stage is not None and stage.made else []


def _stage_shapes(stage: Stage) -> str:
    shapes = list(dict.fromkeys(made.shape for made in stage.made))
    return "gives " + ", ".join(f"`{shape}`" for shape in shapes[:4]) + (" …" if len(shapes) > 4 else "")


# Stages


def _stage(document: Document, trail: list[tree.Node], offset: int) -> list[str]:
    """The derivation of the stage at an offset, and the page of its operator if the offset is on its name."""
    from dlspec.ops.page import page

    label = _innermost(trail, tree.Labelled)
    place = _innermost(trail, tree.Call) or _innermost(trail, tree.Name)
    on_label = label is not None and isinstance(trail[-1], tree.LabelName)
    if on_label:
        place = label.value
    function = place.function if isinstance(place, tree.Call) else place
    if not isinstance(function, tree.Name):
        return _derived(document, place) if place is not None else []
    on_name = function.span.start <= offset <= function.span.end
    if not (on_name or on_label):
        return []
    derivation = _derived(document, place)
    is_own = document.names.symbols.get(function.name) is not None
    text = page(function.name) if on_name and not is_own and _is_callee(trail, function, derivation) else None
    return derivation + ([f"---\n\n{text}"] if text else [])


def _is_callee(trail: list[tree.Node], function: tree.Name, derivation: list[str]) -> bool:
    """Whether a name is what is applied, and not a value that is called like an operator."""
    from dlspec.ops import lookup

    return bool(derivation) or (lookup(function.name) is not None and not isinstance(trail[-2:][0], tree.Arg))


def _derived(document: Document, value: Any) -> list[str]:
    """Where the numbers of a stage come from, for its first use."""
    from dlspec.analyses.explain import explain_layer
    from dlspec.analyses.table import part_table

    if value is None:
        return []
    wanted = value.span.start, value.span.end
    stage = next((one for one in stages(document) if (one.start, one.end) == wanted), None)
    if stage is None or not stage.made:
        return []
    first = stage.made[0]
    summary = document.summary(first.graph.name)
    more = f"{len(stage.made) - 1} more uses in `{first.graph.name}`; " if len(stage.made) > 1 else ""
    if summary is None or first.graph is not summary.graph:
        return [f"{more}{_stage_shapes(stage)}"]
    if isinstance(first.part, Node):
        text = explain_layer(summary, first.part, width=WIDTH)
    else:
        text = part_table(summary, first.part, width=WIDTH)
    return [f"```text\n{text}\n```", *([f"{more}{_stage_shapes(stage)}"] if more else [])]


# Arguments, plans, lints


def _argument(document: Document, trail: list[tree.Node], offset: int) -> list[str]:
    """The sentence of an operator's parameter, on its name in a call."""
    from dlspec.ops import lookup
    from dlspec.ops.page import sentences, spelt

    argument, call = _innermost(trail, tree.Arg), _innermost(trail, tree.Call)
    if argument is None or call is None or argument.name is None or argument not in call.args:
        return []
    if not argument.span.start <= offset <= argument.span.start + len(argument.name):
        return []
    op = lookup(call.function.name) if isinstance(call.function, tree.Name) else None
    if op is None or argument.name not in op.fields or call.function.name in document.names.symbols:
        return []
    field = op.fields[argument.name]
    default = "" if field.required else f", by default `{spelt(field.default)}`"
    return [f"`{argument.name}` of `{op.name}`: {field.kind.words}{default}", sentences(op).get(argument.name, "")]


def _plan(trail: list[tree.Node], offset: int) -> list[str]:
    """What a key of a plan, or a member of one of its catalogues, is."""
    keys = [part.key for part in trail if isinstance(part, tree.Entry)]
    entry = _innermost(trail, tree.Entry)
    if entry is None or not any(isinstance(part, tree.Plan) for part in trail):
        return []
    if entry.key_span.start <= offset <= entry.key_span.end:
        return described(keys, None)
    name = trail[-1] if isinstance(trail[-1], tree.Name) else None
    return described(keys, name.name) if name is not None else []


def _allowed(trail: list[tree.Node], offset: int) -> list[str]:
    """The page of the lint that an `allow` names."""
    from dlspec.diagnostics.explain import page

    allow = _innermost(trail, tree.Allow)
    text = page(allow.lint) if allow is not None else None
    return [text] if text else []
