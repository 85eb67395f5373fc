"""First weights from files, and parts that stay as they are."""

from __future__ import annotations

from os.path import join
from pathlib import Path

import torch
from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.paths import covered
from dlspec.plan.weights import Load, Match, file_of, match, repair, said
from dlspec.record import TYPE_CHECKING
from dlspec.training.errors import RunError

if TYPE_CHECKING:
    from typing import Any

WRAPPERS = ("state_dict", "model_state_dict", "model", "weights")
"""Keys under which training scripts keep the weights beside other things."""


def load_weights(module: nn.Module, plan: ResolvedPlan) -> list[str]:
    """Put the tensors of the plan's files into the module; a sentence about each file.

    Raises RunError, with the module as it was, where a file is missing, damaged or does not fit.
    """
    notes, state = [], module.state_dict()
    for load in plan.weights:
        assert isinstance(load, Load)
        file = read_tensors(Path(file_of(join(plan.folder, load.path))))
        here, there = _shapes(state), _shapes(file)
        found = match(here, there, load)
        if not found.is_whole or not found.pairs:
            lines = "; ".join(said(found, here, there, load)) or f"it has no part `{load.part}`"
            hint = repair(found, here, there, load) if not found.is_whole else ""
            raise RunError(f"`{load.path}` does not fit `{load.into or plan.network}`: {lines}", hint)
        state |= {name: _as(state[name], file[other]) for name, other in found.pairs.items()}
        notes.append(_note(load, found))
    module.load_state_dict(state)
    return notes


def _as(wanted: Tensor, given: Tensor) -> Tensor:
    """A tensor of a file with the type and, where the plan lets it be reshaped, the shape of the network's."""
    return given.to(wanted.dtype).reshape(wanted.shape)


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Tensors by name, of a safetensors file or of what `torch.save` wrote, which may hold nothing but data.

    Raises RunError where the file is missing, damaged, or would run code.
    """
    import pickle

    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        if path.suffix == ".safetensors":
            return dict(load_file(path))
        return _unwrapped(torch.load(path, map_location="cpu", weights_only=True), path)
    except FileNotFoundError:
        raise RunError(f"there is no file `{path}`", "weights are looked for from the folder of the spec") from None
    except pickle.UnpicklingError:
        hint = "save its `state_dict()` alone, best as safetensors"
        raise RunError(f"`{path}` holds more than tensors, and is not read", hint) from None
    except (OSError, RuntimeError, EOFError, SafetensorError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RunError(f"`{path}` cannot be read as weights: {reason}", "copy it anew") from error


def _unwrapped(saved: Any, path: Path) -> dict[str, Tensor]:
    """The tensors, also where a training script saved them beside its optimizer."""
    if isinstance(saved, dict):
        inner = next((saved[key] for key in WRAPPERS if isinstance(saved.get(key), dict)), saved)
        if inner and all(isinstance(value, Tensor) for value in inner.values()):
            return dict(inner)
    raise RunError(f"`{path}` holds no tensors by name", "save the `state_dict()` of a module")


def _shapes(tensors: dict[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def _note(load: Load, found: Match) -> str:
    kept = f"; {len(found.skipped)} stay as they were drawn" if found.skipped else ""
    into = f" into `{load.into}`" if load.into else ""
    return f"{len(found.pairs)} tensors of `{load.path}`{into}{kept}"


def freeze(module: nn.Module, plan: ResolvedPlan) -> list[nn.Module]:
    """Hold the weights that the plan freezes; the outermost modules that hold nothing else, to be kept in `eval`.

    A batch norm in training moves its statistics without any gradient, so a frozen part does not train
    in that sense either. Parts that the spec itself freezes count as well. Raises RunError where nothing trains.
    """
    for name, parameter in module.named_parameters():
        if covered(plan.freeze, name):
            parameter.requires_grad_(False)
    held = _held(module)
    if held == [module]:
        raise RunError("nothing is left to train", "freeze less of the network")
    return held


def _held(module: nn.Module) -> list[nn.Module]:
    parameters = list(module.parameters())
    if parameters and not any(parameter.requires_grad for parameter in parameters):
        return [module]
    return [held for child in module.children() for held in _held(child)]


def in_training(module: nn.Module, held: list[nn.Module]) -> None:
    """Put the module in training mode, but for its frozen parts."""
    module.train()
    for part in held:
        part.eval()
