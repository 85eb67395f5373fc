"""Writes the module file: a class for every unit, the network last, and `build`."""

from __future__ import annotations

from dlspec.graph import Tensor
from dlspec.lowering.chains import is_numbered_chain
from dlspec.lowering.emitter import Emitter
from dlspec.lowering.expressions import Constant, Formal, python_literal
from dlspec.lowering.flow import Flow, Value, own_name
from dlspec.lowering.fold import ABOUT, write_fold
from dlspec.lowering.forward import Forward
from dlspec.lowering.frozen import frozen_parts
from dlspec.lowering.grouping import units_of
from dlspec.lowering.leaves import write_leaf
from dlspec.lowering.members import Members
from dlspec.lowering.modules import Texts, Wrapper, is_inline, ordered
from dlspec.lowering.names import TAKEN, camel, fresh
from dlspec.lowering.preface import preface
from dlspec.lowering.settle import settle
from dlspec.lowering.together import looped, together
from dlspec.lowering.units import Outcome, Phi
from dlspec.lowering.uses import Survey
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dlspec.graph import Graph
    from dlspec.lowering.expressions import Expression
    from dlspec.lowering.inference import Inference
    from dlspec.lowering.units import Unit
    from dlspec.source import Span


class File:
    """One module file in the making."""

    def __init__(self, graph: Graph, inference: Inference | None = None) -> None:
        self.graph = graph
        self.inference = inference
        """Where the graph is one for evaluation alone: what was folded into what."""
        self.surveys = [Survey(graph, False)]
        if graph.training is not None:
            self.surveys.append(Survey(graph.training, True))
        self.units = units_of(self.surveys)
        self.network = self.units[-1]
        settle(self.units)
        nodes = [*graph.nodes, *(graph.training.nodes if graph.training is not None else ())]
        functions = {node.op.name for node in nodes if node.op.family == "detection"}
        self.taken: dict[str, None] = dict.fromkeys(sorted({*TAKEN, *functions}))
        self._name()
        self.texts = Texts(self.taken)

    def _name(self) -> None:
        """Names of classes and functions, then of their arguments."""
        self.network.name = fresh(camel(self.graph.name), self.taken)
        self.taken[self.network.name] = None
        for unit in self.units[:-1]:
            if not is_inline(unit):
                unit.name = fresh(_wanted_name(unit), self.taken)
                self.taken[unit.name] = None
        for unit in self.units:
            own: set[str] = set()
            for formal in ordered(unit):
                formal.name = fresh(formal.hint, {*self.taken, *own})
                own.add(formal.name)
            for line in unit.lines:
                if line.loop is not None:
                    line.loop.name = fresh("i", own)

    def write(self) -> Emitter:
        bodies = Emitter()
        for unit in self.units:
            if not is_inline(unit):
                bodies.blank(2)
                self._unit(bodies, unit)
        bodies.blank(2)
        self._build(bodies)
        if self.inference is not None:
            self.texts.imports["import torch"] = None
            bodies.blank(2)
            write_fold(bodies, self.inference)
        wrappers = Emitter()
        for wrapper in self.texts.wrappers.values():
            wrappers.blank(2)
            self._wrapper(wrappers, wrapper)
        head = Emitter()
        self._docstring(head)
        head.blank()
        self._imports(head)
        for part in (wrappers, bodies):
            head.extend(part)
        return head

    def _docstring(self, emit: Emitter) -> None:
        first, *rest = preface(self.graph, emit.room - len('"""'))
        emit.docstring([first, *([ABOUT] if self.inference is not None else []), *rest])

    def _imports(self, emit: Emitter) -> None:
        """In the order that formatters keep: the standard library, torch and others, then dlspec."""
        wanted = [*self.texts.imports, "from torch import nn"]
        names = {"nn", "Tensor"} if any("Tensor" in use for use in self._annotations) else {"nn"}
        groups: list[list[str]] = [[], [], []]
        own = sorted({line.split()[-1] for line in wanted if line.startswith("from dlspec.nn import ")})
        if own:
            wanted = [line for line in wanted if not line.startswith("from dlspec.nn import ")]
            names_of_own = ", ".join(own)
            fits = len(f"from dlspec.nn import {names_of_own}") <= emit.room
            wanted.append(f"from dlspec.nn import {names_of_own if fits else f'({names_of_own})'}")
        for line in sorted(set(wanted) - {"from torch import nn"}):
            root = line.split()[1].partition(".")[0]
            groups[0 if root == "collections" else 2 if root == "dlspec" else 1].append(line)
        groups[1].append(f"from torch import {', '.join(sorted(names))}")
        groups[1].sort(key=lambda line: (line.startswith("from"), line.split()[1], line))
        for number, group in enumerate(group for group in groups if group):
            if number:
                emit.blank()
            for line in group:
                emit.line(line)

    # Units

    def _unit(self, emit: Emitter, unit: Unit) -> None:
        if unit is self.network:
            self._class(emit, unit) if not unit.sequence else self._sequence_class(emit, unit)
        elif unit.sequence:
            self._function(emit, unit)
        else:
            self._class(emit, unit)

    def _signature(self, unit: Unit) -> list[str]:
        texts = []
        for formal in ordered(unit):
            default = "" if formal.default is None else f" = {python_literal(formal.default.given)}"
            texts.append(f"{formal.name}: {_annotation(formal)}{default}")
        return texts

    def _function(self, emit: Emitter, unit: Unit) -> None:
        span = unit.sample.definition.span
        emit.line(f"def {unit.name}({', '.join(self._signature(unit))}) -> nn.Sequential:", span)
        emit.indent()
        self._describe(emit, unit)
        emit.line(f"return {self.texts.sequence(unit, {})}", span)
        emit.dedent()

    def _sequence_class(self, emit: Emitter, unit: Unit) -> None:
        emit.line(f"class {unit.name}(nn.Sequential):", unit.sample.definition.span)
        emit.indent()
        self._describe(emit, unit)
        emit.blank()
        emit.line(f"def __init__({', '.join(['self', *self._signature(unit)])}) -> None:")
        emit.indent()
        emit.line(f"super().__init__({self.texts.items(unit, {})})", unit.sample.definition.span)
        self._freeze(emit)
        emit.dedent()
        emit.dedent()

    def _is_sequence(self, unit: Unit, members: Members) -> bool:
        """Whether the network is its numbered members, one after the other, in training as in evaluation."""
        results = list(self.graph.outputs.values())
        return len(unit.uses) == 1 and members.are_numbered and is_numbered_chain(unit.uses[0], results)

    def _numbered_class(self, emit: Emitter, unit: Unit, members: Members) -> None:
        """A network whose body is one pipeline without a label: an `nn.Sequential` with its input's name."""
        span = unit.sample.definition.span
        emit.line(f"class {unit.name}(nn.Sequential):", span)
        emit.indent()
        self._describe(emit, unit)
        emit.blank()
        emit.line(f"def __init__({', '.join(['self', *self._signature(unit)])}) -> None:", span)
        emit.indent()
        emit.line(f"super().__init__({members.items()})", span)
        self._freeze(emit)
        emit.dedent()
        emit.blank()
        (own,) = self._inputs
        name = fresh(own, self.taken)
        emit.line(f"def forward(self, {name}: {self._input_type(unit, own)}) -> {self._result_type(unit)}:", span)
        emit.indent()
        emit.line(f"return super().forward({name})", span)
        emit.dedent()
        emit.dedent()

    def _class(self, emit: Emitter, unit: Unit) -> None:
        span = getattr(unit.sample.definition, "span", None)
        members = Members(unit, self.texts, self.surveys)
        if unit is self.network and self._is_sequence(unit, members):
            self._numbered_class(emit, unit, members)
            return
        body = self._forward(unit, members)
        emit.line(f"class {unit.name}(nn.Module):", span)
        emit.indent()
        self._describe(emit, unit)
        emit.blank()
        if not members.empty:
            emit.line(f"def __init__({', '.join(['self', *self._signature(unit)])}) -> None:", span)
            emit.indent()
            emit.line("super().__init__()")
            members.write(emit)
            if unit is self.network:
                self._freeze(emit)
            emit.dedent()
            emit.blank()
        emit.extend(body)
        emit.dedent()

    def _describe(self, emit: Emitter, unit: Unit) -> None:
        about = _comment_above(unit) or (_comment_of_file(unit) if unit is self.network else "")
        emit.docstring([about or f"`{_spec_name(unit)}` of the spec."])

    def _freeze(self, emit: Emitter) -> None:
        """Hold the weights of the frozen parts, the largest that are frozen as a whole."""
        for path in frozen_parts(self.graph):
            plain = all(part.isidentifier() for part in path.split("."))
            held = f"self.{path}" if plain else f"self.get_submodule({python_literal(path)})"
            emit.line(f"{held}.requires_grad_(False)")

    # Forward

    def _forward(self, unit: Unit, members: Members) -> Emitter:
        inputs: dict[str, str] = {}
        names = list(unit.inputs) if unit is not self.network else list(self._inputs)
        for name in names:
            inputs[name] = fresh(name, {*self.taken, *inputs.values()})
        plain: frozenset[int] = frozenset()
        while True:
            emit = Emitter(1)
            long = self._write_forward(emit, unit, members, inputs, plain)
            if not long - plain:
                return emit
            plain |= long

    def _write_forward(
        self, emit: Emitter, unit: Unit, members: Members, inputs: dict[str, str], plain: frozenset[int]
    ) -> frozenset[int]:
        """Write the function; the lines that came out too long and hold others."""
        flow = Flow(unit, plain)
        forward = Forward(unit, self.texts, members, flow, inputs)
        outcomes = unit.outcomes or [Outcome({}, None, {})]
        statements, returns = self._named_together(forward, outcomes)
        handed = [f"{name}: nn.Module" for name in dict.fromkeys(unit.sample.borrowed.values())]
        typed = [f"{variable}: {self._input_type(unit, name)}" for name, variable in inputs.items()]
        arguments = ["self", *typed, *handed]
        emit.line(
            f"def forward({', '.join(arguments)}) -> {self._result_type(unit)}:",
            getattr(unit.definition, "span", None),
        )
        emit.indent()
        long: set[int] = set()
        for mode in dict.fromkeys([None, *(outcome.training for outcome in outcomes)]):
            if mode:
                emit.line("if self.training:")
                emit.indent()
            long |= self._statements(emit, forward, [s for s in statements if s[0].mode is mode])
            for outcome, text in zip(outcomes, returns):
                if outcome.training is mode:
                    emit.line(text, _end_of(unit))
            if mode:
                emit.dedent()
        emit.dedent()
        return frozenset(long)

    def _named_together(
        self, forward: Forward, outcomes: Sequence[Outcome]
    ) -> tuple[list[tuple[Value, str, str]], list[str]]:
        """The statements, and what is returned in each mode, with one name for what only goes on together."""
        statements, returns = forward.statements(), []
        for outcome in outcomes:
            texts = [forward.source(source) for source in forward.flow.results]
            texts = texts if outcome.result else [texts[index] for index in outcome.indices] or texts
            returns.append(f"return {_returned(outcome, texts)}")
        branches = [
            *((value.mode, value.test) for value, *_ in statements),
            *((one.training, None) for one in outcomes),
        ]
        made = looped(together([*(text for _, text, _ in statements), *returns], branches), branches)
        kept = [
            (value, text, shape)
            for (value, _, shape), text in zip(statements, made[: len(statements)])
            if text is not None
        ]
        return kept, [text for text in made[len(statements) :] if text is not None]

    def _statements(self, emit: Emitter, forward: Forward, statements: list[tuple[Value, str, str]]) -> set[int]:
        long: set[int] = set()
        test: Expression | None = None
        for value, text, shape in statements:
            if value.test is not test:
                if test is not None:
                    emit.dedent()
                before, test = test, value.test
                if test is not None:
                    about = own_name(value.line) if value.line is not None else "it"
                    asked = forward.test(test, about)
                    opposite = before is not None and forward.are_opposite(before, test)
                    emit.line("else:" if opposite else f"if {asked}:")
                    emit.indent()
            comment = f"  # {shape}" if shape and len(text) + len(shape) + 4 <= emit.room else ""
            if len(text) > emit.room:
                long.add(value.index)
            emit.line(text + comment, value.span)
        if test is not None:
            emit.dedent()
        return long

    def _input_type(self, unit: Unit, name: str) -> str:
        """The type of an input, with None as the default of one that only training has."""
        if unit is not self.network:
            tensor = next(use.inputs[name] for use in unit.uses if name in use.inputs)
            kind = "list[Tensor]" if tensor.is_list else "Tensor"
            return f"{kind} | None = None" if name in unit.of_one_mode else kind
        tensor = self._inputs[name]
        kind = "list[Tensor]" if tensor.is_list else "Tensor"
        return kind if name in self.graph.inputs else f"{kind} | None = None"

    def _result_type(self, unit: Unit) -> str:
        if unit is self.network:
            return " | ".join(dict.fromkeys(_outcome_type(outcome) for outcome in unit.outcomes))
        outcomes = [outcome.indices for outcome in unit.outcomes] or [list(range(len(unit.results)))]
        return " | ".join(dict.fromkeys(self._given_type(unit, indices) for indices in outcomes))

    def _given_type(self, unit: Unit, indices: list[int]) -> str:
        rows = [unit.result_tensors[index] for index in indices]
        kinds = ["list[Tensor]" if any(t is not None and t.is_list for t in row) else "Tensor" for row in rows]
        return kinds[0] if len(kinds) == 1 else f"tuple[{', '.join(kinds)}]"

    @property
    def _inputs(self) -> dict[str, Tensor]:
        """The inputs of the network in both modes, those of training last."""
        training = self.graph.training.inputs if self.graph.training is not None else {}
        return {
            **self.graph.inputs,
            **{name: t for name, t in training.items() if name not in self.graph.inputs},
        }

    # The rest

    def _wrapper(self, emit: Emitter, wrapper: Wrapper) -> None:
        node = wrapper.node
        inputs = (
            ["x", "y", "z"][: len(node.inputs)] if len(node.inputs) < 4 else [f"x{i}" for i in range(len(node.inputs))]
        )
        emit.line(f"class {wrapper.name}(nn.Module):")
        emit.indent()
        emit.docstring([f"`{node.op.name}` as a module."])
        emit.blank()
        words = {word: f"self.{word.replace('.', '')}" for word in wrapper.words}
        if words:
            emit.line(f"def __init__({', '.join(['self', *(w.replace('.', '') + ': int' for w in words)])}) -> None:")
            emit.indent()
            emit.line("super().__init__()")
            for word, kept in words.items():
                emit.line(f"{kept} = {word.replace('.', '')}")
            emit.dedent()
            emit.blank()
        emit.line(f"def forward({', '.join(['self', *(f'{name}: Tensor' for name in inputs)])}) -> Tensor:")
        emit.indent()
        emit.line(f"return {self.texts.use(write_leaf(node, words, inputs))}")
        emit.dedent()
        emit.dedent()

    def _build(self, emit: Emitter) -> None:
        given = []
        for formal in ordered(self.network):
            value = Constant(formal.values[0])
            if formal.default is None or not formal.default.same(value):
                given.append(f"{formal.name}={python_literal(value.given)}")
        emit.line(f"def build() -> {self.network.name}:")
        emit.indent()
        emit.docstring(["The network with the parameters it was compiled with."])
        still = ".eval().requires_grad_(False)" if self.inference is not None else ""
        emit.line(f"return {self.network.name}({', '.join(given)}){still}")
        emit.dedent()

    @property
    def _annotations(self) -> list[str]:
        takes = any(not unit.sequence for unit in self.units) or self.texts.wrappers or self.inference is not None
        return ["Tensor"] if takes else []


