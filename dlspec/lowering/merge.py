"""Laying the uses of a block side by side: which steps correspond, and what decides where they differ."""

from __future__ import annotations

from dlspec.lowering.arguments import find_arguments
from dlspec.lowering.expressions import Constant, Expression, Formal, Training, negated, operation, same_value
from dlspec.lowering.reading import counts_of
from dlspec.lowering.units import Apart, Line, Outcome, Phi, Unit, kind
from dlspec.lowering.uses import tensors_in
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any

    from dlspec.graph import Tensor
    from dlspec.lowering.units import Operand, Ref
    from dlspec.lowering.uses import Step, Survey, Use

    Key = tuple[Any, ...]


def units_of(surveys: list[Survey]) -> list[Unit]:
    """The units of all uses, innermost first; the last is the network."""
    units = [unit for uses in _grouped(surveys) for unit in _parted(uses, surveys)]
    for unit in units:
        for line in unit.lines:
            if line.unit is not None:
                line.unit.calls.append((unit, line))
    return units


# Which uses belong together


def _grouped(surveys: list[Survey]) -> list[list[Use]]:
    """Uses by what defines them, what is used within before what uses it.

    A block that contains itself is told apart by how deep it does.
    """
    depths: dict[Use, dict[Key, int]] = {}
    keys: dict[Use, Key] = {}
    groups: dict[Key, list[Use]] = {}
    within: dict[Key, dict[Key, None]] = {}
    for survey in surveys:
        for use in survey.uses:
            inner = [step.use for step in use.steps if step.use is not None]
            nested: dict[Key, int] = {}
            for other in inner:
                for key, depth in depths[other].items():
                    nested[key] = max(depth, nested.get(key, 0))
            own = (use.application.kind if use.parent else "root", id(use.definition))
            nested[own] = nested.get(own, 0) + 1
            depths[use] = nested
            keys[use] = full = (*own, nested[own])
            groups.setdefault(full, []).append(use)
            within.setdefault(full, {}).update((keys[other], None) for other in inner)
    return [groups[key] for key in _innermost_first(within)]


def _innermost_first(within: dict[Key, dict[Key, None]]) -> list[Key]:
    done: dict[Key, None] = {}
    stack = [(key, iter(within[key])) for key in reversed(within)]
    while stack:
        key, rest = stack[-1]
        inner = next((k for k in rest if k not in done), None)
        if inner is None:
            done[key] = None
            stack.pop()
        else:
            stack.append((inner, iter(within[inner])))
    return list(done)


def _parted(uses: list[Use], surveys: list[Survey]) -> Iterator[Unit]:
    """One unit for all uses if they fit, else one for each shape they have, else one for each path."""
    made = _merged(uses, surveys)
    if made is not None:
        yield made
        return
    by_path: dict[str, list[Use]] = {}
    for use in uses:
        by_path.setdefault(use.path, []).append(use)
    by_shape: dict[Any, list[list[Use]]] = {}
    for same in by_path.values():
        by_shape.setdefault(tuple(map(_shape, same)), []).append(same)
    for alike in by_shape.values():
        made = _merged([use for same in alike for use in same], surveys)
        if made is not None:
            yield made
            continue
        for same in alike:
            made = _merged(same, surveys)
            if made is None:
                raise NotImplementedError(f"the uses of the shared module {same[0].path!r} differ in structure")
            yield made


def _shape(use: Use) -> Key:
    """What a use does, its numbers aside."""
    places: dict[Tensor, Any] = {tensor: name for name, tensor in reversed(use.inputs.items())}
    found: list[Any] = []
    for index, step in enumerate(use.steps):
        refs = tuple(places.get(tensor) for tensor in step.operands)
        found.append((kind(step), step.path and step.path[len(use.path) :], refs))
        places.update((tensor, (index, port)) for port, tensor in enumerate(step.outputs))
    return (*found, tuple(places.get(tensor) for tensor in use.results))


