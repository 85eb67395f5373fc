"""From uses to units: every use of a block becomes one class, whatever its numbers.

The uses of a block are laid side by side, step by step, by where the steps are written. Where they differ in
numbers the class gets an argument; where a step stands under an `if` of the spec, the class gets the `if`;
where they differ in more, they are parted into several classes.
"""

from __future__ import annotations

from dlspec.lowering.expressions import Formal
from dlspec.lowering.leaves import pattern_of
from dlspec.lowering.reading import Reader
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, Union

    from dlspec.graph import Tensor
    from dlspec.lowering.arguments import Finder
    from dlspec.lowering.expressions import Expression
    from dlspec.lowering.uses import Step, Use

    Ref = tuple[Any, Any]
    """`("in", name)` for an input, `(line, port)` for what a line gives."""
    Operand = Union[Ref, "Phi"]  # noqa: UP007  # the class stands below


class Apart(Exception):
    """Uses that do not fit one class."""


class Phi:
    """A value that comes from one place or another, by a condition of the class."""

    __slots__ = ("orelse", "test", "then", "tree")

    def __init__(self, test: Expression, tree: Any, then: Operand, orelse: Operand) -> None:
        self.test = test
        self.tree = tree
        """The choice of the spec that decides."""
        self.then = then
        self.orelse = orelse


class Line:
    """A step as all uses of a unit have it; in a sequence perhaps some times over."""

    __slots__ = (
        "arguments", "count", "loop", "operands", "pattern", "series", "steps", "test", "unsaid", "words",
    )  # fmt: skip

    def __init__(self, steps: dict[int, list[Step]]) -> None:
        self.steps = steps
        """The steps of each use, by its number; a use that lacks the step lacks the number."""
        self.operands: list[Operand] = []
        self.test: Expression | None = None
        """The condition under which it is there."""
        self.count: Expression | None = None
        """How often it is repeated; None for a step that stands once."""
        self.loop: Formal | None = None
        """The number of a copy, where something about the copies goes by it."""
        self.series: tuple[str, int] | None = None
        """How copies are named, where that is more than their place: what stands before the number, and the first."""
        self.pattern = kind(self.sample)
        self.words: dict[str, Expression] = {}
        """Of an operator: what its fields and axes are."""
        self.arguments: dict[Formal, Expression] = {}
        """Of a use: what the formals of its unit are."""
        self.unsaid: dict[Formal, frozenset[Formal]] = {}
        """What an argument may depend on beside what its expression says."""

    @property
    def sample(self) -> Step:
        return next(iter(self.steps.values()))[0]

    @property
    def unit(self) -> Unit | None:
        return self.sample.use.unit if self.sample.use is not None else None

    def all_steps(self) -> Iterable[tuple[int, Step]]:
        return ((number, step) for number, steps in self.steps.items() for step in steps)


class Outcome:
    """What a network returns, in one mode of the module or in both."""

    __slots__ = ("indices", "places", "result", "training")

    def __init__(
        self, result: dict[str, Any], training: bool | None, places: dict[Tensor, int], indices: list[int] | None = None
    ) -> None:
        self.result = result
        """Output name to a tensor, or to a list or record of them; empty for a block, which gives them in order."""
        self.training = training
        """The mode; None where there is no difference."""
        self.places = places
        """Where the tensors stand among the results of the unit."""
        self.indices = list(places.values()) if indices is None else indices
        """The results that are of this outcome."""


