"""Steps per second of the training loop beside loops written by hand: processor time of a step, in turns.

`loader` is the loop of every tutorial, over a `DataLoader`, and the base of the ratios; `control` is a copy of it;
`indexed` takes batches from tensors; `dlspec` is the loop of a run with its record and its checks.
Lightning's Trainer joins where it is installed. All take the same optimizer, `dlspec` and `indexed, fused`
in its fused form.
"""

from __future__ import annotations

import argparse
import io
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from typing import Any

import torch
import torch.nn.functional as F
from measure import machine
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from dlspec.front import compile as compiled
from dlspec.front import load
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.read import read_plan
from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.read import read
from dlspec.training import module_file
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.loop import fit
from dlspec.training.progress import Progress
from dlspec.training.record import Recorder
from dlspec.training.setting_up import job, set_up

AIM = 0.85
MLP = """from torch import nn


def build():
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)
    )
"""


class Case:
    """A network with data in memory, and how it is trained."""

    def __init__(self, name: str, source: str, inputs: Tensor, batch: int, epochs: int, folder: Path) -> None:
        self.name, self.source, self.inputs, self.batch, self.epochs = name, source, inputs, batch, epochs
        self.targets = torch.randint(0, 10, (len(inputs),), generator=torch.Generator().manual_seed(0))
        self.folder = folder
        self.steps = epochs * -(-len(inputs) // batch)
        (folder / "model.py").write_text(source)

    def module(self) -> nn.Module:
        torch.manual_seed(0)
        return module_file.build(self.folder / "model.py")

    def plan(self) -> ResolvedPlan:
        import numpy

        path = self.folder / "data.npz"
        if not path.exists():
            numpy.savez(path, x=self.inputs.numpy(), y=self.targets.numpy())
        text = f"""plan bench {{
  network = net
  data {{ source = npz("{path}")  split {{ train = 1  val = 0  test = 0 }}  stratify = false }}
  loss = cross_entropy
  optimizer = adam(lr=1e-3)
  epochs = {self.epochs}
  batch_size = {self.batch}
  device = cpu
  threads = {torch.get_num_threads()}
}}
"""
        file, _ = read(Source("bench.dls", text))
        plan, problems = read_plan(next(item for item in file.items if isinstance(item, tree.Plan)))
        if plan is None:
            sys.exit(str(problems))
        return plan


def taken(case: Case, work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return (time.process_time() - started) / case.steps


def loader(case: Case) -> float:
    module = case.module().train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    batches = DataLoader(TensorDataset(case.inputs, case.targets), batch_size=case.batch, shuffle=True)

    def work() -> None:
        for _ in range(case.epochs):
            for inputs, targets in batches:
                optimizer.zero_grad()
                F.cross_entropy(module(inputs), targets).backward()
                optimizer.step()

    return taken(case, work)


def indexed(case: Case, *, fused: bool = False) -> float:
    module = case.module().train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, fused=fused)

    def work() -> None:
        for _ in range(case.epochs):
            for rows in torch.randperm(len(case.inputs)).split(case.batch):
                optimizer.zero_grad()
                F.cross_entropy(module(case.inputs[rows]), case.targets[rows]).backward()
                optimizer.step()

    return taken(case, work)


class Unsaved(Checkpoints):
    """Writes nothing: the loops beside it do not either, and a plan says how often it is done."""

    def save(self, step: int, *_: Any) -> Path:
        return self.folder

    def save_best(self, step: int, *_: Any) -> Path:
        return self.folder


def ours(case: Case) -> float:
    """The loop of a run with its record, once the data is there."""
    with tempfile.TemporaryDirectory() as out:
        setting = set_up(None, case.plan(), case.folder)
        recorder = Recorder(Path(out))
        work = job(setting, Unsaved(Path(out, "checkpoints"), 2), recorder, Progress())
        try:
            return taken(case, lambda: fit(work))
        finally:
            recorder.close()


def lightning(case: Case) -> float:
    lightning: Any = import_module("lightning")

    net = case.module()

    class Wrapped(lightning.LightningModule):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
            return F.cross_entropy(self.net(batch[0]), batch[1])

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return torch.optim.Adam(self.parameters(), lr=1e-3)

    batches = DataLoader(TensorDataset(case.inputs, case.targets), batch_size=case.batch, shuffle=True)
    trainer = lightning.Trainer(
        max_epochs=case.epochs, accelerator="cpu", logger=False, enable_checkpointing=False,
        enable_progress_bar=False, enable_model_summary=False,
    )  # fmt: skip
    return taken(case, lambda: trainer.fit(Wrapped(), batches))


def measure(case: Case, rounds: int) -> float:
    ways: dict[str, Callable[[Case], float]] = {
        "loader": loader, "control": loader, "indexed": indexed,
        "indexed, fused": lambda one: indexed(one, fused=True), "dlspec": ours,
    }  # fmt: skip
    if find_spec("lightning") is not None:
        ways["Lightning's Trainer"] = lightning
    times: dict[str, list[float]] = {way: [] for way in ways}
    order = list(ways)
    for _ in range(rounds + 1):
        random.shuffle(order)
        for way in order:
            with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
                times[way].append(ways[way](case))
    middle = {way: median(taken[1:]) for way, taken in times.items()}  # the first round fills caches
    print(f"{case.name}, batches of {case.batch}, {case.steps:,} steps, {rounds} rounds")
    for way, seconds in middle.items():
        low, high = min(times[way][1:]), max(times[way][1:])
        says = f"{seconds * 1e6:10,.0f} µs a step   {low * 1e6:9,.0f} to {high * 1e6:9,.0f}"
        print(f"  {way:20} {says}   ratio {seconds / middle['loader']:.2f}", flush=True)
    return middle["dlspec"] / middle["loader"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=["mlp", "resnet18"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, one thread")
    ratio = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for name in ("mlp", "resnet18"):
            Path(folder, name).mkdir()
        if arguments.only != "resnet18":
            numbers = torch.rand(6400, 64, generator=torch.Generator().manual_seed(1))
            ratio = measure(Case("MLP 64-128-128-10", MLP, numbers, 64, 10, Path(folder, "mlp")), arguments.rounds)
        if arguments.only != "mlp":
            source = compiled(load("resnet18", set={"classes": 10}))
            images = torch.rand(16, 3, 112, 112, generator=torch.Generator().manual_seed(1))
            measure(Case("ResNet-18", source, images, 4, 2, Path(folder, "resnet18")), arguments.rounds)
    if arguments.only != "resnet18":
        print(f"aim: at most {AIM} of the loader's loop on the MLP")
        sys.exit(ratio > AIM)


if __name__ == "__main__":
    main()
