"""YAML text to scalars, lists and mappings with their places; nothing is constructed, every expansion is bounded.

Made from the parser's events and not by its composer, which recurses in C and would follow a
spec of ten thousand `[` until the process dies.
"""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.source import Source, Span

DEPTH = 50
"""How deep lists and mappings may nest."""
EXPANSION = 100_000
"""Nodes that aliases may add to a file."""


class YamlNode:
    """What stands somewhere; `size` and `height` count what aliases expand to."""

    __slots__ = ("end", "flow", "height", "size", "start")

    def __init__(self, start: int, end: int, flow: bool) -> None:
        self.start = start
        self.end = end
        self.flow = flow
        """For a scalar whether it stands in a flow collection, for a collection whether it is one."""
        self.size = 1
        self.height = 0

    def span(self, source: Source) -> Span:
        return source.span(self.start, self.end)


class Scalar(YamlNode):
    """A leaf: the text it stands for, and its style (None where it is plain)."""

    __slots__ = ("style", "text")

    def __init__(self, start: int, end: int, flow: bool, text: str, style: str | None) -> None:
        super().__init__(start, end, flow)
        self.text = text
        self.style = style

    @property
    def empty(self) -> bool:
        """Whether nothing is written where a value could be."""
        return self.style is None and not self.text


class Sequence(YamlNode):
    """A list."""

    __slots__ = ("items",)

    def __init__(self, start: int, end: int, flow: bool) -> None:
        super().__init__(start, end, flow)
        self.items: list[YamlNode] = []


class Mapping(YamlNode):
    """Keys with values in order, repeated ones too."""

    __slots__ = ("pairs",)

    def __init__(self, start: int, end: int, flow: bool) -> None:
        super().__init__(start, end, flow)
        self.pairs: list[tuple[YamlNode, YamlNode]] = []


class Refused(Exception):
    """The text cannot be read as YAML; carries the diagnostic."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


def compose(source: Source, problems: list[Diagnostic]) -> YamlNode | None:
    """The root of a YAML text, or None for an empty one.

    Raises Refused where the text is not YAML, nests too deep, or grows too large by aliases.
    """
    return _Composer(source, problems).root()


class _Composer:
    """Collections that are open, anchors that were met."""

    def __init__(self, source: Source, problems: list[Diagnostic]) -> None:
        self.source = source
        self.problems = problems
        self.shift = 1 if source.text.startswith("\ufeff") else 0
        self.anchors: dict[str, YamlNode | None] = {}
        self.open: list[tuple[Sequence | Mapping, list[YamlNode], str | None]] = []
        self.found: YamlNode | None = None
        self.added = 0

    def root(self) -> YamlNode | None:
        import yaml

        try:
            for event in self._events(yaml):
                self._take(event)
        except yaml.YAMLError as error:
            from dlspec.syntax.yaml_mistakes import describe

            raise Refused(describe(error, self.source, self.shift)) from None
        return self.found

    def _events(self, yaml: Any) -> Iterator[Any]:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        try:
            yield from yaml.parse(self.source.text[self.shift :], Loader=loader)
        except UnicodeEncodeError as error:
            where = self.source.span(error.start + self.shift, error.end + self.shift)
            raise Refused(
                problem("E0103", "half of a surrogate pair is no character", where, "cannot be read")
            ) from None

    def _refuse(self, code: str, message: str, event: Any, label: str, *notes: str) -> Refused:
        return Refused(problem(code, message, self.source.span(*self._place(event)), label, notes=notes))

    def _place(self, event: Any) -> tuple[int, int]:
        return event.start_mark.index + self.shift, event.end_mark.index + self.shift

    def _take(self, event: Any) -> None:
        kind = type(event).__name__
        if kind == "ScalarEvent":
            self._scalar(event)
        elif kind in ("SequenceStartEvent", "MappingStartEvent"):
            self._begin(event, Sequence if kind == "SequenceStartEvent" else Mapping)
        elif kind in ("SequenceEndEvent", "MappingEndEvent"):
            self._finish(event)
        elif kind == "AliasEvent":
            self._alias(event)
        elif kind == "DocumentStartEvent" and self.found is not None:
            raise self._refuse("E0103", "the file holds a second document", event, "a spec is one document")

    def _scalar(self, event: Any) -> None:
        self._refuse_tag(event)
        start, end = self._place(event)
        flow = bool(self.open) and self.open[-1][0].flow
        style = event.style if event.style in ("'", '"', "|", ">") else None
        if style in ("|", ">"):
            end = start + len(self.source.text[start:end].rstrip())
        self._add(Scalar(start, end, flow, event.value, style), event.anchor)

    def _refuse_tag(self, event: Any) -> None:
        if event.tag is not None:
            match = re.search(r"!\S*", self.source.text[event.start_mark.index + self.shift :])
            start = event.start_mark.index + self.shift + (match.start() if match else 0)
            where = self.source.span(start, start + (len(match.group()) if match else 1))
            self.problems.append(
                problem(
                    "E0103",
                    "a spec has no tags",
                    where,
                    "a tag",
                    fixes=[Fix("remove the tag", [Edit(where, "")], "safe")],
                )
            )

    def _begin(self, event: Any, kind: type[Sequence] | type[Mapping]) -> None:
        if len(self.open) >= DEPTH:
            raise self._refuse("E0209", f"lists and mappings nest more than {DEPTH} deep", event, "too deep here")
        self._refuse_tag(event)
        start, end = self._place(event)
        if event.anchor:
            self.anchors[event.anchor] = None
        self.open.append((kind(start, end, bool(event.flow_style)), [], event.anchor))

    def _finish(self, event: Any) -> None:
        node, children, anchor = self.open.pop()
        if node.flow:
            from dlspec.syntax.yaml_commas import rejoined

            node.end = self._place(event)[1]
            children = rejoined(children, 1 if isinstance(node, Sequence) else 2, self.source, self.problems)
        elif children:
            node.end = max(node.start, children[-1].end)
        node.size += sum(child.size for child in children)
        node.height = 1 + max((child.height for child in children), default=0)
        if isinstance(node, Sequence):
            node.items = children
        else:
            node.pairs = list(zip(children[::2], children[1::2]))
        self._add(node, anchor)

    def _alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            raise self._refuse(
                "E0103",
                f"there is no anchor `{event.anchor}`",
                event,
                f"nothing before this is marked `&{event.anchor}`",
            )
        target = self.anchors[event.anchor]
        if target is None:
            raise self._refuse("E0107", f"`{event.anchor}` holds itself", event, "stands inside what it repeats")
        self.added += target.size
        if self.added > EXPANSION:
            raise self._refuse(
                "E0107", f"aliases add more than {EXPANSION:,} values", event, f"adds {target.size:,}",
                "write what repeats as a block, or with `for`",
            )  # fmt: skip
        if len(self.open) + target.height > DEPTH:
            raise self._refuse("E0209", f"lists and mappings nest more than {DEPTH} deep", event, "too deep here")
        self._add(target, None)

    def _add(self, node: YamlNode, anchor: str | None) -> None:
        if anchor:
            self.anchors[anchor] = node
        if self.open:
            self.open[-1][1].append(node)
        else:
            self.found = node
