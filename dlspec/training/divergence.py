"""Where numbers went out of range: the batch run once more with a look at every layer, then kept for inspection.

A sample, an activation, the loss and a gradient are told apart, since each is repaired elsewhere: data, network,
learning rate.
"""

from __future__ import annotations

import json
import math
from pathlib import Path

from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.objects import Objects, Targets
from dlspec.training.ragged import Images, filled_up
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.training.job import Setting
    from dlspec.training.objective import Objective

FOLDER = "divergence"


class Batch(Record):
    """What a step is taken on: inputs and targets as network and loss get them, rows of the training split."""

    inputs: Images
    targets: Targets
    rows: Tensor


class Diverged(RunError):
    """A loss or a gradient that is no finite number; `batch` is there where the weights are still those of before."""

    code = "E0704"

    def __init__(self, plan: ResolvedPlan, step: int, value: float, batch: Batch | None, what: str = "loss") -> None:
        says = "infinite" if math.isinf(value) else "not a number"
        super().__init__(f"the {what} is {says} at step {step:,}", _repair(plan))
        self.step, self.batch, self.plan = step, batch, plan


class Origin(Record):
    """Where it began: in `input`, `target`, `weights`, `activation`, `loss`, `gradient`, or `unknown`; in words."""

    kind: str
    path: str
    says: str


class Call(Record):
    """A module at work: what it was given and what it gave."""

    path: str
    module: nn.Module
    given: list[Tensor]
    gave: list[Tensor]


def told(stopped: Diverged, setting: Setting, objective: Objective, out: Path) -> RunError:
    """The error with where it began; the batch, the weights and a table of the layers lie in the run folder."""
    if stopped.batch is None:
        return stopped
    _keep_tensors(setting.module, stopped.batch, out / FOLDER)
    origin, calls = trace(setting, objective, stopped.batch)
    layers = [{"path": call.path, "given": _largest(call.given), "gave": _largest(call.gave)} for call in calls]
    about = {"step": stopped.step, "kind": origin.kind, "path": origin.path, "says": origin.says, "layers": layers}
    write_whole(out / FOLDER / "layers.json", json.dumps(about, indent=1) + "\n")
    repair = "look at these samples" if origin.kind in ("input", "target") else _repair(stopped.plan)
    hint = f"{repair}; the batch, the weights and a table of the layers are in `{out / FOLDER}`"
    return RunError(f"{stopped.message}: {origin.says}", hint, code=stopped.code)


def trace(setting: Setting, objective: Objective, batch: Batch) -> tuple[Origin, list[Call]]:
    """Forward and backward once more, layer by layer; where numbers are first out of range."""
    module, calls = setting.module, []
    paths = {found: path for path, found in module.named_modules()}

    def note(found: nn.Module, given: Any, gave: Any) -> None:
        calls.append(Call(paths[found], found, list(_tensors(given)), list(_tensors(gave))))

    hooks = [found.register_forward_hook(note) for found in paths]
    try:
        module.zero_grad()
        inputs = batch.inputs
        if isinstance(inputs, Tensor) and inputs.is_floating_point():
            inputs = inputs.detach().requires_grad_()
        with setting.autocast():
            outputs = objective.outputs(module, inputs, batch.targets)
        loss = objective(outputs, batch.targets)
        origin = _before(module, batch) or _forward(calls, loss, objective)
        if origin is None:
            held = {id(tensor): tensor for call in calls for tensor in (*call.given, *call.gave)}
            kept = [tensor for tensor in held.values() if tensor.requires_grad]
            for tensor in kept:
                if not tensor.is_leaf:
                    tensor.retain_grad()
            loss.backward()
            origin = _backward(calls, float(loss.detach()))
    finally:
        for hook in hooks:
            hook.remove()
    return origin or Origin("unknown", "", "the same batch, run once more, has finite numbers everywhere"), calls


def finite(tensors: list[Tensor]) -> bool:
    """Whether all of them hold finite numbers only."""
    return all(bool(tensor.isfinite().all()) for tensor in tensors if tensor.is_floating_point())


