"""A detector as a program for a batch of images: ONNX, or one of torch's, run beside the network and found equal.

How many objects an image has is known to a run alone, and so may be the number of images and their size. What is found
in a batch is therefore one tensor for all images, and `image_index` says which image each row is of. Where the
processor of a program adds numbers in another order, neighbours in score may change places: what is found is compared
object by object, not row by row.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.lowering.open_axes import OpenAxis
from dlspec.nn.programs import OfAllImages
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.export import Exported, described, dimension, onnx_runtime
from dlspec.training.trained import Trained
from dlspec.training.trial_batches import Batch, trial_batches

if TYPE_CHECKING:
    from typing import Any

PIXELS, SCORES = 0.5, 3e-3
"""How far a box may be from its like of eager, in pixels, and a score: a third is what the count of threads may do."""
APART = 2
"""Objects of an image that may be on one side alone: of equals at the border of what is kept, either may be."""

Found = dict[str, Tensor]
Axes = Sequence[int | OpenAxis]


class Agreement(Record):
    """How far scores were off at most, of so many objects."""

    difference: float
    objects: int


class InProgram(nn.Module):
    """What a detector finds in a batch, each output a tensor of all images, and `image_index` beside them."""

    def __init__(self, network: nn.Module, regions: str = "") -> None:
        super().__init__()
        self.network = network
        self.regions = regions
        """The name of the input that takes regions, where there is one."""

    def forward(self, image: Tensor, regions: Tensor | None = None) -> Found:
        """From (N, C, H, W), and regions (R, 5), to boxes (D, 4), scores (D), labels (D) and whatever else there is."""
        given = {} if regions is None else {self.regions: regions}
        outputs: dict[str, OfAllImages] = self.network(image, **given)
        found = {name: rows[0] for name, rows in outputs.items()}
        return found | {"image_index": next(iter(outputs.values())).images}


def export_detector(run: Trained, network: nn.Module, form: str, out: Path, axes: Mapping[str, Axes]) -> Exported:
    """Write what a run trained to find objects as `onnx` or `pt2`, and try it on images of its data.

    `axes` are those of images (N, C, H, W) and, second, of the regions that each image comes with, where it does.
    """
    batches = [batch.to(run.dtype) for batch in trial_batches(run, next(iter(axes.values())), regions=len(axes) > 1)]
    agreement = write_detector(network, form, axes, batches, out)
    image, *regions = axes
    told = {image: described(axes[image])} | dict.fromkeys(regions, "R 5 (the image, x1, y1, x2, y2)")
    note = "`import dlspec.nn` before it is loaded: it brings the operators that torch lacks" if form == "pt2" else ""
    sizes = [tuple(batch.images.shape) for batch in batches]
    return Exported(out, told, agreement.difference, sizes, agreement.objects, note)


@torch.no_grad()
def write_detector(
    network: nn.Module, form: str, inputs: Mapping[str, Axes], batches: Sequence[Batch], out: Path
) -> Agreement:
    """Write a detector in `eval` as a program, and run it on the batches beside the network.

    `inputs` are the axes of images (N, C, H, W) and, second, of regions where it takes any. The first batch is what it
    is traced with: of two images at least. Raises RunError where a package is missing, where torch cannot export it, or
    where the program finds something else.
    """
    image, *regions = inputs
    wrapped = InProgram(network, *regions).eval()
    write = {"pt2": _written_pt2, "onnx": _written_onnx}[form]
    found = [_found(network, batch) for batch in batches]
    names = [*found[0][0], "image_index"]
    run = write(wrapped, batches[0].inputs(), _dynamic(inputs), out, ([image, *regions], names))
    worst, objects = 0.0, 0
    for batch, wanted in zip(batches, found, strict=True):
        got = run(batch.inputs())
        index = got.pop("image_index")
        for number, own in enumerate(wanted):
            worst = max(worst, compared(own, {name: value[index == number] for name, value in got.items()}, out))
            objects += len(own["boxes"])
    return Agreement(worst, objects)


def _found(network: nn.Module, batch: Batch) -> list[Found]:
    """What the network finds in each image of a batch."""
    outputs: dict[str, Sequence[Tensor]] = network(batch.images, *([batch.regions] if batch.regions else []))
    return [{name: each[number] for name, each in outputs.items()} for number in range(len(batch.images))]


Shapes = tuple[dict[int, "Any"], ...]
Run = Callable[[tuple[Tensor, ...]], Found]


def _dynamic(inputs: Mapping[str, Axes]) -> Shapes:
    """The open axes as `torch.export` takes them; of regions there may be any number."""
    image, *regions = inputs.values()
    dims: dict[str, Any] = {}
    shapes = [{axis: dimension(size, dims) for axis, size in enumerate(image)}]
    return tuple(shapes + [{0: torch.export.Dim("regions")} for _ in regions])


def _written_pt2(
    network: nn.Module, example: tuple[Tensor, ...], dynamic: Shapes, out: Path, _: tuple[list[str], list[str]]
) -> Run:
    try:
        program = torch.export.export(
            network, example, dynamic_shapes=dynamic, strict=False, prefer_deferred_runtime_asserts_over_guards=True
        )
        torch.export.save(program, out)
    except Exception as error:
        raise _refused(error, out) from error
    module = torch.export.load(out).module()
    return lambda inputs: module(*inputs)


def _written_onnx(
    network: nn.Module, example: tuple[Tensor, ...], dynamic: Shapes, out: Path, names: tuple[list[str], list[str]]
) -> Run:
    runtime = onnx_runtime()
    given, gives = names
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            torch.onnx.export(
                network, example, out, input_names=given, output_names=gives, dynamic_shapes=dynamic, dynamo=True,
                external_data=False, verbose=False,
            )  # fmt: skip
        except Exception as error:
            raise _refused(error, out) from error
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])

    def run(inputs: tuple[Tensor, ...]) -> Found:
        fed = {name: value.numpy() for name, value in zip(given, inputs, strict=True)}
        return dict(zip(gives, map(torch.from_numpy, session.run(None, fed)), strict=True))

    return run


def _refused(error: Exception, out: Path) -> RunError:
    if isinstance(error, OSError):
        return RunError(f"`{out}` cannot be written: {error.strerror or error}")
    reason = str(error.__cause__ or error).strip().splitlines()[0]
    return RunError(f"torch cannot export the network: {reason}")


def compared(wanted: Found, got: Found, out: Path) -> float:
    """The largest difference of scores of the same objects of an image; raises RunError where others were found."""
    near = torch.cdist(wanted["boxes"].float(), got["boxes"].float(), p=torch.inf) <= PIXELS
    near &= wanted["labels"].unsqueeze(1) == got["labels"]
    off = (wanted["scores"].unsqueeze(1) - got["scores"]).abs().masked_fill(~near, torch.inf)
    alone = [(off.amin(dim=axis) > SCORES).sum() if off.numel() else off.shape[1 - axis] for axis in (0, 1)]
    if max(int(count) for count in alone) > APART:
        out.unlink(missing_ok=True)
        count, other = len(wanted["boxes"]), len(got["boxes"])
        raise RunError(f"`{out}` does not find what the network finds: {count} objects there, {other} here")
    paired = off[off <= SCORES]
    return float(paired.max()) if paired.numel() else 0.0
