"""The learning-rate range test: a short training whose rate grows from step to step, to see which rates train at all.

Smith: "Cyclical Learning Rates for Training Neural Networks" (2017). The rate grows by a factor, the loss is
smoothed, and the test ends where that has risen to a multiple of its lowest. A network of its own is trained; what
lies on the disk stays as it is.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from torch import nn

from dlspec.plan.keys import ResolvedPlan, seed_of
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training import draws, threads
from dlspec.training.augment import Augmenter
from dlspec.training.batches import batch_ends, batch_length
from dlspec.training.errors import RunError
from dlspec.training.folder import refuse_taken
from dlspec.training.mixing import Mixer
from dlspec.training.objective import objective
from dlspec.training.objects import Targets
from dlspec.training.optimization import build_optimizer
from dlspec.training.ragged import Images, extent
from dlspec.training.samples import Samples
from dlspec.training.setting_up import set_up
from dlspec.training.starting import in_training
from dlspec.training.whole_file import write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.training.job import Setting

MEMORY = 0.9
"""Share of the smoothed loss that comes from the steps before."""
RISEN = 4.0
"""The test ends where the smoothed loss is this many times its lowest."""
FIRST = 5
"""Steps whose loss says little yet: their mean is over few batches."""
BARS = "▁▂▃▄▅▆▇█"


class Found(Record):
    """Rates with the loss of each step, plain and smoothed; the rate where it falls most steeply, if it falls."""

    rates: tuple[float, ...]
    losses: tuple[float, ...]
    smoothed: tuple[float, ...]
    suggestion: float | None
    lowest: float
    """The rate at which the smoothed loss is lowest: already too high to train with."""
    now: float
    """The plan's rate."""
    folder: Path

    def __str__(self) -> str:
        across = f"{self.rates[0]:.0e} … {self.rates[-1]:.1e}, each step {self.factor:.2f} times"
        line = f"loss   {bars(self.smoothed)}\nrate   {across}\n"
        if self.suggestion is None:
            return f"{line}the loss falls at no rate: widen the range with `--low` and `--high`, or look at the data"
        says = f"the loss falls most steeply at {self.suggestion:.1e} and is lowest at {self.lowest:.1e}"
        return (
            f"{line}{says}; the plan has {self.now:g}\ntry    --set optimizer.lr={self.suggestion:.1e}\n"
            f"written to {self.folder}: lr_find.json, lr_find.png"
        )

    @property
    def factor(self) -> float:
        return self.rates[1] / self.rates[0]

    def as_data(self) -> dict[str, object]:
        rows = [
            {"learning_rate": rate, "loss": loss, "smoothed": smooth}
            for rate, loss, smooth in zip(self.rates, self.losses, self.smoothed, strict=True)
        ]
        return {"suggestion": self.suggestion, "lowest": self.lowest, "plan": self.now, "steps": rows}


def find_rate(
    plan: ResolvedPlan, folder: Path, source: str, *, low: float = 1e-6, high: float = 10.0, steps: int = 100
) -> Found:
    """Train the module of `source` for `steps` steps at rates from `low` to `high`, and write what was found.

    Raises RunError for a folder that is taken, a range that is none, and an optimizer whose steps are no batches.
    """
    if not 0 < low < high or steps < 2 * FIRST:
        raise RunError(f"the range from {low:g} to {high:g} in {steps} steps is none", "take `--low` below `--high`")
    if plan.optimizer.whole_batch:
        raise RunError(f"`{plan.optimizer.name}` has no rate to look for", "it measures its own steps")
    refuse_taken(folder, resume=False)
    if folder.is_dir() and any(folder.iterdir()):
        raise RunError(f"the folder `{folder}` is not empty", "name another with `--out`")
    with TemporaryDirectory() as scratch:
        Path(scratch, "model.py").write_text(source, encoding="utf-8")
        setting = set_up(None, plan, Path(scratch))
        with threads.chosen(setting):
            rates, losses = _swept(setting, [low * (high / low) ** (step / (steps - 1)) for step in range(steps)])
    smooth = smoothed(losses)
    lowest = rates[_lowest(smooth)]
    now = float(getattr(plan.optimizer, "lr"))  # noqa: B009  # every optimizer has one
    found = Found(tuple(rates), tuple(losses), tuple(smooth), steepest(rates, smooth), lowest, now, folder)
    _write(found)
    return found


