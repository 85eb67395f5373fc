"""Everything that can be said of a spec before anything runs: a source in, its networks, plans and problems out."""

from __future__ import annotations

from pathlib import Path

from dlspec.diagnostics.record import Diagnostic, SpecError, problem
from dlspec.elaborate.files import Files, FileScope, zoo_file, zoo_names
from dlspec.elaborate.network import elaborate
from dlspec.elaborate.run import Spent
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from dlspec.graph import Graph
    from dlspec.plan.keys import ResolvedPlan
    from dlspec.plan.network_facts import NetworkFacts
    from dlspec.sizes import Dim
    from dlspec.syntax import tree

    Settings = Mapping[str, tree.Expr]
    Closed = Mapping[str, tuple[str, tuple[Dim, ...]]]

SUFFIXES = (".dls", ".yaml", ".yml")


class Spec:
    """A spec that was read: its networks are made on demand, once for each setting."""

    def __init__(
        self, source: Source, path: Path | None, *, network: str | None = None, opened: Mapping[Path, str] | None = None
    ) -> None:
        self.source = source
        self.path = path
        self.chosen = network
        """The network that the name of a zoo entry means, `resnet50` in `resnet.dls`."""
        self.files = Files(path.parent.resolve() if path is not None else None, opened)
        self.scope: FileScope = self.files.load(source, path.resolve() if path is not None else None)

    @property
    def problems(self) -> list[Diagnostic]:
        """What was wrong with reading it."""
        return self.files.problems

    @property
    def networks(self) -> list[str]:
        """The networks that can be made as they stand."""
        return self.scope.networks

    @property
    def plans(self) -> dict[str, tree.Plan]:
        return self.scope.plans

    def default_network(self) -> str:
        """The network meant where none is named: the only one, or the last. Raises SpecError where there is none."""
        if self.chosen is not None:
            return self.chosen
        if self.networks:
            return self.networks[-1]
        raise SpecError(
            [*self.problems]
            or [problem("E0218", f"`{self.source.name}` defines no network that can be made as it stands",
                        self.source.span(0, 0), "no network", notes=_templates(self.scope))]
        )  # fmt: skip

    def make(
        self, network: str | None = None, *, settings: Settings | None = None, inputs: Closed | None = None,
        application: tree.Expr | None = None, spent: Spent | None = None,
    ) -> tuple[Graph | None, list[Diagnostic]]:  # fmt: skip
        """The graph of a network and what is wrong with it; raises SpecError where there is no such network.

        `spent` counts what several networks take in all, where that is to be limited.
        """
        if application is not None:
            name = network or _applied(application)
        else:
            name = network if network is not None else self.default_network()
            self._must_be_known(name)
        return elaborate(self.scope, name, settings=settings, inputs=inputs, application=application, spent=spent)

    def graph(
        self, network: str | None = None, *, settings: Settings | None = None, inputs: Closed | None = None
    ) -> Graph:
        """The graph of a network without a mistake; raises SpecError with the diagnostics otherwise."""
        made, problems = self.make(network, settings=settings, inputs=inputs)
        errors = [p for p in (*self.problems, *problems) if p.severity == "error"]
        if made is None or errors:
            raise SpecError(errors or problems)
        _known_inputs(inputs or (), made)
        return made

    def draft(
        self, network: str | None = None, *, settings: Settings | None = None, inputs: Closed | None = None
    ) -> Graph | None:
        """A network with mistakes as far as it could be made; None where nothing could."""
        name = network if network is not None else self.default_network()
        made, _ = elaborate(self.scope, name, settings=settings, inputs=inputs, draft=True)
        return made if made is not None and made.nodes else None

    def plans_to_set(self, overrides: Settings) -> list[tree.Plan]:
        """The plans that overrides are meant for; raises SpecError where there is none."""
        if not self.plans:
            key, value = next(iter(overrides.items()))
            note = f"a parameter of the network is set by `--set network.{key}=…`"
            raise SpecError(
                self.problems or [problem("E0609", f"`{self.source.name}` has no plan in which to set `{key}`",
                                          value.span, "set here", notes=[note])]
            )  # fmt: skip
        return list(self.plans.values())

    def _must_be_known(self, name: str) -> None:
        from dlspec.diagnostics.near_names import near
        from dlspec.elaborate.values import NetworkStage
        from dlspec.syntax import tree

        found = self.scope.names.get(name)
        if name in self.scope.networks:
            return
        while isinstance(found, tuple):
            found = found[0].names.get(found[1])
        if isinstance(found, (NetworkStage, tree.Alias)):
            return
        if self.problems and self.scope.broken:
            raise SpecError(self.problems)
        close = near(name, self.networks)
        raise SpecError(
            [problem("E0118", f"`{Path(self.source.name).name}` defines no network `{name}`",
                     notes=[f"there is {' and '.join(f'`{n}`' for n in close)}" if close else
                            f"it defines {', '.join(f'`{n}`' for n in self.networks) or 'none'}"])]
        )  # fmt: skip


