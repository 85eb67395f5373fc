"""Expressions as YAML lines: pipelines and groups as lists, plain data as flow lists, everything else as leaves."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.build import TEXTS
from dlspec.syntax.comments import gathered
from dlspec.syntax.dsl_expressions import EXPR, STAGE
from dlspec.syntax.layout import WIDTH, rendered
from dlspec.syntax.yaml_bodies import KEYWORDS
from dlspec.syntax.yaml_lines import Lines
from dlspec.syntax.yaml_scalars import expression_scalar, is_plain, text_scalar
from dlspec.syntax.yaml_step_mistakes import DATA
from dlspec.syntax.yaml_styles import is_list_below, style_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class ValueWriter(Lines):
    """Lines of values, steps and plans; `head` is a key or dash with all that stands before it."""

    def text(self, node: tree.Expr) -> str:
        """An expression on one line."""
        return rendered(self.plain.doc(node), None)

    def quiet(self, nodes: Iterable[tree.Node]) -> bool:
        """Whether no comment waits to be put among nodes."""
        return all(id(comment) in self.shown for node in nodes for comment in gathered(self.attached, node))

    # Values

    def value(self, head: str, node: tree.Expr, indent: int) -> list[str]:
        """What flows: a pipeline of one plain line or a list, anything else a leaf."""
        if not isinstance(node, tree.Pipe) or self._short(head, node):
            return self.leaf(head, self.plain.doc(node), indent)
        lines = [self.header(head, node.steps)]
        lines += self.commented(node.steps[0], self._leaf_step(node.steps[0], indent + 2), indent + 2)
        return lines + self.steps(node.steps[1:], indent + 2)

    def _short(self, head: str, node: tree.Pipe) -> bool:
        text = self.text(node)
        return (
            not is_list_below(node) and is_plain(text) and len(head) + 1 + len(text) <= WIDTH and self.quiet(node.steps)
        )

    def steps(self, steps: Sequence[tree.Expr], indent: int) -> list[str]:
        """Steps as items of a list."""
        lines: list[str] = []
        for step in steps:
            lines += self.commented(step, self.step(step, indent), indent)
        return lines

    def step(self, node: tree.Expr, indent: int) -> list[str]:
        """One step as an item of a list."""
        dash = " " * indent + "-"
        if isinstance(node, tree.Labelled):
            label = self.plain.label(node.label)
            if label not in KEYWORDS and not self._reads_as_data(node.value):
                return self._labelled(f"{dash} {expression_scalar(label)}:", node.value, indent + 2)
        if isinstance(node, tree.Group):
            return _nested(dash, self.steps(node.steps, indent + 2), indent)
        if _is_repeat(node):
            return _nested(dash, self._repeat(node, indent + 2), indent)
        return self._leaf_step(node, indent)

    def _reads_as_data(self, node: tree.Expr) -> bool:
        """Whether it would stand there as a parameter without its operator: `conv1: 3` is no label of a step."""
        steps = node.steps if isinstance(node, tree.Group) else (node,)
        return all(DATA.fullmatch(self.text(step)) for step in steps)

    def _leaf_step(self, node: tree.Expr, indent: int) -> list[str]:
        return self.leaf(" " * indent + "-", self.plain.doc(node, _one_step(node)), indent)

    def _labelled(self, head: str, node: tree.Expr, indent: int) -> list[str]:
        if isinstance(node, tree.Group):
            return [self.header(head, node.steps), *self.steps(node.steps, indent + 2)]
        if _is_repeat(node):
            return [head, *self._repeat(node, indent + 2)]
        return self.leaf(head, self.plain.doc(node, _one_step(node)), indent)

    def _repeat(self, node: tree.Expr, indent: int) -> list[str]:
        """`{ a -> b } * 3`: how often, and what."""
        assert isinstance(node, tree.Binary)
        assert isinstance(node.left, tree.Group)
        pad = " " * indent
        count = self.leaf(f"{pad}repeat:", self.plain.doc(node.right), indent)
        return [*count, self.header(f"{pad}of:", node.left.steps), *self.steps(node.left.steps, indent + 2)]

    # Data

    def data(self, head: str, node: tree.Expr, indent: int) -> list[str]:
        """A list in brackets or an item a line, anything else a leaf."""
        if not isinstance(node, tree.ListExpr):
            return self.leaf(head, self.plain.doc(node), indent)
        style = style_of(node)
        flow = self.flow(node, quoted=style == "flow") if style != "block" and self.quiet(node.items) else None
        if flow is not None and len(head) + 1 + len(flow) <= WIDTH:
            return [f"{head} {flow}"]
        if not node.items:
            return [f"{head} []"]
        lines = [self.header(head, node.items)]
        for item in node.items:
            lines += self.commented(item, self.data(" " * (indent + 2) + "-", item, indent + 2), indent + 2)
        return lines

    def flow(self, node: tree.Expr, *, quoted: bool = False) -> str | None:
        """Data on one line inside a flow collection; None where it needs quotes and is not to be `quoted`."""
        if isinstance(node, tree.ListExpr):
            items = [self.flow(item, quoted=quoted) for item in node.items]
            return None if None in items else f"[{', '.join(item for item in items if item is not None)}]"
        text = self.text(node)
        return expression_scalar(text, flow=True) if quoted or is_plain(text, flow=True) else None

    def flow_axes(self, axes: Sequence[tree.Expr]) -> str:
        """Axes in brackets, in quotes where they must be."""
        return f"[{', '.join(expression_scalar(self.text(axis), flow=True) for axis in axes)}]"

    # Plans

    def entries(self, section: tree.Section, indent: int, *, text: bool = False) -> list[str]:
        """The keys of a plan or of a section of it."""
        lines: list[str] = []
        for index, entry in enumerate(section.entries):
            if index and self.apart(entry):
                lines.append("")
            lines += self.commented(entry, self._entry(entry, indent, text or entry.key in TEXTS), indent)
        return lines

    def _entry(self, entry: tree.Entry, indent: int, text: bool) -> list[str]:
        head = f"{' ' * indent}{text_scalar(entry.key)}:"
        if isinstance(entry.value, tree.Section):
            return self.section(head, entry.value, indent, text=text)
        if text and isinstance(entry.value, tree.Literal):
            return [f"{head} {text_scalar(str(entry.value.value))}"]
        return self.data(head, entry.value, indent)

    def section(self, head: str, section: tree.Section, indent: int, *, text: bool = False) -> list[str]:
        """A section under its key: in braces where it fits, else a key a line."""
        style = style_of(section)
        quiet = style != "block" and self.quiet(section.entries)
        flow = self._flow_section(section, text, quoted=style == "flow") if quiet else None
        if flow is not None and len(head) + 1 + len(flow) <= WIDTH:
            return [f"{head} {flow}"]
        return [self.header(head, section.entries), *self.entries(section, indent + 2, text=text)]

    def _flow_section(self, section: tree.Section, text: bool, *, quoted: bool) -> str | None:
        parts = []
        for entry in section.entries:
            value = self._flow_entry(entry, text or entry.key in TEXTS, quoted=quoted)
            if value is None:
                return None
            parts.append(f"{text_scalar(entry.key)}: {value}")
        return "{" + ", ".join(parts) + "}"

    def _flow_entry(self, entry: tree.Entry, text: bool, *, quoted: bool) -> str | None:
        if isinstance(entry.value, tree.Section):
            return self._flow_section(entry.value, text, quoted=quoted)
        if text and isinstance(entry.value, tree.Literal):
            return text_scalar(str(entry.value.value))
        return self.flow(entry.value, quoted=quoted)


def _one_step(node: tree.Expr) -> int:
    """A pipeline that is one step stands in parentheses, since without them it is several."""
    return STAGE if isinstance(node, tree.Pipe) else EXPR


def _is_repeat(node: tree.Expr) -> bool:
    return isinstance(node, tree.Binary) and node.operator == "*" and isinstance(node.left, tree.Group)


def _nested(dash: str, lines: list[str], indent: int) -> list[str]:
    """Lines of a list or mapping as one item: the dash stands before the first that is no comment."""
    index = next(i for i, line in enumerate(lines) if not line.lstrip().startswith("#"))
    return [
        *(line[2:] for line in lines[:index]),
        f"{dash} {lines[index][indent + 2 :]}",
        *lines[index + 1 :],
    ]
