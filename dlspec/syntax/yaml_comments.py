"""Comments of a YAML text: what follows a `#` that stands outside of every scalar."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax.tree import Comment
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode

if TYPE_CHECKING:
    from collections.abc import Iterator


def comments_of(source: Source, root: YamlNode | None) -> Iterator[Comment]:
    """The comments of YAML itself; those inside leaves are found as the leaves are read."""
    text = source.text
    mark = re.compile(r"(?:(?<=[ \t\n])|(?<![^\ufeff]))#[^\n]*")
    at = 0
    for start, end in [*_scalars(root, text), (len(text), len(text))]:
        for match in mark.finditer(text, at, max(at, start)):
            yield _comment(source, match.start(), match.end())
        at = max(at, end)


def _comment(source: Source, start: int, end: int) -> Comment:
    text = source.text
    line = text.rfind("\n", 0, start) + 1
    return Comment(Span(source, start, end), text[start + 1 : end].strip(), not text[line:start].strip("\ufeff \t"))


def _scalars(root: YamlNode | None, text: str) -> list[tuple[int, int]]:
    """Where scalars stand, in order; of a block scalar its head may hold a comment and is left out."""
    found: dict[int, int] = {}
    waiting = [root] if root is not None else []
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, Scalar):
            found[_content(node, text)] = node.end
        elif isinstance(node, Sequence):
            waiting += node.items
        elif isinstance(node, Mapping):
            waiting += [part for pair in node.pairs for part in pair]
    return sorted(found.items())


def _content(node: Scalar, text: str) -> int:
    if node.style not in ("|", ">"):
        return node.start
    line_end = text.find("\n", node.start, node.end)
    return line_end if line_end >= 0 else node.end