def _returned(outcome: Outcome, texts: list[str]) -> str:
    """What stands behind `return`: several results of a block, or the outputs of a network."""
    if not outcome.result:
        return ", ".join(texts)

    def text(value: Any) -> str:
        if isinstance(value, Tensor):
            return texts[outcome.places[value]]
        if isinstance(value, dict):
            return f"{{{', '.join(f'{python_literal(name)}: {text(item)}' for name, item in value.items())}}}"
        return f"[{', '.join(map(text, value))}]"

    return text(next(iter(outcome.result.values())) if len(outcome.result) == 1 else outcome.result)


def _outcome_type(outcome: Outcome) -> str:
    values = list(outcome.result.values())
    kinds = list(dict.fromkeys(map(_value_type, values)))
    return kinds[0] if len(values) == 1 else f"dict[str, {' | '.join(kinds)}]"


def _value_type(value: Any) -> str:
    if isinstance(value, Tensor):
        return "list[Tensor]" if value.is_list else "Tensor"
    return "dict[str, Tensor]" if isinstance(value, dict) else "list[Tensor]"


def _end_of(unit: Unit) -> Any:
    """The place in the spec that `return` stands for."""
    operand = unit.results[-1] if unit.results else ("in", "")
    if isinstance(operand, Phi):
        return operand.tree.span if operand.tree is not None else None
    place: Any = operand[0]
    return None if place == "in" else unit.lines[place].sample.span


