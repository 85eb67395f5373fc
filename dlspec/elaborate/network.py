"""A network of a file to its graph."""

from __future__ import annotations

import sys

from dlspec.diagnostics.record import Diagnostic, problem
from dlspec.elaborate import evaluate as language
from dlspec.elaborate.evaluate import evaluate
from dlspec.elaborate.files import FileScope
from dlspec.elaborate.frame import Frame, Scope
from dlspec.elaborate.names import file_value
from dlspec.elaborate.networks import bind_network, network_arguments, prune
from dlspec.elaborate.run import Run, Spent, Stop
from dlspec.elaborate.statements import network_body
from dlspec.elaborate.values import (
    UNKNOWN,
    ArgumentSpans,
    Fields,
    NetworkStage,
    Partial,
    is_unknown,
    kind_of,
    tensors_in,
)
from dlspec.graph import Application, Graph
from dlspec.ops.op import Mistake
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Verdict, solve
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from dlspec.elaborate.run import Instead
    from dlspec.sizes import Dim
    from dlspec.source import Span

FRAMES = 20_000
"""Python frames that an elaboration may use: blocks 100 deep, expressions nested in each."""


def elaborate(
    file: FileScope,
    name: str,
    *,
    settings: Mapping[str, tree.Expr] | None = None,
    inputs: Mapping[str, tuple[str, tuple[Dim, ...]]] | None = None,
    application: tree.Expr | None = None,
    instead: Instead | None = None,
    draft: bool = False,
    spent: Spent | None = None,
) -> tuple[Graph | None, list[Diagnostic]]:
    """The graph of a network, and what is wrong with it.

    `settings` replace parameters of the network (`--set network.classes=10`), `inputs` close open sizes
    (`--input image=1x3x224x224`), `application` is an expression to take in its place (`lenet(classes=5)`), `instead`
    replaces arguments of parts by path. As a `draft` a network with mistakes is given as far as it could be made.
    Where it differs in training, the graph of training is made and judged too. Steps and nodes are counted in `spent`.
    """
    spent = spent or Spent()
    graph, run = _make(file, name, settings, inputs, application, instead, training=False, draft=draft, spent=spent)
    problems = list(run.problems)
    if run.asks_training and not spent.all:
        spent.nodes -= len(run.graph.nodes)  # two graphs of one network
        other, run = _make(file, name, settings, inputs, application, instead, training=True, spent=spent)
        said = {(p.code, p.primary.span if p.primary else None) for p in problems}
        problems += [p for p in run.problems if (p.code, p.primary.span if p.primary else None) not in said]
        if graph is not None:
            graph.training = other
    return graph, problems


def _make(
    file: FileScope, name: str, settings: Mapping[str, tree.Expr] | None,
    inputs: Mapping[str, tuple[str, tuple[Dim, ...]]] | None, application: tree.Expr | None,
    instead: Instead | None, *, training: bool, spent: Spent, draft: bool = False,
) -> tuple[Graph | None, Run]:  # fmt: skip
    where = application.span if application is not None else file.spans.get(name) or file.tree.span
    root = Application(where, "network", "", None, {}, None, [], decisions=[])
    graph = Graph(name, root)
    graph.source_name = file.source.name
    graph.allowed = dict(file.allowed)
    graph.limits = file.limits
    run = Run(graph, language, training=training, spent=spent)
    run.inputs_given = dict(inputs or {})
    run.instead = instead or {}
    frame = Frame(file, root, Scope(""))
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, FRAMES))
    try:
        stage = _stage(run, frame, name, application)
        made = stage is not None and _fill(run, frame, stage, settings or {}, where)
    except Stop:
        made = False
    except RecursionError:
        run.report(frame, "E0209", "the spec nests deeper than can be followed", where, "in this network")
        made = False
    finally:
        sys.setrecursionlimit(limit)
    run.finish()
    spent.steps, spent.nodes = run.spent, spent.nodes + len(graph.nodes)
    if made:
        _solve(run, graph)
    return (graph if made or draft else None), run


def _stage(run: Run, frame: Frame, name: str, application: tree.Expr | None) -> NetworkStage | None:
    if application is not None:
        value = evaluate(run, frame, application)
        if isinstance(value, Partial) and isinstance(value.stage, NetworkStage):
            return bind_network(run, frame, value)
        if not (isinstance(value, NetworkStage) or value is UNKNOWN):
            run.report(frame, "E0205", "this is not a network", application.span, f"is {kind_of(value)}")
    else:
        value = file_value(run, frame, frame.file, name)
    return value if isinstance(value, NetworkStage) else None


