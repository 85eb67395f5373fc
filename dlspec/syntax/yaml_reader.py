"""A `.dlspec.yaml` text to the tree: YAML gives the structure, its leaves are expressions of the language.

`yaml_fields` reads mappings of known keys, `yaml_values` what stands for an expression, `yaml_bodies`
the statements of blocks and networks; here is the top of a file.
"""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.yaml_bodies import Bodies
from dlspec.syntax.yaml_comments import comments_of
from dlspec.syntax.yaml_fields import Field
from dlspec.syntax.yaml_nodes import Mapping, Refused, Scalar, Sequence, YamlNode, compose

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dlspec.source import Source, Span

TOP_KEYS = (
    "imports", "constants", "foreign", "blocks", "network", "networks", "plan", "plans", "allow", "limits", "items",
)  # fmt: skip
ITEM_KEYS = ("import", "constant", "foreign", "block", "network", "plan", "plans", "allow", "limits")


def read_yaml(source: Source) -> tuple[tree.File, list[Diagnostic]]:
    """The tree of a YAML text, and what was wrong; `Broken` stands for what could not be read."""
    problems: list[Diagnostic] = []
    whole = source.span(0, len(source.text))
    try:
        root = compose(source, problems)
    except Refused as refused:
        return tree.File(whole, (tree.Broken(whole),), ()), [*problems, refused.diagnostic]
    reader = _Reader(source, problems)
    items = tuple(reader.file(root)) if root is not None else ()
    comments = (*comments_of(source, root), *reader.leaves.comments)
    return tree.File(whole, items, tuple(sorted(comments, key=lambda one: one.span.start))), problems


