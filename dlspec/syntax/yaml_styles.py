"""Which style of YAML the author of a part chose: braces and brackets on a line, or a key or item a line.

A formatter keeps the choice where it fits; what comes from a `.dls` text, or from an alias, has none.
"""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

    from dlspec.syntax import tree

    Style = Literal["flow", "block"] | None

_KEYS_BELOW = re.compile(r"[\w-]+:[ \t]*(?:#[^\n]*)?\n")


def style_of(node: tree.Node) -> Style:
    """The style of a list, mapping or record, by the character that it begins with."""
    text = node.span.text
    if not node.span.source.is_yaml or not text or text[0] in "&*!":
        return None
    return "flow" if text[0] in "[{" else "block"


def style_around(node: tree.Node) -> Style:
    """The style of the list or mapping that a node is the first part of."""
    text, start = node.span.source.text, node.span.start
    if not node.span.source.is_yaml or not node.span.text:
        return None
    return "flow" if text[:start].rstrip()[-1:] in tuple("[{,") else "block"


def style_of_item(node: tree.Node) -> Style:
    """The style of what a keyword holds: `let: {y: …}`, or its keys below it."""
    if not node.span.source.is_yaml or not node.span.text:
        return None
    return "block" if _KEYS_BELOW.match(node.span.text) else "flow"


def is_list_below(node: tree.Node) -> bool:
    """Whether a node is a list with an item a line."""
    return style_of(node) == "block" and node.span.text[:2] in ("- ", "-\n")
