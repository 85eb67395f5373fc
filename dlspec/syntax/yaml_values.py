"""What stands for an expression in YAML: a leaf, a list (pipeline, group or list), the long form of a call."""

from __future__ import annotations

import re

from dlspec.syntax import tree
from dlspec.syntax.build import TEXTS, Builder, label_name
from dlspec.syntax.yaml_fields import Field
from dlspec.syntax.yaml_leaves import written
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode
from dlspec.syntax.yaml_step_mistakes import StepMistakes, holds_parameters, is_data

LABEL = r"(?:[A-Za-z0-9_-]|\{[^{}\n]*\})+"


class Values(StepMistakes):
    """Reads expressions; a mistake gives `Broken`, and so does all that holds it, up to the statement."""

    def expression(self, node: Scalar) -> tree.Expr | tree.Broken:
        return self.leaves.expression(node)

    # A value: what flows

    def value(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """A leaf, or a list: a pipeline that begins with its first item."""
        if isinstance(node, Scalar):
            return self.expression(node)
        if isinstance(node, Sequence):
            return self._pipeline(node)
        return self._long(node)

    def _pipeline(self, node: Sequence) -> tree.Expr | tree.Broken:
        span = node.span(self.source)
        if not node.items:
            self.wrong(node, "a pipeline has no steps", "empty")
            return tree.Broken(span)
        first = node.items[0]
        head = self.steps(first) if isinstance(first, Scalar) else [self.value(first)]
        steps = [*head, *(step for item in node.items[1:] for step in self.steps(item))]
        kept = whole(steps)
        if kept is None:
            return tree.Broken(span)
        return kept[0] if len(kept) == 1 else tree.Pipe(span, kept)

    def _long(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """A mapping: `{op: …}`, `{repeat: …, of: …}` or `{label: step}`."""
        found = self.steps(node)
        return found[0] if len(found) == 1 else tree.Broken(node.span(self.source))

    # A step: what is applied

    def steps(self, node: YamlNode) -> list[tree.Expr | tree.Broken]:
        """The steps that an item of `layers` gives: one, or each of `conv2d(8, 3) -> relu`."""
        if isinstance(node, Scalar):
            return self._leaf_steps(node)
        if isinstance(node, Sequence):
            return [self.group(node)]
        if self.has_key(node, "op"):
            return [self._call(node)]
        if self.has_key(node, "repeat"):
            return [self._repeat(node)]
        return [self._labelled(node)]

    def _leaf_steps(self, node: Scalar) -> list[tree.Expr | tree.Broken]:
        found = self.expression(node)
        if isinstance(found, tree.Pipe):
            begin, end = written(node, self.source.text)
            text = self.source.text[begin:end]
            # In parentheses a pipeline is one step; its span does not hold them.
            if found.span.start <= begin + len(text) - len(text.lstrip()):
                return list(found.steps)
        return [found]

    def group(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """A list where a stage stands: a group."""
        items = node.items if isinstance(node, Sequence) else [node]
        steps = [step for item in items for step in self.steps(item)]
        if isinstance(node, Sequence) and not items:
            self.wrong(node, "a group has no steps", "empty")
        if not isinstance(node, Sequence) and len(steps) == 1:
            return steps[0]
        kept = whole(steps)
        return tree.Group(node.span(self.source), kept) if kept else tree.Broken(node.span(self.source))

    def _labelled(self, node: YamlNode) -> tree.Expr | tree.Broken:
        span = node.span(self.source)
        fields = list(self.entries(node, "a label and its step"))
        if any(map(is_data, fields)):
            self.not_a_step(node, fields)
            return tree.Broken(span)
        if len(fields) != 1:
            more = "expected one label" if fields else "empty"
            self.wrong(node, "a step is one label with what it names", more, "write each step as an item of its own")
            return tree.Broken(span)
        field = fields[0]
        if isinstance(field.value, Mapping) and holds_parameters(field.value):
            self.not_a_call(field)
            return tree.Broken(span)
        if field.key.text.count("(") > field.key.text.count(")"):
            self.colon_for_equals(field.key)
            return tree.Broken(span)
        label = self.label(field.key)
        if isinstance(field.value, Scalar) and field.value.empty:
            self.wrong(field.key, f"the label `{field.key.text}` names nothing", "expected a step after `:`")
            return tree.Broken(span)
        value = self._labelled_step(field)
        return (
            tree.Broken(span) if label is None or isinstance(value, tree.Broken) else tree.Labelled(span, label, value)
        )

    def _labelled_step(self, field: Field) -> tree.Expr | tree.Broken:
        found = self.steps(field.value)
        if len(found) > 1:
            self.wrong(
                field.value, f"the label `{field.key.text}` stands before several steps", "more than one step",
                "write a list under the label, which makes them a group, or a label for each",
            )  # fmt: skip
            return tree.Broken(field.value.span(self.source))
        return found[0]

    def label(self, key: Scalar) -> tree.LabelName | None:
        """The label that a key is, or None after a mistake."""
        span = self.source.span(*written(key, self.source.text))
        if not re.fullmatch(LABEL, key.text) or span.text != key.text:
            self.wrong(
                key,
                f"`{key.text}` is no label",
                "not a label",
                "write letters, digits, `_`, `-` and computed parts: `layer_{i}`",
            )
            return None
        builder = Builder(self.source)
        label = label_name(builder, span)
        self.problems += builder.problems
        return label

    def _call(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """`{op: linear, out_features: 120}` is `linear(out_features=120)`."""
        fields = {field.key.text: field for field in self.entries(node, "an operator and its parameters")}
        if "name" in fields and isinstance(fields["name"].value, Scalar):
            return self.label_in_call(fields["name"])
        function = self.value(fields.pop("op").value)
        values = [self.data(field.value) for field in fields.values()]
        span, kept = node.span(self.source), whole(values)
        if kept is None or isinstance(function, tree.Broken):
            return tree.Broken(span)
        args = [
            tree.Arg(field.span(self.source), self.name(field.key), value)
            for field, value in zip(fields.values(), kept)
        ]
        return tree.Call(span, function, tuple(args))

    def _repeat(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """`{repeat: 3, of: step}` is `step * 3`."""
        assert isinstance(node, Mapping)
        span = node.span(self.source)
        fields = self.fields(node, ("repeat", "of"), "a repeat")
        if "of" not in fields:
            self.missing(node, "repeat", "of")
            return tree.Broken(span)
        count, stage = self.value(fields["repeat"].value), self.group(fields["of"].value)
        if isinstance(count, tree.Broken) or isinstance(stage, tree.Broken):
            return tree.Broken(span)
        return tree.Binary(span, "*", stage, count)

    # Data: what a parameter or constant is

    def data(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """A leaf, a list of such, a call in the long form, or a record."""
        if isinstance(node, Scalar):
            return self.expression(node)
        span = node.span(self.source)
        if isinstance(node, Sequence):
            items = whole([self.data(item) for item in node.items])
            return tree.Broken(span) if items is None else tree.ListExpr(span, items)
        if self.has_key(node, "op"):
            return self._call(node)
        return self.record(node)

    def record(self, node: YamlNode) -> tree.Expr | tree.Broken:
        """`[c2, c3]` or `{c2: x, c3: y}`: values by name."""
        span = node.span(self.source)
        fields: list[tuple[str, tree.Expr | tree.Broken]] = []
        for item in node.items if isinstance(node, Sequence) else [node]:
            fields += self._record_fields(item)
        if not fields:
            self.wrong(node, "a record has no fields", "empty")
        values = whole([value for _, value in fields])
        if not values:
            return tree.Broken(span)
        return tree.RecordExpr(span, tuple((name, value) for (name, _), value in zip(fields, values)))

    def _record_fields(self, node: YamlNode) -> list[tuple[str, tree.Expr | tree.Broken]]:
        if isinstance(node, Scalar):
            return [(self.name(node), tree.Name(node.span(self.source), node.text))]
        return [(self.name(field.key), self.value(field.value)) for field in self.entries(node, "names and values")]

    def axes(self, node: YamlNode) -> tuple[tree.Expr, ...] | None:
        """Axes of a tensor, `[N, 3, H, W]`, as a list or in one leaf; None after a mistake."""
        found = self.data(node)
        if isinstance(found, tree.ListExpr):
            return found.items
        if not isinstance(found, tree.Broken):
            self.wrong(node, "the axes of a tensor are a list", "expected `[N, C, H, W]`")
        return None

    # Plans

    def section(self, node: YamlNode, *, text: bool = False) -> tree.Section:
        """A mapping of a plan; with `text`, its leaves are text."""
        entries, broken = [], False
        for field in self.entries(node, "keys and values"):
            if field.key.text == "op":
                self.wrong(field.key, "`op` is no key here", "the long form of a call stands under a key")
            value = self._entry_value(field.value, text or field.key.text in TEXTS)
            if not isinstance(value, tree.Broken):
                place = field.span(self.source), field.key.text, field.key.span(self.source)
                entries.append(tree.Entry(*place, value))
            broken |= isinstance(value, tree.Broken)
        return (tree.BrokenSection if broken else tree.Section)(node.span(self.source), tuple(entries))

    def _entry_value(self, node: YamlNode, text: bool) -> tree.Expr | tree.Section | tree.Broken:
        if isinstance(node, Mapping):
            return self._call(node) if self.has_key(node, "op") and not text else self.section(node, text=text)
        if text and isinstance(node, Scalar):
            return tree.Literal(node.span(self.source), node.text)
        if text:
            self.wrong(node, "this key holds text", "a list")
            return tree.Broken(node.span(self.source))
        return self.data(node)


def whole(found: list[tree.Expr | tree.Broken]) -> tuple[tree.Expr, ...] | None:
    """All of it, or None where a part could not be read."""
    kept = tuple(one for one in found if not isinstance(one, tree.Broken))
    return kept if len(kept) == len(found) else None
