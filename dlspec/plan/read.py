"""The front of this room: a plan's tree in, the plan with every default filled in and its problems out."""

from __future__ import annotations

from os.path import abspath

from dlspec.diagnostics.record import Diagnostic
from dlspec.plan import keys
from dlspec.plan.checks import CHECKS
from dlspec.plan.class_maps import judges_pixels
from dlspec.plan.keys import known_source
from dlspec.plan.losses import Output
from dlspec.plan.metrics import metrics
from dlspec.plan.network_facts import NetworkFacts
from dlspec.plan.reading import Reader
from dlspec.plan.search import check_search
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from pathlib import Path

METRICS_OF_TASK: dict[str, tuple[str, ...]] = {
    "classes": ("accuracy",),
    "two_classes": ("accuracy",),
    "numbers": ("r2", "rmse"),
    "objects": ("map", "map50"),
}
MISSING = "E0608"
"""Not said where something could not be read: it may be what is missing."""
MASK_METRICS = ("mask_map", "mask_map50")
"""Metrics of a network that gives masks beside boxes."""


def read_plan(
    plan: tree.Plan, network: NetworkFacts | None = None, *, folder: Path | str = ""
) -> tuple[keys.ResolvedPlan | None, list[Diagnostic]]:
    """The plan resolved, or None where a mistake prevents it, and every problem that can be known.

    Without `network` what hangs on its inputs and outputs is not checked. Data files are looked for
    from `folder`, the folder of the spec.
    """
    reader = Reader(None if network is None else tuple(network.in_training.outputs))
    read = reader.plan(plan, plan.section)
    read.title, read.title_span, read.folder = plan.name, plan.name_span, abspath(folder)
    _resolve(read, network)
    found = [diagnostic for check in CHECKS for diagnostic in check(read, network)]
    found += check_search(plan, network)
    if isinstance(plan.section, tree.BrokenSection):
        found = [diagnostic for diagnostic in found if diagnostic.code != MISSING]
    # What a plan makes of a network may be allowed in either: two softmaxes stand in both.
    graph = network.graph if network is not None else None
    allowed = {**(graph.allowed if graph is not None else {}), **(read.allow or {})}
    problems = reader.problems + [d for d in found if d.severity == "error" or d.name not in allowed]
    failed = any(diagnostic.severity == "error" for diagnostic in problems)
    return (None if failed else read), problems


def _resolve(plan: keys.ResolvedPlan, network: NetworkFacts | None) -> None:
    """Fill in what depends on other keys, as far as those could be read."""
    if network is not None and plan.network is None:
        plan.network = network.name
    for term in plan.loss or ():
        if term.loss.output is None and network is not None and len(network.outputs) == 1:
            term.loss.output = next(iter(network.outputs))
        if term.loss.target is None and not isinstance(term.loss, Output) and known_source(plan) is not None:
            term.loss.target = plan.data.source.target_name
    if plan.known("data") is not None:
        plan.data.split = _beside_files(plan.data)
        if plan.data.split.folds is not None:
            plan.data.split = _shares_of_folds(plan.data.split)
    source = known_source(plan)
    if source is not None and source.shares is not None and not plan.data.split.spans:
        plan.data.split = _given_shares(source.shares)
    if plan.loss:
        _resolve_scores(plan, network)


def _resolve_scores(plan: keys.ResolvedPlan, network: NetworkFacts | None) -> None:
    if plan.metrics is None:
        names = METRICS_OF_TASK[plan.task]
        if judges_pixels(plan):
            names = ("mean_iou", *names)
        if plan.task == "objects" and network is not None and "masks" in network.outputs:
            names += MASK_METRICS
        plan.metrics = tuple(dict(metrics())[name]() for name in names)
    if plan.known("data") is None:
        return
    if plan.data.stratify is None:
        plan.data.stratify = plan.task in ("classes", "two_classes") and plan.data.split.groups is None
    scalars = [metric.name for metric in plan.metrics if metric.scalar]
    if plan.keep.best_by is None and keys.holds(plan.data, "val") and not plan.then:
        plan.keep = _with(plan.keep, best_by=f"val.{(scalars or ['loss'])[0]}")
    if plan.early_stopping is not None and plan.early_stopping.by is None:
        plan.early_stopping.by = plan.keep.best_by
    if plan.search is not None and plan.search.by is None:
        plan.search.by = plan.keep.best_by


def _given_shares(shares: dict[str, float]) -> keys.Split:
    return keys.Split(train=shares["train"], val=shares["val"], test=shares["test"])


def _beside_files(data: keys.Data) -> keys.Split:
    """The split of what has no files of its own, as far as its shares are not written."""
    split, written = data.split, data.split.spans or {}
    held = [role for role in ("val", "test") if getattr(data, role) is not None]
    if not held:
        return split
    values = {field: getattr(split, field) for field in split._fields}
    values |= {role: 0.0 for role in held if role not in written}
    if "train" not in written:
        values["train"] = round(1 - values["val"] - values["test"], 12)
    return keys.Split(**values)


def _shares_of_folds(split: keys.Split) -> keys.Split:
    """The split with the shares that its folds come to, where they are not written."""
    values = {field: getattr(split, field) for field in split._fields}
    shares = {role: share for role, share in keys.shares_of_folds(split).items() if role not in (split.spans or {})}
    return keys.Split(**values | shares)


def _with(keep: keys.Keep, *, best_by: str) -> keys.Keep:
    """A copy, since the default of the class is shared by all plans."""
    return keys.Keep(
        span=keep.span, spans=keep.spans, best_by=best_by, last=keep.last, every_seconds=keep.every_seconds
    )
