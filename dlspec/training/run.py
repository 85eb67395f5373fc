"""A run from its plan to its folder: what the command line, and a library user, call.

The folder holds the resolved spec, the generated module, its figure, the record, the report, the
environment, checkpoints and pictures; nothing else is needed to evaluate, predict or resume.
"""

from __future__ import annotations

import json
from contextlib import nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.writing import from_data
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import divergence, environment, module_file, parallel, threads, trackers
from dlspec.training.checkpoints import Checkpoint, Checkpoints
from dlspec.training.errors import RunError
from dlspec.training.failing import located
from dlspec.training.folder import nothing_left
from dlspec.training.job import Setting, State
from dlspec.training.loop import fit
from dlspec.training.no_room import disk_full, out_of_memory
from dlspec.training.objective import objective
from dlspec.training.predicting import load_run, predict
from dlspec.training.progress import progress
from dlspec.training.record import Recorder
from dlspec.training.report import Report, read_report, report
from dlspec.training.resuming import finished, is_longer, prepare_folder, refuse_other_plan, reopened
from dlspec.training.setting_up import job, set_up
from dlspec.training.stages import finish
from dlspec.training.trained import evaluate
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from dlspec.lowering.traceback import LineMap
    from dlspec.training.parallel import Group
    from dlspec.training.trackers import Tracker

__all__ = ["evaluate", "load_run", "predict", "train"]


def train(
    module: nn.Module | None,
    plan: ResolvedPlan,
    out: Path,
    *,
    files: dict[str, str],
    resume: bool = False,
    parameters: int = 0,
    warnings: Sequence[dict[str, Any]] = (),
    quiet: bool = False,
    pictures: bool = True,
    places: LineMap | None = None,
    watch: Callable[[State, dict[str, float]], None] | None = None,
    read_test: bool = True,
) -> Report:
    """Run the plan and write the run folder; gives the report, whose `files` names what was written.

    `warnings` are what the checks said of the spec, for the report. Without a `module` it is built
    from `files["model.py"]`, its first weights drawn with the plan's seed. Raises RunError for what
    the user can change, Interrupted after Ctrl-C once all is saved. With `places` a failure inside
    the network is told of the spec's line. `watch` is told the scores of every evaluation, and may
    raise; without `read_test` the test split is left for later.
    """
    device = parallel.own_device(environment.choose_device(plan.device))
    asked = Asked(
        out,
        files,
        resume or parallel.restarted(),
        parameters,
        list(warnings),
        quiet,
        pictures,
        places,
        watch,
        read_test,
    )
    with parallel.opened(plan, device) as group, nothing_left(out) if group.is_first else nullcontext():
        return _trained(module, plan, asked, device, group)


class Asked(Record):
    """What a run was asked for beside its plan."""

    out: Path
    files: dict[str, str]
    resume: bool
    parameters: int
    warnings: list[dict[str, Any]]
    quiet: bool
    pictures: bool
    places: LineMap | None
    watch: Callable[[State, dict[str, float]], None] | None
    read_test: bool


def _trained(module: nn.Module | None, plan: ResolvedPlan, asked: Asked, device: torch.device, group: Group) -> Report:
    out = asked.out
    checkpoints = Checkpoints(out / "checkpoints", plan.keep.last, group)
    found, notes = prepare_folder(out, checkpoints, resume=asked.resume)
    if found is not None:
        refuse_other_plan(from_data(found.state["plan"]), plan, out)
        if is_longer(found, plan):
            found = reopened(checkpoints, out)
        if (done := finished(found, plan, out, pictures=asked.pictures)) is not None:
            done.notes = [*notes, f"the run in `{out}` is already finished"]
            return done
    _begin(asked, group)
    if not group.is_first:
        return _helped(plan, asked, device, group, checkpoints, found)
    setting = set_up(module, plan, out, first=found is None, places=asked.places, device=device)
    step = found.state["run"]["step"] if found is not None else 0
    with threads.chosen(setting), trackers.opened(plan, out, step) as listeners:
        group.prepared(setting.module)
        state = _fitted(setting, checkpoints, found, out, listeners, asked, group)
        with group.reporting():
            made = _reported(setting, state, asked, group, resumed=found is not None)
        scores = {f"{role}.{name}": value for role in ("val", "test") for name, value in made.data[role].items()}
        for tracker in listeners:
            tracker.summarize(scores)
    made.notes = [*notes, *setting.notes, *made.notes]
    return made


