"""A plan's search: every trial is a plan with other values, checked like any other before it is trained."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec, parsed_setting
from dlspec.diagnostics.record import SpecError, problem
from dlspec.record import TYPE_CHECKING
from dlspec.running import checked_plan, default_folder, parameter_count, run_files

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from dlspec.syntax import tree


def search_plan(
    spec: Spec, *, plan: str | None = None, out: Path | None = None,
    overrides: Mapping[str, tree.Expr] | None = None, settings: Mapping[str, tree.Expr] | None = None,
    allow_code: bool = False,
) -> Any:  # fmt: skip
    """Run a plan's search; what it found. Raises SpecError where the plan has mistakes or no search."""
    from dlspec.plan.search import NETWORK, candidates
    from dlspec.training.search import search

    name, resolved, _, _ = checked_plan(spec, plan, overrides or {}, settings or {})
    if resolved.search is None:
        raise SpecError([_no_search(spec, name)])
    space = {key: candidates(parsed_setting(f"{key}={text}")[1]) for key, text in resolved.search.over.items()}

    def prepare(values: dict[str, str]) -> Callable[..., None] | str:
        chosen = dict(parsed_setting(f"{key}={text}") for key, text in values.items())
        of_network = {key.removeprefix(NETWORK): value for key, value in chosen.items() if key.startswith(NETWORK)}
        of_plan = {key: value for key, value in chosen.items() if not key.startswith(NETWORK)}
        try:
            return _training(
                spec, name, {**(overrides or {}), **of_plan}, {**(settings or {}), **of_network}, allow_code
            )
        except SpecError as error:
            first = error.diagnostics[0]
            return f"{first.code}: {first.message}"

    folder = out if out is not None else default_folder(spec, f"{name}-search", resume=True)
    return search(resolved.search, space, folder, prepare)


def _training(
    spec: Spec, name: str, overrides: Mapping[str, tree.Expr], settings: Mapping[str, tree.Expr], allow_code: bool
) -> Callable[..., None]:
    """What trains one trial into a folder, watched; raises SpecError where its plan or network has a mistake."""
    from dlspec.training.run import train

    _, resolved, graph, _ = checked_plan(spec, name, overrides, settings)
    resolved.search = None
    files, places = run_files(spec, resolved, graph, allow_code=allow_code)

    def training(folder: Path, watch: Callable[..., None]) -> None:
        train(
            None, resolved, folder, files=files, places=places, parameters=parameter_count(graph), quiet=True,
            pictures=False, watch=watch, read_test=False,
        )  # fmt: skip

    return training


def _no_search(spec: Spec, name: str) -> Any:
    plan = spec.plans[name]
    note = "`search { over { optimizer { lr = log(1e-4, 1e-1) } } }` tries learning rates"
    return problem("E0608", f"the plan `{name}` has no `search`", plan.name_span, "needs `search`", notes=[note])
