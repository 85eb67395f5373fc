"""Which arguments the generated classes have: those that vary, and those of the network that may be set anew."""

from __future__ import annotations

from dlspec.lowering.expressions import Constant, Expression, Formal, same_value
from dlspec.lowering.reading import named_in
from dlspec.lowering.units import Phi
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.lowering.units import Line, Operand, Unit


def settle(units: list[Unit]) -> None:
    """Decide for every formal whether it is an argument; the units come innermost first.

    The network keeps as arguments those parameters with a default that every part of the code follows: setting one
    anew gives the network that the spec would give.
    """
    for unit in units:
        _bind(unit)
    for unit in units:
        _fix(unit)
    _settle_network(units[-1])
    for unit in reversed(units[:-1]):
        for formal in unit.used:
            formal.constant = _always(unit, formal)
            formal.default = _default(unit, formal)
    for unit in units:
        unit.used = dict.fromkeys(formal for e in written(unit) for formal in own(settled(e)))


def settled(expression: Expression) -> Expression:
    """The expression with what never varies put in."""
    return expression.replaced(lambda formal: formal.constant)


def own(expression: Expression) -> Iterator[Formal]:
    """The formals of an expression that belong to the class, not to a loop in it."""
    return (formal for formal in expression.formals() if formal.key[0] != "loop")


def written(unit: Unit) -> Iterator[Expression]:
    """Every expression that the code of a unit is made of."""
    for line in unit.lines:
        yield from line.words.values()
        if line.test is not None:
            yield line.test
        if line.count is not None:
            yield line.count
        if line.unit is not None:
            for formal in line.unit.used:
                if formal.constant is None:
                    yield unit.finder.argument(line, formal)
        for operand in line.operands:
            yield from _tests(operand)
    for operand in unit.results:
        yield from _tests(operand)


def _tests(operand: Operand) -> Iterator[Expression]:
    if isinstance(operand, Phi):
        yield operand.test
        yield from _tests(operand.then)
        yield from _tests(operand.orelse)


def _bind(unit: Unit) -> None:
    unit.used = dict.fromkeys(formal for expression in written(unit) for formal in own(expression))


def _fix(unit: Unit) -> None:
    """Find the formals that some of the code depends on without saying so."""
    covered = _covered(unit)
    body = getattr(unit.definition, "body", ())
    for name in {name.name: None for name in named_in(tuple(body)) if id(name) not in covered}:
        formal = unit.parameter(name)
        if formal is not None:
            unit.fixed.add(formal)
    for line in unit.lines:
        for formal in line.unit.used if line.unit is not None else ():
            unit.fixed.update(line.unsaid.get(formal, ()))
        for formal in _fixed_in(line):
            if formal in line.arguments or formal.key[0] == "axis":
                unit.fixed.update(unit.finder.argument(line, formal).formals())


def _fixed_in(line: Line) -> list[Formal]:
    return [] if line.unit is None else list(line.unit.fixed)


def _covered(unit: Unit) -> set[int]:
    """Names of the tree that the unit, or a group in it, writes as expressions."""
    covered = set(unit.covered)
    for line in unit.lines:
        if line.unit is not None and line.unit.kind == "group":
            covered |= _covered(line.unit)
    return covered


def _settle_network(unit: Unit) -> None:
    params = {param.name: param for param in getattr(unit.definition, "params", ())}
    for formal in unit.formals.values():
        value = formal.values[0]
        param = params.get(formal.key[1]) if formal.key[0] == "parameter" else None
        free = param is not None and param.default is not None and isinstance(value, (bool, int, float))
        if free and formal in unit.used and formal not in unit.fixed:
            read = unit.reader.read(param.default)  # type: ignore[union-attr]  # free has one
            formal.default = read[0] if read and isinstance(read[0], Constant) else Constant(value)
        else:
            formal.constant = Constant(value)


def _always(unit: Unit, formal: Formal) -> Constant | None:
    """The value that a formal has wherever the unit is used, if that is one."""
    found: Constant | None = None
    for caller, line in unit.calls:
        given = settled(caller.finder.argument(line, formal))
        if not isinstance(given, Constant) or (found is not None and not found.same(given)):
            return None
        found = given
    return found


def _default(unit: Unit, formal: Formal) -> Constant | None:
    """The default of a parameter, where it is plain and of the kind of the other values."""
    if formal.key[0] != "parameter" or unit.kind == "group":
        return None
    param = next((p for p in getattr(unit.definition, "params", ()) if p.name == formal.key[1]), None)
    if param is None or type(param.default).__name__ != "Literal":
        return None
    value = param.default.value
    return Constant(value) if any(same_value(value, other) for other in formal.values) else None