def _before(module: nn.Module, batch: Batch) -> Origin | None:
    """What was out of range before the network began."""
    given: list[tuple[str, Images]] = [("input", batch.inputs)]
    given += [("target", batch.targets)] if isinstance(batch.targets, Tensor) else []
    for kind, values in given:
        finite_rows = values.isfinite()
        bad = ~(finite_rows.flatten(1).all(1) if finite_rows.dim() > 1 else finite_rows)
        if bool(bad.any()):
            rows = batch.rows[bad.to(batch.rows.device)].tolist()
            listed = ", ".join(map(str, rows[:5])) + (", …" if len(rows) > 5 else "")
            says = f"{len(rows)} of the {len(bad)} samples hold no finite {kind} (rows {listed} of the training split)"
            return Origin(kind, "", says)
    for name, tensor in module.state_dict().items():
        if not finite([tensor]):
            says = f"the step before made `{name}` overflow, along a gradient that was still finite"
            return Origin("weights", name, says)
    return None


def _forward(calls: list[Call], loss: Tensor, objective: Objective) -> Origin | None:
    """The first module in the order of the forward pass that makes what is not finite of what is."""
    for call in calls:
        if not finite(call.gave) and finite(call.given):
            name = f"`{call.path}` ({type(call.module).__name__})" if call.path else "the network"
            weights = _largest(list(call.module.parameters()))
            beside = f" and weights up to {weights:.3g}" if weights is not None else ""
            given = _largest(call.given) or 0.0
            says = f"it begins in the activations of {name}, from inputs up to {given:.3g}{beside}"
            return Origin("activation", call.path, says)
    if finite([loss]):
        return None
    scores = _largest(calls[-1].gave) or 0.0
    return Origin("loss", "", f"it begins in the loss `{objective.judged.name}`, from outputs up to {scores:.3g}")


def _backward(calls: list[Call], loss: float) -> Origin | None:
    """The module nearest the loss whose backward pass makes what is not finite of what is."""
    faulty = [call for call in calls if finite(_grads(call.gave)) and not finite(_made(call))]
    inner = [call for call in faulty if not any(_lies_in(other, call) for other in faulty)]
    if inner:
        path = inner[-1].path
        name = f"`{path}` ({type(inner[-1].module).__name__})" if path else "the network"
        return Origin("gradient", path, f"it begins in the gradient of {name}, while the loss is {loss:.4g}")
    if calls and not finite(_grads(calls[-1].gave)):
        return Origin("gradient", "", f"it begins in the gradient of the loss, which is {loss:.4g} itself")
    return None


def _lies_in(inner: Call, outer: Call) -> bool:
    return inner.path != outer.path and (not outer.path or inner.path.startswith(f"{outer.path}."))


def _made(call: Call) -> list[Tensor]:
    """The gradients that a module's backward pass gives: of its inputs and of its own weights."""
    return _grads([*call.given, *call.module.parameters(recurse=False)])


def _grads(tensors: list[Tensor]) -> list[Tensor]:
    return [tensor.grad for tensor in tensors if tensor.grad is not None]


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _largest(tensors: list[Tensor]) -> float | None:
    """The largest absolute value among those that are finite."""
    values = [tensor.detach()[tensor.isfinite()].abs() for tensor in tensors if tensor.is_floating_point()]
    return max((float(value.max()) for value in values if value.numel()), default=None)


def _keep_tensors(module: nn.Module, batch: Batch, folder: Path) -> None:
    """Write the batch and the weights of before its step; raises RunError where the disk does not take them."""
    from safetensors.torch import save

    assert isinstance(batch.targets, Tensor | Objects)
    targets = {"targets": batch.targets} if isinstance(batch.targets, Tensor) else batch.targets.flat()
    inputs = batch.inputs if isinstance(batch.inputs, Tensor) else filled_up(batch.inputs)
    kept = {"inputs": inputs, **targets, "rows": batch.rows}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, tensors in (("batch", kept), ("weights", module.state_dict())):
            plain = {key: tensor.detach().cpu().contiguous() for key, tensor in tensors.items()}
            (folder / f"{name}.safetensors").write_bytes(save(plain))
    except OSError as error:
        raise RunError(f"`{folder}` cannot be written: {error.strerror or error}", "make room") from error


def _repair(plan: ResolvedPlan) -> str:
    hint = f"lower the learning rate of `{plan.optimizer.name}`"
    if plan.clip_norm is None:
        hint += " or set `clip_norm`"
    if plan.task == "numbers" and not plan.data.standardize.target:
        hint += ", or set `standardize { inputs = true  target = true }`"
    return hint
