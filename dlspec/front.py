"""The Python front door: `load`, `check`, `summarize`, `draw`, `compile`, `train`, and `load_run` for what came out."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec, check_spec, open_spec, parsed_input, parsed_setting
from dlspec.compiling import lowered
from dlspec.diagnostics.record import Diagnostic, SpecError, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from dlspec.analyses.summary import Summary
    from dlspec.graph import Graph
    from dlspec.syntax import tree

    Sizes = Mapping[str, tuple[int, ...]]


def __getattr__(name: str) -> Any:
    """`RunError`, which lies with what raises it and is imported with it."""
    if name == "RunError":
        from dlspec.training.errors import RunError

        return RunError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class Report:
    """What a check found, as `Diagnostic`s in the order of the file; empty is clean. Prints as `dlspec check` does."""

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = diagnostics

    @property
    def ok(self) -> bool:
        """Whether nothing is an error; warnings may stand."""
        return not self.errors

    @property
    def errors(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "error"]

    @property
    def warnings(self) -> list[Diagnostic]:
        return [d for d in self.diagnostics if d.severity == "warning"]

    def __iter__(self) -> Iterator[Diagnostic]:
        return iter(self.diagnostics)

    def __len__(self) -> int:
        return len(self.diagnostics)

    def __str__(self) -> str:
        from dlspec.diagnostics.render import render

        return render(self.diagnostics, "full").rstrip("\n") if self.diagnostics else "no problems"

    __repr__ = __str__

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from dlspec.diagnostics.render import render
        from dlspec.diagnostics.render.html import preformatted

        text = render(self.diagnostics, "full", colour=True).rstrip("\n") if self.diagnostics else str(self)
        return {"text/plain": str(self), "text/html": preformatted(text)}


class Network:
    """A spec with one of its networks chosen, its parameters set and its open sizes closed, perhaps.

    In a notebook it shows its figure and its table; one with mistakes what can be drawn of it, and the diagnostics.
    """

    def __init__(
        self,
        spec: Spec,
        name: str | None = None,
        *,
        set: Mapping[str, Any] | None = None,
        inputs: Sizes | None = None,
    ) -> None:
        self.spec = spec
        self.name = name
        self._set, self._overrides = _settings(set or {})
        self._inputs = dict(parsed_input(f"{k}={'x'.join(map(str, v))}") for k, v in (inputs or {}).items())
        self._graph: Graph | None = None

    @property
    def graph(self) -> Graph:
        """The graph; raises SpecError with the diagnostics where the spec has errors."""
        if self._graph is None:
            self._graph = self.spec.graph(self.name, settings=self._set, inputs=self._inputs)
        return self._graph

    @property
    def networks(self) -> list[str]:
        """The names of the spec's networks."""
        return self.spec.networks

    @property
    def plans(self) -> list[str]:
        """The names of the spec's training plans."""
        return list(self.spec.plans)

    def __repr__(self) -> str:
        try:
            graph = self.graph
        except SpecError as error:
            count = len(error.diagnostics)
            return f"<{self.spec.source.name}: {count} error{'s' if count > 1 else ''}; dlspec.check tells>"
        tensors = (
            ", ".join(f"{name} {' '.join(map(str, t.shape))}" for name, t in part.items())
            for part in (graph.inputs, graph.outputs)
        )
        return f"<network {graph.name}: {' → '.join(tensors)}>"

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        from dlspec.diagnostics.render.html import preformatted
        from dlspec.drawing import figure_svg

        try:
            summary = summarize(self)
        except SpecError as error:
            bundle = Report(error.diagnostics)._repr_mimebundle_()
            draft = self._draft()
            return bundle if draft is None else _with_picture(bundle, figure_svg(draft))
        bundle = {"text/plain": summary.to_text(), "text/html": preformatted(summary.to_text(colour=True))}
        return _with_picture(bundle, figure_svg(self.graph))

    def _draft(self) -> Graph | None:
        """The network as far as it can be made; None where there is nothing of it."""
        try:
            return self.spec.draft(self.name, settings=self._set, inputs=self._inputs)
        except SpecError:
            return None


def load(
    spec: str | Path,
    *,
    network: str | None = None,
    set: Mapping[str, Any] | None = None,
    inputs: Sizes | None = None,
) -> Network:
    """A spec by its file, by the name of a zoo network, or as its text, which has more than one line.

    `network` picks among several (the only one, or the last, by default). `set` replaces parameters of
    the network and keys of the plan, as `--set` does: `{"network.classes": 10, "epochs": 5}`; where the
    plan has no such key, `classes` alone means the network's. `inputs` closes open sizes, in the order
    of the declared axes: `{"image": (1, 3, 224, 224)}`.

    Raises SpecError where the file cannot be read. What is wrong in it is told by `check`, and raised by
    what needs the network.
    """
    return Network(_opened(spec), network, set=set, inputs=inputs)


def check(spec: str | Path | Network) -> Report:
    """Everything that is wrong with a spec, before anything runs: of all its networks, or of the one chosen.

    Raises SpecError only where there is no such file or network.
    """
    if isinstance(spec, Network):
        return Report(check_spec(spec.spec, spec.name, settings=spec._set, overrides=spec._overrides))
    return Report(check_spec(_opened(spec)))


