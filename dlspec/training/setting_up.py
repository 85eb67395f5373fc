"""What a plan comes to before the first step: data loaded, split and fitted, the network built and tried."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.record import TYPE_CHECKING
from dlspec.training import environment, module_file, splits
from dlspec.training.augment import Augmenter
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.class_maps import check_map_sizes, ignored_class, is_map
from dlspec.training.data import load
from dlspec.training.errors import OutOfMemory, RunError
from dlspec.training.failing import located
from dlspec.training.fitted import Fitted
from dlspec.training.found import found_in
from dlspec.training.job import Job, Setting
from dlspec.training.mask_runs import coco
from dlspec.training.no_room import out_of_memory
from dlspec.training.objective import given, objective, selected
from dlspec.training.progress import Progress
from dlspec.training.recompute import recompute
from dlspec.training.record import Recorder
from dlspec.training.samples import Samples, check_classes
from dlspec.training.starting import freeze, load_weights
from dlspec.training.stored import Stored

if TYPE_CHECKING:
    from dlspec.lowering.traceback import LineMap


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
    inputs, targets = setting.together(*tried.taken(slice(None)))
    setting.module.eval()
    maps = is_map(targets)
    try:
        with torch.no_grad():
            if plan.task == "objects":
                found_in(setting.module(given(inputs), **tried.beside))
                coco()  # a run of an hour should not end because there is nothing to judge by
                return 0
            outputs = setting.module(given(inputs))
            scores = selected(outputs, plan.loss[0].loss) if maps else objective(plan).scores(outputs)
    except Exception as error:
        if isinstance(error, RunError):
            raise
        short = out_of_memory(error, plan)
        if short is not None:
            raise short from error
        told = located(error, setting.module, out / "model.py", places)
        if told is None and not isinstance(error, RuntimeError):
            raise
        shape = " ".join(str(size) for size in inputs.shape[1:])
        reason = f"{told.message}: {told.hint}" if told is not None else str(error).splitlines()[0]
        if setting.dataset.samples.is_ragged:
            raise _one_size_wanted(setting, reason) from error
        raise RunError(f"the network does not take samples of {shape}", reason, code="E0705") from error
    if plan.task == "numbers":
        wanted = setting.splits.train.truth.shape[1]
        if scores.shape[1:] != (wanted,):
            says = f"the network gives {scores.shape[1]} numbers a sample, and the data has {wanted}"
            raise RunError(says, code="E0705")
        return 0
    if maps:
        assert isinstance(targets, Tensor)
        check_map_sizes(scores, targets)
    classes = 2 if plan.task == "two_classes" else scores.shape[1]
    check_classes(setting.dataset, classes, ignored_class(plan.loss[0].loss, maps=maps))
    if len(setting.dataset.classes) < classes:
        setting.dataset.classes = tuple(str(number) for number in range(classes))
    return classes


def _one_size_wanted(setting: Setting, reason: str) -> RunError:
    """What to do where images are of several sizes and the network does not take a batch of them."""
    sizes = sorted(set(setting.splits.train.sizes))
    (height, width), (high, wide) = sizes[0], sizes[-1]
    told = f"images are of {len(sizes)} sizes, {height} x {width} to {high} x {wide}, which the network does not take"
    hint = f"{reason}; bring all to the size that it takes, `resize = 224` in `data`, or have batches filled up to a "
    error = RunError(told, hint + "multiple, `size_divisible = 32`", code="E0710")
    error.span = setting.plan.data.source.span
    return error


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
