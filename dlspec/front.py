"""The Python front door: `load`, `check`, `summarize`, `draw`, `compile`, `train`, `load_run`."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec, check_spec, open_spec, parsed_input, parsed_setting
from dlspec.compiling import lowered
from dlspec.diagnostics.record import Diagnostic
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

    from dlspec.analyses.summary import Summary
    from dlspec.graph import Graph
    from dlspec.source import Source

    Sizes = Mapping[str, tuple[int, ...]]


class Report:
    """What a check found; empty is clean. Prints as the command line does."""

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


class Network:
    """A spec with one of its networks chosen, its parameters set and its open sizes closed, perhaps."""

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
        self._set = {key: _expression(key, value) for key, value in (set or {}).items()}
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

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        """In a notebook a network shows its table, and its figure where `dot` is there."""
        bundle = {"text/plain": summarize(self).to_text()}
        from dlspec.drawing import svg_or_none

        picture = svg_or_none(self.graph)
        return bundle | ({"image/svg+xml": picture} if picture else {})


def load(
    spec: str | Path,
    *,
    network: str | None = None,
    set: Mapping[str, Any] | None = None,
    inputs: Sizes | None = None,
) -> Network:
    """A spec by its file or by the name of a zoo network.

    `set` replaces parameters of the network (`{"classes": 10}`), `inputs` closes open sizes
    (`{"image": (1, 3, 224, 224)}`). Raises SpecError where the file cannot be read.
    """
    return Network(open_spec(spec), network, set=set, inputs=inputs)


def check(spec: str | Path | Network) -> Report:
    """Everything that is wrong with a spec, before anything runs."""
    if isinstance(spec, Network):
        return Report(check_spec(spec.spec, spec.name, settings=spec._set))
    return Report(check_spec(open_spec(spec)))


def summarize(spec: str | Path | Network) -> Summary:
    """Layers with shapes, parameters, multiply-adds, receptive fields, and totals; `str` and `.to_json()` of it."""
    from dlspec.analyses.summary import summarize as summary

    return summary(_network(spec).graph)


def draw(spec: str | Path | Network, out: str | Path, *, depth: int | None = None, full: bool = False) -> None:
    """Draw a network into a file; its suffix chooses: svg, png, pdf, dot, mmd."""
    from dlspec.drawing import draw as drawn

    drawn(_network(spec).graph, str(out), depth=depth, full=full)


def compile(spec: str | Path | Network, out: str | Path | None = None, *, allow_code: bool = False) -> str:
    """The text of a PyTorch module file for a network; written to `out` where that is given."""
    source = lowered(_network(spec).graph, allow_code=allow_code).source
    if out is not None:
        Path(out).write_text(source, encoding="utf-8")
    return source


def train(
    spec: str | Path | Network, *, plan: str | None = None, out: str | Path | None = None, resume: bool = False,
    set: Mapping[str, Any] | None = None, allow_code: bool = False,
) -> Any:  # fmt: skip
    """Run a training plan of a spec; the report of the run. Needs `dlspec[train]`."""
    from dlspec.running import run_plan

    network = _network(spec)
    overrides = {key: _expression(key, value) for key, value in (set or {}).items()}
    return run_plan(
        network.spec, plan=plan, out=None if out is None else Path(out), resume=resume, overrides=overrides,
        settings=network._set, allow_code=allow_code,
    )  # fmt: skip


def load_run(folder: str | Path) -> Any:
    """What a run trained, ready to predict. Needs `dlspec[train]`."""
    from dlspec.training.predicting import load_run as loaded

    return loaded(Path(folder))


def check_source(source: Source) -> list[Diagnostic]:
    """Every problem of a source that is not a file of its own."""
    return check_spec(Spec(source, None))


def _network(spec: str | Path | Network) -> Network:
    return spec if isinstance(spec, Network) else load(spec)


def _expression(key: str, value: Any) -> Any:
    """A Python value as an expression of the language."""
    return parsed_setting(f"{key}={_written(value)}")[1]


def _written(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_written, value))}]"
    return str(value)