def _applied(application: tree.Expr) -> str:
    """What `lenet(classes=5)` applies, by its name; words of a command line may have put it together."""
    from dlspec.syntax import tree

    function = application.function if isinstance(application, tree.Call) else application
    return function.name if isinstance(function, tree.Name) else application.span.text.partition("(")[0].strip()


def _known_inputs(given: Iterable[str], graph: Graph) -> None:
    """Raise SpecError where sizes are given for what is no input of the network."""
    from dlspec.diagnostics.near_names import near

    for name in given:
        if name not in graph.inputs:
            close = near(name, list(graph.inputs)) or list(graph.inputs)
            raise SpecError(
                [problem("E0110", f"the network `{graph.name}` has no input `{name}`",
                         notes=[f"there is {', '.join(f'`{n}`' for n in close)}"])]
            )  # fmt: skip


def _templates(scope: FileScope) -> list[str]:
    from dlspec.syntax import tree

    names = [item.name for item in scope.tree.items if isinstance(item, tree.Network)]
    if not names:
        return ["write `network name { input … output … }`"]
    return [f"`{names[0]}` has parameters without a default; apply it: `network mine = {names[0]}(…)`"]


def open_spec(name: str | Path) -> Spec:
    """A spec by its file, by the name of a zoo network, or `-` for standard input; raises SpecError."""
    text = str(name)
    if text == "-":
        return Spec(_standard_input(), None)
    path = Path(text)
    if not path.is_file():
        found = zoo_file(text)
        if found is None:
            raise SpecError([_no_such_spec(text, path)])
        source = _read(found, str(_shown(found)))
        return Spec(source, found, network=text if found.name.partition(".")[0] != text else None)
    return Spec(_read(path, text), path)


def _shown(path: Path) -> Path:
    """A path as short as it can be said from here."""
    try:
        return path.relative_to(Path.cwd())
    except ValueError:
        return path


def _read(path: Path, shown: str) -> Source:
    try:
        return Source.read(path, shown)
    except OSError as error:
        raise SpecError([problem("E0101", f"`{shown}` cannot be read: {error.strerror or error}")]) from None
    except UnicodeDecodeError as error:
        raise SpecError([_not_text(shown, error)]) from None


def _standard_input() -> Source:
    """What is piped in, as UTF-8 whatever the terminal speaks."""
    import sys

    buffer = getattr(sys.stdin, "buffer", None)
    if buffer is None:
        return Source("<stdin>", sys.stdin.read())
    try:
        return Source("<stdin>", buffer.read().decode("utf-8-sig").replace("\r\n", "\n"))
    except UnicodeDecodeError as error:
        raise SpecError([_not_text("<stdin>", error)]) from None


def _not_text(shown: str, error: UnicodeDecodeError) -> Diagnostic:
    what = f"`{shown}` is not UTF-8 text: byte {error.start} does not belong"
    return problem("E0101", what, notes=["save the file as UTF-8"])


def _no_such_spec(text: str, path: Path) -> Diagnostic:
    from dlspec.diagnostics.near_names import near

    if path.is_dir():
        return problem("E0101", f"`{text}` is a folder", notes=["name the spec in it"])
    names = zoo_names()
    folder = path.parent
    if folder.is_dir():
        names += [
            str(folder / p.name) if str(folder) != "." else p.name for p in folder.iterdir() if p.suffix in SUFFIXES
        ]
    close = near(text, names)
    notes = (
        [f"there is {' and '.join(f'`{n}`' for n in close)}"] if close else [f"the zoo has {', '.join(zoo_names())}"]
    )
    return problem("E0101", f"there is no file `{text}` and no zoo network of that name", notes=notes)


