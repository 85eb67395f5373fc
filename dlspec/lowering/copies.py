"""The steps of an `nn.Sequential`, those repeated written once: how often, and what the copies are called."""

from __future__ import annotations

from dlspec.lowering.alignment import common_order, keyed
from dlspec.lowering.chains import module_name
from dlspec.lowering.expressions import Constant, Formal, operation, same_value
from dlspec.lowering.reading import counts_of
from dlspec.lowering.units import Apart, Line, kind
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from dlspec.lowering.alignment import Key
    from dlspec.lowering.expressions import Expression
    from dlspec.lowering.units import Unit
    from dlspec.lowering.uses import Step


def lines_of_sequence(unit: Unit) -> Iterator[Line]:
    rows = [keyed(_runs(use.steps)) for use in unit.uses]
    for key in common_order(rows):
        copies = {number: row[key] for number, row in enumerate(rows) if key in row}
        lengths = [len(copies.get(number, ())) for number in range(len(rows))]
        if lengths == [1] * len(rows):
            yield Line(copies)
        else:
            yield from _repeat(unit, copies, lengths)


def _repeat(unit: Unit, copies: dict[int, list[Step]], lengths: list[int]) -> Iterator[Line]:
    """Copies of one step: all alike, the first and the rest, each on its own, or a series."""
    count = _count(unit, next(iter(copies.values()))[0], lengths)
    rest = {number: steps[1:] for number, steps in copies.items() if len(steps) > 1}
    series = _series(copies)
    one_kind = len({kind(step) for steps in copies.values() for step in steps}) == 1
    uniform = min(lengths) == max(lengths)
    if count is not None and series is not None and all(map(_alike, copies.values())):
        yield _line(unit, copies, count, series)
    elif count is not None and series is not None and min(lengths) > 0 and all(map(_alike, rest.values())):
        yield Line({number: steps[:1] for number, steps in copies.items()})
        yield _line(unit, rest, operation("-", count, Constant(1)), (series[0], series[1] + 1))
    elif uniform and lengths[0] < 5:
        yield from _unrolled(copies)
    elif count is not None and series is not None and one_kind and all(map(_goes_evenly, copies.values())):
        line = _line(unit, copies, count, series)
        line.loop = Formal(("loop",), "i", [0] * len(lengths))
        yield line
    elif uniform:
        yield from _unrolled(copies)
    else:
        raise Apart


def _line(unit: Unit, copies: dict[int, list[Step]], count: Expression, series: tuple[str, int]) -> Line:
    line = Line(copies)
    line.count = count
    if series[0]:
        line.series = series
        line.loop = Formal(("loop",), "i", [0] * len(unit.uses))
    return line


def _unrolled(copies: dict[int, list[Step]]) -> Iterator[Line]:
    for index in range(len(next(iter(copies.values())))):
        yield Line({number: [steps[index]] for number, steps in copies.items()})


def _count(unit: Unit, step: Step, lengths: list[int]) -> Expression | None:
    """How often a step is repeated: as the spec says it, or the number where it is always the same."""
    for expr in counts_of(step.call, unit.sample.enclosing.definition):
        read = unit.reader.read(expr)
        if read is not None and [read[0].value(n) for n in range(len(lengths))] == lengths:
            unit.covered.update(read[1])
            return read[0]
    return Constant(lengths[0]) if min(lengths) == max(lengths) else None


def _runs(steps: Sequence[Step]) -> Iterator[tuple[Key, list[Step]]]:
    """Steps of one site that follow each other, together."""
    run: list[Step] = []
    for step in steps:
        if run and run[-1].site != step.site:
            yield run[-1].site, run
            run = []
        run.append(step)
    if run:
        yield run[-1].site, run


def _series(copies: dict[int, list[Step]]) -> tuple[str, int] | None:
    """How the copies are named in every use: what stands before the number, and the first number.

    Nothing stands before it where they go by their place.
    """
    found: set[tuple[str, int]] = set()
    for steps in copies.values():
        names = [module_name(step) for step in steps]
        prefix = names[0].rstrip("0123456789")
        first = names[0][len(prefix) :]
        if not first or names != [f"{prefix}{int(first) + index}" for index in range(len(names))]:
            return None
        found.add((prefix, int(first) if prefix else 0))
    return found.pop() if len(found) == 1 else None


def _goes_evenly(steps: Sequence[Step]) -> bool:
    """Whether copies of a block differ in numbers only that grow by the same step from each to the next."""
    uses = [step.use for step in steps]
    if any(use is None for use in uses):
        return False
    rows = [[formal.values[use.number] for formal in use.unit.formals.values()] for use in uses if use is not None]
    return all(_evenly(list(column)) for column in zip(*rows))


def _evenly(values: list[Any]) -> bool:
    """Whether values are all the same, or whole numbers in an arithmetic progression."""
    if all(same_value(value, values[0]) for value in values):
        return True
    if any(type(value) is not int for value in values):
        return False
    return all(c - b == b - a for a, b, c in zip(values, values[1:], values[2:]))


def _alike(steps: Sequence[Step]) -> bool:
    """Whether copies are of one kind with the same numbers."""
    return len(steps) < 2 or all(_profile(step) == _profile(steps[0]) for step in steps[1:])


def _profile(step: Step) -> Any:
    if step.node is not None:
        own = step.node.op.module_text(step.node.at)
        return kind(step), own, () if own else sorted(step.node.op.given.items(), key=repr)
    assert step.use is not None
    unit = step.use.unit
    return unit, [(key, repr(formal.values[step.use.number])) for key, formal in unit.formals.items()]