def _merged(uses: list[Use], surveys: list[Survey]) -> Unit | None:
    """The unit of these uses, or None where they do not fit one."""
    chains = [_is_chain(use, surveys) for use in uses]
    unit = Unit(uses, all(chains) and any(map(_reads_as_sequence, uses)))
    for number, use in enumerate(uses):
        use.unit, use.number = unit, number
    try:
        _Merge(unit, surveys).run()
        find_arguments(unit)
    except Apart:
        return None
    return unit


def _is_chain(use: Use, surveys: list[Survey]) -> bool:
    """Whether a use can be an `nn.Sequential`: modules of its own, one after the other."""
    owned = next(survey for survey in surveys if survey.training == use.training).owned.get(use.path, ())
    names = [_name(step) for step in use.steps]
    if len(set(use.inputs.values())) != 1 or use.borrowed or len(set(names)) != len(names):
        return False
    if any(path[len(use.path) :].strip(".") not in names for path in owned):
        return False
    last = _through(use.steps, next(iter(use.inputs.values())))
    return last is not None and use.results == [last]


def _through(steps: list[Step], current: Tensor) -> Tensor | None:
    """What steps give that each take what the one before gives; None where they do not."""
    for step in steps:
        if step.operands != [current] or len(step.outputs) != 1 or not _is_plain(step):
            return None
        (current,) = step.outputs
    return current


def is_numbered_chain(use: Use, results: list[Tensor]) -> bool:
    """Whether the steps of a network, after its one input, are modules one after the other, called 0, 1, 2."""
    if len(use.inputs) != 1 or use.borrowed:
        return False
    source, *steps = use.steps
    if [step.path for step in steps] != [str(number) for number in range(len(steps))]:
        return False
    last = _through(steps, source.outputs[0])
    return last is not None and results == [last]


def _reads_as_sequence(use: Use) -> bool:
    """Whether a chain is better an `nn.Sequential` than a class: a group, numbered steps, or a loop."""
    if use.application.kind == "group" or any(_name(step).isdecimal() for step in use.steps):
        return True
    looped = len(use.steps) > 1 and len({step.site for step in use.steps}) == 1
    return looped and all(step.path is not None for step in use.steps)


def _is_plain(step: Step) -> bool:
    """Whether a step can be a module that is called with one tensor and nothing else."""
    if step.node is None:
        return True
    return step.node.op.family != "parameter" and step.node.op.applied_text("m", ["x"]) == "m(x)"


def _name(step: Step) -> str:
    """The name of the module that a step is, or would be: its last part."""
    path = step.path if step.path is not None else step.node.path if step.node is not None else ""
    return path.rpartition(".")[2].partition("#")[0]


# One unit