# Checking a whole spec


def check_spec(
    spec: Spec, network: str | None = None, *, settings: Settings | None = None, overrides: Settings | None = None
) -> list[Diagnostic]:
    """Every problem of a spec, each once, in order: syntax, names, networks, plans, lints.

    `settings` replace parameters of its networks, `overrides` keys of its plans.
    """
    from dlspec.diagnostics.listing import sort, unique

    found = list(spec.problems)
    wanted = network if network is not None else spec.chosen
    names = [wanted] if wanted is not None else spec.networks
    graphs: dict[str, Graph | None] = dict.fromkeys(names)
    spent = Spent()
    for name in names:
        if spent.all:
            break
        graph, problems = spec.make(name, settings=settings, spent=spent)
        graphs[name] = graph
        found += problems
        if graph is not None:
            found += network_lints(graph)
    plans, problems = check_plans(spec, graphs, settings, overrides)
    found += problems
    if wanted is None:
        from dlspec.elaborate.unused import unused_definitions

        meant = frozenset(edit.text for one in found for fix in one.fixes for edit in fix.edits)
        found += unused_definitions(spec.scope, meant)
        if not names and not plans and not found and not spec.scope.names:
            found.append(
                problem(
                    "E0218",
                    f"`{spec.source.name}` defines nothing",
                    spec.source.span(0, 0),
                    "no network, no block",
                )
            )
    return sort(unique(_merged(found)))


def _merged(found: list[Diagnostic]) -> list[Diagnostic]:
    """One mistake of a block that several networks use is one diagnostic: the first one said at that place."""
    seen = set()
    kept = []
    for diagnostic in found:
        primary = diagnostic.primary
        key = (diagnostic.code, diagnostic.message if primary is None else None, primary and primary.span)
        if key not in seen:
            seen.add(key)
            kept.append(diagnostic)
    return kept


def network_lints(graph: Graph) -> list[Diagnostic]:
    """What builds, but is almost surely not meant, and limits that are not kept."""
    from dlspec.analyses.lints import lint

    found = lint(graph)
    if graph.limits is not None:
        from dlspec.plan.limits import network_limits

        found += [one for one in network_limits(graph, graph.limits) if one.name not in graph.allowed]
    return found


def check_plans(
    spec: Spec,
    graphs: dict[str, Graph | None],
    settings: Settings | None = None,
    overrides: Settings | None = None,
) -> tuple[dict[str, ResolvedPlan], list[Diagnostic]]:
    """The plans of a spec resolved against their networks, and their problems."""
    resolved: dict[str, ResolvedPlan] = {}
    found: list[Diagnostic] = []
    for plan in spec.plans_to_set(overrides) if overrides else spec.plans.values():
        try:
            made, problems = resolve_plan(spec, overridden(plan, overrides or {}), graphs, settings)
        except SpecError as error:
            found += error.diagnostics
            continue
        found += problems
        if made is not None:
            resolved[plan.name] = made[0]
    return resolved, found


def overridden(plan: tree.Plan, overrides: Settings) -> tree.Plan:
    """A plan with some of its keys replaced; raises SpecError for a key that no plan has."""
    if not overrides:
        return plan
    from dlspec.plan.overrides import override
    from dlspec.syntax import tree

    section = plan.section
    for key, value in overrides.items():
        section = override(section, key, value)
    return tree.Plan(plan.span, plan.name, plan.name_span, section)


def resolve_plan(
    spec: Spec,
    plan: tree.Plan,
    graphs: dict[str, Graph | None] | None = None,
    settings: Settings | None = None,
) -> tuple[tuple[ResolvedPlan, Graph] | None, list[Diagnostic]]:
    """A plan with every default, and the network it trains; None where a mistake of either prevents it."""
    from dlspec.plan.read import read_plan

    graph, problems = _plan_network(spec, plan, graphs if graphs is not None else {}, settings)
    if graph is None and spec.networks:
        plan = _naming(plan, spec.networks[-1])  # what is wrong with the network is told; none is missing
    facts = None if graph is None else network_facts(graph)
    folder = spec.path.parent if spec.path is not None else Path()
    made, more = read_plan(plan, facts, folder=folder)
    if made is None or graph is None:
        return None, problems + more
    return (made, graph), problems + more