class Unit:
    """A class to be written, or a sequence: uses of one block that are alike."""

    finder: Finder
    name: str
    """What it is called in Python; given before any text is written."""

    def __init__(self, uses: list[Use], sequence: bool) -> None:
        self.uses = uses
        self.sequence = sequence
        """Whether it is a plain `nn.Sequential`."""
        self.lines: list[Line] = []
        self.inputs: list[str] = []
        self.of_one_mode: set[str] = set()
        """Inputs that only training has, or only evaluation; they stand last and are handed over by name."""
        self.results: list[Operand] = []
        self.outcomes: list[Outcome] = []
        """What the network returns, or a block that gives something else in training."""
        self.result_tensors: list[list[Tensor | None]] = []
        self.formals: dict[tuple[Any, ...], Formal] = {}
        self.covered: set[int] = set()
        """Names of the tree that are written as expressions."""
        self.fixed: set[Formal] = set()
        """Formals that something depends on that is not written as an expression of them."""
        self.calls: list[tuple[Unit, Line]] = []
        """Where it is used."""
        self.used: dict[Formal, None] = {}
        """Formals that something is written with."""
        self.reader = Reader(self)

    @property
    def sample(self) -> Use:
        return self.uses[0]

    @property
    def kind(self) -> str:
        return self.sample.application.kind

    @property
    def definition(self) -> Any:
        """The block, network or group of the tree."""
        return self.sample.definition

    @property
    def everywhere(self) -> frozenset[int]:
        return frozenset(range(len(self.uses)))

    @property
    def is_parted_by_mode(self) -> bool:
        """Whether it takes or gives in training what it does not in evaluation."""
        return any(outcome.training is not None for outcome in self.outcomes)

    def results_in(self, use: Use) -> list[Tensor]:
        """The tensors that a use of it gives, in the order of its results."""
        if self.is_parted_by_mode:
            outcome = next(outcome for outcome in self.outcomes if outcome.training is use.training)
            rows = [self.result_tensors[place] for place in outcome.indices]
        else:
            rows = self.result_tensors
        return [row[use.number] for row in rows]  # type: ignore[misc]  # wanted where they exist

    def formal(self, key: tuple[Any, ...], hint: str, values: list[Any]) -> Formal:
        """The formal of that key, made where it is new."""
        if key not in self.formals:
            self.formals[key] = Formal(key, hint, values)
        return self.formals[key]

    def axis(self, name: str, axis: int) -> Formal | None:
        """The size of an axis of an input, as an argument; None where it is open, or the inputs differ in rank."""
        values: list[Any] = []
        for use in self.uses:
            tensor, first = use.inputs.get(name), self.sample.inputs.get(name)
            if tensor is None or first is None or len(tensor.shape) != len(first.shape):
                return None
            if type(tensor.shape[axis]) is not int:
                return None
            values.append(tensor.shape[axis])
        return self.formal(("axis", name, axis), self._axis_hint(name, axis), values)

    def _axis_hint(self, name: str, axis: int) -> str:
        hint = _size_name(len(self.sample.inputs[name].shape), axis)
        return f"in_{hint}" if name == next(iter(self.sample.inputs)) else f"{name}_{hint}"

    def around(self, name: str, axis: int) -> Formal | None:
        """Within a group: the size of an axis of an input of the block that it stands in, as an argument."""
        values: list[Any] = []
        for use in self.uses:
            tensor = use.enclosing.application.arguments.get(name)
            shape = getattr(tensor, "shape", ())
            if not -len(shape) <= axis < len(shape) or type(shape[axis]) is not int:
                return None
            values.append(shape[axis])
        rank = len(self.sample.enclosing.application.arguments[name].shape)
        return self.formal(("around", name, axis % rank), f"in_{_size_name(rank, axis % rank)}", values)

    def parameter(self, name: str) -> Formal | None:
        """A compile-time value of the spec, as an argument."""
        values = []
        for use in self.uses:
            if name not in use.names:
                return None
            values.append(use.names[name])
        return self.formal(("parameter", name), name, values)

    def tensor(self, ref: Operand, use: int) -> Tensor:
        """The tensor that a reference means in a use; KeyError where it does not exist there."""
        if isinstance(ref, Phi):
            return self.tensor(ref.then if ref.test.value(use) else ref.orelse, use)
        place, key = ref
        if place == "in":
            return self.uses[use].inputs[key]
        line = self.lines[place]
        if use not in line.steps and line.count is not None:
            return self.tensor(line.operands[0], use)
        return line.steps[use][-1].outputs[key]


def _size_name(rank: int, axis: int) -> str:
    """What the size of an axis is called: channels, features, or by its number."""
    if axis == 1 and rank > 2:
        return "channels"
    return "features" if axis == rank - 1 else f"size{axis}"


def kind(step: Step) -> tuple[Any, ...]:
    """What a step is, its numbers aside: a unit, or an operator with its texts and the words in them."""
    if step.use is not None:
        return ("unit", step.use.unit)
    if step.pattern is None:
        assert step.node is not None
        step.pattern = (step.node.op.name, *pattern_of(step.node))
    return step.pattern