def _begin(asked: Asked, group: Group) -> None:
    """Write the files that a run begins with, once all processes have looked at what was there."""
    group.wait()
    if group.is_first:
        (asked.out / "report.html").unlink(missing_ok=True)  # of before
        for name, text in asked.files.items():
            write_whole(asked.out / name, text)
    group.wait()


def _reported(setting: Setting, state: State, asked: Asked, group: Group, *, resumed: bool) -> Report:
    """The plan's closing stages and the report, by one process; what the others share with it they keep."""
    plan, out = setting.plan, asked.out
    count = asked.parameters or sum(parameter.numel() for parameter in setting.module.parameters())
    facts: dict[str, Any] = {"parameters": count, "resumed": resumed, "warnings": asked.warnings}
    if group.count > 1:
        setting = setting.with_module(module_file.build(out / "model.py").to(setting.device, setting.dtype))
        facts |= {"processes": group.count}
    checkpoints = Checkpoints(out / "checkpoints", plan.keep.last)
    if plan.then:
        finish(setting, checkpoints)
    return report(setting, checkpoints, state, out, facts, pictures=asked.pictures, read_test=asked.read_test)


def _helped(
    plan: ResolvedPlan, asked: Asked, device: torch.device, group: Group, checkpoints: Checkpoints,
    found: Checkpoint | None,
) -> Report:  # fmt: skip
    """The part of a process that is not the first: it computes, and leaves writing to the first."""
    setting = set_up(None, plan, asked.out, first=found is None, places=asked.places, device=device)
    with TemporaryDirectory() as scratch, threads.chosen(setting):
        group.prepared(setting.module)
        asked.quiet, asked.watch = True, None
        _fitted(setting, checkpoints, found, Path(scratch), (), asked, group)
    group.await_report()
    return read_report(asked.out)


def _fitted(
    setting: Setting, checkpoints: Checkpoints, found: Checkpoint | None, out: Path, listeners: Sequence[Tracker],
    asked: Asked, group: Group,
) -> State:  # fmt: skip
    """Where the loop ended, which began at a checkpoint where one was found."""
    plan = setting.plan
    described = environment.describe(plan, setting.device)
    write_whole(out / "environment.json", json.dumps(described, indent=2) + "\n")
    started = State(**found.state["run"]) if found is not None else None
    recorder = Recorder(out, trackers=listeners, after=started)
    try:
        work = job(setting, checkpoints, recorder, progress(quiet=asked.quiet))
        work.watch, work.group = asked.watch, group
        return fit(work, found)
    except divergence.Diverged as stopped:
        raise _explained(stopped, setting, checkpoints, out) from None
    except RunError:
        raise
    except Exception as error:
        told = out_of_memory(error, plan) or disk_full(error, out) or parallel.lost(error)
        told = told or located(error, setting.module, out / "model.py", asked.places)
        if told is None:
            raise
        raise told from error
    finally:
        recorder.close()


def _explained(stopped: divergence.Diverged, setting: Setting, checkpoints: Checkpoints, out: Path) -> RunError:
    """Where numbers stopped being finite. If weights were hit before the loss was, the run is repeated up to there
    from the last checkpoint, or from the start, with a look at every gradient.
    """
    if stopped.batch is None and (out / "model.py").exists():
        with TemporaryDirectory() as scratch:
            found, _ = Checkpoints(checkpoints.folder, checkpoints.keep).latest()
            setting = set_up(None, setting.plan, out, first=found is None)
            recorder = Recorder(Path(scratch))
            work = job(setting, Checkpoints(Path(scratch, "checkpoints"), 1), recorder, progress(quiet=True))
            work.careful = True
            try:
                fit(work, found)
            except divergence.Diverged as again:
                stopped = again
            finally:
                recorder.close()
    return divergence.told(stopped, setting, objective(setting.plan), out)
