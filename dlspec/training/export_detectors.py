"""A detector as an ONNX program for one image: it suppresses and pools by ONNX's own operators, and is checked so.

Where the processor of a program adds numbers in another order, neighbours in score may change places: what is found is
compared object by object, not row by row.
"""

from __future__ import annotations

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError

if TYPE_CHECKING:
    from typing import Any

PIXELS, SCORES = 0.1, 1e-3
"""How far a box may be from its like of eager, in pixels, and a score."""
APART = 2
"""Objects that may be on one side alone: of equals at the border of what is kept, either may be."""

Found = dict[str, Tensor]


class OneImage(nn.Module):
    """What a detector finds in a batch of one image, each output a tensor of it."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor) -> Found:
        """From (1, C, H, W) to boxes (D, 4), scores (D), labels (D) and whatever else there is of each."""
        outputs: dict[str, Sequence[Tensor]] = self.network(image)
        return {name: each[0] for name, each in outputs.items()}


@torch.no_grad()
def write_detector(network: nn.Module, name: str, examples: Sequence[Tensor], out: Path) -> float:
    """Write a detector in `eval` as ONNX that takes (1, C, H, W), and run it on the examples beside eager.

    Gives how far a score was off at most. Raises RunError where a package is missing, where torch cannot export it, or
    where the program finds something else.
    """
    runtime = _runtime()
    one = OneImage(network).eval()
    names = list(one(examples[0]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch to itself
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        try:
            torch.onnx.export(
                one, (examples[0],), out, input_names=[name], output_names=names, dynamo=True, external_data=False,
                verbose=False,
            )  # fmt: skip
        except OSError as error:
            raise RunError(f"`{out}` cannot be written: {error.strerror or error}") from error
        except Exception as error:
            reason = str(error.__cause__ or error).strip().splitlines()[0]
            raise RunError(f"torch cannot export the network: {reason}") from error
    session = runtime.InferenceSession(out, providers=["CPUExecutionProvider"])
    worst = 0.0
    for example in examples:
        got = dict(zip(names, map(torch.from_numpy, session.run(None, {name: example.numpy()}))))
        worst = max(worst, _compared(one(example), got, out))
    return worst


def _runtime() -> Any:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  # torch's exporter needs it
    except ModuleNotFoundError as error:
        hint = "`pip install 'dlspec[export]'` installs what ONNX needs"
        raise RunError(f"ONNX needs `{error.name}`, which is not installed", hint) from error
    return onnxruntime


def _compared(wanted: Found, got: Found, out: Path) -> float:
    """The largest difference of scores of the same objects; raises RunError where others were found."""
    near = torch.cdist(wanted["boxes"].float(), got["boxes"].float(), p=torch.inf) <= PIXELS
    near &= wanted["labels"].unsqueeze(1) == got["labels"]
    off = (wanted["scores"].unsqueeze(1) - got["scores"]).abs().masked_fill(~near, torch.inf)
    alone = [(off.amin(dim=axis) > SCORES).sum() if off.numel() else off.shape[1 - axis] for axis in (0, 1)]
    if max(int(count) for count in alone) > APART:
        count, other = len(wanted["boxes"]), len(got["boxes"])
        raise RunError(f"`{out}` does not find what the network finds: {count} objects there, {other} here")
    paired = off[off <= SCORES]
    return float(paired.max()) if paired.numel() else 0.0
