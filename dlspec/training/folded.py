"""A network for inference beside the one that is trained: its weights from a trained `state_dict`, and the proof."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlspec.training import module_file
from dlspec.training.errors import RunError

CLOSE = 1e-10
"""How far outputs may be from those of the network as trained, in float64, against their deviation."""


def folded(source: str, state: Mapping[str, Tensor]) -> nn.Module:
    """The network of a module file for inference, with the weights of a `state_dict` of the network as trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "folded.py"
        path.write_text(source, encoding="utf-8")
        module = module_file.imported(path)
        network = module_file.network_of(module, path)
    weights = module.fold(dict(state))
    network.to(next((value.dtype for value in weights.values() if value.is_floating_point()), torch.float32))
    network.load_state_dict(weights)
    return network


@torch.no_grad()
def difference(source: str, folded_source: str, inputs: Sequence[tuple[Sequence[int], str]]) -> float:
    """How far the two networks' outputs are apart on random inputs (shape, element type), with random weights.

    In float64 and against the deviation of the outputs. Raises RunError where that is more than `CLOSE`.
    """
    chance = torch.Generator().manual_seed(0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trained.py"
        path.write_text(source, encoding="utf-8")
        trained = module_file.build(path).double().eval()
    for name, tensor in trained.state_dict().items():
        if name.endswith("running_var"):
            tensor.uniform_(0.5, 2.0, generator=chance)
        elif name.endswith("running_mean"):
            tensor.normal_(0.0, 0.3, generator=chance)
    given = [_random(shape, dtype, chance) for shape, dtype in inputs]
    wanted, got = trained(*given), folded(folded_source, trained.state_dict())(*given)
    apart = max(_apart(a, b) for a, b in zip(_tensors(wanted), _tensors(got), strict=True))
    if not apart <= CLOSE:
        raise RunError(f"the folded network does not compute what the trained one does: outputs differ by {apart:.1e}")
    return apart


def _random(shape: Sequence[int], dtype: str, chance: torch.Generator) -> Tensor:
    kind = getattr(torch, dtype)
    if kind.is_floating_point:
        return torch.randn(*shape, generator=chance, dtype=torch.float64)
    return torch.randint(0, 2, tuple(shape), generator=chance).to(kind)


def _apart(wanted: Tensor, got: Tensor) -> float:
    scale = float(wanted.std()) if wanted.numel() > 1 else 0.0
    return float((wanted - got).abs().max()) / (scale or 1.0)


def _tensors(value: Any) -> list[Tensor]:
    """The tensors of an output, through lists and records."""
    if isinstance(value, Tensor):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [tensor for item in items for tensor in _tensors(item)]
