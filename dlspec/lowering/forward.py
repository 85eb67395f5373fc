"""Writes `forward`: the flow of a unit as statements."""

from __future__ import annotations

from dlspec.lowering.expressions import Constant, Expression, Sign, Training, mentions_training
from dlspec.lowering.flow import Flow, Naming, Source, Value, leaves, own_name
from dlspec.lowering.leaves import write_leaf
from dlspec.lowering.settle import settled
from dlspec.ops.fact import axes_text
from dlspec.ops.text import literal
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.lowering.members import Members
    from dlspec.lowering.modules import Texts
    from dlspec.lowering.units import Line, Unit


class Forward:
    """The statements of one unit; finds out what `__init__` must keep for it."""

    def __init__(self, unit: Unit, texts: Texts, members: Members, flow: Flow, inputs: dict[str, str]) -> None:
        self.unit = unit
        self.texts = texts
        self.members = members
        self.flow = flow
        self.inputs = inputs
        self.naming = Naming(flow, inputs, texts.taken)
        self._holder: dict[str, Source] = {variable: (name, 0) for name, variable in inputs.items()}
        self._shape: Any = None
        self._lists: dict[str, str] = {}
        """Lists by the text of all their parts."""

    def statements(self) -> list[tuple[Value, str, str]]:
        """Each value with its statement and the shape it gives, where that is news; the values in order."""
        found = []
        for value in self.flow.statements:
            text = self._text(value)
            names = [value.names.get(port, "_") for port in range(max(value.names, default=0) + 1)]
            if value.line is not None:
                names += ["_"] * (len(value.line.sample.outputs) - len(names))
            if value.names:
                left = f"({names[0]},)" if value.is_list and len(names) == 1 else self._left(names)
                found.append((value, f"{left} = {text}", self._news(value)))
            self._holder.update({variable: (value, port) for port, variable in value.names.items()})
        return found

    def _left(self, names: list[str]) -> str:
        """What stands before the `=`; of a list that keeps its parts, its own name."""
        base, bracket, _ = names[0].partition("[")
        if not bracket:
            return ", ".join(names)
        self._lists[f"[{', '.join(names)}]"] = base
        return base

    def source(self, source: Source) -> str:
        """The text of a value where it is read."""
        value, port = source
        if isinstance(value, str):
            return self.inputs[value]
        if not value.inlined:
            return value.names[port]
        return self._text(value)

    def _text(self, value: Value) -> str:
        if value.phi is not None:
            then, orelse = map(self.source, value.reads)
            about = next((own_name(s.line) for s, _ in value.reads if isinstance(s, Value) and s.line), "it")
            return f"{then} if {self.test(value.phi.test, about)} else {orelse}"
        assert value.line is not None
        tensors = [self.source(source) for source in value.reads]
        for index, (source, _) in enumerate(value.reads):
            if isinstance(source, Value) and source.inlined and source.phi is not None:
                tensors[index] = f"({tensors[index]})"
        return self._call(value, value.line, tensors)

    def _call(self, value: Value, line: Line, tensors: list[str]) -> str:
        step = line.sample
        if step.node is not None and step.node.op.family == "parameter":
            return self.members.attribute(line)
        if step.use is not None:
            assert line.unit is not None
            if line.unit.of_one_mode:
                names = [name for name in line.unit.inputs if name in step.use.inputs]
                tensors = [
                    f"{name}={text}" if name in line.unit.of_one_mode else text for name, text in zip(names, tensors)
                ]
            handed = [self.members.module(path, self.unit) for path in step.use.borrowed]
            return f"{self.members.attribute(line)}({', '.join([*tensors, *handed])})"
        assert step.node is not None
        if step.path is not None:
            return step.node.op.applied_text(self.members.attribute(line), tensors)
        words = {word: text for word, e in line.words.items() if (text := self._word(e)) is not None}
        if step.node.op.family == "join":
            words = {word: f"({text})" if " if " in text else text for word, text in words.items()}
        text = write_leaf(step.node, words, tensors, self._sizes(value, line, words, tensors))
        for parts, name in self._lists.items():
            text = text.replace(parts, name)
        return self.texts.use(text)

    def _word(self, expression: Expression) -> str | None:
        made = settled(expression)
        return None if isinstance(made, Constant) else self.kept(made)

    def kept(self, expression: Expression) -> str:
        """An expression of `forward`: arguments of the class are kept by `__init__`."""
        return expression.text(self.members.kept)

    def test(self, expression: Expression, about: str) -> str:
        """A condition: the mode of the module, whether a module is there, or what was kept."""
        made = settled(expression)
        if mentions_training(made):
            return self.kept(made)
        return self.members.presence(made) or self.members.condition(made, about)

    def are_opposite(self, first: Expression, second: Expression) -> bool:
        """Whether of two conditions one holds in every use; of those on the mode of the module, none asks more."""
        if _is_on_mode(first) and _is_on_mode(second):
            return type(first) is not type(second)
        if mentions_training(first) or mentions_training(second):
            return False
        uses = range(len(self.unit.uses))
        return all(bool(first.value(use)) is not bool(second.value(use)) for use in uses)

    # Sizes that only the input knows

    def _sizes(self, value: Value, line: Line, words: dict[str, str], tensors: list[str]) -> Callable[[Any], str]:
        """How the open sizes of a node are read off tensors that are at hand."""
        rows: list[list[list[str]]] = []
        for use, steps in line.steps.items():
            asked: list[list[str]] = []
            node = steps[0].node
            assert node is not None

            def note(size: Any, use: int = use, asked: list[list[str]] = asked) -> str:
                if type(size).__name__ == "Size":
                    asked.append(list(self._readings(size, use, value)))
                return literal(size)

            write_leaf(node, words, tensors, note)
            rows.append(asked)
            if not asked:
                return literal
        turn = iter(
            next((text for text in texts if all(text in row[index] for row in rows)), None)
            for index, texts in enumerate(rows[0])
        )
        return lambda size: (next(turn) or literal(size)) if type(size).__name__ == "Size" else literal(size)

    def _readings(self, size: Any, use: int, value: Value) -> dict[str, None]:
        """The ways to read a size off the shapes of variables, those that the value itself reads first."""
        near = list(leaves(value))
        at_hand = [*near, *(source for source in reversed(self._holder.values()) if source not in near)]
        found: dict[str, None] = {}
        symbols: dict[str, str] = {}
        for source in at_hand:
            variable = self.source(source)
            if self._holder.get(variable) != source:
                continue
            tensor = self._tensor(source, use)
            for axis, own in enumerate(() if tensor is None else tensor.shape):
                if own == size:
                    found[f"{variable}.shape[{axis}]"] = None
                if type(own).__name__ == "Size" and str(own) in size.symbols:
                    symbols.setdefault(str(own), f"{variable}.shape[{axis}]")
        if not found and symbols.keys() >= size.symbols:
            found[_spelt(str(size), symbols)] = None
        return found

    def _tensor(self, source: Source, use: int) -> Any:
        value, port = source
        if isinstance(value, str):
            return self.unit.uses[use].inputs.get(value)
        if value.line is None or use not in value.line.steps:
            return None
        return value.line.steps[use][-1].outputs[port]

    def _news(self, value: Value) -> str:
        """The shape of what a statement gives, where the network is one and the shape has changed."""
        if len(self.unit.uses) > 1 or value.line is None or len(value.names) != 1:
            return ""
        shape = value.line.sample.outputs[next(iter(value.names))].shape
        before = self._shape
        self._shape = shape
        return "" if shape == before else f"({axes_text(shape)})"


def _is_on_mode(test: Expression) -> bool:
    """Whether a condition is `self.training` or `not self.training`."""
    return isinstance(test, Training) or (isinstance(test, Sign) and isinstance(test.operand, Training))


def _spelt(text: str, names: dict[str, str]) -> str:
    """The formula of a size in Python, with other words for its names."""
    from re import sub

    spaced = sub(r"\s*(//|\*|/)\s*", r" \1 ", text)
    return sub(r"[A-Za-z_]\w*", lambda found: names.get(found[0], found[0]), spaced)
