"""A run from its plan to its folder: what the command line, and a library user, call.

The folder holds the resolved spec, the generated module, its figure, the record, the report, the
environment, checkpoints and pictures; nothing else is needed to evaluate, predict or resume.
"""

from __future__ import annotations

import errno
import json
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.plan.writing import from_data, to_data
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import divergence, environment, module_file, parallel, splits, threads, trackers
from dlspec.training.augment import Augmenter
from dlspec.training.checkpoints import Checkpoint, Checkpoints
from dlspec.training.class_maps import check_map_sizes, ignored_class, is_map
from dlspec.training.data import load
from dlspec.training.errors import OutOfMemory, RunError
from dlspec.training.failing import located
from dlspec.training.fitted import Fitted
from dlspec.training.folder import refuse_taken
from dlspec.training.found import coco, found_in
from dlspec.training.job import Job, Setting, State
from dlspec.training.loop import fit
from dlspec.training.objective import objective, selected
from dlspec.training.predicting import load_run, predict
from dlspec.training.progress import Progress, progress
from dlspec.training.recompute import recompute
from dlspec.training.record import Recorder
from dlspec.training.report import Report, read_report, report
from dlspec.training.samples import Samples, check_classes
from dlspec.training.stages import finish
from dlspec.training.starting import freeze, load_weights
from dlspec.training.stored import Stored
from dlspec.training.trained import evaluate
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from dlspec.lowering.traceback import LineMap
    from dlspec.training.parallel import Group
    from dlspec.training.trackers import Tracker

__all__ = ["evaluate", "load_run", "predict", "train"]

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
    with parallel.opened(plan, device) as group:
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
    checkpoints = Checkpoints(out / "checkpoints", plan.keep.last)
    found, notes = _prepare_folder(out, checkpoints, resume=asked.resume)
    group.wait()  # nobody writes before all have looked
    if found is not None:
        _refuse_other_plan(from_data(found.state["plan"]), plan, out)
        if found.state["run"]["stopped"] and not _goes_on(found, plan):
            return _finished(out, notes)
    if group.is_first:
        for name, text in asked.files.items():
            write_whole(out / name, text)
    group.wait()
    if not group.is_first:
        return _helped(plan, asked, device, group, checkpoints, found)
    setting = set_up(module, plan, out, first=found is None, places=asked.places, device=device)
    count = asked.parameters or sum(parameter.numel() for parameter in setting.module.parameters())
    step = found.state["run"]["step"] if found is not None else 0
    with threads.chosen(setting), trackers.opened(plan, out, step) as listeners:
        group.prepared(setting.module)
        state = _fitted(setting, checkpoints, found, out, listeners, asked, group)
        if group.count > 1:
            # What the group shared it keeps; the report is that of one process.
            setting = setting.with_module(module_file.build(out / "model.py").to(device, setting.dtype))
        facts: dict[str, Any] = {"parameters": count, "resumed": found is not None, "warnings": asked.warnings}
        if group.count > 1:
            facts |= {"processes": group.count}
        if plan.then:
            finish(setting, checkpoints)
        made = report(setting, checkpoints, state, out, facts, pictures=asked.pictures, read_test=asked.read_test)
        scores = {f"{role}.{name}": value for role in ("val", "test") for name, value in made.data[role].items()}
        for tracker in listeners:
            tracker.summarize(scores)
    made.notes = [*notes, *setting.notes, *made.notes]
    group.wait()
    return made


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
    group.wait()
    return read_report(asked.out)


def _fitted(
    setting: Setting, checkpoints: Checkpoints, found: Checkpoint | None, out: Path, listeners: Sequence[Tracker],
    asked: Asked, group: Group,
) -> State:  # fmt: skip
    """Where the loop ended, which began at a checkpoint where one was found."""
    plan = setting.plan
    described = environment.describe(plan, setting.device)
    write_whole(out / "environment.json", json.dumps(described, indent=2) + "\n")
    started = State(**found.state["run"]) if found is not None else State()
    recorder = Recorder(out, trackers=listeners, from_step=started.step)
    try:
        work = job(setting, checkpoints, recorder, progress(quiet=asked.quiet))
        work.watch, work.group = asked.watch, group
        return fit(work, found)
    except divergence.Diverged as stopped:
        raise _explained(stopped, setting, checkpoints, out) from None
    except RunError:
        raise
    except Exception as error:
        told = _out_of_memory(error, plan) or _disk_full(error, out) or parallel.lost(error)
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
            found, _ = checkpoints.latest()
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


def _disk_full(error: Exception, out: Path) -> RunError | None:
    """What to do where a disk takes no more; None for any other error."""
    if not isinstance(error, OSError) or error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    hint = "checkpoints before it are whole; make room and go on with `--resume`"
    return RunError(f"`{error.filename or out}` cannot be written: {error.strerror}", hint)


def _out_of_memory(error: Exception, plan: ResolvedPlan) -> RunError | None:
    """What to lower where memory ran out; None for any other error."""
    short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
    if not short and not (isinstance(error, RuntimeError) and "memory" in str(error)):
        return None
    size = plan.batch_size if plan.batch_size == "full" else f"now {plan.batch_size}"
    hint = f"lower `batch_size` ({size})" + (" or `resize`" if plan.data.resize else "")
    hint += "" if plan.batch_size == "full" else ", or compute a batch in parts with `accumulate`"
    return OutOfMemory(f"the {plan.device if plan.device != 'auto' else 'machine'} ran out of memory", hint)


