"""What `forward` does, before it is text: which values get a line of their own, in which order, under which names."""

from __future__ import annotations

from dlspec.graph import Tensor
from dlspec.lowering.expressions import Training, mentions_training
from dlspec.lowering.names import TAKEN, fresh, value_names
from dlspec.lowering.units import Phi
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from dlspec.lowering.expressions import Expression
    from dlspec.lowering.units import Line, Operand, Unit
    from dlspec.source import Span

DEEPEST = 3
"""Calls that stand within each other on one line."""
_HEAVY = ("convolution", "linear", "attention", "embedding")
"""Families that begin a stanza."""


class Value:
    """What one line of a unit gives, or a choice between two values."""

    __slots__ = ("consumers", "depth", "index", "inlined", "line", "mode", "names", "phi", "reads", "test")

    def __init__(
        self, index: int, line: Line | None, phi: Phi | None, reads: list[Source], test: Expression | None
    ) -> None:
        self.index = index
        """The number of its line; of a choice, that of the last line it waits for."""
        self.line = line
        self.phi = phi
        self.reads = reads
        self.test = test
        """The condition under which it is there."""
        self.consumers: list[Value | None] = []
        """Who reads it; None stands for what is returned."""
        self.inlined = False
        """Whether it is written within its one consumer."""
        self.depth = 0
        self.names: dict[int, str] = {}
        """Its variables by port."""
        self.mode: bool | None = None
        """The mode of the module that alone needs it; None where both do."""

    @property
    def span(self) -> Span | None:
        """Where the spec has it."""
        if self.line is not None:
            return self.line.sample.span
        return self.phi.tree.span if self.phi is not None and self.phi.tree is not None else None

    @property
    def family(self) -> str:
        if self.line is None or self.line.sample.node is None:
            return ""
        return self.line.sample.node.op.family

    @property
    def is_infix(self) -> bool:
        """Whether it is a sum or the like, between whose signs calls read well."""
        return self.family == "join" and self.line is not None and "(" not in self.line.pattern[2]

    @property
    def is_list(self) -> bool:
        """Whether it gives a list, be it of one tensor."""
        node = None if self.line is None else self.line.sample.node
        return node is not None and node.op.several

    @property
    def atomic(self) -> bool:
        """Whether it is an attribute, and takes no line."""
        return self.family == "parameter"


Source = tuple[Value | str, int]
"""A value and its port, or the name of an input."""


