"""A plan of a spec to a run: everything checked, the module written, the run folder filled."""

from __future__ import annotations

import os
from pathlib import Path

from dlspec.checking import Spec, network_lints, overridden, resolve_plan
from dlspec.diagnostics.record import Diagnostic, SpecError, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from dlspec.graph import Graph
    from dlspec.lowering.traceback import LineMap
    from dlspec.plan.keys import ResolvedPlan
    from dlspec.source import Span
    from dlspec.training.errors import UnknownLabel

RUNS = Path("runs")


def run_plan(
    spec: Spec, *, plan: str | None = None, out: Path | None = None, resume: bool = False,
    overrides: Mapping[str, tree.Expr] | None = None, settings: Mapping[str, tree.Expr] | None = None,
    allow_code: bool = False, quiet: bool = False,
    begin: Callable[[Path, list[Diagnostic]], None] | None = None,
) -> Any:  # fmt: skip
    """Run a plan; its report. Raises SpecError where spec or plan have mistakes, and RunError for what a run meets.

    `begin` is told the run folder and the warnings, which stand in the report too, before torch is loaded.
    """
    from dlspec.training.folder import refuse_taken

    resume = resume or int(os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")) > 0  # `torchrun` has begun again
    chosen, resolved, graph, warnings = checked_plan(spec, plan, overrides or {}, settings or {})
    folder = out if out is not None else default_folder(spec, chosen, resume=resume)
    refuse_taken(folder, resume=resume)
    files, places = run_files(spec, resolved, graph, allow_code=allow_code)
    if begin is not None:
        begin(folder, warnings)
    from dlspec.plan.limits import memory_words
    from dlspec.training.errors import OutOfMemory, UnknownLabel
    from dlspec.training.folds import train_folds
    from dlspec.training.run import train

    def run(into: Path, *, read_test: bool = True) -> Any:
        try:
            return train(
                None, resolved, into, files=files, places=places, resume=resume, parameters=parameter_count(graph),
                warnings=[_noted(warning) for warning in warnings], quiet=quiet, read_test=read_test,
            )  # fmt: skip
        except OutOfMemory as error:
            raise OutOfMemory(error.message, f"{error.hint}: {memory_words(resolved, graph)}") from error
        except UnknownLabel as error:
            raise _pointed(error, resolved, graph) from error

    def run_fold(number: int, into: Path) -> Any:
        resolved.data.split.fold = number
        files["spec.dlspec.yaml"] = resolved_spec(spec, resolved)
        return run(into, read_test=False)

    split = resolved.data.split
    if split.folds is None or split.fold is not None:
        return run(folder)
    return train_folds(split.folds, folder, run_fold)


def _pointed(error: UnknownLabel, plan: ResolvedPlan, graph: Graph) -> UnknownLabel:
    """The error with the layer that says how many classes there are, unless it knows a place itself."""
    if error.span is None:
        source = plan.data.source
        error.span, error.says = _scored_at(plan, graph), "says how many classes there are"
        error.also = ((span, error.label),) if (span := source.at(next(iter(source.files), ""))) is not None else ()
    return error


def _scored_at(plan: ResolvedPlan, graph: Graph) -> Span:
    """The last layer with weights before the output that the first loss reads."""
    output: str | None = plan.loss[0].loss.output
    node = (graph.outputs[output] if output else next(iter(graph.outputs.values()))).node
    while (node.module is None or not node.module.weights) and len(node.inputs) == 1:
        node = node.inputs[0].node
    return node.span


def find_rate(
    spec: Spec, between: Mapping[str, Any], *, plan: str | None = None, out: Path | None = None,
    overrides: Mapping[str, tree.Expr] | None = None, settings: Mapping[str, tree.Expr] | None = None,
    allow_code: bool = False,
) -> Any:  # fmt: skip
    """The learning-rate range test of a plan: `between` may hold `low`, `high` and `steps`. Raises as `run_plan`."""
    chosen, resolved, graph, _ = checked_plan(spec, plan, overrides or {}, settings or {})
    folder = out if out is not None else default_folder(spec, f"{chosen}-lr-find", resume=False)
    files, _ = run_files(spec, resolved, graph, allow_code=allow_code)
    from dlspec.training import rate_range

    return rate_range.find_rate(resolved, folder, files["model.py"], **between)


def _noted(warning: Diagnostic) -> dict[str, Any]:
    """A warning as the report keeps it."""
    place = warning.place
    where = {"file": place.source.name, "line": place.line} if place is not None else {"file": None, "line": None}
    return {"code": warning.code, "name": warning.name, "message": warning.message, **where}


def checked_plan(
    spec: Spec, name: str | None, overrides: Mapping[str, tree.Expr], settings: Mapping[str, tree.Expr]
) -> tuple[str, ResolvedPlan, Graph, list[Diagnostic]]:
    """The plan chosen, with its overrides, its network and the warnings; raises SpecError with every error."""
    from dlspec.diagnostics.listing import sort, unique

    plan = overridden(_chosen(spec, name), overrides)
    section = _with_settings(spec, plan.section, settings)
    made, problems = resolve_plan(spec, tree.Plan(plan.span, plan.name, plan.name_span, section))
    problems = [*spec.problems, *problems]
    if made is not None:
        problems += network_lints(made[1])
    errors = [p for p in problems if p.severity == "error"]
    if made is None or errors:
        raise SpecError(errors or problems)
    return plan.name, made[0], made[1], sort(unique(problems))


_PLAN = "plan first { data { source = digits }, loss = cross_entropy, optimizer = adamw(lr=1e-3), epochs = 10 }"


def _chosen(spec: Spec, name: str | None) -> tree.Plan:
    """The plan asked for, or the last of the file."""
    from dlspec.diagnostics.near_names import near

    if name is None and spec.plans:
        return list(spec.plans.values())[-1]
    if name in spec.plans:
        return spec.plans[name]
    if spec.problems and not spec.plans:
        raise SpecError(spec.problems)
    known = ", ".join(f"`{n}`" for n in spec.plans)
    if name is None:
        raise SpecError(
            [
                problem(
                    "E0609",
                    f"`{spec.source.name}` has no plan",
                    notes=["a plan says data, loss, optimizer and epochs", f"as in `{_PLAN}`"],
                )
            ]
        )
    close = near(name, list(spec.plans))
    raise SpecError(
        [problem("E0609", f"`{spec.source.name}` has no plan `{name}`",
                 notes=[f"there is `{close[0]}`" if close else f"it has {known or 'none'}"])]
    )  # fmt: skip


def _with_settings(spec: Spec, section: tree.Section, settings: Mapping[str, tree.Expr]) -> tree.Section:
    """The plan with its network applied to the parameters that are set, so that the resolved spec tells of them."""
    if not settings:
        return section
    entry = section.get("network")
    first = next(iter(settings.values()))
    value = entry.value if entry is not None else tree.Name(first.span, spec.default_network())
    args = [tree.Arg(expr.span, name, expr) for name, expr in settings.items()]
    if isinstance(value, tree.Call):
        args = [arg for arg in value.args if arg.name not in settings] + args
        value = value.function
    assert not isinstance(value, tree.Section)
    call = tree.Call(value.span, value, tuple(args))
    made = tree.Entry(call.span, "network", call.span, call)
    others = tuple(e for e in section.entries if e.key != "network")
    return tree.Section(section.span, (made, *others))


def run_files(spec: Spec, plan: ResolvedPlan, graph: Graph, *, allow_code: bool) -> tuple[dict[str, str], LineMap]:
    """The files that a run folder begins with, which are the resolved spec, the module, the layers, the figure;
    and the places of the spec that the module was written for.
    """
    import json

    from dlspec.analyses.summary import summarize
    from dlspec.compiling import lowered
    from dlspec.drawing import figure_svg

    module = lowered(graph, allow_code=allow_code)
    summary = json.dumps(summarize(graph).to_json(), indent=1) + "\n"
    files = {"spec.dlspec.yaml": resolved_spec(spec, plan), "model.py": module.source, "summary.json": summary}
    files["figure.svg"] = figure_svg(graph)
    return files, module.places


def resolved_spec(spec: Spec, plan: ResolvedPlan) -> str:
    """One YAML file that trains again: the network with all that it is made of, the plan with every default."""
    from dlspec.elaborate.gather import gathered
    from dlspec.plan.writing import to_yaml
    from dlspec.syntax.yaml_writer import write_yaml

    used = [name for name in _names(spec, plan) if name in spec.scope.names]
    items = gathered(spec.scope, used)
    source = Source("spec.dlspec.yaml", "")
    text = write_yaml(tree.File(source.span(0, 0), tuple(items), ()))
    return f"{text.rstrip()}\n\n{to_yaml(plan)}"


def _names(spec: Spec, plan: ResolvedPlan) -> list[str]:
    """What the plan's network is made of: its name, and names among its arguments."""
    from dlspec.elaborate.named import names
    from dlspec.syntax.parser import parse

    if plan.network is None:
        return [spec.default_network()]
    expression, _, _ = parse(Source("network", plan.network), "expression")
    return sorted(names(expression))


def parameter_count(graph: Graph) -> int:
    """Learned numbers of a network."""
    from dlspec.analyses.summary import summarize

    return int(summarize(graph).to_json()["totals"]["parameters"])


def default_folder(spec: Spec, plan: str, *, resume: bool) -> Path:
    """`runs/NAME`, then `runs/NAME-2` …; the last one that is there, where a run is resumed."""
    stem = Path(spec.source.name).name.partition(".")[0]
    stem = stem if plan in ("plan", stem) else f"{stem}-{plan}"
    number, folder = 1, RUNS / stem
    last = folder
    while folder.exists():
        last = folder
        number += 1
        folder = RUNS / f"{stem}-{number}"
    return last if resume else folder