def _annotation(formal: Formal) -> str:
    kinds = list(dict.fromkeys(_type(value) for value in formal.values))
    if set(kinds) == {"int", "float"}:
        return "float"
    return " | ".join(sorted(kinds, key=lambda kind: kind == "None"))


def _type(value: Any) -> str:
    if value is None:
        return "None"
    if isinstance(value, (list, tuple)):
        inner = list(dict.fromkeys(map(_type, value))) or ["int"]
        return f"list[{' | '.join(inner)}]"
    return type(value).__name__


def _wanted_name(unit: Unit) -> str:
    name = _spec_name(unit)
    if unit.sequence:
        return name if name.isidentifier() else f"group_{name}"
    return camel(name)


def _spec_name(unit: Unit) -> str:
    name = getattr(unit.definition, "name", None)
    if isinstance(name, str):
        return name
    words = [part for part in unit.sample.path.split(".") if part.isidentifier()]
    return words[-1] if words else f"{unit.sample.enclosing.definition.name}_part"


def _comment_above(unit: Unit) -> str:
    """The comment that stands right above a definition; it says what the block is."""
    span = getattr(unit.definition, "span", None)
    if span is None or unit.kind == "group":
        return ""
    first = span.line
    while span.source.line(first - 1).strip().startswith("#"):
        first -= 1
    return _comment(span, first, span.line)


def _comment_of_file(unit: Unit) -> str:
    """The comment that a file begins with, which is about its networks."""
    span = unit.definition.span
    last = 1
    while span.source.line(last).strip().startswith("#"):
        last += 1
    return _comment(span, 1, last) if not span.source.line(last).strip() else ""


def _comment(span: Span, first: int, end: int) -> str:
    """The text of the comments in these lines."""
    return " ".join(span.source.line(number).strip().lstrip("# ") for number in range(first, end))
