"""Whether a run may go on where it was stopped: its folder, its plan, and what is left of it to do."""

from __future__ import annotations

import json
from pathlib import Path

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.reading import listed
from dlspec.plan.writing import from_data, to_data
from dlspec.record import TYPE_CHECKING
from dlspec.training.checkpoints import Checkpoint, Checkpoints
from dlspec.training.errors import RunError
from dlspec.training.folder import refuse_taken
from dlspec.training.report import Report, read_report

if TYPE_CHECKING:
    from typing import Any

MAY_CHANGE = (
    "keep",
    "log",
    "early_stopping",
    "device",
    "strategy",
    "threads",
    "allow",
    "evaluate_every",
    "checkpoint",
    "data.workers",
    "data.prefetch",
    "augment_on",
    "closed_form",
    "limits",
    "search",
)
"""Keys of a plan that a resumed run may change; its length may too, where the schedule does not follow it."""
BESIDE = ("title", "folder")
"""What a plan is called and where it lies."""


def prepare_folder(out: Path, checkpoints: Checkpoints, *, resume: bool) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint to go on from; a folder that holds another run is left alone."""
    refuse_taken(out, resume=resume)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder `{out}` cannot be made: {error.strerror}") from error
    found, notes = checkpoints.latest(whole=checkpoints.group.whole) if resume else (None, [])
    if resume and found is None and notes:
        raise RunError(f"no checkpoint of `{out}` is whole", "; ".join(notes))
    return found, notes


def refuse_other_plan(before: ResolvedPlan, plan: ResolvedPlan, out: Path) -> None:
    """Raise RunError with the keys that differ and may not."""
    old, new = to_data(before), to_data(plan)
    length = () if plan.schedule.follows_length else ("epochs", "steps")
    free = {*MAY_CHANGE, *BESIDE, *length}
    differing = [one for one in _differences(old, new) if not any(_allows(key, one[0]) for key in free)]
    if not differing:
        return
    told = "; ".join(f"`{key}` was {was}, is {now}" for key, was, now in differing)
    allowed = listed([f"`{key}`" for key in (*length, *MAY_CHANGE)])
    hint = f"a resumed run may change {allowed}; for others start anew with another `--out`"
    raise RunError(f"the run in `{out}` follows another plan: {told}", hint, code="E0703")


def _allows(key: str, changed: str) -> bool:
    """Whether a change of a key is one of another: `keep.last` is one of `keep`."""
    return changed == key or changed.startswith((f"{key}.", f"{key}["))


def _differences(old: Any, new: Any, path: str = "") -> Any:
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for place, (one, other) in enumerate(zip(old, new, strict=True)):
            yield from _differences(one, other, f"{path}[{place}]")
    elif isinstance(old, dict) and isinstance(new, dict) and old.get("op") == new.get("op"):
        for key in dict.fromkeys((*old, *new)):
            yield from _differences(old.get(key), new.get(key), f"{path}.{key}".lstrip("."))
    elif old != new:
        said = [value["op"] if isinstance(value, dict) and "op" in value else value for value in (old, new)]
        yield (path, *(json.dumps(value) for value in said))


def is_longer(found: Checkpoint, plan: ResolvedPlan) -> bool:
    """Whether a run that was over has more steps to take, since its plan was made longer, or is not to stop early."""
    before, stopped = from_data(found.state["plan"]), found.state["run"]["stopped"]
    if stopped == "early stopping":
        return bool(before.early_stopping != plan.early_stopping)
    return bool(stopped) and ((plan.epochs or 0) > (before.epochs or 0) or (plan.steps or 0) > (before.steps or 0))


def reopened(checkpoints: Checkpoints, out: Path) -> Checkpoint:
    """The checkpoint that a longer plan goes on from: before an end in the middle of an epoch, and before any stage."""
    found, notes = checkpoints.latest(whole=checkpoints.group.whole, cut=False)
    if found is None:
        raise RunError(f"no checkpoint of `{out}` is whole that a longer plan could go on from", "; ".join(notes))
    found.state["run"]["stopped"] = ""
    return found


def finished(found: Checkpoint, plan: ResolvedPlan, out: Path, *, pictures: bool) -> Report | None:
    """The report of a run that has nothing more to do; None where steps, stages, scores or pictures are missing."""
    run = found.state["run"]
    if not run["stopped"] or run.get("stages", 0) < len(plan.then) or not (out / "report.json").exists():
        return None
    report = read_report(out)
    shown = (out / "report.html").exists() or not pictures
    return report if shown and report.data["steps"] == run["step"] else None
