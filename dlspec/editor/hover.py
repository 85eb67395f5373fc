"""What stands behind a word: where a layer's numbers come from, the page of its operator, what a name means."""

from __future__ import annotations

import re

from lsprotocol import types as lsp

from dlspec.editor.derivation import derived
from dlspec.editor.hover_names import named
from dlspec.editor.plan_keys import described, parameter
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from typing import Any

    from dlspec.editor.document import Document


def hover(document: Document, offset: int) -> lsp.Hover | None:
    """What there is to say of the place at an offset."""
    trail = trail_to(document.tree, offset)
    parts = _argument(document, trail, offset) or _plan(trail, offset) or _allowed(trail, offset)
    if not parts:
        parts = named(document, offset) + _stage(document, trail, offset)
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
        return derived(document, place) if place is not None else []
    on_name = function.span.start <= offset <= function.span.end
    if not (on_name or on_label):
        return []
    derivation = derived(document, place)
    is_own = document.names.symbols.get(function.name) is not None
    text = page(function.name) if on_name and not is_own and _is_callee(trail, function, derivation) else None
    rule = "---\n\n" if derivation else ""
    return derivation + ([rule + lowered(text)] if text else [])


def lowered(text: str) -> str:
    """Markdown with its headings three levels down: a page of its own shouts in a hover."""
    return re.sub(r"^(#+ )", r"###\1", text, flags=re.M)


def _is_callee(trail: list[tree.Node], function: tree.Name, derivation: list[str]) -> bool:
    """Whether a name is what is applied, and not a value that is called like an operator."""
    from dlspec.ops import lookup

    return bool(derivation) or (lookup(function.name) is not None and not isinstance(trail[-2:][0], tree.Arg))


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
    argument, call = _innermost(trail, tree.Arg), _innermost(trail, tree.Call)
    if argument is not None and isinstance(getattr(call, "function", None), tree.Name):
        name = argument.name or ""
        if argument.span.start <= offset <= argument.span.start + len(name):
            return parameter(keys, call.function.name, name)
    name = trail[-1] if isinstance(trail[-1], tree.Name) else None
    return described(keys, name.name) if name is not None else []


def _allowed(trail: list[tree.Node], offset: int) -> list[str]:
    """The page of the lint that an `allow` names."""
    from dlspec.diagnostics.explain import page

    allow = _innermost(trail, tree.Allow)
    text = page(allow.lint) if allow is not None else None
    return [lowered(text)] if text else []
