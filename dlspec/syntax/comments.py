"""Which comment belongs to which part of the tree, so that writers can carry it along; none is lost.

A comment at the end of a line belongs to what ends before it on that line, one on lines of its own to what
follows, or at the end of a body to what stands before.
"""

from __future__ import annotations

import re
from bisect import bisect_right

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

HOLDERS: dict[type, tuple[str, ...]] = {
    tree.File: ("items",),
    tree.Block: ("params", "body"),
    tree.Network: ("params", "body"),
    tree.Foreign: ("params",),
    tree.If: ("body", "orelse"),
    tree.For: ("body",),
    tree.Section: ("entries",),
    tree.Pipe: ("steps",),
    tree.Group: ("steps",),
    tree.ListExpr: ("items",),
    tree.Call: ("args",),
    tree.RecordExpr: ("fields",),
    tree.IfExpr: ("then", "test", "orelse"),
}
"""The parts of a node that a comment can belong to: what is written one after another."""


class Comments:
    """The comments of one part of the tree."""

    __slots__ = ("after", "leading", "trailing")

    def __init__(self) -> None:
        self.leading: list[tree.Comment] = []
        """Before it; those that are not `alone` stand behind what opens its list or body."""
        self.trailing: list[tree.Comment] = []
        """At the end of its line."""
        self.after: list[tree.Comment] = []
        """On lines of their own after it, where nothing more follows."""

    def all(self) -> list[tree.Comment]:
        return [*self.leading, *self.trailing, *self.after]


Attached = dict[int, Comments]
NONE = Comments()


class _Anchor:
    """A part that comments can belong to, with such parts inside it in the order of the text."""

    __slots__ = ("children", "flows_in", "node", "parent", "starts")

    def __init__(self, node: tree.Node, *, flows_in: bool = False) -> None:
        self.node = node
        self.flows_in = flows_in
        """Whether it is what a pipeline or choice begins with, which has no line of its own for comments."""
        self.parent: _Anchor | None = None
        self.children: list[_Anchor] = []
        self.starts: list[int] = []

    def add(self, child: _Anchor) -> None:
        """Put a part in, if it stands inside; a name that a reader put in stands elsewhere."""
        inner, outer = child.node.span, self.node.span
        if outer.start <= inner.start and inner.end <= outer.end:
            child.parent = self
            self.children.append(child)

    def sort(self) -> None:
        self.children.sort(key=lambda child: child.node.span.start)
        self.starts = [child.node.span.start for child in self.children]


def attach(file: tree.File) -> Attached:
    """The comments of a file by the `id` of the node that each belongs to."""
    attached: Attached = {}
    if not file.comments:
        return attached
    root = _anchored(file)
    for comment in file.comments:
        _place(attached, root, comment)
    return attached


def gathered(attached: Attached, node: Any) -> list[tree.Comment]:
    """Every comment of a part of the tree and of what it holds, in order."""
    found = []
    if attached:
        waiting = [node]
        while waiting:
            part = waiting.pop()
            if isinstance(part, tree.Node):
                found += attached.get(id(part), NONE).all()
                waiting += [getattr(part, field) for field in part._fields]
            elif isinstance(part, tuple):
                waiting += part
    return sorted(found, key=lambda comment: comment.span.start)


def _anchored(file: tree.File) -> _Anchor:
    root = _Anchor(file)
    waiting: list[tuple[_Anchor, tree.Node]] = [(root, file)]
    made = [root]
    while waiting:
        holder, node = waiting.pop()
        own = HOLDERS.get(type(node), ())
        for field in node._fields:
            for part in _nodes(getattr(node, field)):
                anchor = holder
                if field in own:
                    anchor = _Anchor(part, flows_in=_flows_in(node, part))
                    holder.add(anchor)
                    made.append(anchor)
                waiting.append((anchor, part))
    for anchor in made:
        anchor.sort()
    return root


def _flows_in(node: tree.Node, part: tree.Node) -> bool:
    """Whether a part is what an expression begins with, on the line of what stands before it."""
    return (isinstance(node, tree.Pipe) and part is node.steps[0]) or (
        isinstance(node, tree.IfExpr) and part is node.then
    )


def _nodes(value: Any) -> Iterator[tree.Node]:
    """The nodes of a field: itself, or those of a tuple, of a tuple of tuples, of pairs of a name and a node."""
    if isinstance(value, (tree.Comment, tree.LabelName)):
        return  # a label stands on one line, where no comment can be put
    if isinstance(value, tree.Node):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _nodes(part)