def _fill(run: Run, frame: Frame, stage: NetworkStage, settings: Mapping[str, tree.Expr], where: Span) -> bool:
    """Make the nodes; whether every output came to something."""
    graph = run.graph
    definition = stage.definition
    given = _set(run, frame, stage, settings)
    values = network_arguments(run, frame, stage, given, ArgumentSpans(where, [], {}))
    if values is None:
        return False
    graph.definition = graph.root.definition = definition
    graph.arguments = graph.root.arguments = values
    own = Frame(stage.file, graph.root, frame.scope)
    own.env.update(values)
    outputs = network_body(run, own, definition, None, None)
    if stage.upto:
        outputs = _only(run, own, stage)
    if outputs is None:
        return False
    graph.root.result = outputs
    for name, value in outputs.items():
        if isinstance(value, (list, Fields)):
            parts = value.items() if isinstance(value, Fields) else enumerate(value)
            for key, part in parts:
                for tensor in tensors_in(part):
                    graph.outputs[f"{name}.{key}"] = tensor
        elif not is_unknown(value):
            graph.outputs[name] = value
    return not any(map(is_unknown, outputs.values()))


def _set(run: Run, frame: Frame, stage: NetworkStage, settings: Mapping[str, tree.Expr]) -> dict[str, Any]:
    from dlspec.diagnostics.near_names import near

    given = dict(stage.given)
    names = [param.name for param in stage.definition.params]
    for name, expr in settings.items():
        if name not in names:
            close = near(name, names)
            run.report(
                frame, "E0112", f"the network `{stage.definition.name}` has no parameter `{name}`",
                _key_span(name, expr), "set here",
                notes=[f"there is `{close[0]}`" if close else f"it has {', '.join(names) or 'none'}"],
            )  # fmt: skip
            continue
        given[name] = evaluate(run, frame, expr)
    return given


def _key_span(name: str, value: tree.Expr) -> Span:
    """Where a parameter that is set is named, if that stands before its value, as in `network.classes=10`."""
    source = value.span.source
    start = source.text.rfind(name, 0, value.span.start)
    return value.span if start < 0 else source.span(start, start + len(name))


def _only(run: Run, frame: Frame, stage: NetworkStage) -> dict[str, Any] | None:
    found: dict[str, Any] = {}
    for name in stage.upto:
        if name not in run.values:
            tops = [path for path in run.values if "." not in path]
            run.report(
                frame, "E0119", f"`{stage.definition.name}` has no part `{name}`", stage.definition.name_span,
                "not found in it",
                notes=[f"its parts are {', '.join(tops)}"],
            )  # fmt: skip
            return None
        found[name.rpartition(".")[2]] = run.values[name]
    inputs = [tensor.node for tensor in run.graph.inputs.values()]
    prune(run, run.graph.root, [*inputs, *(tensor.node for tensor in tensors_in(list(found.values())))])
    return found


def _solve(run: Run, graph: Graph) -> None:
    """What is asked of the open sizes in all, in words; what never holds together is an error."""
    if not graph.requirements:
        return
    by_condition = {Condition(r.relation, r.left, r.right): r for r in graph.requirements}
    answer = solve(by_condition, run.domain)
    graph.requires = answer.texts
    if answer.verdict is Verdict.NEVER:
        asked = [by_condition[c] for c in answer.unsatisfiable if c in by_condition] or graph.requirements[:2]
        first, *others = asked
        run.problems.append(
            problem(
                "E0310",
                "no input size satisfies all that the network asks",
                first.node_span,
                f"asks {_words(first)}",
                also=[(r.node_span, f"asks {_words(r)}") for r in others[:4]],
            )
        )
    if answer.verdict is not Verdict.NEVER:
        once: dict[Span, tuple[Any, list[str]]] = {}
        for text, causes in zip(answer.texts, answer.causes):
            asked_by = next((by_condition[c] for c in causes if c in by_condition and c.relation == "=="), None)
            if text.endswith(" == 1") and asked_by is not None:
                once.setdefault(asked_by.node_span, (asked_by, []))[1].append(text)
        run.problems += [_only_one(requirement, texts) for requirement, texts in once.values()]
    for condition in answer.undecided:
        asked_by = by_condition.get(condition)
        if asked_by is not None:
            run.problems.append(_undecided(asked_by))


def _only_one(requirement: Any, texts: list[str]) -> Diagnostic:
    """Sizes that meet in a single position only, and so almost never."""
    mistake: Mistake = requirement.mistake
    return problem(
        "W0417", f"these sizes fit only where {' and '.join(texts)}", requirement.node_span,
        f"asks {_words(requirement)}",
        notes=[mistake.message, *mistake.notes],
    )  # fmt: skip


def _undecided(requirement: Any) -> Diagnostic:
    mistake: Mistake = requirement.mistake
    return problem(
        "W0416", "it is not decided whether these sizes always fit", requirement.node_span,
        f"asks {_words(requirement)}",
        notes=[mistake.message, "the sizes are taken to fit; a run checks them"],
    )  # fmt: skip


def _words(requirement: Any) -> str:
    return f"{requirement.left} {requirement.relation} {requirement.right}"
