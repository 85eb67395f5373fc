"""Lines of a YAML text with their comments: above a line, at its end, or below the last."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.comments import NONE, Attached, blank_before, gathered, spelling
from dlspec.syntax.dsl_writer import Writer
from dlspec.syntax.layout import WIDTH, Doc, rendered
from dlspec.syntax.yaml_scalars import comment_text, expression_scalar

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Lines:
    """What is known of the comments while lines are made, from the inside of the tree outwards."""

    def __init__(self, attached: Attached) -> None:
        self.attached = attached
        self.plain = Writer({})
        """Writes expressions without comments, which YAML keeps outside of them."""
        self.plain.keeps_commas = False
        self.shown: set[int] = set()

    def commented(self, node: tree.Node, lines: list[str], indent: int) -> list[str]:
        """Lines with all comments of the node and what it holds that do not stand in them yet."""
        if not self.attached or not lines:
            return lines
        own = self.attached.get(id(node), NONE)
        waiting = [comment for comment in gathered(self.attached, node) if id(comment) not in self.shown]
        last = own.trailing[-1] if own.trailing and own.trailing[-1] in waiting else None
        if last is not None and len(lines) == 1 and "  #" not in lines[0]:
            lines[0] += "  " + comment_text(spelling(last))
            waiting.remove(last)
        below = [comment for comment in waiting if comment in own.after]
        above = [comment for comment in waiting if comment not in own.after]
        self.shown |= {id(comment) for comment in (*waiting, *([last] if last else []))}
        return [*self._comment_lines(above, indent, node), *lines, *self._below(below, indent)]

    def _comment_lines(self, comments: Sequence[tree.Comment], indent: int, node: tree.Node | None = None) -> list[str]:
        """Comments on lines of their own, with the empty lines between them and before the node."""
        lines: list[str] = []
        for index, comment in enumerate(comments):
            if index and comment.alone and blank_before(comment):
                lines.append("")
            lines.append(" " * indent + comment_text(spelling(comment)))
        if comments and node is not None and blank_before(node):
            lines.append("")
        return lines

    def _below(self, comments: Sequence[tree.Comment], indent: int) -> list[str]:
        lines: list[str] = []
        for comment in comments:
            if blank_before(comment):
                lines.append("")
            lines += self._comment_lines([comment], indent)
        return lines

    def header(self, head: str, inside: Iterable[tree.Node]) -> str:
        """A line that opens a list or mapping, with the comment that stands behind it."""
        for node in inside:
            own = self.attached.get(id(node), NONE).leading
            waiting = [one for one in own if not one.alone and id(one) not in self.shown]
            if waiting:
                self.shown.add(id(waiting[0]))
                return head + "  " + comment_text(spelling(waiting[0]))
        return head

    def file_comments(self, file: tree.File) -> list[str]:
        """The comments of a file that holds nothing else."""
        return self._comment_lines(self.attached.get(id(file), NONE).leading, 0)

    def apart(self, node: tree.Node) -> bool:
        """Whether an empty line stands before a node and its comments."""
        leading = self.attached.get(id(node), NONE).leading
        return blank_before(leading[0] if leading else node)

    def leaf(self, head: str, doc: Doc, indent: int) -> list[str]:
        """A key or dash with an expression: on one line, else folded over several."""
        text = rendered(doc, None)
        line = f"{head} {expression_scalar(text)}"
        if len(line) <= WIDTH:
            return [line]
        folded = rendered(doc, WIDTH - indent - 2).split("\n")
        return [line] if len(folded) == 1 else [f"{head} >-", *(" " * (indent + 2) + one for one in folded)]