def _place(attached: Attached, root: _Anchor, comment: tree.Comment) -> None:
    """Give a comment to the part that it belongs to."""
    holder, before, following = _around(root, comment.span.start)
    by_indent = comment.span.source.is_yaml
    if not comment.alone and before is not None and _ends_on_line(before.node, comment):
        inner = _last_inside(before, comment) if by_indent else before
        _own(attached, inner).trailing.append(comment)
    elif (
        before is not None and by_indent and _deeper(comment) and (inner := _last_inside(before, comment)) is not before
    ):
        _own(attached, inner).after.append(comment)
    elif following is not None:
        _own(attached, _with_line(following)).leading.append(comment)
    elif before is not None:
        _own(attached, before).after.append(comment)
    else:
        _own(attached, _with_line(holder)).leading.append(comment)


def _with_line(anchor: _Anchor) -> _Anchor:
    """The part itself, or what it is the begin of, if it has no line of its own."""
    while anchor.flows_in and anchor.parent is not None and anchor is anchor.parent.children[0]:
        anchor = anchor.parent
    return anchor


def _own(attached: Attached, anchor: _Anchor) -> Comments:
    return attached.setdefault(id(anchor.node), Comments())


def _around(root: _Anchor, at: int) -> tuple[_Anchor, _Anchor | None, _Anchor | None]:
    """The innermost part that a place lies in, and the parts of it before and after the place."""
    holder = root
    while True:
        index = bisect_right(holder.starts, at)
        before = holder.children[index - 1] if index else None
        if before is None or at >= before.node.span.end:
            following = holder.children[index] if index < len(holder.children) else None
            return holder, before, following
        holder = before


def _last_inside(anchor: _Anchor, comment: tree.Comment) -> _Anchor:
    """In YAML, where no bracket closes a part: the last part inside it that the comment is not left of."""
    while anchor.children:
        last = anchor.children[-1]
        closing = anchor.node.span.source.text[last.node.span.end : anchor.node.span.end]
        if closing.strip("]})\"' ") or not _begins_line(last.node):
            break
        if comment.alone and _indent(last.node) > _indent(comment):
            break
        anchor = last
    return anchor


def _begins_line(node: tree.Node) -> bool:
    """Whether nothing but a dash or a key stands before a node on its line of YAML, or names of a list of names."""
    text, start = node.span.source.text, node.span.start
    line = text.rfind("\n", 0, start) + 1
    before = r"""[\s-]*(?:(?:inputs|outputs):\s+\[[\w, ]*|(?:[^\s\[{][^\n\[{]*:\s+)?["']?)"""
    return re.fullmatch(before, text[line:start]) is not None


def _deeper(comment: tree.Comment) -> bool:
    """Whether a comment on a line of its own stands deeper than the next line that is none."""
    if not comment.alone:
        return False
    following = re.compile(r"\n( *)[^\s#]").search(comment.span.source.text, comment.span.end)
    return _indent(comment) > (len(following.group(1)) if following else -1)


def _indent(node: tree.Node) -> int:
    """How far the line is indented on which a node begins; of folded text, the line that it is folded under."""
    text, start = node.span.source.text, node.span.start
    line = text.rfind("\n", 0, start) + 1
    if text[:line].rstrip("\n").endswith((">-", "|-", ">", "|")) and not isinstance(node, tree.Comment):
        line = text.rfind("\n", 0, line - 1) + 1
        return len(text[line:]) - len(text[line:].lstrip(" "))
    return len(text[line:start]) - len(text[line : start + 1].lstrip(" ")) + 1


def _ends_on_line(node: tree.Node, comment: tree.Comment) -> bool:
    """Whether a part ends on the line of a comment, with nothing opened between them."""
    between = comment.span.source.text[node.span.end : comment.span.start]
    between = re.sub(r"^(?:\s*\))+", "", between)  # parentheses round a part lie outside of its span
    return "\n" not in between and "{" not in between


def spelling(comment: tree.Comment) -> str:
    """A comment as it is written."""
    if not comment.text or comment.text[0] in "#!:":
        return "#" + comment.text
    return "# " + comment.text


def blank_before(node: tree.Node) -> bool:
    """Whether an empty line stands in the text before the line on which a node or comment begins."""
    text, start = node.span.source.text, node.span.start
    line = text.rfind("\n", 0, start)
    if line < 0 or not re.fullmatch(_BEFORE, text[line + 1 : start]):
        return False
    before = text.rfind("\n", 0, line)
    while before >= 0 and re.fullmatch(_KEYWORD, text[before + 1 : line]):
        line, before = before, text.rfind("\n", 0, before)
    return line > 0 and not text[before + 1 : line].strip()


_BEFORE = r"""[\s-]*(?:[\w"']+:\s*)?[{\["'(]?\s*"""
"""What may stand before a statement or entry on its line: in YAML a dash, its keyword, a brace."""
_KEYWORD = r"\s*(?:-\s+)?\w+:\s*(?:#.*)?"
"""A line that holds nothing but a key of YAML, which opens what the node is the first of."""
