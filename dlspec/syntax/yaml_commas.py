"""Values that YAML cuts at a comma: inside `{ }` and `[ ]`, `rotate(10, fill=0)` is two values, not one.

The pieces are put together again, so that one forgotten pair of quotes is one mistake.
"""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.yaml_nodes import Scalar, YamlNode

if TYPE_CHECKING:
    from dlspec.source import Source


def rejoined(children: list[YamlNode], stride: int, source: Source, problems: list[Diagnostic]) -> list[YamlNode]:
    """The items of a flow list (`stride` 1), or the keys and values of a flow mapping (2), without such cuts."""
    found: list[YamlNode] = []
    index = 0
    while index < len(children):
        child = children[index]
        index += 1
        if _open(child) <= 0 or len(found) % stride != stride - 1:
            found.append(child)
            continue
        depth, last = _open(child), child
        while depth > 0 and index + stride <= len(children) and isinstance(children[index], Scalar):
            taken = [piece for piece in children[index : index + stride] if not _empty(piece)]
            depth += sum(map(_open, taken))
            last = taken[-1] if taken else last
            index += stride
        found.append(_joined(child, last, source, problems))
    return found


def _open(node: YamlNode) -> int:
    """How many parentheses a plain scalar leaves open."""
    return node.text.count("(") - node.text.count(")") if isinstance(node, Scalar) and node.style is None else 0


def _empty(node: YamlNode) -> bool:
    return isinstance(node, Scalar) and node.empty


def _joined(first: YamlNode, last: YamlNode, source: Source, problems: list[Diagnostic]) -> YamlNode:
    if last is first:
        return first
    span = source.span(first.start, last.end)
    quote = "'" if '"' in span.text else '"'
    edits = [Edit(source.span(first.start, first.start), quote), Edit(source.span(last.end, last.end), quote)]
    problems.append(
        problem(
            "E0103",
            "a comma ends the value here",
            span,
            "holds a comma",
            notes=["inside `{ }` and `[ ]` a comma is YAML's own, also between parentheses"],
            fixes=[Fix("put the value in quotes", edits, "safe")],
        )
    )
    return Scalar(first.start, last.end, True, span.text, None)
