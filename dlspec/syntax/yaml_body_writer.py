"""Bodies of blocks and networks as YAML lines: what `yaml_bodies` reads, written."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.layout import WIDTH
from dlspec.syntax.yaml_scalars import expression_scalar, is_plain, text_scalar
from dlspec.syntax.yaml_styles import style_around, style_of_item
from dlspec.syntax.yaml_value_writer import ValueWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

_Statements = list[tree.Statement]


class BodyWriter(ValueWriter):
    """Lines of blocks, networks and their statements."""

    def block(self, node: tree.Block, indent: int) -> list[str]:
        """The keys of a block."""
        allow, limits, rest = _budgets(list(node.body))
        count = _inputs_among(node)
        source = node.params[0].name if node.params else None
        result: tree.Expr | None = None
        if rest and isinstance(rest[-1], tree.Evaluate) and _is_result(rest, source):
            last = rest.pop()
            result = last.value if isinstance(last, tree.Evaluate) else None
        lines = [
            *self._budget_lines(allow, limits, indent),
            *self._names("inputs", node.params[:count], indent),
            *self.params(node.params[count:], indent),
            *self._layers(rest, source, indent),
        ]
        if result is not None:
            lines += self.commented(last, self._result(result, indent), indent)
        return lines

    def network(self, node: tree.Network, indent: int) -> list[str]:
        """The keys of a network."""
        allow, limits, rest = _budgets(list(node.body))
        inputs, rest = _leading_inputs(rest)
        rest, outputs = _trailing_outputs(rest)
        return [
            *self._budget_lines(allow, limits, indent),
            *self.params(node.params, indent),
            *self._keyed("inputs", inputs, self._input, indent),
            *self._layers(rest, inputs[0].name if inputs else None, indent),
            *self._outputs(outputs, indent),
        ]

    def _budget_lines(self, allow: Sequence[tree.Allow], limits: tree.Limits | None, indent: int) -> list[str]:
        lines = self._keyed("allow", allow, self.allow, indent)
        if limits is not None:
            lines += self.commented(limits, self.section(f"{' ' * indent}limits:", limits.section, indent), indent)
        return lines

    def _keyed(
        self, key: str, nodes: Sequence[tree.Node], lines_of: Callable[[Any, int], list[str]], indent: int
    ) -> list[str]:
        """A key with a mapping of nodes under it; nothing where there are none."""
        if not nodes:
            return []
        lines = [self.header(f"{' ' * indent}{key}:", nodes[:1])]
        for node in nodes:
            lines += self.commented(node, lines_of(node, indent + 2), indent + 2)
        return lines

    def _names(self, key: str, nodes: Sequence[tree.Param | tree.Output], indent: int) -> list[str]:
        """A key with a list of names."""
        if not nodes:
            return []
        if style_around(nodes[0]) == "block":
            return self._keyed(key, nodes, lambda node, at: [f"{' ' * at}- {node.name}"], indent)
        line = self.header(f"{' ' * indent}{key}: [{', '.join(node.name for node in nodes)}]", nodes[:1])
        above: list[str] = []
        below: list[str] = []
        for node in nodes:
            lines = self.commented(node, [line], indent)
            at = next(i for i, one in enumerate(lines) if one.startswith(line))
            above, line, below = above + lines[:at], lines[at], below + lines[at + 1 :]
        return [*above, line, *below]

    # Parameters, inputs, outputs

    def params(self, params: Sequence[tree.Param], indent: int) -> list[str]:
        """Parameters with their defaults: in braces where they fit and no comment is among them."""
        if not params:
            return []
        style = style_around(params[0])
        if style == "block":
            return self._keyed("params", params, self._param, indent)
        defaults = [self._flow_default(param, quoted=style == "flow") for param in params]
        flow = ", ".join(f"{param.name}: {default}" for param, default in zip(params, defaults))
        line = f"{' ' * indent}params: {{{flow}}}"
        if None not in defaults and len(line) <= WIDTH and self.quiet(params):
            return [line]
        return self._keyed("params", params, self._param, indent)

    def _flow_default(self, param: tree.Param, *, quoted: bool) -> str | None:
        if param.default is None:
            return "null"
        return None if _is_null(param.default) else self.flow(param.default, quoted=quoted)

    def _param(self, param: tree.Param, indent: int) -> list[str]:
        head = f"{' ' * indent}{param.name}:"
        if param.default is None:
            return [f"{head} null"]
        return [f'{head} "null"'] if _is_null(param.default) else self.data(head, param.default, indent)

    def _input(self, node: tree.Input, indent: int) -> list[str]:
        return self.leaf(f"{' ' * indent}{node.name}:", self.plain.declared(node), indent)

    def _outputs(self, outputs: Sequence[tree.Output], indent: int) -> list[str]:
        if all(node.value is None and not node.training for node in outputs):
            return self._names("outputs", outputs, indent)
        return self._keyed("outputs", outputs, self._output, indent)

    def _output(self, node: tree.Output, indent: int) -> list[str]:
        """`name: value`, or with a condition a mapping of `value`, `if` and `when`."""
        pad = " " * indent
        head = f"{pad}{node.name}:"
        if node.condition is None and not node.training:
            return [head] if node.value is None else self.value(head, node.value, indent)
        lines = [head]
        if node.value is not None:
            lines += self.value(f"{pad}  value:", node.value, indent + 2)
        if node.condition is not None:
            lines += self.leaf(f"{pad}  if:", self.plain.doc(node.condition), indent + 2)
        return [*lines, f"{pad}  when: training"] if node.training else lines

    def _result(self, node: tree.Expr, indent: int) -> list[str]:
        """What a block gives."""
        head = f"{' ' * indent}outputs:"
        return self._record(head, node, indent) if _is_mapping(node) else self.leaf(head, self.plain.doc(node), indent)

    def _record(self, head: str, node: tree.Expr, indent: int) -> list[str]:
        """A record: its names in brackets where each stands for itself, else a mapping."""
        assert isinstance(node, tree.RecordExpr)
        if (
            len(node.fields) > 1
            and all(isinstance(v, tree.Name) and v.name == name for name, v in node.fields)
            and self.quiet(value for _, value in node.fields)
        ):
            line = f"{head} [{', '.join(name for name, _ in node.fields)}]"
            if len(line) <= WIDTH:
                return [line]
        lines = [self.header(head, [value for _, value in node.fields])]
        for name, value in node.fields:
            inner = self.value(f"{' ' * (indent + 2)}{name}:", value, indent + 2)
            lines += self.commented(value, inner, indent + 2)
        return lines

    # Statements

    def _layers(self, statements: Sequence[tree.Statement], source: str | None, indent: int) -> list[str]:
        if not statements:
            return []
        pipeline = next((one for one in statements if _flows_from(one, source)), None)
        lines = [self.header(f"{' ' * indent}layers:", statements[:1])]
        for index, statement in enumerate(statements):
            if index and self.apart(statement):
                lines.append("")
            if statement is pipeline:
                own = self._piped(statement, indent + 2)
            else:
                own = self.statement(statement, indent + 2)
            lines += self.commented(statement, own, indent + 2)
        return lines

    def _piped(self, statement: tree.Statement, indent: int) -> list[str]:
        assert isinstance(statement, tree.Evaluate)
        assert isinstance(statement.value, tree.Pipe)
        return self.steps(statement.value.steps[1:], indent)

    def body(self, key: str, statements: Sequence[tree.Statement], indent: int) -> list[str]:
        """Statements under a key of `for` or `if`."""
        head = f"{' ' * indent}{key}:"
        if not statements:
            return [f"{head} []"]
        lines = [self.header(head, statements[:1])]
        for index, statement in enumerate(statements):
            if index and self.apart(statement):
                lines.append("")
            lines += self.commented(statement, self.statement(statement, indent + 2), indent + 2)
        return lines

    def statement(self, node: tree.Statement, indent: int) -> list[str]:
        """A statement as an item of `layers`."""
        return _WRITE[type(node)](self, node, indent)

    def _one(
        self, node: tree.Statement, key: str, text: str, lines: Callable[[str, int], list[str]], indent: int
    ) -> list[str]:
        """`- let: {y: …}`: on one line where it fits and no quotes are needed, or as its author had it."""
        word, style = _WORDS.get(type(node)) or getattr(node, "kind", ""), style_of_item(node)
        line = f"{' ' * indent}- {word}: {{{key}: {expression_scalar(text or '_', flow=True)}}}"
        plain = style == "flow" or (text != "" and is_plain(text, flow=True))
        if text and style != "block" and key.isidentifier() and plain and len(line) <= WIDTH:
            return [line]
        return [f"{' ' * indent}- {word}:", *lines(f"{' ' * (indent + 4)}{key}:", indent + 4)]

    def _assign(self, node: tree.Assign, indent: int) -> list[str]:
        text = self.text(node.value) if self.quiet([node.value]) else ""
        return self._one(node, ", ".join(node.targets), text, lambda head, at: self.value(head, node.value, at), indent)

    def _module(self, node: tree.Module, indent: int) -> list[str]:
        def lines(head: str, at: int) -> list[str]:
            if isinstance(node.value, tree.Group):
                return [self.header(head, node.value.steps), *self.steps(node.value.steps, at + 2)]
            return self.leaf(head, self.plain.doc(node.value), at)

        text = self.text(node.value) if self.quiet([node.value]) else ""
        return self._one(node, node.name, text, lines, indent)

    def _learned(self, node: tree.Learned, indent: int) -> list[str]:
        doc = self.plain.learned(node)
        return self._one(node, node.name, "", lambda head, at: self.leaf(head, doc, at), indent)

    def _input_item(self, node: tree.Input, indent: int) -> list[str]:
        return [f"{' ' * indent}- input:", *self._input(node, indent + 4)]

    def _output_item(self, node: tree.Output, indent: int) -> list[str]:
        if node.value is None and not node.training:
            return [f"{' ' * indent}- output: {node.name}"]
        return [f"{' ' * indent}- output:", *self._output(node, indent + 4)]

    def _evaluate(self, node: tree.Evaluate, indent: int) -> list[str]:
        if _is_mapping(node.value):
            return self._record(f"{' ' * indent}- record:", node.value, indent + 2)
        return self.value(f"{' ' * indent}- do:", node.value, indent + 2)

    def _if(self, node: tree.If, indent: int) -> list[str]:
        lines = self.leaf(f"{' ' * indent}- if:", self.plain.doc(node.test), indent + 2)
        lines += self.body("then", node.body, indent + 2)
        return [*lines, *self.body("else", node.orelse, indent + 2)] if node.orelse else lines

    def _for(self, node: tree.For, indent: int) -> list[str]:
        lines = self.leaf(f"{' ' * indent}- for:", self.plain.loop(node), indent + 2)
        return [*lines, *self.body("body", node.body, indent + 2)]

    def allow(self, node: tree.Allow, indent: int) -> list[str]:
        """A lint with its reason."""
        return [f"{' ' * indent}{node.lint}: {text_scalar(node.reason)}"]

    def _allow_item(self, node: tree.Allow, indent: int) -> list[str]:
        return [f"{' ' * indent}- allow:", *self.allow(node, indent + 4)]

    def _limits_item(self, node: tree.Limits, indent: int) -> list[str]:
        return self.section(f"{' ' * indent}- limits:", node.section, indent + 2)


_WORDS: dict[type, str] = {tree.Assign: "let", tree.Module: "module"}
_WRITE: dict[type, Callable[[BodyWriter, Any, int], list[str]]] = {
    tree.Assign: BodyWriter._assign,
    tree.Evaluate: BodyWriter._evaluate,
    tree.Input: BodyWriter._input_item,
    tree.Output: BodyWriter._output_item,
    tree.Module: BodyWriter._module,
    tree.Learned: BodyWriter._learned,
    tree.If: BodyWriter._if,
    tree.For: BodyWriter._for,
    tree.Allow: BodyWriter._allow_item,
    tree.Limits: BodyWriter._limits_item,
}


# Which statements have keys of their own


def _budgets(rest: _Statements) -> tuple[list[tree.Allow], tree.Limits | None, _Statements]:
    """The `allow` and `limits` that a body begins with."""
    allow: list[tree.Allow] = []
    while rest and isinstance(rest[0], tree.Allow) and rest[0].lint not in [one.lint for one in allow]:
        allow.append(rest[0])
        rest = rest[1:]
    if rest and isinstance(rest[0], tree.Limits):
        return allow, rest[0], rest[1:]
    return allow, None, rest


def _leading_inputs(rest: _Statements) -> tuple[list[tree.Input], _Statements]:
    inputs: list[tree.Input] = []
    while rest and isinstance(rest[0], tree.Input) and rest[0].name not in [one.name for one in inputs]:
        inputs.append(rest[0])
        rest = rest[1:]
    return inputs, rest


def _trailing_outputs(rest: _Statements) -> tuple[_Statements, list[tree.Output]]:
    outputs: list[tree.Output] = []
    while rest and isinstance(rest[-1], tree.Output) and rest[-1].name not in [one.name for one in outputs]:
        outputs.insert(0, rest[-1])
        rest = rest[:-1]
    return rest, outputs


def _flows_from(statement: tree.Statement, source: str | None) -> bool:
    """Whether a statement is a pipeline from the first input."""
    if not isinstance(statement, tree.Evaluate) or not isinstance(statement.value, tree.Pipe):
        return False
    first = statement.value.steps[0]
    return isinstance(first, tree.Name) and first.name == source


def _is_result(rest: Sequence[tree.Statement], source: str | None) -> bool:
    """Whether the last statement is what a block gives, and not the pipeline that `layers` says."""
    first = next((one for one in rest if _flows_from(one, source)), None)
    last = rest[-1]
    return last is not first and isinstance(last, tree.Evaluate) and not isinstance(last.value, tree.Pipe)


def _is_mapping(node: tree.Expr) -> bool:
    """Whether a record can be a mapping: no name stands twice."""
    return isinstance(node, tree.RecordExpr) and len({name for name, _ in node.fields}) == len(node.fields)


def _is_null(node: tree.Expr) -> bool:
    return isinstance(node, tree.Literal) and node.value is None


def _inputs_among(node: tree.Block) -> int:
    """How many parameters of a block read as inputs: the first, and those after it that flow or are asked for facts.

    The tree knows no difference, so that any number gives the same tree when it is read.
    """
    flowing = _flowing(node)
    count = 0
    for param in node.params:
        if param.default is not None or (count and param.name not in flowing):
            break
        count += 1
    return count


def _flowing(node: tree.Block) -> set[str]:
    """Names that a pipeline begins with, or that are asked for a fact."""
    found = set()
    waiting: list[Any] = [node.body]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting += part
        elif isinstance(part, tree.Node):
            head = (
                part.steps[0]
                if isinstance(part, tree.Pipe)
                else part.value
                if isinstance(part, tree.Attribute)
                else None
            )
            if isinstance(head, tree.Name):
                found.add(head.name)
            waiting += [getattr(part, field) for field in part._fields]
    return found
