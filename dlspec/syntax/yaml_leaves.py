"""Leaves of a YAML file: scalars read as expressions of the language, with exact places in the file.

A scalar that stands as it is written is read where it stands. One with escapes or folds is read as
the text it stands for, and every place in that text is then led back to the file.
"""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, Label, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax import tree
from dlspec.syntax.literals import bounded
from dlspec.syntax.parser import parse
from dlspec.syntax.yaml_nodes import Scalar

if TYPE_CHECKING:
    from typing import Any

_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
_WORDS = {
    **dict.fromkeys(("null", "Null", "NULL", "~", ""), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_MISSING = object()


def _integer(text: str) -> int:
    return int(text, 0) if text[:2] in ("0o", "0x") else int(text)


class Leaves:
    """Reads the scalars of one source; keeps their problems and the comments inside them."""

    def __init__(self, source: Source, problems: list[Diagnostic]) -> None:
        self.source = source
        self.problems = problems
        self.comments: list[tree.Comment] = []

    def expression(self, node: Scalar) -> tree.Expr | tree.Broken:
        """The expression that a scalar is; `Broken` where it is none."""
        span = node.span(self.source)
        if node.style is None:
            value = self._core(node, span)
            if value is not _MISSING:
                return tree.Literal(span, value)
        found = self.parsed(node, "expression")
        return tree.Broken(span) if found is None else found

    def _core(self, node: Scalar, span: Span) -> Any:
        """The value of a plain scalar by the core schema of YAML 1.2 (section 10.3.2)."""
        text = node.text
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return bounded(text, _integer, span, self.problems)
        if _FLOAT.fullmatch(text):
            return bounded(text, float, span, self.problems)
        if _NO_NUMBER.fullmatch(text):
            self.problems.append(problem("E0106", f"`{text}` is no number of the language", span, "has no spelling"))
            return 0.0
        return _MISSING

    def parsed(self, node: Scalar, start: str) -> Any:
        """What a scalar is by a start rule of the grammar, or None after a mistake."""
        found, problems, comments = self._in_place(node, start) or self._apart(node, start)
        if problems and "\n" in self.source.text[node.start : node.end]:
            # A string may run over a fold, and be whole only in the text that the scalar stands for.
            other = self._apart(node, start)
            if not other[1]:
                found, problems, comments = other
        self.problems += problems
        self.comments += comments
        return found

    def _in_place(self, node: Scalar, start: str) -> _Reading | None:
        """Read a scalar where it stands; None where its text does not stand in the file word by word."""
        begin, end = written(node, self.source.text)
        raw = self.source.text[begin:end]
        if raw != node.text and not ("\n" in raw and raw.split() == node.text.split()):
            return None
        found, problems, parser = parse(self.source, start, begin, end)
        return found, problems, parser.comments()

    def _apart(self, node: Scalar, start: str) -> _Reading:
        """Read the text that a scalar stands for, and lead every place back."""
        apart = Source(self.source.name, node.text)
        found, problems, parser = parse(apart, start)
        back = _Back(self.source, apart, node)
        comments = tuple(back.node(comment) for comment in parser.comments())
        return back.node(found), [back.diagnostic(one) for one in problems], comments


_Reading = tuple["Any", list[Diagnostic], tuple[tree.Comment, ...]]


def written(node: Scalar, text: str) -> tuple[int, int]:
    """Where the characters of a scalar stand: without anchor, tag, quotes, and head of a block scalar."""
    begin, end = node.start, node.end
    while begin < end and text[begin] in "&!":
        begin = re.compile(r"\S+\s*").match(text, begin, end).end()  # type: ignore[union-attr]  # begins with & or !
    if node.style in ("'", '"'):
        return begin + 1, end - 1
    if node.style in ("|", ">"):
        line_end = text.find("\n", begin, end)
        return (line_end + 1 if line_end >= 0 else end), end
    return begin, end


_PIECE = (
    r"(?P<fold>[ \t]*\r?\n(?:[ \t]*\r?\n)*[ \t]*)|\\(?P<skip>\r?\n[ \t]*)"
    r"|\\(?:x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[^\n])|''|[ \t]+|(?s:.)"
)


def _places(node: Scalar, text: str) -> list[int] | None:
    """For each character of a scalar's text, and for its end, the offset where it is written.

    None where this reading of escapes and folds gives another number of characters than YAML's.
    """
    piece_of = re.compile(_PIECE)
    at, end = written(node, text)
    places: list[int] = []
    while at < end:
        match = piece_of.match(text, at, end)
        assert match is not None  # `.` takes whatever is left
        piece = match.group()
        if match.group("fold") and node.style != "|":
            places += [at] * max(1, piece.count("\n") - 1)
        elif match.group("skip") is None or node.style != '"':
            one = (piece[0] == "\\" and node.style == '"') or (piece == "''" and node.style == "'")
            places += [at] if one else range(at, match.end())
        at = match.end()
    return [*places, end] if len(places) == len(node.text) else None


class _Back:
    """Leads what was read from another text back to where its characters are written."""

    def __init__(self, source: Source, apart: Source, node: Scalar) -> None:
        self.source = source
        self.apart = apart
        self.whole = node.span(source)
        self.places = _places(node, source.text)

    def span(self, span: Span) -> Span:
        """Too wide where the places are not known, never something else."""
        if self.places is None:
            return self.whole
        last = len(self.places) - 1
        return self.source.span(self.places[min(span.start, last)], self.places[min(span.end, last)])

    def node(self, value: Any) -> Any:
        """The same tree with every span led back; its nesting is bounded by the parser."""
        if isinstance(value, tree.Node):
            for field in value._fields:
                setattr(value, field, self.node(getattr(value, field)))
            return value
        if isinstance(value, tuple):
            return tuple(self.node(item) for item in value)
        if isinstance(value, Span) and value.source is self.apart:
            return self.span(value)
        return value

    def diagnostic(self, found: Diagnostic) -> Diagnostic:
        """The same words; edits would have to be escaped as the scalar is, so none are offered."""
        found.labels = [Label(self.span(one.span), one.text, one.primary) for one in found.labels]
        for fix in found.fixes:
            fix.edits = ()
        return found
