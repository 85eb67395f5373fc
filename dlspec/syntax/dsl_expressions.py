"""Expressions as text of the language, with parentheses only where their absence would mean something else."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.comments import NONE, Attached, spelling
from dlspec.syntax.layout import HARD, Align, Doc, Either, Group, Indent, Line, Suffix, rendered
from dlspec.syntax.literals import DIGITS, number

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

# How tightly each form binds, as in the grammar.
EXPR, PIPE, STAGE, OR, AND, NOT, COMPARISON, RANGE, SUM, PRODUCT, FACTOR, POWER, POSTFIX, PRIMARY = range(14)

BINARY = {
    "or": (OR, OR, AND), "and": (AND, AND, NOT), "in": (COMPARISON, RANGE, RANGE),
    **dict.fromkeys(("==", "!=", "<", "<=", ">", ">="), (COMPARISON, RANGE, RANGE)),
    **dict.fromkeys("+-", (SUM, SUM, PRODUCT)),
    **dict.fromkeys(("*", "/", "//", "%"), (PRODUCT, PRODUCT, FACTOR)),
    "**": (POWER, POSTFIX, FACTOR),
}  # fmt: skip
"""For each operator how tightly it binds, and what may stand left and right of it without parentheses."""

_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:k|[KMGT]i?)?")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def quoted(text: str, *, also: str = "") -> str:
    """Text as a string of the language; characters of `also` are escaped by number."""
    return '"' + "".join(_escaped(character, also) for character in text) + '"'


def _escaped(character: str, also: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character in also or (not character.isprintable() and ord(character) < 0x10000):
        return f"\\u{ord(character):04x}"
    return character


def literal(node: tree.Literal, *, also: str = "") -> str:
    """A number, string or word; a number as its author spelt it."""
    value = node.value
    if isinstance(value, str):
        return quoted(value, also=also)
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _spelt(node) or _numeral(value)


def _spelt(node: tree.Literal) -> str | None:
    """`30M`, `1e-3`: the spelling in the source, where it is one of the language and of this value."""
    text = node.span.text
    digits = text.removeprefix("-")
    if len(text) > 2 * DIGITS or not _NUMBER.fullmatch(digits):
        return None
    value = -number(digits) if text != digits else number(digits)
    return text if type(value) is type(node.value) and value == node.value else None


def _numeral(value: float) -> str:
    if value in (float("inf"), float("-inf")):
        return "1e999" if value > 0 else "-1e999"
    return repr(value)


class Expressions:
    """Documents of expressions, with the comments that belong inside them."""

    def __init__(self, attached: Attached) -> None:
        self.attached = attached
        self.escaped = ""
        """Characters that strings spell by number, inside a label."""
        self.keeps_commas = True
        """Whether a comma after the last item keeps an item a line; a leaf of YAML is one line."""

    def doc(self, node: tree.Expr | tree.Slice, level: int = EXPR) -> Doc:
        """An expression, in parentheses where it binds less tightly than `level`."""
        own, doc = _WRITE[type(node)](self, node)
        if own >= level:
            return doc
        return Group(["(", Indent([Line(""), doc]), Line(""), ")"])

    # Comments

    def with_comments(self, node: tree.Node, doc: Doc, tail: Doc = "", *, first: bool = False) -> Doc:
        """A part with its comments: before it, at the end of its line (behind `tail`), and after it.

        What stands behind the bracket that opens the list of a `first` part is left to `opening`.
        """
        own = self.attached.get(id(node))
        if own is None:
            return [doc, tail] if tail else doc
        found: list[Doc] = []
        for comment in own.leading[self._opening_count(node) if first else 0 :]:
            found += [spelling(comment), HARD]
        found += [doc, tail, *(Suffix(spelling(comment)) for comment in own.trailing)]
        for comment in own.after:
            found += [HARD, spelling(comment)]
        return found

    def opening(self, node: tree.Node) -> Doc:
        """The comment of a first part that stands behind what opens its list or body."""
        leading = self.attached.get(id(node), NONE).leading
        return [Suffix(spelling(comment)) for comment in leading[: self._opening_count(node)]]

    def _opening_count(self, node: tree.Node) -> int:
        leading = self.attached.get(id(node), NONE).leading
        return 1 if leading and not leading[0].alone else 0

    def listed(self, opener: str, parts: Sequence[tuple[tree.Node, Doc]], closer: str, *, comma: bool = True) -> Doc:
        """Parts between brackets: on one line, or each on its own; `comma` where one may stand after the last.

        An author who put a comma after the last, and a line end, wants each on its own.
        """
        if not parts:
            return opener + closer
        inner: list[Doc] = []
        for index, (node, doc) in enumerate(parts):
            tail = "," if index < len(parts) - 1 else Either("", ",") if comma else ""
            inner += [Line() if index else Line(""), self.with_comments(node, doc, tail, first=index == 0)]
        breaks = comma and self.keeps_commas and _ends_in_comma(parts[-1][0])
        return Group([opener, self.opening(parts[0][0]), Indent(inner), Line(""), closer], breaks=breaks)

    # Leaves

    def _literal(self, node: tree.Literal) -> tuple[int, Doc]:
        text = literal(node, also=self.escaped)
        return (FACTOR if text[0] == "-" else PRIMARY), text

    def _name(self, node: tree.Name) -> tuple[int, Doc]:
        return PRIMARY, node.name

    # Brackets

    def _list(self, node: tree.ListExpr) -> tuple[int, Doc]:
        return PRIMARY, self.listed("[", [(item, self.doc(item)) for item in node.items], "]")

    def _comprehension(self, node: tree.Comprehension) -> tuple[int, Doc]:
        inner: list[Doc] = [self.doc(node.item)]
        for loop in node.loops:
            inner += [Line(), "for ", ", ".join(loop.targets), " in ", self.doc(loop.iterable, OR)]
        if node.condition is not None:
            inner += [Line(), "if ", self.doc(node.condition, OR)]
        return PRIMARY, Group(["[", Indent([Line(""), *inner]), Line(""), "]"])

    def _record(self, node: tree.RecordExpr) -> tuple[int, Doc]:
        parts: list[tuple[tree.Node, Doc]] = []
        for name, value in node.fields:
            short = isinstance(value, tree.Name) and value.name == name
            parts.append((value, name if short else [name, " = ", self.doc(value)]))
        if len(parts) == 1 and parts[0][1] == node.fields[0][0]:
            return PRIMARY, self.listed("{", [(parts[0][0], [parts[0][1], ","])], "}", comma=False)
        return PRIMARY, self.listed("{", parts, "}")

    def _group(self, node: tree.Group) -> tuple[int, Doc]:
        steps = self._steps(node.steps)
        inner: list[Doc] = [Line(), steps[0]]
        for step in steps[1:]:
            inner += [Line(), step]
        return PRIMARY, Group(["{", self.opening(node.steps[0]), Indent(inner), Line(), "}"])

    # What is applied

    def _call(self, node: tree.Call) -> tuple[int, Doc]:
        parts = [(arg, self._arg(arg)) for arg in node.args]
        return POSTFIX, [self.doc(node.function, POSTFIX), self.listed("(", parts, ")")]

    def _arg(self, arg: tree.Arg) -> Doc:
        return self.doc(arg.value) if arg.name is None else [arg.name, "=", self.doc(arg.value)]

    def _postfixed(self, value: tree.Expr) -> Doc:
        """What a dot follows; a number would take it for its own."""
        numeral = isinstance(value, tree.Literal) and isinstance(value.value, (int, float))
        return ["(", self.doc(value), ")"] if numeral else self.doc(value, POSTFIX)

    def _attribute(self, node: tree.Attribute) -> tuple[int, Doc]:
        return POSTFIX, [self._postfixed(node.value), ".", node.name]

    def _select(self, node: tree.Select) -> tuple[int, Doc]:
        return POSTFIX, [self._postfixed(node.value), ".{", ", ".join(node.names), "}"]

    def _index(self, node: tree.Index) -> tuple[int, Doc]:
        parts: list[tuple[tree.Node, Doc]] = [(index, self.doc(index, OR)) for index in node.indices]
        return POSTFIX, [self.doc(node.value, POSTFIX), self.listed("[", parts, "]", comma=False)]

    def _slice(self, node: tree.Slice) -> tuple[int, Doc]:
        start = "" if node.start is None else self.doc(node.start, OR)
        stop = "" if node.stop is None else self.doc(node.stop, OR)
        return PRIMARY, [start, ":", stop]

    # Operators

    def _unary(self, node: tree.Unary) -> tuple[int, Doc]:
        if node.operator == "-":
            return FACTOR, ["-", self.doc(node.operand, FACTOR)]
        if isinstance(node.operand, tree.Binary) and node.operand.operator == "in":
            return COMPARISON, self._chain(node.operand, "not in")
        return NOT, ["not ", self.doc(node.operand, NOT)]

    def _binary(self, node: tree.Binary) -> tuple[int, Doc]:
        return BINARY[node.operator][0], self._chain(node, node.operator)

    def _chain(self, node: tree.Binary, spelt: str) -> Doc:
        """A run of operators that bind alike, broken before each if at all."""
        level, left, right = BINARY[node.operator]
        rest: list[Doc] = [Line(), spelt, " ", self.doc(node.right, right)]
        first = node.left
        while left == level and isinstance(first, tree.Binary) and BINARY[first.operator][0] == level:
            rest[:0] = [Line(), first.operator, " ", self.doc(first.right, right)]
            first = first.left
        return Group([self.doc(first, left), Indent(rest)])

    def _range(self, node: tree.RangeExpr) -> tuple[int, Doc]:
        return RANGE, [self.doc(node.low, SUM), "..", self.doc(node.high, SUM)]

    def _if(self, node: tree.IfExpr) -> tuple[int, Doc]:
        level = STAGE if _has_piped_case(node) else PIPE
        cases: list[Doc] = [self._case(node, level)]
        orelse = node.orelse
        while isinstance(orelse, tree.IfExpr):
            cases += [Line(), self.with_comments(orelse, ["else ", self._case(orelse, level)])]
            orelse = orelse.orelse
        last = ["else ", self.doc(orelse, level if level == STAGE else EXPR)]
        return EXPR, Group(Align([*cases, Line(), self.with_comments(orelse, last)]))

    def _case(self, node: tree.IfExpr, level: int) -> Doc:
        """`then if test`, with the comments of both behind it: no line may begin with `if`."""
        own = [comment for part in (node.then, node.test) for comment in self.attached.get(id(part), NONE).all()]
        words: list[Doc] = [self.doc(node.then, level), " if ", self.doc(node.test, OR)]
        if own:
            words.append(Suffix(spelling(own[0])))
        for comment in own[1:]:
            words += [HARD, spelling(comment)]
        return words

    # Pipelines

    def _pipe(self, node: tree.Pipe) -> tuple[int, Doc]:
        steps = self._steps(node.steps, alone=True)
        inner: list[Doc] = []
        for step in steps[1:]:
            inner += [Line(), step]
        # What stands behind the last step stands behind the pipeline, and breaks it no more than any statement.
        last = self.attached.get(id(node.steps[-1]), NONE)
        behind = [Suffix(spelling(comment), breaks=False) for comment in (*last.trailing, *last.after)]
        return PIPE, [Group([steps[0], Indent(inner)]), *behind]

    def _steps(self, steps: tuple[tree.Expr, ...], *, alone: bool = False) -> list[Doc]:
        """Steps with their arrows; those that their author put on one line stay on one where it fits.

        With `alone`, what flows in stands for itself.
        """
        lines: list[list[Doc]] = []
        for index, step in enumerate(steps):
            doc: Doc = ["-> " if index else "", self.doc(step, STAGE)]
            own = self.attached.get(id(step), NONE)
            if alone and index == len(steps) - 1:
                doc = [*(piece for comment in own.leading for piece in (spelling(comment), HARD)), doc]
            else:
                doc = self.with_comments(step, doc, first=index == 0 and not alone)
            if index > alone and not own.leading and _on_one_line(steps[index - 1], step):
                lines[-1] += [Line(), doc]
            else:
                lines.append([doc])
        return [Group(line) if len(line) > 1 else line[0] for line in lines]

    def _labelled(self, node: tree.Labelled) -> tuple[int, Doc]:
        label = self.label(node.label)
        beyond_a_word = any(isinstance(part, str) and "-" in part for part in node.label.parts)
        return STAGE, [f'"{label}"' if beyond_a_word else label, ": ", self.doc(node.value, OR)]

    def label(self, label: tree.LabelName) -> str:
        """A label on one line, its computed parts in braces."""
        inner = Expressions({})
        inner.escaped = "{}'"
        parts = [part if isinstance(part, str) else "{" + rendered(inner.doc(part), None) + "}" for part in label.parts]
        return "".join(parts)


_COMMA_AND_END = re.compile(r"(?:\s|#[^\n]*)*,(?:[ \t\r]|#[^\n]*)*\n(?:\s|#[^\n]*)*[\])}]")


def _ends_in_comma(last: tree.Node) -> bool:
    """Whether the last part of a list in a `.dls` text has a comma behind it, and the closing bracket a line."""
    source = last.span.source
    return not source.is_yaml and _COMMA_AND_END.match(source.text, last.span.end) is not None


def _has_piped_case(node: tree.IfExpr) -> bool:
    """Whether a pipeline stands before an `if`, which then seems to ask only for the last of its steps."""
    case: tree.Expr = node
    while isinstance(case, tree.IfExpr):
        if isinstance(case.then, tree.Pipe):
            return True
        case = case.orelse
    return False


def _on_one_line(before: tree.Node, step: tree.Node) -> bool:
    """Whether two steps stand on one line of a `.dls` text."""
    between = before.span.source.text[before.span.end : step.span.start]
    return "->" in between and "\n" not in between


_WRITE: dict[type, Callable[[Expressions, Any], tuple[int, Doc]]] = {
    tree.Literal: Expressions._literal,
    tree.Name: Expressions._name,
    tree.ListExpr: Expressions._list,
    tree.Comprehension: Expressions._comprehension,
    tree.RecordExpr: Expressions._record,
    tree.Call: Expressions._call,
    tree.Attribute: Expressions._attribute,
    tree.Select: Expressions._select,
    tree.Slice: Expressions._slice,
    tree.Index: Expressions._index,
    tree.Unary: Expressions._unary,
    tree.Binary: Expressions._binary,
    tree.RangeExpr: Expressions._range,
    tree.IfExpr: Expressions._if,
    tree.Pipe: Expressions._pipe,
    tree.Group: Expressions._group,
    tree.Labelled: Expressions._labelled,
}
