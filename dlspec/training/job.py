"""What a run works with, where it is, and the random state that belongs to its place."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor, nn

from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.writing import to_data
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.class_maps import ignored_class, is_map, together
from dlspec.training.fitted import Fitted
from dlspec.training.objective import Objective
from dlspec.training.objects import Targets
from dlspec.training.parallel import ALONE, Group
from dlspec.training.ragged import Images, Ragged, changed, takes_list
from dlspec.training.samples import Dataset, Samples
from dlspec.training.splits import Splits
from dlspec.training.stored import Stored

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.training.progress import Progress
    from dlspec.training.record import Recorder


BRIGHTNESS_OF = 256
"""Images in files that are read to tell how bright they are."""


class Setting(Record):
    """What a plan comes to before the first step; training, evaluation and pictures share it."""

    plan: ResolvedPlan
    module: nn.Module
    dataset: Dataset
    splits: Splits
    fitted: Fitted
    classes: int
    """How many classes the network scores; 0 where it predicts numbers."""
    device: torch.device
    held: list[nn.Module] = []
    """The outermost modules whose weights are all frozen."""
    notes: list[str] = []
    """What is to be said of how the module began."""

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and inputs; `bf16` and `fp16` convert inside the forward pass only."""
        return torch.float64 if self.plan.precision == "float64" else torch.float32

    def prepared(self, samples: Samples) -> Samples:
        """Samples as network and loss get them, on the device."""
        return self.laid_out(self.fitted.applied(samples).to(self.device, self.dtype))

    def laid_out(self, samples: Samples) -> Samples:
        """Samples with the memory format that the plan asks for."""
        inputs = samples.inputs
        if self.plan.channels_last and inputs.dim() == 4 and not samples.is_ragged:
            samples.inputs = (
                inputs.then(_channels_last) if isinstance(inputs, Stored) else changed(inputs, _channels_last)
            )
        return samples

    def together(self, images: Images, targets: Targets) -> tuple[Images, Targets]:
        """A batch as the network takes it: of several sizes a list of images, or filled up to one size."""
        if not isinstance(images, Ragged) and not isinstance(targets, Ragged):
            return images, targets
        maps = is_map(targets)
        images, targets = together(
            images, targets, as_list=takes_list(self.module), multiple=self.plan.data.size_divisible,
            ignored=ignored_class(self.plan.loss[0].loss, maps=True) if maps else None,
        )  # fmt: skip
        if self.plan.channels_last and isinstance(images, Tensor):
            images = _channels_last(images)
        return images, targets

    def with_module(self, module: nn.Module) -> Setting:
        """The same with another module in its place, such as the mean of its weights."""
        values = {field: getattr(self, field) for field in self._fields}
        return Setting(**values | {"module": module})

    def autocast(self) -> AbstractContextManager[object]:
        """The context of a forward pass; none where nothing is cast, since even a disabled one costs 10 µs."""
        kinds = {"bf16": torch.bfloat16, "fp16": torch.float16}
        if self.plan.precision not in kinds:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=kinds[self.plan.precision])


def _channels_last(images: Tensor) -> Tensor:
    return images.contiguous(memory_format=torch.channels_last)


class Job(Record):
    """A setting with what the loop writes to, and the samples that it reads."""

    setting: Setting
    objective: Objective
    train: Samples
    """Inputs as the data has them where they are augmented, else prepared."""
    val: Samples
    recorder: Recorder
    checkpoints: Checkpoints
    progress: Progress
    watch: Callable[[State, dict[str, float]], None] | None = None
    """Told the scores of every evaluation; may raise to end the run."""
    group: Group = ALONE
    """The processes that share the work."""
    augments: bool = True
    """Whether the loop augments; False where those who read the files do."""
    careful: bool = False
    """Whether each gradient is looked at for numbers that are not finite: slow, to find where they begin."""


class State(Record):
    """Where a run is; saved with every checkpoint."""

    step: int = 0
    epoch: int = 0
    position: int = 0
    seconds: float = 0.0
    loss_sum: float = 0.0
    seen: float = 0
    """What the sum of losses is to be divided by: samples, or what else counts."""
    best: float | None = None
    best_step: int = 0
    best_epoch: int = 0
    since_best: int = 0
    watched: float | None = None
    stopped: str = ""
    cut: bool = False
    """Whether the run ended where a longer one would not have stopped to evaluate."""
    stages: int = 0
    """How many of the plan's closing stages are done."""


def about_run(setting: Setting) -> dict[str, Any]:
    """What a checkpoint says of itself, so that predicting needs neither the spec nor the data."""
    dataset, inputs = setting.dataset, setting.splits.train.inputs
    some = inputs[slice(BRIGHTNESS_OF)] if isinstance(inputs, Stored) else inputs
    brightness = None
    if dataset.has_images:
        brightness = float(
            torch.stack([one.mean() for one in some]).mean() if isinstance(some, Ragged) else some.mean()
        )
    return {
        "plan": to_data(setting.plan),
        "fitted": setting.fitted.as_data(),
        "classes": list(dataset.classes),
        "features": list(dataset.features),
        "sample": list(inputs.shape[1:]),
        "segments": is_map(setting.splits.train.targets),
        "brightness": brightness,
    }


def random_state(device: torch.device) -> dict[str, Any]:
    state = {"cpu": torch.get_rng_state()}
    return state | {"cuda": torch.cuda.get_rng_state(device)} if device.type == "cuda" else state


def restore_random_state(state: dict[str, Any], device: torch.device) -> None:
    torch.set_rng_state(state["cpu"])
    if "cuda" in state and device.type == "cuda":
        torch.cuda.set_rng_state(state["cuda"], device)