class _Merge:
    """Fills in the lines of a unit from its uses; raises `Apart`."""

    def __init__(self, unit: Unit, surveys: list[Survey]) -> None:
        self.unit = unit
        self.surveys = surveys
        self.refs: list[dict[Tensor, list[Ref]]] = []
        for use in unit.uses:
            found: dict[Tensor, list[Ref]] = {}
            for name, tensor in use.inputs.items():
                found.setdefault(tensor, []).append(("in", name))
            self.refs.append(found)
        self._tests: dict[int, Expression | None] = {}
        self._conditions: dict[frozenset[int], Expression | None] = {}
        """Under which condition a step is there, by the uses that have it."""

    def run(self) -> None:
        unit = self.unit
        for line in self._sequence() if unit.sequence else self._steps():
            self._add(line)
        self._results()
        self._inputs()

    def _add(self, line: Line) -> None:
        """Put a line behind the others and say what its steps give."""
        unit = self.unit
        if any(kind(step) != line.pattern for _, step in line.all_steps()):
            raise Apart
        if not unit.sequence and len({self._place(number, step) for number, step in line.all_steps()}) > 1:
            raise Apart
        if not unit.sequence and len(line.steps) < len(unit.uses):
            there = frozenset(line.steps)
            if there not in self._conditions:
                self._conditions[there] = self._condition(there, unit.everywhere)
            line.test = self._conditions[there]
        first = {number: steps[0] for number, steps in line.steps.items()}
        if line.count is not None and unit.lines:
            line.operands = [(len(unit.lines) - 1, 0)]
        else:
            line.operands = self._operands({number: step.operands for number, step in first.items()})
        unit.lines.append(line)
        index = len(unit.lines) - 1
        for number in range(len(unit.uses)):
            if number in line.steps:
                outputs = line.steps[number][-1].outputs
            elif line.count is not None:
                outputs = [unit.tensor((index, 0), number)]  # repeated no time: what comes in goes out
            else:
                continue
            for port, tensor in enumerate(outputs):
                self.refs[number].setdefault(tensor, []).append((index, port))

    def _place(self, number: int, step: Step) -> Any:
        """The path of a step's module as seen from its use."""
        use = self.unit.uses[number]
        if step.path is None:
            return None
        if step.path in use.borrowed:
            return ("borrowed", use.borrowed[step.path])
        return step.path[len(use.path) :]

    # Steps of a class

    def _steps(self) -> Iterator[Line]:
        rows = [_keyed((step.site, step) for step in use.steps) for use in self.unit.uses]
        for key in _common_order(rows):
            yield Line({number: [row[key]] for number, row in enumerate(rows) if key in row})

    # Steps of a sequence

    def _sequence(self) -> Iterator[Line]:
        rows = [_keyed(_runs(use.steps)) for use in self.unit.uses]
        for key in _common_order(rows):
            copies = {number: row[key] for number, row in enumerate(rows) if key in row}
            lengths = [len(copies.get(number, ())) for number in range(len(rows))]
            if lengths == [1] * len(rows):
                yield Line(copies)
            else:
                yield from self._repeat(copies, lengths)

    def _repeat(self, copies: dict[int, list[Step]], lengths: list[int]) -> Iterator[Line]:
        """Copies of one step: all alike, the first and the rest, each on its own, or a series."""
        count = self._count(next(iter(copies.values()))[0], lengths)
        rest = {number: steps[1:] for number, steps in copies.items() if len(steps) > 1}
        series = _series(copies)
        one_kind = len({kind(step) for steps in copies.values() for step in steps}) == 1
        uniform = min(lengths) == max(lengths)
        if count is not None and series is not None and all(map(_alike, copies.values())):
            yield self._line(copies, count, series)
        elif count is not None and series is not None and min(lengths) > 0 and all(map(_alike, rest.values())):
            yield Line({number: steps[:1] for number, steps in copies.items()})
            yield self._line(rest, operation("-", count, Constant(1)), (series[0], series[1] + 1))
        elif uniform and lengths[0] < 5:
            yield from self._unrolled(copies)
        elif count is not None and series is not None and one_kind and all(map(_goes_evenly, copies.values())):
            line = self._line(copies, count, series)
            line.loop = Formal(("loop",), "i", [0] * len(lengths))
            yield line
        elif uniform:
            yield from self._unrolled(copies)
        else:
            raise Apart

    def _line(self, copies: dict[int, list[Step]], count: Expression, series: tuple[str, int]) -> Line:
        line = Line(copies)
        line.count = count
        if series[0]:
            line.series = series
            line.loop = Formal(("loop",), "i", [0] * len(self.unit.uses))
        return line

    def _unrolled(self, copies: dict[int, list[Step]]) -> Iterator[Line]:
        for index in range(len(next(iter(copies.values())))):
            yield Line({number: [steps[index]] for number, steps in copies.items()})

    def _count(self, step: Step, lengths: list[int]) -> Expression | None:
        """How often a step is repeated: as the spec says it, or the number where it is always the same."""
        for expr in counts_of(step.call, self.unit.sample.enclosing.definition):
            read = self.unit.reader.read(expr)
            if read is not None and [read[0].value(n) for n in range(len(lengths))] == lengths:
                self.unit.covered.update(read[1])
                return read[0]
        return Constant(lengths[0]) if min(lengths) == max(lengths) else None

    # What decides

    def _splits(self, numbers: frozenset[int]) -> Iterator[tuple[Expression, Any, frozenset[int]]]:
        """Conditions that part these uses, with what decides in the spec and those for which each holds."""
        unit = self.unit
        modes = frozenset(number for number in numbers if unit.uses[number].training)
        if modes and modes != numbers:
            yield Training([use.training for use in unit.uses]), None, modes
        met: dict[int, dict[int, bool | None]] = {}
        trees: dict[int, Any] = {}
        for number in numbers:
            for tree, outcome in unit.uses[number].application.decisions:
                trees[id(tree)] = tree
                row = met.setdefault(id(tree), {})
                row[number] = outcome if row.get(number, outcome) is outcome else None
        for key, row in met.items():
            true = frozenset(number for number, outcome in row.items() if outcome)
            if len(row) < len(numbers) or None in row.values() or not true or true == numbers:
                continue
            read = unit.reader.read(trees[key].test)
            if read is not None and all(_holds(read[0], number) is row[number] for number in numbers):
                unit.covered.update(read[1])
                yield read[0], trees[key], true

    def _condition(self, wanted: frozenset[int], among: frozenset[int]) -> Expression | None:
        """The condition that holds for the wanted ones among these uses; None where it always does."""
        if wanted == among:
            return None
        sides = [
            (side, part)
            for test, _, true in self._splits(among)
            for side, part in ((true, test), (among - true, negated(test)))
            if wanted <= side
        ]
        if not sides:
            raise Apart
        side, part = next((found for found in sides if found[0] == wanted), sides[0])
        rest = self._condition(wanted, side)
        return part if rest is None else operation("and", part, rest)

    # What flows

    def _operands(self, tensors: dict[int, list[Tensor]]) -> list[Operand]:
        counts = {len(row) for row in tensors.values()}
        if len(counts) > 1:
            raise Apart
        return [self._operand({n: row[i] for n, row in tensors.items()}) for i in range(counts.pop())]

    def _operand(self, tensors: dict[int, Tensor]) -> Operand:
        """The one place that a value comes from in all uses, or a choice of two."""
        if common := self._common(tensors):
            return common[0]
        splits = list(self._splits(frozenset(tensors)))
        for direct in (True, False):
            for test, tree, true in splits:
                sides = [{n: t for n, t in tensors.items() if (n in true) is side} for side in (True, False)]
                if direct and not all(map(self._common, sides)):
                    continue
                try:
                    then, orelse = map(self._operand, sides)
                except Apart:
                    continue
                return Phi(test, tree, then, orelse)
        raise Apart

    def _common(self, tensors: dict[int, Tensor]) -> list[Ref]:
        """The places that a value comes from in all of these uses."""
        first, *others = (self.refs[number].get(tensor, []) for number, tensor in tensors.items())
        return [ref for ref in first if all(ref in other for other in others)]

    def _outcomes(self) -> None:
        """What the network returns: the same in both modes, or each its own."""
        unit = self.unit
        found = [use.application.result for use in unit.uses]
        tensors = [list(dict.fromkeys(tensors_in(result))) for result in found]
        if len({repr(_skeleton(result, places)) for result, places in zip(found, tensors)}) == 1:
            try:
                unit.results = self._operands(dict(enumerate(tensors)))
            except Apart:
                pass
            else:
                unit.outcomes = [Outcome(found[0], None, {t: i for i, t in enumerate(tensors[0])})]
                return
        unit.results = []
        for number, use in reversed(list(enumerate(unit.uses))):
            places = {tensor: len(unit.results) + index for index, tensor in enumerate(tensors[number])}
            unit.outcomes.append(Outcome(found[number], use.training, places))
            unit.results += [self.refs[number][tensor][0] for tensor in tensors[number]]

    def _results(self) -> None:
        unit = self.unit
        if unit.sample.parent is None:
            self._outcomes()
            return
        modes: dict[bool, list[int]] = {}
        for number, use in enumerate(unit.uses):
            modes.setdefault(use.training, []).append(number)
        try:
            if len(modes) > 1 and self._takes_more_in_training():
                raise Apart
            self._give([*unit.everywhere])
        except (Apart, KeyError):
            if len(modes) == 1:
                raise Apart from None
            self._give_by_mode(modes)

    def _takes_more_in_training(self) -> bool:
        """Whether something comes in that evaluation does not have."""
        names = [(use.training, use.inputs.keys()) for use in self.unit.uses]
        return any(not mine <= other for training, mine in names for mode, other in names if training and not mode)

    def _give_by_mode(self, modes: dict[bool, list[int]]) -> None:
        """What a block gives in training, then what it gives in evaluation."""
        unit = self.unit
        results: list[Operand] = []
        tensors: list[list[Tensor | None]] = []
        outcomes: list[Outcome] = []
        for training in (True, False):
            try:
                self._give(modes[training])
            except KeyError:
                raise Apart from None
            indices = list(range(len(results), len(results) + len(unit.results)))
            outcomes.append(Outcome({}, training, {}, indices))
            results += unit.results
            tensors += unit.result_tensors
        unit.results, unit.result_tensors, unit.outcomes = results, tensors, outcomes

    def _give(self, numbers: list[int]) -> None:
        """The results of these uses; KeyError or `Apart` where they do not give the same."""
        unit = self.unit
        rows = {number: unit.uses[number].results for number in numbers}
        if len({len(row) for row in rows.values()}) == 1:
            unit.results = self._operands(rows)
        else:
            found: dict[Ref, None] = {}
            for number, row in rows.items():
                found.update((self.refs[number][tensor][0], None) for tensor in row)
            unit.results = list(found)
        unit.result_tensors = [
            [unit.tensor(ref, number) if number in rows else None for number in range(len(unit.uses))]
            for ref in unit.results
        ]

    def _inputs(self) -> None:
        """The inputs that are needed, in order."""
        unit = self.unit
        needed: set[str] = set()
        for operand in [*unit.results, *(operand for line in unit.lines for operand in line.operands)]:
            needed.update(_input_names(operand))
        names = dict.fromkeys(name for use in unit.uses for name in use.inputs if name in needed)
        if unit.sample.parent is None:
            unit.inputs = list(names)
            return
        missing = {name: [use for use in unit.uses if name not in use.inputs] for name in names}
        if any(uses and not unit.is_parted_by_mode for uses in missing.values()):
            raise Apart
        unit.inputs = sorted(names, key=lambda name: bool(missing[name]))
        unit.of_one_mode = {name for name in names if missing[name]}