class _Reader(Bodies):
    """The items of a file."""

    def file(self, root: YamlNode) -> Iterator[tree.Statement]:
        """The items in the order of their sections."""
        if isinstance(root, Scalar) and root.empty:
            return
        if not isinstance(root, Mapping):
            self.wrong(root, "a spec is a mapping", "expected keys such as `network:`")
            yield tree.Broken(root.span(self.source))
            return
        for name, field in self.fields(root, TOP_KEYS, "a spec").items():
            yield from self._section(name, field)

    def _section(self, name: str, field: Field) -> Iterator[tree.Statement]:
        value = field.value
        if name == "imports":
            yield from self._imports(value)
        elif name in ("network", "plan"):
            yield self._single(name, field)
        elif name == "allow":
            yield from self.allowed(value)
        elif name == "limits":
            yield from self.limits(field)
        elif name == "items":
            yield from self._items(value)
        else:
            make = {"constants": self._constant, "foreign": self._foreign, "blocks": self._block,
                    "networks": self._network, "plans": self._plan}[name]  # fmt: skip
            yield from self._named(value, make)

    def _named(self, node: YamlNode, make: Callable[[Field], tree.Statement]) -> Iterator[tree.Statement]:
        if isinstance(node, Mapping) and self.has_key(node, "layers") and make in (self._network, self._block):
            what = "networks" if make == self._network else "blocks"
            self.wrong(
                next(key for key, _ in node.pairs if isinstance(key, Scalar) and key.text == "layers"),
                f"`{what}` holds each by its name, and `layers` is a key of one", f"not the name of one of the {what}",
                f"write `network:` for a single one, or its name between: `{what}: {{lenet: {{…}}}}`",
            )  # fmt: skip
            yield tree.Broken(node.span(self.source))
            return
        for field in self.entries(node, "names with what they stand for"):
            yield make(field)

    def _items(self, node: YamlNode) -> Iterator[tree.Statement]:
        """The items one by one, where their order is not that of the sections."""
        for item in self.listed(node):
            if not isinstance(item, Mapping):
                self.wrong(item, "an item is a mapping of one key", "expected `block:`, `network:` or another kind")
                yield tree.Broken(item.span(self.source))
                continue
            for name, field in self.fields(item, ITEM_KEYS, "an item").items():
                yield from self._item(name, field)

    def _item(self, name: str, field: Field) -> Iterator[tree.Statement]:
        if name == "import":
            yield from self._imports(field.value)
        elif name == "allow":
            yield from self.allowed(field.value)
        elif name == "limits":
            yield from self.limits(field)
        elif name == "constant":
            yield from self._named(field.value, self._constant)
        elif name == "plans":
            yield from self._named(field.value, self._plan)
        else:
            yield self._single(name, field)

    def _single(self, kind: str, field: Field) -> tree.Statement:
        """`network: {name: lenet, …}`: one definition, with its name among its keys."""
        node, span = field.value, field.span(self.source)
        if not isinstance(node, Mapping):
            example = "name: lenet" if kind == "network" else "network: lenet"
            self.wrong(node, f"a {kind} is a mapping", f"expected keys such as `{example}`")
            return tree.Broken(span)
        named, rest = self._taken("name", node, kind)
        if named is None and kind != "plan":
            self.missing(node, kind, "name")
            return tree.Broken(span)
        start = node.start if named is None else named.key.start
        key = Scalar(start, start, False, "plan", None) if named is None else named.value
        if not isinstance(key, Scalar):
            self.wrong(key, "a name is a word", "expected a name")
            return tree.Broken(span)
        make = {"network": self._network, "block": self._block, "foreign": self._foreign, "plan": self._plan}[kind]
        made = make(Field(key, rest))
        made.span = span
        return made

    def _taken(self, name: str, node: Mapping, kind: str) -> tuple[Field | None, YamlNode]:
        """A key taken out of a mapping, and the mapping without it; of a network alone with `value`, that value."""
        rest = Mapping(node.start, node.end, node.flow)
        found: Field | None = None
        for key, value in node.pairs:
            if isinstance(key, Scalar) and key.text == name:
                if found is not None:
                    self._twice(key, found.key)
                found = found or Field(key, value)
            else:
                rest.pairs.append((key, value))
        if (
            kind == "network"
            and len(rest.pairs) == 1
            and isinstance(rest.pairs[0][0], Scalar)
            and rest.pairs[0][0].text == "value"
        ):
            return found, rest.pairs[0][1]
        return found, rest

    # Definitions

    def _imports(self, node: YamlNode) -> Iterator[tree.Statement]:
        """`{"blocks.dls": [basic]}`, or a list of `{from: blocks.dls, names: [basic]}`."""
        if isinstance(node, Mapping) and not self.has_key(node, "from"):
            for field in self.entries(node, "files with the names taken from them"):
                yield self._import(field.key, field.value, field.span(self.source))
            return
        for item in self.listed(node):
            if not isinstance(item, Mapping):
                self.wrong(
                    item,
                    "an import names a file and what is taken from it",
                    "expected `{from: …, names: […]}`",
                )
                continue
            fields = self.fields(item, ("from", "names"), "an import")
            path, names = fields.get("from"), fields.get("names")
            if path is None or names is None:
                self.missing(item, "import", "from" if path is None else "names")
            elif not isinstance(path.value, Scalar):
                self.wrong(path.value, "an import is from a file", "expected the name of a file")
            else:
                yield self._import(path.value, names.value, item.span(self.source))

    def _import(self, path: Scalar, names: YamlNode, span: Span) -> tree.Statement:
        found = []
        for item in self.listed(names):
            if isinstance(item, Scalar):
                found.append((self.name(item), item.span(self.source)))
            else:
                self.wrong(item, "an import takes names", "expected a name")
        if not found:
            self.wrong(names, "an import takes at least one name", "expected names")
            return tree.Broken(span)
        return tree.Import(span, tuple(found), path.text, path.span(self.source))

    def _constant(self, field: Field) -> tree.Statement:
        span, value = field.span(self.source), self.data(field.value)
        return value if isinstance(value, tree.Broken) else tree.Constant(span, self.name(field.key), value)

    def _block(self, field: Field) -> tree.Statement:
        span, name_span = field.span(self.source), field.key.span(self.source)
        if isinstance(field.value, Mapping) or (isinstance(field.value, Scalar) and field.value.empty):
            params, body = self.block_body(field)
            return tree.Block(span, self.name(field.key), name_span, params, body)
        self.wrong(field.value, "a block is a mapping", "expected `inputs:`, `layers:` and the like")
        return tree.Broken(span)

    def _network(self, field: Field) -> tree.Statement:
        span, name_span = field.span(self.source), field.key.span(self.source)
        if isinstance(field.value, Scalar) and not field.value.empty:
            value = self.expression(field.value)
            return value if isinstance(value, tree.Broken) else tree.Alias(span, self.name(field.key), name_span, value)
        if isinstance(field.value, Sequence):
            self.wrong(
                field.value,
                "a network is a mapping, or another network applied",
                "expected `layers:` above the list",
            )
            return tree.Broken(span)
        params, body = self.network_body(field)
        return tree.Network(span, self.name(field.key), name_span, params, body)

    def _foreign(self, field: Field) -> tree.Statement:
        span = field.span(self.source)
        if not isinstance(field.value, Mapping):
            self.wrong(field.value, "a foreign module is a mapping", "expected `path:`, `takes:` and `gives:`")
            return tree.Broken(span)
        fields = self.fields(field.value, ("params", "path", "takes", "gives"), "a foreign module")
        absent = next((key for key in ("path", "takes", "gives") if key not in fields), None)
        if absent is not None:
            self.missing(field.value, "foreign module", absent)
            return tree.Broken(span)
        path = fields["path"].value
        if not isinstance(path, Scalar):
            self.wrong(path, "the path of a module is text", 'expected "package.module:Class"')
            return tree.Broken(span)
        takes, gives = self._takes(fields["takes"].value), self.axes(fields["gives"].value)
        if gives is None or None in takes:
            return tree.Broken(span)
        inputs = tuple(axes for axes in takes if axes is not None)
        params = self.params(fields["params"].value) if "params" in fields else ()
        return tree.Foreign(span, self.name(field.key), field.key.span(self.source), params, inputs, path.text, gives)

    def _takes(self, node: YamlNode) -> list[tuple[tree.Expr, ...] | None]:
        """A list of axes per input; of one input, its axes alone."""
        if isinstance(node, Sequence) and any(isinstance(item, Sequence) for item in node.items):
            return [self.axes(item) for item in node.items]
        return [self.axes(node)]

    def _plan(self, field: Field) -> tree.Statement:
        span = field.span(self.source)
        section = self.section(field.value)
        return tree.Plan(span, self.name(field.key), field.key.span(self.source), section)
