"""The tree as a `.dlspec.yaml` text: sections for what a file defines, lists for pipelines, every comment kept."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.comments import NONE, attach
from dlspec.syntax.yaml_body_writer import BodyWriter
from dlspec.syntax.yaml_scalars import text_scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SECTIONS: dict[type, str] = {
    tree.Import: "imports",
    tree.Constant: "constants",
    tree.Foreign: "foreign",
    tree.Block: "blocks",
    tree.Network: "networks",
    tree.Alias: "networks",
    tree.Plan: "plans",
    tree.Allow: "allow",
    tree.Limits: "limits",
}


def write_yaml(file: tree.File) -> str:
    """The text of a tree, ending in a line end; an empty tree is an empty text."""
    writer = YamlWriter(attach(file))
    lines = writer.file(file)
    return "\n".join(lines) + "\n" if lines else ""


class YamlWriter(BodyWriter):
    """Lines of the items of a file."""

    def file(self, file: tree.File) -> list[str]:
        own = self.comment_lines(self.attached.get(id(file), NONE).leading, 0)
        runs = list(_runs(file.items))
        if not _sections_do(runs):
            return [*own, *self._items(file.items)]
        lines = own
        for index, (section, items) in enumerate(runs):
            lines += ["", *self._section(section, items)] if index else self._section(section, items)
        return lines

    def _section(self, section: str, items: Sequence[tree.Statement]) -> list[str]:
        first = items[0]
        if section == "limits" or (section in ("networks", "plans") and len(items) == 1 and _stands_alone(first)):
            return self._item(first, 0)
        if section == "imports":
            return self._listed_section(section, items, self._import)
        if section == "constants":
            return self._listed_section(section, items, self._constant)
        if section == "allow":
            return self._listed_section(section, items, self.allow_line)
        return self._listed_section(section, items, self._named, apart=section != "networks" or not _all_short(items))

    def _listed_section(
        self,
        section: str,
        items: Sequence[tree.Statement],
        lines_of: Callable[[tree.Statement, int], list[str]],
        *,
        apart: bool = False,
    ) -> list[str]:
        """A section with its items one after another, `apart` with empty lines between them."""
        lines = [self.header(f"{section}:", items[0], alone=True)]
        for index, item in enumerate(items):
            if index and (apart or self.blank(item)):
                lines.append("")
            lines += self.commented(item, lines_of(item, 2), 2)
        return lines

    def _items(self, items: Sequence[tree.Statement]) -> list[str]:
        """The items one by one, where sections would change their order."""
        lines = ["items:"]
        for index, item in enumerate(items):
            if index:
                lines.append("")
            lines += self._item(item, 4, dash="  - ")
        return lines

    def _item(self, item: tree.Statement, indent: int, dash: str = "") -> list[str]:
        """`network: {name: …}` and the like: one item under the name of its kind."""
        kind = SECTIONS[type(item)]
        word = kind if kind in ("allow", "limits", "foreign") else kind.removesuffix("s")
        if isinstance(item, tree.Limits):
            lines = self.section_lines(f"{' ' * indent}limits:", item.section, indent)
        else:
            head = self.header(f"{' ' * indent}{word}:", item, alone=not dash)
            lines = [head, *self._item_body(item, indent + 2)]
        lines = self.commented(item, lines, indent, above=len(dash) - 2 if dash else None)
        return lines if not dash else _dashed(lines, dash, indent)

    def _item_body(self, item: tree.Statement, indent: int) -> list[str]:
        pad = " " * indent
        if isinstance(item, tree.Import):
            return self._import(item, indent)
        if isinstance(item, tree.Constant):
            return self._constant(item, indent)
        if isinstance(item, tree.Allow):
            return self.allow_line(item, indent)
        assert isinstance(item, tree.Definition)
        name = [] if isinstance(item, tree.Plan) and item.name == "plan" else [f"{pad}name: {item.name}"]
        if isinstance(item, tree.Alias):
            return [*name, *self.leaf(f"{pad}value:", self.plain.doc(item.value), indent)]
        return [*name, *self._definition(item, indent)]

    # Items

    def _import(self, item: tree.Statement, indent: int) -> list[str]:
        assert isinstance(item, tree.Import)
        names = ", ".join(name for name, _ in item.names)
        return [f"{' ' * indent}{text_scalar(item.path)}: [{names}]"]

    def _constant(self, item: tree.Statement, indent: int) -> list[str]:
        assert isinstance(item, tree.Constant)
        return self.data(f"{' ' * indent}{item.name}:", item.value, indent)

    def _named(self, item: tree.Statement, indent: int) -> list[str]:
        """An item of a section: its name, and what it is."""
        assert isinstance(item, tree.Definition)
        head = f"{' ' * indent}{item.name}:"
        if isinstance(item, tree.Alias):
            return self.leaf(head, self.plain.doc(item.value), indent)
        body = self._definition(item, indent + 2)
        return [self.header(head, *self.first_inside(item)), *body] if body else [f"{head} {{}}"]

    def _definition(self, item: tree.Definition, indent: int) -> list[str]:
        if isinstance(item, tree.Plan):
            return self.entry_lines(item.section, indent)
        if isinstance(item, tree.Foreign):
            return self._foreign(item, indent)
        assert isinstance(item, (tree.Block, tree.Network))
        return self.body_lines(item, indent)

    def _foreign(self, item: tree.Foreign, indent: int) -> list[str]:
        pad = " " * indent
        lines = self.params(item.params, indent)
        lines.append(f"{pad}path: {text_scalar(item.path)}")
        lines.append(f"{pad}takes: [{', '.join(self.flow_axes(axes) for axes in item.takes)}]")
        lines.append(f"{pad}gives: {self.flow_axes(item.gives)}")
        return lines


def _runs(items: Sequence[tree.Statement]) -> Iterator[tuple[str, list[tree.Statement]]]:
    """The items in runs of one section each."""
    run: list[tree.Statement] = []
    for item in items:
        if run and SECTIONS[type(item)] != SECTIONS[type(run[0])]:
            yield SECTIONS[type(run[0])], run
            run = []
        run.append(item)
    if run:
        yield SECTIONS[type(run[0])], run


def _sections_do(runs: list[tuple[str, list[tree.Statement]]]) -> bool:
    """Whether sections can say the items in their order: each at most once, with no key twice."""
    names = [section for section, _ in runs]
    return len(set(names)) == len(names) and all(_distinct(section, items) for section, items in runs)


def _distinct(section: str, items: list[tree.Statement]) -> bool:
    if section == "limits":
        return len(items) == 1
    keys = [getattr(item, {"imports": "path", "allow": "lint"}.get(section, "name")) for item in items]
    return len(set(keys)) == len(keys)


def _stands_alone(item: tree.Statement) -> bool:
    """Whether an item can be the only one of its kind, its name among its keys."""
    if isinstance(item, tree.Plan):
        return all(entry.key != "name" for entry in item.section.entries)
    return isinstance(item, tree.Network)


def _all_short(items: Sequence[tree.Statement]) -> bool:
    return all(isinstance(item, tree.Alias) for item in items)


def _dashed(lines: list[str], dash: str, indent: int) -> list[str]:
    """Lines of a mapping as an item of a list: the dash stands before the first that is no comment."""
    index = next(i for i, line in enumerate(lines) if not line.lstrip().startswith("#"))
    lines[index] = dash + lines[index][indent:]
    return lines