def _input_names(operand: Operand) -> Iterator[str]:
    if isinstance(operand, Phi):
        yield from _input_names(operand.then)
        yield from _input_names(operand.orelse)
    elif operand[0] == "in":
        yield operand[1]


def _skeleton(value: Any, tensors: list[Tensor]) -> Any:
    """A result with the number of each tensor in its place."""
    if isinstance(value, dict):
        return {name: _skeleton(item, tensors) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_skeleton(item, tensors) for item in value]
    return tensors.index(value)


def _holds(test: Expression, use: int) -> bool | None:
    try:
        return bool(test.value(use))
    except (TypeError, ValueError, KeyError, IndexError, ZeroDivisionError):
        return None


def _keyed(items: Iterable[tuple[Key, Any]]) -> dict[Key, Any]:
    """Items by their site, and by how often the site came before."""
    seen: dict[Key, int] = {}
    found: dict[Key, Any] = {}
    for site, item in items:
        seen[site] = seen.get(site, -1) + 1
        found[(*site, seen[site])] = item
    return found


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


def _common_order(rows: list[dict[Key, Any]]) -> list[Key]:
    """All keys in an order that every row follows; `Apart` where there is none."""
    longest = max(rows, key=len)
    order = list(longest)
    places = set(order)
    for row in rows:
        if row.keys() == places and list(row) == order:
            continue
        for key, before in zip(row, [None, *row]):
            if key not in places:
                order.insert(0 if before is None else order.index(before) + 1, key)
                places.add(key)
    rank = {key: index for index, key in enumerate(order)}
    for row in rows:
        ranks = [rank[key] for key in row]
        if ranks != sorted(ranks):
            raise Apart
    return order


def _series(copies: dict[int, list[Step]]) -> tuple[str, int] | None:
    """How the copies are named in every use: what stands before the number, and the first number.

    Nothing stands before it where they go by their place.
    """
    found: set[tuple[str, int]] = set()
    for steps in copies.values():
        names = [_name(step) for step in steps]
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
    return all(evenly(list(column)) for column in zip(*rows))


def evenly(values: list[Any]) -> bool:
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
