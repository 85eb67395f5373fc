"""A trained network for use without dlspec: its weights, a program of torch's, or ONNX, each checked against eager.

Scaling that was fitted to the training split is part of an exported program, so it takes what the data source gives
(after `resize`) and gives numbers in the data's units; class scores come out as the network gives them.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.lowering.open_axes import OpenAxis
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.fitted import Scale
from dlspec.training.folded import folded
from dlspec.training.trained import Trained
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from typing import Any

    Axes = Sequence[int | OpenAxis]
    Outputs = Mapping[str, Tensor]

FORMATS = {"safetensors": ".safetensors", "pt2": ".pt2", "onnx": ".onnx"}
ALONE = "output"
"""What an output is called here that is the only one."""
CLOSE = 1e-4
"""How far an exported program may be from eager, against the deviation of the outputs."""
BOUND = 2**16
"""The largest size that is tried where nothing bounds an open axis."""


class Exported(Record):
    """What was written, and how far its outputs are from those of the module."""

    out: Path
    inputs: dict[str, str]
    difference: float | None
    sizes: list[tuple[int, ...]]
    """Inputs that both were run on."""
    objects: int | None = None
    """Of a detector, how many objects both found in these."""
    note: str = ""
    """What whoever uses the file has to know."""

    def __str__(self) -> str:
        taken = ", ".join(f"{name}: {axes}" for name, axes in self.inputs.items())
        lines = [f"{self.out} takes {taken}" if taken else str(self.out)]
        tried = " and ".join(" × ".join(map(str, size)) for size in self.sizes)
        if self.objects:
            lines.append(f"finds the {self.objects:,} objects that the network finds in images of {tried}")
            lines.append(f"their scores differ by at most {self.difference:.1e}")
        elif self.objects == 0:
            lines.append(f"finds nothing in images of {tried}, as the network does: that proves little")
        elif self.difference is not None:
            lines.append(f"outputs differ from eager's by at most {self.difference:.1e} on inputs of {tried}")
        return "\n".join([*lines, f"note: {self.note}"] if self.note else lines)


class InUnits(nn.Module):
    """A network between the scales that were fitted with it: inputs and outputs in the units of the data."""

    inputs_mean: Tensor | None
    inputs_std: Tensor | None
    target_mean: Tensor | None
    target_std: Tensor | None

    gaps: Tensor | None

    def __init__(
        self, network: nn.Module, inputs: Scale | None, target: Scale | None, dtype: torch.dtype,
        gaps: Tensor | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.network = network
        self.register_buffer("gaps", None if gaps is None else gaps.to(dtype))
        for name, scale in (("inputs", inputs), ("target", target)):
            self.register_buffer(f"{name}_mean", None if scale is None else scale.mean.to(dtype))
            self.register_buffer(f"{name}_std", None if scale is None else scale.std.to(dtype))

    def forward(self, x: Tensor) -> Tensor:
        """From inputs (N, …) to outputs; a shape for each as the network has them."""
        if self.gaps is not None:
            x = torch.where(x.isnan(), self.gaps, x)
        if self.inputs_mean is not None and self.inputs_std is not None:
            x = (x - self.inputs_mean) / self.inputs_std
        y: Tensor = self.network(x)
        if self.target_mean is not None and self.target_std is not None:
            y = y * self.target_std + self.target_mean
        return y


def export(
    folder: Path,
    form: str,
    out: Path | None,
    axes: Mapping[str, Axes],
    for_inference: str | None = None,
    *,
    roomy: Mapping[str, Axes] | None = None,
) -> Exported:
    """Write what a run trained as `safetensors`, `pt2` or `onnx`; open axes stay open.

    `axes` are those of the network's inputs by name, `roomy` the same with sizes at which no map has shrunk to one row
    or column; `for_inference` the module file of the folded network where that is wanted. Raises RunError where the
    file cannot be written, where a package is missing, or where the program does not compute what the module does.
    """
    run = Trained(folder, device="cpu")
    out = out or folder / f"model{FORMATS[form]}"
    if for_inference is not None:
        run.module = folded(for_inference, run.module.state_dict())
    if form == "safetensors" and for_inference is not None:
        write_whole(out.with_suffix(".py"), for_inference)
    if form == "safetensors":
        return _weights(run, out)
    network = _in_units(run)
    if run.plan.task == "objects":
        from dlspec.training.export_detectors import export_detector

        return export_detector(run, network, form, out, axes)
    if len(axes) != 1:
        raise RunError(
            f"the network has {len(axes)} inputs: {', '.join(axes)}", "programs are made of networks with one"
        )
    (name, taken), *_ = axes.items()
    larger = None if roomy is None else roomy[name]
    return export_program(network, form, out, name, taken, (2, *run.sample), run.dtype, roomy=larger)


@torch.no_grad()
def export_program(
    network: nn.Module,
    form: str,
    out: Path,
    name: str,
    taken: Axes,
    sizes: Sequence[int],
    dtype: torch.dtype,
    *,
    roomy: Axes | None = None,
) -> Exported:
    """Write a module in `eval` as a program that takes every size of its open axes, and check it on two.

    `sizes` are those of an input that the module takes. Where torch makes no program for all sizes of `taken`, there
    may be one for those of `roomy`. Raises RunError as `export` does.
    """
    examples = [_example(taken, sizes, larger).to(dtype) for larger in (0, 1)]
    try:
        program = _program(network, examples[0], taken)
    except RunError:
        if roomy is None or roomy == taken or not _holds(roomy, examples[0].shape):
            raise
        taken, program = roomy, _program(network, examples[0], roomy)
    write = {"pt2": _write_pt2, "onnx": _write_onnx}[form]
    outputs = write(program, out, name, examples)
    wanted = [_named(network(example)) for example in examples]
    difference = max(_difference(one, got) for one, got in zip(wanted, outputs, strict=True))
    if not difference <= CLOSE:
        out.unlink()
        raise RunError(f"`{out}` does not compute what the network does: its outputs differ by {difference:.1e}")
    return Exported(out, {name: described(taken)}, difference, [tuple(example.shape) for example in examples])


def _weights(run: Trained, out: Path) -> Exported:
    """Weights by name, with classes and scales as the file's metadata."""
    from safetensors.torch import save_file

    about = {"classes": list(run.classes), "features": list(run.features), "fitted": run.fitted.as_data()}
    weights = {name: tensor.contiguous() for name, tensor in run.module.state_dict().items()}
    try:
        save_file(weights, out, {key: json.dumps(value) for key, value in about.items()})
    except OSError as error:
        raise RunError(f"`{out}` cannot be written: {error.strerror or error}") from error
    return Exported(out, {}, None, [])