def _swept(setting: Setting, rates: Sequence[float]) -> tuple[list[float], list[float]]:
    """The rates that were reached, and the loss of the batch of each, before its step."""
    plan, module, judged = setting.plan, setting.module, objective(setting.plan)
    optimizer, batches = build_optimizer(plan, module), _batches(setting)
    losses: list[float] = []
    torch.manual_seed(seed_of(plan, "weights"))
    in_training(module, setting.held)
    for rate in rates:
        inputs, targets = next(batches)
        for group in optimizer.param_groups:
            group["lr"] = rate * group.get("lr_factor", 1.0)
        optimizer.zero_grad()
        with setting.autocast():
            outputs = judged.outputs(module, inputs, targets)
        loss = judged(outputs, targets)
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]) or _has_risen(smoothed(losses)):
            break
        loss.backward()
        if plan.clip_norm is not None:
            nn.utils.clip_grad_norm_(module.parameters(), plan.clip_norm)
        optimizer.step()
    if not math.isfinite(losses[-1]):
        losses.pop()
    if len(losses) < 2 * FIRST:
        message = f"the loss is no number after {len(losses)} steps at rates up to {rates[len(losses)]:.1e}"
        raise RunError(message, "begin lower: `--low 1e-9`")
    return list(rates[: len(losses)]), losses


def _batches(setting: Setting) -> Iterator[tuple[Images, Targets]]:
    """Batches as a run takes them, epoch after epoch."""
    plan, samples = setting.plan, setting.splits.train
    augmenter, mixer = Augmenter(plan.augment, seed_of(plan, "augmentation")), Mixer(plan, setting.classes)
    count, epoch = len(samples), 0
    while True:
        order, start = draws.permutation(seed_of(plan, "order"), epoch, count), 0
        for end in batch_ends(count, batch_length(plan, count)):
            rows = order[start:end]
            batch, start = Samples(*samples.taken(rows)), end
            if plan.augment:
                batch.targets = augmenter.followed(batch.targets, rows, epoch, extent(batch.images))
                batch.inputs = augmenter(batch.images, rows, epoch)
            batch = setting.prepared(batch)
            if mixer:
                mixed = mixer(batch.values, batch.truth, rows, epoch)
                batch = Samples(mixed.inputs, mixed.wanted)
            yield setting.together(batch.images, batch.targets)
        epoch += 1


def smoothed(losses: Sequence[float]) -> list[float]:
    """A running mean that forgets, free of its start: Adam's correction (Kingma and Ba 2015, section 3)."""
    mean, result = 0.0, []
    for place, loss in enumerate(losses, 1):
        mean = MEMORY * mean + (1 - MEMORY) * loss
        result.append(mean / (1 - MEMORY**place))
    return result


def _has_risen(smooth: Sequence[float]) -> bool:
    return len(smooth) > FIRST and smooth[-1] > RISEN * abs(min(smooth[FIRST - 1 :])) + 1e-12


def steepest(rates: Sequence[float], smooth: Sequence[float]) -> float | None:
    """The rate at which the smoothed loss falls fastest along the logarithm of the rate, before its lowest point."""
    slopes = {place: smooth[place + 1] - smooth[place - 1] for place in range(FIRST, _lowest(smooth))}
    best = min(slopes, key=slopes.__getitem__, default=None)
    return rates[best] if best is not None and slopes[best] < 0 else None


def _lowest(smooth: Sequence[float]) -> int:
    """Where the smoothed loss is lowest, its noisy first steps left out."""
    return min(range(FIRST, len(smooth)), key=smooth.__getitem__)


def bars(values: Sequence[float], width: int = 60) -> str:
    """The values as a line of bars, as long as asked at most; the highest third of what exploded is cut off.

    >>> bars([2.0, 1.0, 3.0])
    '▄▁█'
    """
    step = -(-len(values) // width)
    shown = [values[place] for place in range(0, len(values), step)]
    low, high = min(shown), min(max(shown), 2 * shown[0] if len(shown) > FIRST else max(shown))
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[min(int((value - low) * scale + 0.5), len(BARS) - 1)] for value in shown)


def _write(found: Found) -> None:
    from dlspec.training.pictures import rate_range

    try:
        found.folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunError(f"the folder `{found.folder}` cannot be made: {error.strerror}") from error
    write_whole(found.folder / "lr_find.json", json.dumps(found.as_data(), indent=1) + "\n")
    marks = {"the plan": found.now} | ({} if found.suggestion is None else {"steepest": found.suggestion})
    rate_range(found.rates, found.losses, found.smoothed, marks, found.folder / "lr_find.png")
