"""Whether a run may go on where it was stopped: its folder, its plan, and what is left of it to do."""

from __future__ import annotations

import json
from pathlib import Path

from dlspec.plan.keys import ResolvedPlan
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
    "title",
    "folder",
)
"""Keys of a plan that a resumed run may change; its length may too, where the schedule does not follow it."""


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
    free = {*MAY_CHANGE, *length}
    differing = [one for one in _differences(old, new) if not {one[0], one[0].partition(".")[0]} & free]
    if not differing:
        return
    listed = "; ".join(f"`{key}` was {was}, is {now}" for key, was, now in differing)
    allowed = ", ".join(f"`{key}`" for key in (*MAY_CHANGE[:6], *length))
    hint = f"a resumed run may change {allowed}; for others start anew with another `--out`"
    raise RunError(f"the run in `{out}` follows another plan: {listed}", hint, code="E0703")


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


def goes_on(found: Checkpoint, plan: ResolvedPlan) -> bool:
    """Whether a finished run has more to do, since its plan was made longer."""
    before = from_data(found.state["plan"])
    longer = (plan.epochs or 0) > (before.epochs or 0) or (plan.steps or 0) > (before.steps or 0)
    if longer:
        found.state["run"]["stopped"] = ""
    return longer


def finished(out: Path, notes: list[str]) -> Report:
    done = read_report(out)
    done.notes = [*notes, f"the run in `{out}` is already finished"]
    return done
