"""One elaboration: the graph being made, its problems, its limits."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Fix, Label, problem
from dlspec.elaborate.values import tensors_in
from dlspec.graph import Application, Graph, Node, Requirement
from dlspec.ops.fact import mistake_of
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Domain, Verdict, decide, solve, symbol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from typing import Any, Protocol

    from dlspec.elaborate.frame import Frame, Place
    from dlspec.elaborate.unlabelled import Unlabelled
    from dlspec.elaborate.values import ArgumentSpans, Stage
    from dlspec.graph import Tensor
    from dlspec.ops.op import At, Mistake
    from dlspec.sizes import Dim
    from dlspec.source import Span
    from dlspec.syntax import tree

    Instead = Mapping[str, Mapping[str, tree.Expr]]
    """Arguments by the path of the part that is given them, and by name."""
else:
    Protocol = object

NODES = 1_000_000
"""Nodes that a network may have."""
STEPS = 5_000_000
"""Expressions that an elaboration may evaluate."""
DEPTH = 100
"""How deep blocks may stand in blocks."""


class Language(Protocol):
    """How expressions are evaluated and stages applied: what blocks and statements, which both rest on, call back."""

    def evaluate(self, run: Run, frame: Frame, expr: tree.Expr, place: Place = ...) -> Any: ...
    def apply(
        self, run: Run, frame: Frame, stage: Stage, args: list[Any], named: dict[str, Any], spans: ArgumentSpans,
        call: tree.Expr, place: Place,
    ) -> Any: ...  # fmt: skip
    def pipeline(self, run: Run, frame: Frame, expr: tree.Pipe, naming: str) -> Any: ...
    def steps(self, run: Run, frame: Frame, current: Any, items: tuple[tree.Expr, ...], naming: str) -> Any: ...
    def truth(self, run: Run, frame: Frame, expr: tree.Expr) -> bool: ...
    def rows(
        self, run: Run, frame: Frame, iterable: tree.Expr, targets: tuple[str, ...], span: Span
    ) -> list[dict[str, Any]] | None: ...
    def look_up(self, run: Run, frame: Frame, name: str, span: Span) -> Any: ...


class Stop(Exception):
    """The network cannot be made further: a limit is reached, and said."""


class Spent:
    """What the networks of one check have taken, all together: many small ones must not add up to a hang."""

    __slots__ = ("nodes", "room", "steps", "stopped")

    def __init__(self, room: int = NODES) -> None:
        self.room = room
        """Nodes that a network, and all of them together, may have."""
        self.steps = 0
        self.nodes = 0
        self.stopped = False
        """Whether a network had to be stopped at a limit of all of them."""

    @property
    def all(self) -> bool:
        """Whether nothing is left for another network."""
        return self.stopped or self.steps > STEPS


class Run:
    """What every part of an elaboration shares."""

    def __init__(self, graph: Graph, language: Language, *, training: bool = False, spent: Spent | None = None) -> None:
        self.spent_before = spent or Spent()
        self.graph = graph
        self.language = language
        self.training = training
        self.asks_training = False
        """Whether anything depended on `training`."""
        self.problems: list[Diagnostic] = []
        self.domain = Domain()
        self.values: dict[str, Any] = {}
        """What every labelled part gave, by path: `resnet50.layer4` looks here."""
        self.inputs_given: dict[str, tuple[str, tuple[Dim, ...]]] = {}
        self.instead: Instead = {}
        """Arguments that replace those of the spec: path of a part, name, value."""
        self.sizes: dict[str, Dim] = {}
        self.frozen = 0
        self.weighted = 0
        """Modules with weights made so far."""
        self.spent = self.spent_before.steps
        self.unlabelled: dict[int, Unlabelled] = {}
        """Of each body the layers without a label, by the identity of its definition."""
        self.batchless: set[Tensor] = set()
        """Inputs of which it was said that the batch is missing before their axes."""
        self._said: dict[tuple[str, int, int, int], tuple[Diagnostic, list[Span]]] = {}
        self._decided: dict[tuple[str, Dim, Dim], Verdict] = {}
        self._asked: set[tuple[str, Dim, Dim]] = set()

    # Problems

    def report(
        self,
        frame: Frame,
        code: str,
        message: str,
        span: Span,
        label: str = "",
        *,
        also: Sequence[tuple[Span, str]] = (),
        notes: Sequence[str] = (),
        fixes: Sequence[Fix] = (),
    ) -> None:
        """Add a problem with the uses of blocks that led to it; the same one in another use is only counted."""
        key = (code, id(span.source), span.start, span.end)
        known = self._said.get(key)
        if known is not None:
            if frame.uses and frame.uses[-1][0] not in known[1]:
                known[1].append(frame.uses[-1][0])
            return
        made = problem(code, message, span, label, also=also, notes=notes, fixes=fixes)
        for use, name in dict.fromkeys(reversed(frame.uses)):
            if len(made.labels) < 6:
                made.labels.append(Label(use, f"in this use of `{name}`"))
        self._said[key] = (made, [frame.uses[-1][0]] if frame.uses else [])
        self.problems.append(made)

    def finish(self) -> None:
        """Say in each problem how many further uses of its block meet it."""
        for made, uses in self._said.values():
            if len(uses) > 1:
                more = len(uses) - 1
                made.notes.append(
                    f"{more} further use{'s' if more > 1 else ''} of the block meet{'' if more > 1 else 's'} the same"
                )

    def lose(self, *values: Any) -> None:
        """Note the tensors that a mistake keeps from being read: nothing is wrong with them."""
        self.graph.lost.update(tensor for value in values for tensor in tensors_in(value))

    # Nodes

    def add(self, node: Node, application: Application) -> None:
        graph = self.graph
        node.index = len(graph.nodes)
        graph.nodes.append(node)
        application.steps.append(node)

    def room_for(self, count: int, frame: Frame, span: Span) -> None:
        """Stop where the network would have more nodes than any network has."""
        room = self.spent_before.room
        if len(self.graph.nodes) + count > room - self.spent_before.nodes:
            alone = not self.spent_before.nodes or len(self.graph.nodes) + count > room
            self.spent_before.stopped = not alone
            what = "network" if alone else "networks of a file"
            self.report(
                frame, "E0209", f"the {what} would have more than {room:,} nodes",
                span, f"asks for {count:,} more" if count > 1 else "passes the limit",
            )  # fmt: skip
            raise Stop

    def spend(self, frame: Frame, span: Span) -> None:
        """Count a step of evaluation; a spec that asks for more than any network needs is stopped."""
        self.spent += 1
        if self.spent > STEPS:
            self.report(
                frame,
                "E0209",
                f"unfolding this spec takes more than {STEPS:,} steps",
                span,
                "still going on here",
            )
            raise Stop

    # Open sizes

    def require(self, at: At, frame: Frame, span: Span, path: str) -> None:
        """Judge the conditions of an application; what never holds is raised, what may is kept."""
        self._take_in(at)
        for relation, left, right, mistake in at.conditions:
            self.demand(relation, left, right, mistake, span, path)

    def _take_in(self, at: At) -> None:
        """Keep what is known of the sizes that an application made and only a run knows."""
        if not at.found:
            return
        facts = [*self.domain.facts]
        for name, bounds in at.found.items():
            size = self.sizes[name] = symbol(name)
            if bounds.most is not None:
                facts.append(Condition(">=", bounds.most, size))
            if bounds.multiple > 1:
                facts.append(Condition("==", size % bounds.multiple, 0))
        lows = {**self.domain.lows, **{name: bounds.least for name, bounds in at.found.items()}}
        self.domain = Domain(facts, lows)
        self.graph.found.update(at.found)

    def demand(
        self, relation: str, left: Dim, right: Dim, mistake: Mistake | Callable[[], Mistake], span: Span, path: str
    ) -> None:
        key = (relation, left, right)
        verdict = self._decided.get(key)
        if verdict is None:
            verdict = self._decided[key] = decide(Condition(relation, left, right), self.domain)
        if verdict is Verdict.NEVER:
            raise _with_sizes_that_fit(mistake_of(mistake), Condition(relation, left, right))
        if verdict is not Verdict.ALWAYS and key not in self._asked:
            self._asked.add(key)
            self.graph.requirements.append(Requirement(relation, left, right, mistake, span, path))


def _with_sizes_that_fit(mistake: Mistake, condition: Condition) -> Mistake:
    """The mistake with a note that says where the condition would hold, if what is declared alone rules it out."""
    if condition.symbols:
        texts = solve([condition], Domain()).texts
        if texts:
            mistake.notes = [*mistake.notes, f"declared sizes rule this out; it fits where {' and '.join(texts)}"]
    return mistake