def _naming(plan: tree.Plan, network: str) -> tree.Plan:
    """The plan with the network that it means where it names none."""
    from dlspec.syntax import tree

    if plan.section.get("network") is not None:
        return plan
    entry = tree.Entry(plan.span, "network", plan.name_span, tree.Name(plan.name_span, network))
    section = tree.Section(plan.section.span, (*plan.section.entries, entry))
    return tree.Plan(plan.span, plan.name, plan.name_span, section)


def _plan_network(
    spec: Spec, plan: tree.Plan, graphs: dict[str, Graph | None], settings: Settings | None
) -> tuple[Graph | None, list[Diagnostic]]:
    from dlspec.syntax import tree

    entry = plan.section.get("network")
    if entry is None:
        if not spec.networks:
            return None, []
        name = spec.networks[-1]
    elif isinstance(entry.value, tree.Name):
        name = entry.value.name
    elif isinstance(entry.value, tree.Section):
        return None, []
    else:
        return spec.make(application=entry.value, settings=settings)
    if name in graphs:
        return graphs[name], []
    try:
        return spec.make(name, settings=settings)
    except SpecError as error:
        if entry is None:
            raise
        return None, [_at(diagnostic, entry.value) for diagnostic in error.diagnostics]


def _at(diagnostic: Diagnostic, value: tree.Expr | tree.Section) -> Diagnostic:
    if diagnostic.labels:
        return diagnostic
    return problem(diagnostic.code, diagnostic.message, value.span, "named here", notes=diagnostic.notes)


def network_facts(graph: Graph) -> NetworkFacts:
    """What a plan's checks need to know of a network."""
    from dlspec.plan.network_facts import NetworkFacts, TensorFacts

    inputs = {
        name: TensorFacts(dtype=t.dtype, shape=list(t.full_shape), op=None, span=t.node.span)
        for name, t in graph.inputs.items()
    }
    outputs = {
        name: TensorFacts(dtype=t.dtype, shape=list(t.shape), op=t.node.op.name, span=t.node.span)
        for name, t in graph.outputs.items()
    }
    parameters = tuple(param.name for param in graph.definition.params) if graph.definition is not None else ()
    state = None if graph.has_foreign_modules else graph.state
    trained = None if graph.training is None else network_facts(graph.training)
    return NetworkFacts(graph.name, inputs, outputs, parameters, state, graph, trained)


def check_text(text: str, suffix: str = ".dls") -> list[Diagnostic]:
    """Every problem of a spec given as text."""
    return check_spec(Spec(Source(f"spec{suffix}", text), None))


def parsed_setting(text: str, option: str = "--set") -> tuple[str, tree.Expr]:
    """`key=value` of a `--set`, the value as an expression of the language; raises SpecError."""
    from dlspec.syntax.parser import parse

    key, equals, _ = text.partition("=")
    source = Source(option, text)
    if not equals or not key.strip():
        raise SpecError([problem("E0106", f"`{text}` is not `key=value`", source.span(0, len(text)), "no `=`")])
    value, problems, _ = parse(source, "expression", len(key) + 1, len(text))
    if value is None or problems:
        raise SpecError(problems or [problem("E0106", "a value is missing", source.span(len(key), len(text)), "here")])
    return key.strip(), value


def parsed_input(text: str) -> tuple[str, tuple[str, tuple[int, ...]]]:
    """`image=1x3x224x224` as a name and its sizes; raises SpecError."""
    name, equals, sizes = text.partition("=")
    parts = sizes.split("x")
    if not equals or not all(part.isdigit() and 0 < int(part) < 10**9 for part in parts):
        source = Source("--input", text)
        raise SpecError(
            [
                problem(
                    "E0106",
                    f"`{text}` does not give sizes",
                    source.span(0, len(text)),
                    "write `image=1x3x224x224`",
                )
            ]
        )
    return name.strip(), (text, tuple(map(int, parts)))
