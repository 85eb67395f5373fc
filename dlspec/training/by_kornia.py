"""Augmentations of the library kornia, by name: what they draw is drawn for each sample by itself.

kornia draws from torch's global generator, for a whole batch at once. Here each sample's numbers are drawn under a seed
of its own and then put together, so that a sample is changed alike in any batch and after any resume.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import torch
from torch import Tensor

from dlspec.plan.augmentations import Augmentation, Kornia
from dlspec.plan.values import call_of
from dlspec.record import TYPE_CHECKING
from dlspec.training import draws
from dlspec.training.errors import RunError
from dlspec.training.files import known_names

if TYPE_CHECKING:
    from typing import Any

STREAM = 0x6B6F726E6961
"""What sets these seeds apart from other numbers of the same seed."""


@cache
def operator(text: str) -> Any:
    """kornia's augmentation; raises RunError where kornia is missing or does not know it."""
    try:
        from kornia import augmentation
    except ImportError:
        raise RunError("augmentations by name need `kornia`", "install it: `pip install dlspec[augment]`") from None
    name, arguments = call_of(text)
    kind = getattr(augmentation, name, None)
    base = augmentation.AugmentationBase2D
    if not isinstance(kind, type) or not issubclass(kind, base):
        known = tuple(one for one in dir(augmentation) if isinstance(getattr(augmentation, one), type)
                      and issubclass(getattr(augmentation, one), base))  # fmt: skip
        raise RunError(f"kornia has no augmentation of images `{name}`", known_names(name, known, "augmentations"))
    try:
        make: Callable[..., Any] = kind
        return make(**arguments)
    except (TypeError, ValueError, AssertionError) as error:
        raise RunError(f"kornia does not take `{text}`: {error}") from error


def by_kornia(text: str, images: Tensor, seed: int, epoch: int, samples: Tensor) -> Tensor:
    """Images (N, C, H, W) changed by one augmentation, each as (seed, epoch, sample) has it."""
    change, seeds = operator(text), draws.seeds(seed ^ STREAM, epoch, samples)
    shape = torch.Size((1, *images.shape[1:]))
    with torch.random.fork_rng(devices=[]):
        drawn = [_drawn(change, shape, one) for one in (0, *seeds)]
    common, *own = drawn
    together: dict[str, Any] = {}
    for name, value in common.items():
        if name == "forward_input_shape":
            together[name] = torch.tensor(images.shape)
        elif isinstance(value, Tensor) and value.dim() and len(value) == 1:
            together[name] = torch.cat([one[name] for one in own]).to(images.device)
        else:
            together[name] = value  # one for the whole batch, the same in every batch
    result: Tensor = change(images, params=together)
    if result.shape != images.shape:
        raise RunError(f"`{text}` changes the size of images", "`resize` in `data` does that for all splits alike")
    return result.to(images.dtype)


def _drawn(change: Any, shape: torch.Size, seed: int) -> dict[str, Any]:
    torch.manual_seed(seed)
    return dict(change.forward_parameters(shape))


def refuse_movers(changes: Sequence[Augmentation]) -> None:
    """Raise RunError where kornia would move pixels and leave boxes and masks behind."""
    for change in changes:
        if isinstance(change, Kornia):
            from kornia import augmentation

            if isinstance(operator(change.operator), augmentation.GeometricAugmentationBase2D):
                hint = "take `rotate`, `scale`, `translate`, `shear` or flips, which move them too"
                raise RunError(f"`{change.operator}` would move pixels, and leave boxes and masks behind", hint)