def summarize(spec: str | Path | Network) -> Summary:
    """Layers with shapes, parameters, multiply-adds, receptive fields, and totals; prints as `dlspec summary` does.

    `.to_json()` is the object of `dlspec summary --json`: sizes and counts are ints where they are known and
    texts where they are open; bytes are bytes, MACs are multiply-adds. Raises SpecError where the spec has errors.
    """
    from dlspec.analyses.summary import summarize as summary

    return summary(_network(spec).graph)


def draw(
    spec: str | Path | Network, out: str | Path, *, layout: str | None = None, depth: int | None = None,
    full: bool = False, theme: str = "auto",
) -> None:  # fmt: skip
    """Draw a network into a file; its suffix chooses: svg, png, pdf, tex (TikZ), html, dot, mmd (Mermaid).

    `layout` is `figure` (the default: the architecture as slabs) or `graph` (every step as a card, by graphviz), whose
    blocks `depth` opens only so deep and of which `full` draws every repeat and every node. `theme` is auto, light or
    dark. Raises SpecError where the spec has errors, for another suffix, for a place that cannot be written, and where
    what a format needs is not installed.
    """
    from dlspec.drawing import draw as drawn

    drawn(_network(spec).graph, str(out), layout=layout, depth=depth, full=full, theme=theme)


def compile(
    spec: str | Path | Network, out: str | Path | None = None, *, allow_code: bool = False, for_inference: bool = False
) -> str:
    """The text of a PyTorch module file for a network; written to `out` where that is given.

    Its `build()` gives the module, whose `forward` takes the inputs in order and returns the output, or a dict of
    outputs by name. For inference batch norms are folded and dropout is left out; `fold` of the file makes a
    `state_dict` for it of a trained one. Raises SpecError where the spec has errors, where it names code of the user
    without `allow_code`, and where `out` cannot be written.
    """
    source = lowered(_network(spec).graph, allow_code=allow_code, for_inference=for_inference).source
    if out is not None:
        try:
            Path(out).write_text(source, encoding="utf-8")
        except OSError as error:
            raise SpecError([problem("E0502", f"`{out}` cannot be written: {error.strerror or error}")]) from None
    return source


def train(
    spec: str | Path | Network, *, plan: str | None = None, out: str | Path | None = None, resume: bool = False,
    set: Mapping[str, Any] | None = None, allow_code: bool = False, quiet: bool = False,
) -> Any:  # fmt: skip
    """Run a training plan of a spec; gives the report of the run. Needs `dlspec[train]`.

    `plan` picks among several (the last, by default), `out` is the run folder (`runs/NAME`), `resume` goes on with
    the run that it holds, `set` is as for `load`, `quiet` prints no progress. The report has the scores as `.test`
    and `.val`, everything of `report.json` as `.data`, the folder as `.folder`; `load_run` takes it from there.

    Raises SpecError where spec or plan have errors, and RunError for what the run meets: a folder that holds another
    run, data that is missing, a loss that is no number.
    """
    from dlspec.running import run_plan

    network = _network(spec)
    settings, overrides = _settings(set or {})
    return run_plan(
        network.spec, plan=plan, out=None if out is None else Path(out), resume=resume,
        overrides=network._overrides | overrides, settings=network._set | settings,
        allow_code=allow_code, quiet=quiet,
    )  # fmt: skip


def load_run(folder: str | Path) -> Any:
    """What a run trained, with its best weights, ready to predict. Needs `dlspec[train]`.

    `.predict(inputs)` takes a tensor (N, ...) as the data source gives it, before any scaling, and gives `.labels`
    and `.probabilities` (N, classes), or `.numbers` (N, targets) in units of the data. Raises RunError where the
    folder holds no run.
    """
    from dlspec.training.predicting import load_run as loaded

    return loaded(Path(folder))


def _with_picture(bundle: dict[str, str], svg: str) -> dict[str, str]:
    """What a notebook shows, with a picture above it: as an image of its own, whose styles touch no other's."""
    from base64 import b64encode

    data = b64encode(svg.encode("utf-8")).decode("ascii")
    image = f'<img src="data:image/svg+xml;base64,{data}" style="max-width:100%" alt="the figure of the network">'
    return bundle | {"text/html": f"{image}\n{bundle['text/html']}", "image/svg+xml": svg}


def _opened(spec: str | Path) -> Spec:
    if isinstance(spec, str) and "\n" in spec:
        return Spec(Source("<text>", spec), None)
    return open_spec(spec)


def _network(spec: str | Path | Network) -> Network:
    return spec if isinstance(spec, Network) else load(spec)


def _settings(given: Mapping[str, Any]) -> tuple[dict[str, tree.Expr], dict[str, tree.Expr]]:
    """What is set of the network, and of the plan."""
    settings: dict[str, tree.Expr] = {}
    overrides: dict[str, tree.Expr] = {}
    for key, value in given.items():
        expression = parsed_setting(f"{key}={_written(value)}")[1]
        if key.startswith("network."):
            settings[key.removeprefix("network.")] = expression
        elif _is_plan_key(key):
            overrides[key] = expression
        else:
            settings[key] = expression
    return settings, overrides


def _is_plan_key(key: str) -> bool:
    from dlspec.plan.facts import fields
    from dlspec.plan.keys import ResolvedPlan

    return key.partition(".")[0] in fields(ResolvedPlan)


def _written(value: Any) -> str:
    """A Python value as an expression of the language; a text is one already."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)