class Flow:
    """The values of a unit that are needed, in order, and what comes out."""

    def __init__(self, unit: Unit, plain: frozenset[int] = frozenset()) -> None:
        self.unit = unit
        self.plain = plain
        """Lines that would be too long with others in them."""
        self._lines: dict[int, Value] = {}
        self._phis: dict[Any, Value] = {}
        self._named = value_names(getattr(unit.sample.enclosing.definition, "body", ()))
        for index in sorted(_needed(unit, unit.results)):
            self._lines[index] = self._value(index)
        self.results = [self._source(operand) for operand in unit.results]
        self._modes()
        self.values = self._ordered()
        for value in self.values:
            for source, _ in value.reads:
                if isinstance(source, Value):
                    source.consumers.append(value)
        for source, _ in self.results:
            if isinstance(source, Value):
                source.consumers.append(None)
        for value in self.values:
            value.inlined = self._is_inlined(value)

    # Which values

    def _source(self, operand: Operand) -> Source:
        if isinstance(operand, Phi):
            return self._choice(operand), 0
        place, key = operand
        return (key, 0) if place == "in" else (self._lines[place], key)

    def _value(self, index: int) -> Value:
        line = self.unit.lines[index]
        return Value(index, line, None, [self._source(operand) for operand in line.operands], line.test)

    def _choice(self, phi: Phi) -> Value:
        reads = [self._source(phi.then), self._source(phi.orelse)]
        key = (id(phi.tree), *reads)
        if key not in self._phis:
            behind = max((source.index for source, _ in reads if isinstance(source, Value)), default=-1)
            self._phis[key] = Value(behind, None, phi, reads, None)
        return self._phis[key]

    def _modes(self) -> None:
        """Part what only one mode of the module needs from what both do."""
        results = self.unit.results
        needed = {
            outcome.training: _needed(self.unit, [results[index] for index in outcome.indices], outcome.training)
            for outcome in self.unit.outcomes
            if outcome.training is not None
        }
        tests: dict[int, Expression | None] = {}
        for index, value in self._lines.items():
            modes = [training for training, lines in needed.items() if index in lines]
            if len(modes) == 1:
                value.mode, tests[index], value.test = modes[0], value.test, None
        for value in self._phis.values():
            value.mode = next((s.mode for s, _ in value.reads if isinstance(s, Value) and s.mode is not None), None)
            if value.phi is not None and mentions_training(value.phi.test):
                value.mode = None
        self._bring_forward(tests)

    def _bring_forward(self, tests: dict[int, Expression | None]) -> None:
        """What one mode makes and both go on with stands where it is read, under the question of the mode."""
        values = [*self._lines.values(), *self._phis.values()]
        stack = [value for value in values if value.mode is None]
        while stack:
            for source, _ in stack.pop().reads:
                if isinstance(source, Value) and source.mode is not None:
                    if source.line is not None:
                        source.test = tests.get(source.index)
                    source.mode = None
                    stack.append(source)

    def _ordered(self) -> list[Value]:
        """Lines as the unit has them, those of one mode last; a choice as soon as both of its values are there."""
        values = [*self._lines.values(), *self._phis.values()]
        ranks = {None: 0, True: 1, False: 2}
        return sorted(values, key=lambda value: (ranks[value.mode], value.index, value.phi is not None))

    # Which lines

    def _is_inlined(self, value: Value) -> bool:
        """Whether a value is written within its consumer: a straight run of at most three calls."""
        value.depth = 1 + max((s.depth for s, _ in value.reads if isinstance(s, Value) and s.inlined), default=0)
        if value.is_infix:
            value.depth -= 1
        if value.atomic:
            return True
        if len(value.consumers) != 1 or (value.line and len(value.line.sample.outputs) > 1) or value.is_list:
            return False
        consumer = value.consumers[0]
        if consumer is None:
            return value.test is None and (value.phi is None or len(self.results) == 1)
        if consumer.phi is not None:
            return (
                value.phi is None and value.depth <= DEEPEST and (value.test is not None or not self._is_named(value))
            )
        return not self._is_named(value) and self._fits(value, consumer)

    def _fits(self, value: Value, consumer: Value) -> bool:
        if value.phi is not None or value.test is not consumer.test or value.mode is not consumer.mode:
            return False
        if value.depth >= DEEPEST:
            return False
        if consumer.line is not None and consumer.index in self.plain:
            return False
        if value.line is None or (consumer.line and consumer.line.unit is not None):
            return False
        if value.line.unit is not None:
            return value.depth == 1 and (consumer.is_infix or consumer.family == "activation")
        if consumer.family in _HEAVY:
            return value.depth == 1 and value.family == "shape"
        first = consumer.reads[0][0] is value
        return first or value.depth <= 1

    def _is_named(self, value: Value) -> bool:
        return bool(self.spec_names(value))

    def spec_names(self, value: Value) -> tuple[str, ...]:
        """The names that the spec gives to a value."""
        if value.phi is not None:
            own = self._named.get(id(value.phi.tree), ())
            return own or next((self.spec_names(s) for s, _ in value.reads if isinstance(s, Value)), ())
        assert value.line is not None
        return self._named.get(id(value.line.sample.call), ())

    @property
    def statements(self) -> list[Value]:
        """The values that take a line, in order."""
        return [value for value in self.values if not value.inlined]


def _needed(unit: Unit, wanted: list[Operand], training: bool | None = None) -> set[int]:
    """The lines that what is wanted depends on, in a mode or in both."""
    needed: set[int] = set()
    stack = list(wanted)
    while stack:
        operand = stack.pop()
        if isinstance(operand, Phi):
            by_mode = training is not None and isinstance(operand.test, Training)
            stack += [operand.then if training else operand.orelse] if by_mode else [operand.then, operand.orelse]
        elif operand[0] != "in" and operand[0] not in needed:
            needed.add(operand[0])
            stack += unit.lines[operand[0]].operands
    return needed


def leaves(value: Value) -> Iterator[Source]:
    """The sources that are variables in the text of a value."""
    for source, port in value.reads:
        if isinstance(source, Value) and source.inlined:
            yield from leaves(source)
        else:
            yield source, port


