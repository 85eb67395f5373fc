"""Runs by their folders: what each came to, and what two of them differ in. Nothing here loads torch."""

from __future__ import annotations

import json
from pathlib import Path

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import UnreadableError
from dlspec.training.record import read_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from dlspec.syntax import tree

MADE_WITH = ("git", "packages", "python", "device", "cpu", "threads", "platform")
"""What of `environment.json` a comparison looks at."""


class PastRun(Record):
    """What a run came to; scores by name, `best` the one that chose the weights."""

    folder: str
    when: str
    """The start of the run, UTC, as `2026-11-23T16:56:20Z`; empty where nothing tells."""
    state: str
    """Why it ended, or `unfinished`."""
    network: str
    source: str
    parameters: int | None
    epochs: int
    steps: int
    seconds: float
    best: dict[str, Any] | None
    """`by`, `value` and `epoch`, where a score chose."""
    val: dict[str, float]
    test: dict[str, float]


class Difference(Record):
    """A name under which two runs differ; None where one of them has no such thing."""

    name: str
    old: Any
    new: Any


class Comparison(Record):
    """Two runs side by side."""

    old: PastRun
    new: PastRun
    plan: list[Difference]
    """Keys of the resolved plans that differ, as `optimizer.lr`."""
    same_network: bool
    curves: list[Difference]
    """The last value of every curve, differing or not, by split and name."""
    made_with: list[Difference]


def is_run(folder: Path) -> bool:
    """Whether a folder holds a run, finished or not."""
    return (folder / "checkpoints").is_dir() or (folder / "report.json").is_file()


def find_runs(folders: Sequence[Path]) -> list[PastRun]:
    """The runs below some folders, the latest first. Of a search the best is listed, of folds their mean.

    Raises UnreadableError for a folder that is not there.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise UnreadableError(f"there is no folder `{folder}`", "`dlspec train` writes runs into `runs/`")
        found += [read_run(one) for one in _below(folder)]
    return sorted(found, key=lambda one: one.when, reverse=True)


def _below(folder: Path) -> Iterator[Path]:
    if is_run(folder):
        yield folder
        return
    is_search = (folder / "search.json").exists() or (folder / "journal.log").exists()
    for inside in sorted(folder.iterdir()):
        hidden = inside.name.startswith(".") or (is_search and inside.name == "trials")
        if inside.is_dir() and not hidden and (is_search or not inside.is_symlink()):
            yield from _below(inside)


def read_run(folder: Path) -> PastRun:
    """What the files of a run tell; raises UnreadableError where the folder holds none."""
    if not is_run(folder):
        hint = "it should hold `model.py` and `checkpoints/`"
        raise UnreadableError(f"`{folder}` is not the folder of a run", hint, code="E0702")
    report, made = _json(folder / "report.json"), _json(folder / "environment.json")
    rows = read_rows(folder / "metrics.jsonl")
    last: dict[str, Any] = rows[-1] if rows else {}
    return PastRun(
        folder=str(folder),
        when=made.get("started", ""),
        state=_state(report),
        network=(report.get("network") or _saved_network(folder)),
        source=report.get("source", ""),
        parameters=report.get("parameters"),
        epochs=report.get("epochs", last.get("epoch", 0)),
        steps=report.get("steps", last.get("step", 0)),
        seconds=report.get("train_seconds", max((row.get("seconds", 0.0) for row in rows), default=0.0)),
        best=report.get("best"),
        val=report.get("val") or _ends(rows, "val"),
        test=report.get("test", {}),
    )


def _state(report: dict[str, Any]) -> str:
    if "folds" in report:
        return f"{len(report['folds'])} folds"
    return str(report.get("stopped", "unfinished"))


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where it is missing or cut off."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _saved_network(folder: Path) -> str:
    """The network of a run without a report, from its last checkpoint."""
    states = sorted((folder / "checkpoints").glob("step-*/state.json"))
    return str(_json(states[-1]).get("plan", {}).get("network") or "") if states else ""


def _ends(rows: Sequence[dict[str, Any]], split: str) -> dict[str, float]:
    """The last values of a split's curves."""
    last: dict[str, Any] = next((row for row in reversed(rows) if row["split"] == split), {})
    return {
        name: value
        for name, value in last.items()
        if name not in ("epoch", "step", "split", "seconds", "norms") and isinstance(value, int | float)
    }


def compare_runs(old: Path, new: Path) -> Comparison:
    """What two runs differ in; raises UnreadableError where a folder holds no run."""
    runs = read_run(old), read_run(new)
    plans, networks = zip(*(_spec(folder) for folder in (old, new)), strict=True)
    curves = [_curve_ends(folder) for folder in (old, new)]
    made = [_flat({key: _json(folder / "environment.json").get(key) for key in MADE_WITH}) for folder in (old, new)]
    return Comparison(
        *runs,
        plan=_differences(*plans),
        same_network=networks[0] == networks[1],
        curves=_differences(*curves, all_of_them=True),
        made_with=_differences(*made),
    )


def _curve_ends(folder: Path) -> dict[str, float]:
    rows = read_rows(folder / "metrics.jsonl")
    return {f"{split}.{name}": value for split in ("train", "val") for name, value in _ends(rows, split).items()}


def _differences(old: dict[str, Any], new: dict[str, Any], *, all_of_them: bool = False) -> list[Difference]:
    names = dict.fromkeys((*old, *new))
    pairs = [Difference(name, old.get(name), new.get(name)) for name in names]
    return [pair for pair in pairs if all_of_them or pair.old != pair.new]


def _flat(data: dict[str, Any], before: str = "") -> dict[str, Any]:
    """Nested data with dots between the keys, what is None left out."""
    flat: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{key}.")
        elif value is not None:
            flat[before + key] = value
    return flat


def _spec(folder: Path) -> tuple[dict[str, str], str]:
    """The keys of a run's resolved plan as text, and the text of its network; neither where the spec is not there."""
    from dlspec.checking import open_spec
    from dlspec.diagnostics.record import SpecError

    try:
        spec = open_spec(folder / "spec.dlspec.yaml")
    except SpecError:
        return {}, ""
    if not spec.plans:
        return {}, spec.source.text
    plan = list(spec.plans.values())[-1]
    return dict(plan_keys(plan.section)), spec.source.text.rpartition("\nplan:\n")[0]


def plan_keys(section: tree.Section, before: str = "") -> Iterator[tuple[str, str]]:
    """The keys of a plan's section with what they are set to, parameters of an application each alone."""
    from dlspec.syntax import tree

    for entry in section.entries:
        key, value = f"{before}{entry.key}", entry.value
        if isinstance(value, tree.Section):
            yield from plan_keys(value, f"{key}.")
        elif isinstance(value, tree.Call) and all(arg.name for arg in value.args):
            yield key, value.function.span.text
            yield from ((f"{key}.{arg.name}", arg.value.span.text) for arg in value.args)
        elif isinstance(value, tree.ListExpr):
            yield key, f"[{', '.join(item.span.text for item in value.items)}]"
        else:
            yield key, value.span.text
