"""Detectors on scenes of digits: processor time of a training step beside loops written by hand, and whole plans.

`by hand` is a loop over a `DataLoader` that collates lists of boxes, `indexed` one that picks rows; both train the
module that dlspec wrote; `network by hand` is the small YOLO in plain PyTorch, in the first of these loops; `dlspec`
is the loop of a run with its record and its checks. `--train` trains plans of the zoo instead, each in a run of
its own, and says what they reach in how many seconds of the processor.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measure import machine
from steps import Unsaved
from torch import Tensor, nn
from torch.utils.data import DataLoader

import dlspec
import dlspec.nn
from dlspec.checking import open_spec, resolve_plan
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.schedules import Constant
from dlspec.training import module_file
from dlspec.training.loop import fit
from dlspec.training.objects import Objects
from dlspec.training.progress import Progress
from dlspec.training.record import Recorder
from dlspec.training.setting_up import job, set_up

PLANS = ("yolo_digits", "fasterrcnn_digits", "maskrcnn_digits")
SCENES, EPOCHS = 160, 5
"""Scenes of an epoch, of twenty batches of 8, and epochs."""

RATE = 1e-4


class Case:
    """A detector of the zoo, its module written by dlspec, and scenes to train it on."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name, self.folder = name, folder
        (folder / "model.py").write_text(str(dlspec.compile(dlspec.load(name))))
        spec = open_spec(name)
        resolved, problems = resolve_plan(spec, next(iter(spec.plans.values())))
        assert resolved is not None, problems
        self.plan: ResolvedPlan = resolved[0]
        self.plan.data.source.train, self.plan.data.source.val = SCENES, 0  # type: ignore[attr-defined]
        self.plan.epochs, self.plan.keep.best_by, self.plan.threads, self.plan.device = EPOCHS, None, 1, "cpu"
        # The same rate for all: how many regions a step computes depends on what has been learned before it.
        self.plan.schedule, self.plan.optimizer.lr = Constant(), RATE  # type: ignore[attr-defined]
        self.steps = EPOCHS * SCENES // 8
        samples = set_up(None, self.plan, folder).splits.train
        assert isinstance(samples.targets, Objects)
        self.images, self.objects = samples.values, samples.targets
        self.terms = [str(term.loss.output) for term in self.plan.loss]

    def module(self) -> nn.Module:
        torch.manual_seed(0)
        return module_file.build(self.folder / "model.py").train()

    def optimizer(self, module: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.AdamW(module.parameters(), lr=RATE, fused=True)

    def step(self, module: nn.Module, optimizer: torch.optim.Optimizer, images: Tensor, objects: Objects) -> None:
        named = objects.by_name()
        given = {name: named[name] for name in ("boxes", "labels", "masks") if name != "masks" or "mask" in self.name}
        losses = module(images, **given)
        optimizer.zero_grad()
        loss: Tensor = sum(losses[term] for term in self.terms)
        loss.backward()
        optimizer.step()


def taken(case: Case, work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / case.steps


def by_hand(case: Case, module: nn.Module | None = None) -> float:
    """Each image an item, collated into lists, as tutorials do."""
    module = module or case.module()
    optimizer = case.optimizer(module)
    rows: Any = range(len(case.images))
    loader: DataLoader[Any] = DataLoader(
        rows, batch_size=8, shuffle=True, collate_fn=lambda chosen: _collated(case, chosen)
    )

    def work() -> None:
        for _ in range(EPOCHS):
            for images, objects in loader:
                case.step(module, optimizer, images, objects)

    return taken(case, work)


def _collated(case: Case, rows: list[int]) -> tuple[Tensor, Objects]:
    return torch.stack([case.images[row] for row in rows]), case.objects[rows]


def indexed(case: Case) -> float:
    module = case.module()
    optimizer = case.optimizer(module)

    def work() -> None:
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(case.images)).split(8):
                case.step(module, optimizer, case.images[rows], case.objects[rows])

    return taken(case, work)


def ours(case: Case) -> float:
    with tempfile.TemporaryDirectory() as out:
        setting = set_up(None, case.plan, case.folder)
        recorder = Recorder(Path(out))
        work = job(setting, Unsaved(Path(out, "checkpoints"), 2), recorder, Progress())
        try:
            return taken(case, lambda: fit(work))
        finally:
            recorder.close()


class YoloByHand(nn.Module):
    """`yolo_digits`, as one would write it."""

    def __init__(self) -> None:
        super().__init__()
        widths = [(1, 16, 2), (16, 32, 1), (32, 32, 2), (32, 64, 1), (64, 64, 2), (64, 64, 1), (64, 64, 1)]
        layers: list[nn.Module] = []
        for before, after, stride in widths:
            layers += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Conv2d(64, 15, 1))

    def forward(self, image: Tensor, boxes: list[Tensor], labels: list[Tensor]) -> dict[str, Tensor]:
        losses = dlspec.nn.yolo_loss(self.layers(image), image, boxes, labels)
        return dict(zip(("loss_box", "loss_objectness", "loss_classifier"), losses, strict=True))


def measure(case: Case, rounds: int) -> None:
    ways: dict[str, Callable[[Case], float]] = {
        "by hand": by_hand, "control": by_hand, "indexed": indexed, "dlspec": ours,
    }  # fmt: skip
    if case.name == "yolo_digits":
        ways["network by hand"] = lambda one: by_hand(one, YoloByHand().train())
    times: dict[str, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for _ in range(rounds + 1):
        random.shuffle(order)
        for way in order:
            times[way].append(ways[way](case))
    middle = {way: median(all_rounds[1:]) for way, all_rounds in times.items()}  # the first round fills caches
    print(f"{case.name}, batches of 8, {case.steps} steps, {rounds} rounds")
    for way, seconds in middle.items():
        low, high = min(times[way][1:]), max(times[way][1:])
        says = f"{seconds * 1e3:8.1f} ms a step   {low * 1e3:7.1f} to {high * 1e3:7.1f}"
        print(f"  {way:16} {says}   ratio {seconds / middle['by hand']:.2f}", flush=True)


def train(name: str, folder: Path) -> None:
    """A plan of the zoo as it is: its scores on `val` and its processor seconds, those of evaluation among them."""
    started = time.process_time()
    report = dlspec.train(name, out=folder / name, quiet=True, set={"threads": 1, "device": "cpu"})
    seconds = time.process_time() - started
    scores = "  ".join(f"{metric} {value:.4f}" for metric, value in report.val.items())
    print(f"{name}: {scores}, {report.data['parameters']:,} parameters, {seconds:.0f} s of the processor", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=PLANS)
    parser.add_argument("--train", action="store_true", help="train the plans")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, one thread")
    with tempfile.TemporaryDirectory() as folder:
        for name in PLANS if arguments.only is None else (arguments.only,):
            Path(folder, name).mkdir()
            if arguments.train:
                train(name, Path(folder))
            else:
                measure(Case(name, Path(folder, name)), arguments.rounds)


if __name__ == "__main__":
    main()
