"""Bodies of blocks and networks in YAML: inputs, layers, outputs, and statements as keyword items of `layers`."""

from __future__ import annotations

from dlspec.diagnostics.record import Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.build import refuse_repeated
from dlspec.syntax.yaml_fields import Field
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode
from dlspec.syntax.yaml_untyped import as_type, unnamed, untyped
from dlspec.syntax.yaml_values import Values, whole

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.source import Span

STATEMENTS = (
    "let", "do", "record", "module", "parameter", "buffer", "for", "if", "input", "output", "allow", "limits",
)  # fmt: skip
"""Keys that make an item of `layers` a statement; a stage of such a name is labelled within quotes, `"input: …"`."""
KEYWORDS = (*STATEMENTS, "op", "repeat")

_Params = tuple[tree.Param, ...]
_Body = tuple[tree.Statement, ...]


class Bodies(Values):
    """Reads blocks and networks."""

    def block_body(self, field: Field) -> tuple[_Params, _Body]:
        """A block's parameters, inputs first, and its statements."""
        fields = self._body_fields(field, "a block")
        inputs = self._block_inputs(fields["inputs"].value) if "inputs" in fields else ()
        params = self.params(fields["params"].value) if "params" in fields else ()
        params = (*inputs, *params)
        self._refuse_repeated(params)
        source = tree.Name(params[0].span, params[0].name) if params else None
        body = self._budgets(fields)
        if "layers" in fields:
            body += self.statements(fields["layers"].value, source)
        if "outputs" in fields:
            body += self._result(fields["outputs"].value)
        return params, tuple(body)

    def network_body(self, field: Field) -> tuple[_Params, _Body]:
        """A network's parameters and its statements."""
        fields = self._body_fields(field, "a network")
        params = self.params(fields["params"].value) if "params" in fields else ()
        self._refuse_repeated(params)
        inputs = list(self._inputs(fields["inputs"].value)) if "inputs" in fields else []
        first = next((one for one in inputs if isinstance(one, tree.Input)), None)
        source = (
            tree.Name(first.span.source.span(first.span.start, first.span.start + len(first.name)), first.name)
            if first
            else None
        )
        body = [*self._budgets(fields), *inputs]
        if "layers" in fields:
            body += self.statements(fields["layers"].value, source, broken=len(inputs) > 0)
        if "outputs" in fields:
            body += self._outputs(fields["outputs"].value)
        return params, tuple(body)

    def _body_fields(self, field: Field, what: str) -> dict[str, Field]:
        known = ("params", "inputs", "layers", "outputs", "allow", "limits")
        return self.fields(field.value, known, what) if isinstance(field.value, Mapping) else {}

    def _budgets(self, fields: dict[str, Field]) -> list[tree.Statement]:
        found: list[tree.Statement] = []
        if "allow" in fields:
            found += self.allowed(fields["allow"].value)
        if "limits" in fields:
            found += self.limits(fields["limits"])
        return found

    # Parameters and inputs

    def params(self, node: YamlNode) -> _Params:
        """`{width: null, stride: 1}`: names with defaults; null for none."""
        if isinstance(node, Sequence) and all(isinstance(item, Scalar) for item in node.items):
            names = [item for item in node.items if isinstance(item, Scalar)]
            written = ", ".join(f"{item.text}: null" for item in names)
            self.wrong(node, "parameters stand with their defaults", "a list", f"write `params: {{{written}}}`")
            return tuple(tree.Param(item.span(self.source), self.name(item), None) for item in names)
        found = []
        for field in self.entries(node, "parameters and their defaults"):
            span = field.span(self.source)
            none = (
                isinstance(field.value, Scalar) and field.value.style is None and field.value.text in ("", "null", "~")
            )
            default = None if none else self.data(field.value)
            if not isinstance(default, tree.Broken):
                found.append(tree.Param(span, self.name(field.key), default))
        return tuple(found)

    def _block_inputs(self, node: YamlNode) -> _Params:
        found = []
        for item in self.listed(node):
            if isinstance(item, Scalar):
                found.append(tree.Param(item.span(self.source), self.name(item), None))
            else:
                self.wrong(
                    item,
                    "the inputs of a block are names",
                    "expected a name",
                    "declare types in the network: `inputs: [x]`",
                )
        return tuple(found)

    def _refuse_repeated(self, params: _Params) -> None:
        """Inputs and parameters of a block share their names."""
        refuse_repeated(self.problems, "E0113", "parameter", [(param.name, param.span) for param in params])

    def _inputs(self, node: YamlNode) -> Iterator[tree.Statement]:
        if not isinstance(node, Mapping) and not (isinstance(node, Scalar) and node.empty):
            self.problems.append(unnamed(node, self.first_line(node)))
            yield tree.Broken(node.span(self.source))
            return
        for field in self.entries(node, "inputs and their types"):
            yield self._input(field)

    def _input(self, field: Field) -> tree.Statement:
        """`image: float32[N, 3, H, W] where …`, or a mapping of `type`, `where` and `when`."""
        span, name = field.span(self.source), self.name(field.key)
        node, training = field.value, False
        where: tuple[tree.Expr, ...] = ()
        if isinstance(node, Mapping):
            fields = self.fields(node, ("type", "where", "when"), "an input")
            if "type" not in fields:
                self.missing(node, "input", "type")
                return tree.Broken(span)
            node = fields["type"].value
            where = tuple(self._where(fields["where"].value)) if "where" in fields else ()
            training = self._when(fields)
        if meant := as_type(node):
            self.problems.append(untyped(field.key.text, meant, self.first_line(node)))
            return tree.Broken(span)
        found = self.leaves.parsed(node, "leaf_type") if isinstance(node, Scalar) and not node.empty else None
        if found is None:
            if not isinstance(node, Scalar) or node.empty:
                self.wrong(field.key if isinstance(node, Scalar) else node, f"the input `{field.key.text}` has no type",
                           "expected a type", f'write `{field.key.text}: "float32[N, 3, H, W]"`')  # fmt: skip
            return tree.Broken(span)
        declared, more, also = found
        return tree.Input(span, name, declared, (*more, *where), training or also)

    def _where(self, node: YamlNode) -> tuple[tree.Expr, ...]:
        return whole([self.data(item) for item in self.listed(node)]) or ()

    def _when(self, fields: dict[str, Field]) -> bool:
        """Whether `when: training` stands there."""
        if "when" not in fields:
            return False
        value = fields["when"].value
        if not (isinstance(value, Scalar) and value.text == "training"):
            self.wrong(value, "only `when: training` is known", "not known")
        return True

    # Outputs

    def _outputs(self, node: YamlNode) -> Iterator[tree.Statement]:
        """A list of stages, or a mapping of names to values."""
        if isinstance(node, Mapping):
            for field in self.entries(node, "outputs and their values"):
                yield self._output(field)
            return
        for item in self.listed(node):
            if isinstance(item, Scalar):
                yield tree.Output(item.span(self.source), self.name(item), None, None, False)
            else:
                yield from self._outputs(item)

    def _output(self, field: Field) -> tree.Statement:
        """`logits: value`, `logits:` for the stage of that name, or a mapping of `value`, `if` and `when`."""
        span, name, node = field.span(self.source), self.name(field.key), field.value
        value: tree.Expr | tree.Broken | None = None
        condition: tree.Expr | tree.Broken | None = None
        training = False
        if isinstance(node, Mapping) and not (self.has_key(node, "op") or self.has_key(node, "record")):
            fields = self.fields(node, ("value", "if", "when"), "an output")
            value = self.value(fields["value"].value) if "value" in fields else None
            condition = self.data(fields["if"].value) if "if" in fields else None
            training = self._when(fields)
            if condition is not None and value is None:
                self.missing(node, "output", "value")
                return tree.Broken(span)
        elif not (isinstance(node, Scalar) and node.empty):
            value = self.value(node)
        if isinstance(value, tree.Broken) or isinstance(condition, tree.Broken):
            return tree.Broken(span)
        return tree.Output(span, name, value, condition, training)

    def _result(self, node: YamlNode) -> list[tree.Statement]:
        """What a block gives: a value, or a record of several."""
        span = node.span(self.source)
        if isinstance(node, Scalar):
            value = self.expression(node)
        elif isinstance(node, Sequence) and len(node.items) == 1 and isinstance(node.items[0], Scalar):
            value = self.expression(node.items[0])
        else:
            value = self.record(node)
        return [value if isinstance(value, tree.Broken) else tree.Evaluate(span, value)]

    # Statements

    def statements(self, node: YamlNode, source: tree.Name | None, *, broken: bool = False) -> list[tree.Statement]:
        """The items of `layers`: steps, which make one pipeline from the first input, and statements.

        `broken` says that the first input is there but could not be read.
        """
        found: list[tree.Statement] = []
        run: list[YamlNode] = []
        piped = False
        for item in [*self.listed(node), None]:
            if item is not None and not self._is_statement(item):
                run.append(item)
                continue
            if run:
                found.append(self._piped(run, source, broken=broken, again=piped))
                piped, run = True, []
            if item is not None:
                found += self.statement(item)
        return found

    def _is_statement(self, item: YamlNode) -> bool:
        return any(self.has_key(item, word) for word in STATEMENTS)

    def _piped(self, run: list[YamlNode], source: tree.Name | None, *, broken: bool, again: bool) -> tree.Statement:
        span = self.source.span(run[0].start, run[-1].end)
        if again:
            self._interrupted(run[0])
        elif source is None and not broken:
            self.wrong(
                run[0],
                "nothing flows into this step",
                "no input before it",
                "name an input, or write `do: [x, step]`",
            )
        steps = whole([step for item in run for step in self.steps(item)])
        if again or source is None or steps is None:
            return tree.Broken(span)
        return tree.Evaluate(span, tree.Pipe(span, (source, *steps)))

    def _interrupted(self, item: YamlNode) -> None:
        self.problems.append(
            problem(
                "E0216",
                "a statement stands between the steps of the pipeline",
                self.first_line(item),
                "a step after a statement",
                notes=["the steps of `layers` are one pipeline from the first input"],
                fixes=[
                    Fix(
                        "move the statement before or after the steps, or write `do: [x, step, step]`",
                        safety="placeholder",
                    )
                ],
            )
        )

    def statement(self, item: YamlNode) -> list[tree.Statement]:
        """The statements that an item with a keyword gives."""
        assert isinstance(item, Mapping)
        span = item.span(self.source)
        word = next(word for word in STATEMENTS if self.has_key(item, word))
        also = {"for": ("body",), "if": ("then", "else")}.get(word, ())
        fields = self.fields(item, (word, *also), f"`{word}`")
        field = fields[word]
        if word == "for":
            return [self._for(span, fields)]
        if word == "if":
            return [self._if(span, fields)]
        if word in ("do", "record"):
            value = self.value(field.value) if word == "do" else self.record(field.value)
            return [value if isinstance(value, tree.Broken) else tree.Evaluate(span, value)]
        if word in ("allow", "limits", "output"):
            return self._over(span, list(self._budget_or_output(word, field)))
        make = {"let": self._let, "module": self._module, "input": self._input}.get(word)
        named = self.entries(field.value, "names with what they stand for")
        return self._over(span, [make(one) if make else self._learned(word, one) for one in named])

    def _budget_or_output(self, word: str, field: Field) -> Iterator[tree.Statement]:
        if word == "output":
            return self._outputs(field.value)
        return self.allowed(field.value) if word == "allow" else self.limits(field)

    def _over(self, span: Span, found: list[tree.Statement]) -> list[tree.Statement]:
        """The statements of an item; one alone stands for the whole item."""
        if len(found) == 1:
            found[0].span = span
        return found

    def _let(self, field: Field) -> tree.Statement:
        """`let: {y: value}`; the key `"a, b"` takes a list apart."""
        targets = tuple(part.strip() for part in field.key.text.split(","))
        for target in targets:
            self.check_name(target, field.key.span(self.source))
        value = self.value(field.value)
        return value if isinstance(value, tree.Broken) else tree.Assign(field.span(self.source), targets, value)

    def _module(self, field: Field) -> tree.Statement:
        value = self.group(field.value) if isinstance(field.value, Sequence) else self.value(field.value)
        span, name = field.span(self.source), self.name(field.key)
        return value if isinstance(value, tree.Broken) else tree.Module(span, name, value)

    def _learned(self, kind: str, field: Field) -> tree.Statement:
        """`parameter: {token: "[1, 1, dim] = zeros"}`, or a mapping of `shape` and `start`."""
        span, name, node = field.span(self.source), self.name(field.key), field.value
        start: tree.Expr | tree.Broken = tree.Name(span, "zeros")
        if isinstance(node, Mapping):
            fields = self.fields(node, ("shape", "start"), f"a {kind}")
            if "shape" not in fields:
                self.missing(node, kind, "shape")
                return tree.Broken(span)
            shape = self.axes(fields["shape"].value)
            start = self.data(fields["start"].value) if "start" in fields else start
        elif isinstance(node, Sequence):
            shape = self.axes(node)
        else:
            shape, start = (isinstance(node, Scalar) and self.leaves.parsed(node, "leaf_learned")) or (
                None,
                start,
            )
        if shape is None or isinstance(start, tree.Broken):
            return tree.Broken(span)
        return tree.Learned(span, kind, name, shape, start)

    def _for(self, span: Span, fields: dict[str, Field]) -> tree.Statement:
        head = fields["for"].value
        loop = self.leaves.parsed(head, "leaf_loop") if isinstance(head, Scalar) else None
        if loop is None and not isinstance(head, Scalar):
            self.wrong(head, "`for` takes one line of text", "expected `i in range(3)`")
        body = self.statements(fields["body"].value, None) if "body" in fields else []
        if loop is None:
            return tree.Broken(span)
        targets, iterable = loop
        return tree.For(span, targets, iterable, tuple(body))

    def _if(self, span: Span, fields: dict[str, Field]) -> tree.Statement:
        test = self.data(fields["if"].value)
        then = self.statements(fields["then"].value, None) if "then" in fields else []
        orelse = self.statements(fields["else"].value, None) if "else" in fields else []
        return test if isinstance(test, tree.Broken) else tree.If(span, test, tuple(then), tuple(orelse))

    def allowed(self, node: YamlNode) -> Iterator[tree.Statement]:
        """`{double-softmax: "distilling from probabilities"}`."""
        for field in self.entries(node, "lints with reasons"):
            lint = field.key.text.replace("_", "-")
            if not lint.replace("-", "").isalnum() or not lint.isascii():
                self.wrong(field.key, f"`{field.key.text}` is no lint", "not the name of one")
            elif isinstance(field.value, Scalar):
                yield tree.Allow(field.span(self.source), lint, field.value.text)
            else:
                self.wrong(field.value, "a reason is text", "expected text")

    def limits(self, field: Field) -> Iterator[tree.Statement]:
        """`{parameters: 30M}`."""
        yield tree.Limits(field.span(self.source), self.section(field.value))
