"""The tree as a `.dlspec.yaml` text: sections for what a file defines, lists for pipelines, every comment kept."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.comments import attach
from dlspec.syntax.yaml_body_writer import BodyWriter
from dlspec.syntax.yaml_scalars import text_scalar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from typing import Any

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
    lines = _YamlWriter(attach(file)).file(file)
    return "\n".join(lines) + "\n" if lines else ""


class _YamlWriter(BodyWriter):
    """Lines of the items of a file."""

    def file(self, file: tree.File) -> list[str]:
        lines = self.file_comments(file)
        runs = list(_runs(file.items))
        if not _sections_do(runs):
            return [*lines, *self._items(file.items)]
        for index, (section, items) in enumerate(runs):
            lines += [""] * (index > 0)
            lines += self._section(section, items)
        return lines

    def _section(self, section: str, items: Sequence[tree.Statement]) -> list[str]:
        first = items[0]
        if isinstance(first, tree.Limits):
            return self.commented(first, self.section("limits:", first.section, 0), 0)
        if section in ("networks", "plans") and len(items) == 1 and _stands_alone(first):
            return self.commented(first, self._single(first, 0), 0)
        lines = [self.header(f"{section}:", items[:1])]
        for index, item in enumerate(items):
            own = self.commented(item, _WRITE[type(item)](self, item, 2), 2)
            before = len(own) > 1 or (
                isinstance(items[index - 1], tree.Definition) and not isinstance(item, tree.Alias)
            )
            if index and (before or self.apart(item)):
                lines.append("")
            lines += own
        return _hoisted(lines)

    def _items(self, items: Sequence[tree.Statement]) -> list[str]:
        """The items one by one, where sections would change their order."""
        lines = ["items:"]
        for index, item in enumerate(items):
            lines += [""] * (index > 0)
            own = self._single(item, 4)
            own[0] = "  - " + own[0][4:]
            lines += self.commented(item, own, 2)
        return lines

    def _single(self, item: tree.Statement, indent: int) -> list[str]:
        """`network: {name: …}` and the like: one item under the name of its kind."""
        kind = SECTIONS[type(item)]
        pad = " " * indent
        if isinstance(item, tree.Limits):
            return self.section(f"{pad}limits:", item.section, indent)
        if isinstance(item, tree.Plan) and not _stands_alone(item):
            return [f"{pad}plans:", *self._named(item, indent + 2)]
        head = self.header(f"{pad}{kind if kind in ('allow', 'foreign') else kind[:-1]}:", [item, *_inside(item)])
        if not isinstance(item, tree.Definition):
            return [head, *_WRITE[type(item)](self, item, indent + 2)]
        unnamed = isinstance(item, tree.Plan) and item.name == "plan"
        name = [] if unnamed else [self.header(f"{pad}  name: {item.name}", _inside(item))]
        if isinstance(item, tree.Alias):
            return [head, *name, *self.leaf(f"{pad}  value:", self.plain.doc(item.value), indent + 2)]
        lines = [*name, *self._definition(item, indent + 2)]
        return [head, *lines] if lines else [f"{head} {{}}"]

    def _named(self, item: tree.Definition, indent: int) -> list[str]:
        """An item of a section: its name, and what it is."""
        pad = " " * indent
        if isinstance(item, tree.Alias):
            return self.leaf(f"{pad}{item.name}:", self.plain.doc(item.value), indent)
        head = self.header(f"{pad}{item.name}:", _inside(item))
        lines = self._definition(item, indent + 2)
        return [head, *lines] if lines else [f"{head} {{}}"]

    def _definition(self, item: tree.Definition, indent: int) -> list[str]:
        if isinstance(item, tree.Plan):
            return self.entries(item.section, indent)
        if isinstance(item, tree.Foreign):
            return self._foreign(item, indent)
        if isinstance(item, tree.Block):
            return self.block(item, indent)
        assert isinstance(item, tree.Network)
        return self.network(item, indent)

    def _foreign(self, item: tree.Foreign, indent: int) -> list[str]:
        pad = " " * indent
        return [
            *self.params(item.params, indent),
            f"{pad}path: {text_scalar(item.path)}",
            f"{pad}takes: [{', '.join(self.flow_axes(axes) for axes in item.takes)}]",
            f"{pad}gives: {self.flow_axes(item.gives)}",
        ]

    def _import(self, item: tree.Import, indent: int) -> list[str]:
        return [f"{' ' * indent}{text_scalar(item.path)}: [{', '.join(name for name, _ in item.names)}]"]

    def _constant(self, item: tree.Constant, indent: int) -> list[str]:
        return self.data(f"{' ' * indent}{item.name}:", item.value, indent)


_WRITE: dict[type, Callable[[_YamlWriter, Any, int], list[str]]] = {
    tree.Import: _YamlWriter._import,
    tree.Constant: _YamlWriter._constant,
    tree.Foreign: _YamlWriter._named,
    tree.Block: _YamlWriter._named,
    tree.Network: _YamlWriter._named,
    tree.Alias: _YamlWriter._named,
    tree.Plan: _YamlWriter._named,
    tree.Allow: BodyWriter.allow,
}


def _hoisted(lines: list[str]) -> list[str]:
    """The comments before the first item of a section set above its header."""
    index = next(i for i, line in enumerate(lines) if i and line and not line.lstrip().startswith("#"))
    return [*(line[2:] for line in lines[1:index]), lines[0], *lines[index:]]


def _inside(item: tree.Statement) -> list[tree.Node]:
    """What a comment behind the name of a definition may belong to: whatever follows first."""
    if isinstance(item, tree.Plan):
        return list(item.section.entries[:1])
    if isinstance(item, (tree.Block, tree.Network)):
        return [*item.params[:1], *item.body]
    return []


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


def _distinct(section: str, items: Sequence[tree.Statement]) -> bool:
    if section == "limits":
        return len(items) == 1
    keys = [getattr(item, {"imports": "path", "allow": "lint"}.get(section, "name")) for item in items]
    return len(set(keys)) == len(keys)


def _stands_alone(item: tree.Statement) -> bool:
    """Whether an item can be the only one of its kind, its name among its keys."""
    if isinstance(item, tree.Plan):
        return all(entry.key != "name" for entry in item.section.entries)
    return isinstance(item, tree.Network)