def _in_units(run: Trained) -> nn.Module:
    """The network, between what was fitted with it where anything was."""
    fitted = run.fitted
    if fitted.inputs is None and fitted.target is None and fitted.gaps is None:
        return run.module
    return InUnits(run.module, fitted.inputs, fitted.target, run.dtype, fitted.gaps).eval()


def _example(axes: Axes, sizes: Sequence[int], larger: int) -> Tensor:
    """An input of the given sizes, or of the next larger ones where axes are open."""
    chosen = list(sizes)
    for place, (axis, size) in enumerate(zip(axes, sizes, strict=True)):
        if isinstance(axis, OpenAxis) and (axis.last is None or size + axis.step <= axis.last):
            chosen[place] = size + larger * axis.step
    return torch.rand(chosen, generator=torch.Generator().manual_seed(larger))


def _holds(axes: Axes, sizes: Sequence[int]) -> bool:
    """Whether the sizes are large enough for open axes."""
    return all(isinstance(axis, int) or size >= axis.first for axis, size in zip(axes, sizes, strict=True))


def dimension(axis: int | OpenAxis, dims: dict[str, Any]) -> Any:
    """The axis as `torch.export` describes it."""
    if isinstance(axis, int) or axis.first == axis.last:
        return torch.export.Dim.STATIC
    last = (BOUND if axis.last is None else axis.last) - axis.first % axis.step
    if axis.name not in dims:
        root = axis.name if axis.step == 1 else f"{axis.name}_{axis.step}"
        dims[axis.name] = torch.export.Dim(root, min=max(axis.first // axis.step, 1), max=last // axis.step)
    dim, first = dims[axis.name], axis.first % axis.step
    dim = dim if axis.step == 1 else axis.step * dim
    return dim + first if first else dim


def _program(network: nn.Module, example: Tensor, taken: Axes) -> torch.export.ExportedProgram:
    """The program of a module for all sizes of its open axes.

    What torch cannot prove of them is checked when the program runs: it takes a map that has shrunk to one row or
    column for a special case, and refuses sizes so small that there is one, unless the example has it.
    """
    dims: dict[str, Any] = {}
    shapes = {axis: dimension(size, dims) for axis, size in enumerate(taken)}
    try:
        return torch.export.export(
            network,
            (example,),
            dynamic_shapes=(shapes,),
            strict=False,
            prefer_deferred_runtime_asserts_over_guards=True,
        )
    except Exception as error:
        reason = str(error).strip().splitlines()[0]
        raise RunError(f"torch cannot export the network: {reason}") from error


def _write_pt2(program: torch.export.ExportedProgram, out: Path, name: str, examples: list[Tensor]) -> list[Outputs]:
    torch.export.save(program, out)
    loaded = torch.export.load(out).module()
    return [_named(loaded(example)) for example in examples]


def _write_onnx(program: torch.export.ExportedProgram, out: Path, name: str, examples: list[Tensor]) -> list[Outputs]:
    runtime = onnx_runtime()
    names = [*_named(program.module()(examples[0]))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            program, (), out, input_names=[name], output_names=names if names != [ALONE] else None, dynamo=True,
            external_data=False, verbose=False,
        )  # fmt: skip
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    taken = session.get_inputs()[0].name
    return [
        dict(zip(names, map(torch.from_numpy, session.run(None, {taken: example.numpy()})), strict=True))
        for example in examples
    ]


def onnx_runtime() -> Any:
    """The library that runs ONNX; raises RunError where it, or what torch's exporter needs, is not installed."""
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ModuleNotFoundError as error:
        hint = "`pip install 'dlspec[export]'` installs what ONNX needs"
        raise RunError(f"ONNX needs `{error.name}`, which is not installed", hint) from error
    return onnxruntime


def _named(outputs: Tensor | Outputs) -> Outputs:
    return {ALONE: outputs} if isinstance(outputs, Tensor) else outputs


def _difference(wanted: Outputs, got: Outputs) -> float:
    """The largest difference of any output, against the deviation of what is wanted."""
    if wanted.keys() != got.keys():
        return float("inf")
    return max(_apart(wanted[name].detach().double(), got[name].detach().double()) for name in wanted)


def _apart(wanted: Tensor, got: Tensor) -> float:
    if wanted.shape != got.shape:
        return float("inf")
    scale = float(wanted.std()) if wanted.numel() > 1 else 0.0
    return float((wanted - got).abs().max()) / (scale or 1.0)


def described(taken: Axes) -> str:
    """The axes of an input in words: `N 3 H W with H ≥ 27, W ≥ 27`."""
    return " ".join(_axis_text(size) for size in taken) + _from_text(taken)


def _axis_text(axis: int | OpenAxis) -> str:
    if isinstance(axis, int):
        return str(axis)
    if axis.step == 1:
        return axis.name
    first = axis.first % axis.step
    return f"({axis.name} = {axis.step}k{f' + {first}' if first else ''})"


def _from_text(axes: Axes) -> str:
    """Where open axes begin, if not at their first step: ` with H ≥ 27`."""
    told = [f"{axis.name} ≥ {axis.first}" for axis in axes if isinstance(axis, OpenAxis) and axis.first > axis.step]
    return f" with {', '.join(dict.fromkeys(told))}" if told else ""