class Naming:
    """Gives each statement its variables; a name is taken over once its value is not read any more."""

    def __init__(self, flow: Flow, inputs: dict[str, str], taken: Iterable[str]) -> None:
        self.flow = flow
        self.taken = {*taken, *TAKEN}
        self.inputs = inputs
        """Inputs of the unit by name, with their variables."""
        statements = flow.statements
        self._last: dict[Source, int] = {}
        for index, value in enumerate(statements):
            self._last.update((source, index) for source in leaves(value))
        self._last.update((source, len(statements)) for source, _ in self._returned())
        self._holder: dict[str, Source] = {variable: (name, 0) for name, variable in inputs.items()}
        for index, value in enumerate(statements):
            self._name(index, value)

    def _returned(self) -> Iterator[tuple[Source, None]]:
        for source, port in self.flow.results:
            if isinstance(source, Value) and source.inlined:
                yield from ((leaf, None) for leaf in leaves(source))
            else:
                yield (source, port), None

    def _free(self, variable: str, index: int) -> bool:
        """Whether nothing reads what the variable holds after this statement."""
        holder = self._holder.get(variable)
        return variable not in self.taken and (holder is None or self._last.get(holder, -1) <= index)

    def _name(self, index: int, value: Value) -> None:
        ports = len(value.line.sample.outputs) if value.line is not None else 1
        given = self.flow.spec_names(value)
        wanted = list(given) if len(given) == ports else _part_names(value, given, ports)
        for port in range(ports):
            if self._last.get((value, port), -1) < 0:
                continue
            first = wanted[port] if wanted else self._wanted(index, value, ports)
            variable = fresh(first, self.taken)
            number = 2
            while not self._free(variable, index) or variable in value.names.values():
                variable = f"{first}{number}"
                number += 1
            value.names[port] = variable
        node = value.line.sample.node if value.line is not None else None
        if node is not None and node.op.family == "detection" and node.op.several and ports > 1 and given:
            base = next(iter(value.names.values())).rstrip("0123456789")
            base = fresh(base, {*self.taken, *self._holder})
            value.names = {port: f"{base}[{port}]" for port in value.names}
        for port, variable in value.names.items():
            self._holder[variable] = (value, port)

    def _wanted(self, index: int, value: Value, ports: int) -> str:
        """The trunk goes on as `x`, or under the name it had; what is read more than once is called as its module."""
        source = next(leaves(value), None)
        branches = len(value.consumers) > 1 or ports > 1
        if source is not None and not branches and self._last.get(source) == index:
            held = source[0].names[source[1]] if isinstance(source[0], Value) else "x"
            if self._free(held, index):
                return held
        if not branches and (trunk := next((v for v in ("x", "y") if self._free(v, index)), None)):
            return trunk
        assert value.line is not None or value.phi is not None
        own = "x" if value.line is None else own_name(value.line)
        if own in self.taken and source is not None:
            own = source[0].names[source[1]] if isinstance(source[0], Value) else self.inputs[source[0]]
        return own if own.isidentifier() else "x"


def _part_names(value: Value, given: tuple[str, ...], ports: int) -> list[str]:
    """Names for several results: their keys in the record that they are, or numbers behind the name of all."""
    use = value.line.sample.use if value.line is not None else None
    node = value.line.sample.node if value.line is not None else None
    if node is not None and node.op.results:
        return list(node.op.results)
    result = use.application.result if use is not None else None
    if use is not None and isinstance(result, dict):
        keys = dict(_keys(result))
        if all(tensor in keys and keys[tensor].isidentifier() for tensor in use.unit.results_in(use)):
            return [keys[tensor] for tensor in use.unit.results_in(use)]
    return [f"{given[0]}{port}" for port in range(ports)] if given else []


def _keys(record: dict[str, Any], prefix: str = "") -> Iterator[tuple[Tensor, str]]:
    """The tensors of a record and of records in it, with their names: `proposals`, `loss_objectness`."""
    for key, item in record.items():
        if isinstance(item, Tensor):
            yield item, f"{prefix}{key}"
        elif isinstance(item, dict):
            yield from _keys(item, f"{prefix}{key}_")


def own_name(line: Line) -> str:
    step = line.sample
    path = step.path if step.path is not None else step.node.path if step.node is not None else "x"
    before, _, last = path.partition("#")[0].rpartition(".")
    return last if last.isidentifier() else f"{before.rpartition('.')[2]}_{last}"
