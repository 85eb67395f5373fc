"""The tree as a `.dls` text: one layout for every tree, no line wider than it must be, every comment kept."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.comments import NONE, attach, blank_before, spelling
from dlspec.syntax.dsl_expressions import EXPR, OR, PIPE, Expressions, quoted
from dlspec.syntax.layout import HARD, Align, Doc, Either, Group, Indent, Line, Suffix, joined, rendered
from dlspec.syntax.lexer import CONTINUES, RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

CLOSE = (tree.Import, tree.Constant, tree.Alias, tree.Allow)
"""Items that may follow one another without an empty line."""


def write_dsl(file: tree.File) -> str:
    """The text of a tree, ending in a line end; an empty tree is an empty text."""
    writer = Writer(attach(file))
    docs = writer.statements(file.items, top=True)
    own: list[Doc] = [spelling(comment) for comment in writer.attached.get(id(file), NONE).leading]
    text = rendered(joined(HARD, [*own, *docs] if not own else [joined(HARD, own), *docs]))
    return text + "\n" if text else ""


class Writer(Expressions):
    """Documents of statements, items and plans."""

    def statements(self, statements: Sequence[tree.Statement], *, top: bool = False) -> list[Doc]:
        """Statements, one a line; empty lines between them as their author set them."""
        docs: list[Doc] = []
        for index, statement in enumerate(statements):
            inner = index < len(statements) - 1
            doc = self.with_blanks(
                statement, self.statement(statement), first=index == 0 and not top, apart=top and inner
            )
            parted = top and index > 0 and not _close(statements[index - 1], statement)
            docs.append([HARD, doc] if parted or (index and self._apart(statement)) else doc)
        return docs

    def _apart(self, statement: tree.Statement) -> bool:
        leading = self.attached.get(id(statement), NONE).leading
        return blank_before(leading[0] if leading else statement)

    def with_blanks(self, node: tree.Node, doc: Doc, *, first: bool, apart: bool = False) -> Doc:
        """A statement with its comments; an empty line between comments, or before the statement, stays.

        What stands behind the brace before a `first` statement is left to `opening`; with `apart`, an empty
        line stands before the comments after it.
        """
        own = self.attached.get(id(node))
        if own is None:
            return doc
        found: list[Doc] = []
        leading = own.leading[self._opening_count(node) if first else 0 :]
        for comment, following in zip(leading, [*leading[1:], node]):
            found += [spelling(comment), HARD]
            if blank_before(following):
                found.append(HARD)
        found += [doc, *(Suffix(spelling(comment)) for comment in own.trailing)]
        for index, comment in enumerate(own.after):
            found += [HARD, HARD] if blank_before(comment) or (apart and index == 0) else [HARD]
            found.append(spelling(comment))
        return found

    def body(self, statements: Sequence[tree.Statement]) -> Doc:
        """Statements in braces."""
        if not statements:
            return "{}"
        return [
            "{",
            self.opening(statements[0]),
            Indent([HARD, *joined(HARD, self.statements(statements))]),
            HARD,
            "}",
        ]

    def statement(self, statement: tree.Statement) -> Doc:
        return _WRITE[type(statement)](self, statement)

    # Statements

    def _assign(self, node: tree.Assign) -> Doc:
        return [", ".join(node.targets), " = ", self.doc(node.value)]

    def _evaluate(self, node: tree.Evaluate) -> Doc:
        doc = self.doc(node.value)
        # A line that begins with an operator would go on with the statement before it.
        return ["(", doc, ")"] if CONTINUES.match(_first_text(doc)) else doc

    def _input(self, node: tree.Input) -> Doc:
        return [f"input {node.name}: ", self.declared(node)]

    def declared(self, node: tree.Input) -> Doc:
        """What is declared of an input behind its name."""
        rest: list[Doc] = []
        if node.where:
            rest += [Line(), "where ", *joined(", ", [self.doc(condition, OR) for condition in node.where])]
        if node.training:
            rest += [Line(), "when training"]
        return Group([self._type(node.type), Indent(rest)])

    def _type(self, node: tree.TypeExpr) -> Doc:
        if isinstance(node, tree.ListType):
            return ["list[", self._type(node.element), "]"]
        return [node.dtype, self.axes(node.axes)]

    def axes(self, axes: Sequence[tree.Expr]) -> Doc:
        return self.listed("[", [(axis, self.doc(axis, OR)) for axis in axes], "]", comma=False)

    def _output(self, node: tree.Output) -> Doc:
        found: list[Doc] = [f"output {node.name}"]
        if node.value is not None:
            found += [" = ", self.doc(node.value, EXPR if node.condition is None else PIPE)]
        if node.condition is not None:
            found += [" if ", self.doc(node.condition, OR)]
        return [*found, " when training"] if node.training else found

    def _module(self, node: tree.Module) -> Doc:
        return [f"module {node.name} = ", self.doc(node.value)]

    def _learned(self, node: tree.Learned) -> Doc:
        return [f"{node.kind} {node.name}: ", self.learned(node)]

    def learned(self, node: tree.Learned) -> Doc:
        """The shape of a learned tensor and how it starts."""
        return [self.axes(node.shape), " = ", self.doc(node.start)]

    def _if_statement(self, node: tree.If) -> Doc:
        found: list[Doc] = ["if ", self.doc(node.test, OR), " ", self.body(node.body)]
        while len(node.orelse) == 1 and isinstance(node.orelse[0], tree.If) and id(node.orelse[0]) not in self.attached:
            node = node.orelse[0]
            found += [" else if ", self.doc(node.test, OR), " ", self.body(node.body)]
        return [*found, " else ", self.body(node.orelse)] if node.orelse else found

    def _for(self, node: tree.For) -> Doc:
        return ["for ", self.loop(node), " ", self.body(node.body)]

    def loop(self, node: tree.For) -> Doc:
        """The names of a loop and what it goes through."""
        return [", ".join(node.targets), " in ", self.doc(node.iterable, OR)]

    def _allow(self, node: tree.Allow) -> Doc:
        return f"allow {node.lint.replace('-', '_')}: {quoted(node.reason)}"

    def _limits(self, node: tree.Limits) -> Doc:
        return ["limits ", self.section(node.section)]

    # Plans

    def section(self, section: tree.Section, *, broken: bool = False) -> Doc:
        """Entries in braces: on one line with commas where they fit, else each on its own."""
        if not section.entries:
            return "{}"
        inner: list[Doc] = []
        for index, entry in enumerate(section.entries):
            if index:
                inner += [Either(",", ""), Line()]
                if broken and self._apart(entry):
                    inner.append(HARD)
            inner.append(self.with_blanks(entry, self._entry(entry), first=index == 0))
        opener: list[Doc] = ["{", self.opening(section.entries[0])]
        return Group([*opener, Indent([Line(), *inner]), Line(), "}"], breaks=broken)

    def _entry(self, node: tree.Entry) -> Doc:
        key = node.key if plain_key(node.key) else quoted(node.key)
        if isinstance(node.value, tree.Section):
            return [key, " ", self.section(node.value)]
        return [key, " = ", self.doc(node.value)]

    # Items

    def _import(self, node: tree.Import) -> Doc:
        names = joined([",", Line()], [name for name, _ in node.names])
        return ["import ", Group(Indent(names)), " from ", quoted(node.path)]

    def _constant(self, node: tree.Constant) -> Doc:
        return [node.name, " = ", self.doc(node.value)]

    def _block(self, node: tree.Block) -> Doc:
        return [f"block {node.name}", self.params(node.params), " ", self.body(node.body)]

    def _network(self, node: tree.Network) -> Doc:
        params = self.params(node.params) if node.params else ""
        return [f"network {node.name}", params, " ", self.body(node.body)]

    def params(self, params: Sequence[tree.Param]) -> Doc:
        """Parameters in parentheses, with their defaults."""
        docs: list[tuple[tree.Node, Doc]] = [
            (param, param.name if param.default is None else [param.name, " = ", self.doc(param.default)])
            for param in params
        ]
        return self.listed("(", docs, ")")

    def _alias(self, node: tree.Alias) -> Doc:
        return [f"network {node.name} = ", self.doc(node.value)]

    def _foreign(self, node: tree.Foreign) -> Doc:
        params = self.params(node.params) if node.params else ""
        takes = joined([",", Line()], [self.axes(axes) for axes in node.takes])
        head: list[Doc] = [f"foreign {node.name}", params, " = ", quoted(node.path)]
        return Group([*head, Indent([Line(), "takes ", Indent(takes), Line(), "gives ", self.axes(node.gives)])])

    def _plan(self, node: tree.Plan) -> Doc:
        return [f"plan {node.name} ", self.section(node.section, broken=True)]


def plain_key(key: str) -> bool:
    """Whether a key of a plan is a name, and can begin a line before an opening brace."""
    return key.isascii() and key.isidentifier() and key not in RESERVED and not CONTINUES.match(key + " {")


def _close(before: tree.Statement, item: tree.Statement) -> bool:
    """Whether two items may stand without an empty line between them."""
    return type(before) is type(item) and isinstance(item, CLOSE)


def _first_text(doc: Doc) -> str:
    """The first text of a document that is no comment."""
    waiting = [doc]
    while waiting:
        part = waiting.pop()
        if isinstance(part, str):
            if part and part[0] != "#":
                return part
        elif isinstance(part, list):
            waiting += reversed(part)
        elif isinstance(part, (Group, Indent, Align)):
            waiting.append(part.inner)
    return ""


_WRITE: dict[type, Callable[[Writer, Any], Doc]] = {
    tree.Assign: Writer._assign,
    tree.Evaluate: Writer._evaluate,
    tree.Input: Writer._input,
    tree.Output: Writer._output,
    tree.Module: Writer._module,
    tree.Learned: Writer._learned,
    tree.If: Writer._if_statement,
    tree.For: Writer._for,
    tree.Allow: Writer._allow,
    tree.Limits: Writer._limits,
    tree.Import: Writer._import,
    tree.Constant: Writer._constant,
    tree.Block: Writer._block,
    tree.Network: Writer._network,
    tree.Alias: Writer._alias,
    tree.Foreign: Writer._foreign,
    tree.Plan: Writer._plan,
}