def set_up(
    module: nn.Module | None, plan: ResolvedPlan, out: Path, *, first: bool = True, places: LineMap | None = None,
    device: torch.device | None = None,
) -> Setting:  # fmt: skip
    """Data loaded, split and fitted; the module built, given its first weights, and tried on one sample."""
    device = device or environment.choose_device(plan.device)
    refuse_half(plan, device)
    dataset = load(plan)
    shares = splits.split(dataset, plan)
    fitted = Fitted.to_train(shares.train, plan)
    if module is None:
        torch.manual_seed(seed_of(plan, "weights"))
        module = module_file.build(out / "model.py")
    setting = Setting(plan, module, dataset, shares, fitted, 0, device)
    setting.notes = [*dataset.notes, *(load_weights(module, plan) if first else [])]
    setting.held = freeze(module, plan)
    recompute(module, plan)
    _moved(module, device, setting.dtype)
    if plan.channels_last:
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own overload lacks it
    if plan.compile:
        module.compile()
    setting.classes = _tried(setting, out, places)
    return setting


def _moved(module: nn.Module, device: torch.device, dtype: torch.dtype) -> None:
    """Bring the weights to the device; raises OutOfMemory where it has no room for them."""
    size = sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
    try:
        module.to(device, dtype)
    except (torch.OutOfMemoryError, MemoryError) as error:
        hint = "take a smaller network, or another device; what training needs beside them `dlspec check` tells"
        raise OutOfMemory(f"the weights of the network, {size / 1e6:,.0f} MB, do not fit on {device}", hint) from error


def refuse_half(plan: ResolvedPlan, device: torch.device) -> None:
    """Raise RunError for float16 on a processor, which has no arithmetic for it, or by an optimizer of many losses."""
    if plan.precision != "fp16":
        return
    if device.type == "cpu":
        hint = "`--set precision=bf16` computes in 16 bits there, and needs no scaling of the loss"
        raise RunError("`fp16` is for accelerators: a processor computes it by way of float32", hint)
    if plan.optimizer.whole_batch:
        raise RunError(f"`{plan.optimizer.name}` cannot skip a step whose gradient overflows", "take `bf16`")


def _tried(setting: Setting, out: Path, places: LineMap | None) -> int:
    """How many classes the network scores, 0 for numbers and objects; found by a forward pass without a trace."""
    plan = setting.plan
    tried = setting.prepared(setting.splits.train.at(torch.arange(2)))
    inputs = tried.values
    setting.module.eval()
    try:
        with torch.no_grad():
            if plan.task == "objects":
                found_in(setting.module(inputs, **tried.beside))
                coco()  # a run of an hour should not end because there is nothing to judge by
                return 0
            outputs = setting.module(inputs)
            maps = is_map(setting.splits.train.truth)
            scores = selected(outputs, plan.loss[0].loss) if maps else objective(plan).scores(outputs)
    except Exception as error:
        if isinstance(error, RunError):
            raise
        short = _out_of_memory(error, plan)
        if short is not None:
            raise short from error
        told = located(error, setting.module, out / "model.py", places)
        if told is None and not isinstance(error, RuntimeError):
            raise
        shape = " ".join(str(size) for size in inputs.shape[1:])
        reason = f"{told.message}: {told.hint}" if told is not None else str(error).splitlines()[0]
        raise RunError(f"the network does not take samples of {shape}", reason, code="E0705") from error
    if plan.task == "numbers":
        wanted = setting.splits.train.truth.shape[1]
        if scores.shape[1:] != (wanted,):
            says = f"the network gives {scores.shape[1]} numbers a sample, and the data has {wanted}"
            raise RunError(says, code="E0705")
        return 0
    if maps:
        check_map_sizes(scores, setting.splits.train.truth)
    classes = 2 if plan.task == "two_classes" else scores.shape[1]
    check_classes(setting.dataset, classes, ignored_class(plan.loss[0].loss, maps=maps))
    if len(setting.dataset.classes) < classes:
        setting.dataset.classes = tuple(str(number) for number in range(classes))
    return classes


def job(setting: Setting, checkpoints: Checkpoints, recorder: Recorder, shown: Progress) -> Job:
    """The samples on the device: prepared, unless augmentation comes before."""
    plan, raw = setting.plan, setting.splits.train.inputs
    judged = setting.splits.val.at(torch.arange(0)) if plan.then else setting.splits.val
    train, val = setting.prepared(setting.splits.train), setting.prepared(judged)
    work = Job(setting, objective(plan), train, val, recorder, checkpoints, shown)
    if plan.augment and plan.augment_on == "workers" and isinstance(train.inputs, Stored):
        train.inputs.reading = Augmenter(plan.augment, seed_of(plan, "augmentation"))
        work.augments = False
    elif plan.augment:
        work.train = setting.laid_out(Samples(raw.to(setting.device, setting.dtype), train.targets))
    return work


def _prepare_folder(out: Path, checkpoints: Checkpoints, *, resume: bool) -> tuple[Checkpoint | None, list[str]]:
    """The checkpoint to go on from; a folder that holds another run is left alone."""
    refuse_taken(out, resume=resume)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder `{out}` cannot be made: {error.strerror}") from error
    found, notes = checkpoints.latest() if resume else (None, [])
    if resume and found is None and notes:
        raise RunError(f"no checkpoint of `{out}` is whole", "; ".join(notes))
    return found, notes


def _refuse_other_plan(before: ResolvedPlan, plan: ResolvedPlan, out: Path) -> None:
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


def _goes_on(found: Checkpoint, plan: ResolvedPlan) -> bool:
    """Whether a finished run has more to do, since its plan was made longer."""
    before = from_data(found.state["plan"])
    longer = (plan.epochs or 0) > (before.epochs or 0) or (plan.steps or 0) > (before.steps or 0)
    if longer:
        found.state["run"]["stopped"] = ""
    return longer


def _finished(out: Path, notes: list[str]) -> Report:
    done = read_report(out)
    done.notes = [*notes, f"the run in `{out}` is already finished"]
    return done
