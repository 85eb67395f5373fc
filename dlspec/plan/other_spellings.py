"""Values of a plan as other tools have them: names in quotes, settings as a mapping with the name among them."""

from __future__ import annotations

from dlspec.diagnostics.record import Edit, Fix
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMING = ("name", "type", "kind", "class", "op", "_target_")
"""Keys under which other tools put the name of what the other keys are settings of."""


def meant(expr: tree.Expr | tree.Section, members: Sequence[str]) -> list[Fix]:
    """The repair of a value that is a member of a catalogue in another spelling."""
    match expr:
        case tree.Literal(value=str() as text) if text in members:
            return [Fix("write it without quotes", [Edit(expr.span, text)], "safe")]
        case tree.Section():
            call = _as_call(expr, members)
            fix = f"settings stand in parentheses: `{call}`"
            text = call if expr.span.source.is_yaml else f"= {call}"
            return [Fix(fix, [Edit(expr.span, text)], "placeholder")] if call else []
    return []


def _as_call(section: tree.Section, members: Sequence[str]) -> str:
    """`{name: sgd, lr: 0.1}` and `{sgd: {lr: 0.1}}` as `sgd(lr=0.1)`; nothing where neither is there."""
    first = section.entries[0] if len(section.entries) == 1 else None
    if first is not None and first.key in members:
        inner = first.value.entries if isinstance(first.value, tree.Section) else ()
        return _call(first.key, inner)
    for entry in section.entries:
        name = entry.value.span.text.strip("\"'")
        if entry.key in _NAMING and name in members:
            return _call(name, [other for other in section.entries if other is not entry])
    return ""


def _call(name: str, settings: Sequence[tree.Entry]) -> str:
    given = [f"{entry.key}={entry.value.span.text}" for entry in settings if not isinstance(entry.value, tree.Section)]
    return f"{name}({', '.join(given)})" if given else name
