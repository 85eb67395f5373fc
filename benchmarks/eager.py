"""The generated ResNet-18 against a hand-written one in eager mode: processor time of a forward pass and of a step.

Pictures are small, so that what Python does between the kernels weighs the most. A second copy of the hand-written
module is the control: what it differs by is noise. `--size 224 --batch 4` shows the usual case.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from statistics import median

import torch
from handwritten import ResNet18
from measure import machine
from torch import Tensor, nn

from dlspec.front import compile as compiled


def generated() -> nn.Module:
    scope: dict[str, object] = {}
    exec(compile(compiled("resnet18"), "resnet18.py", "exec"), scope)  # noqa: S102  # the module under test
    build = scope["build"]
    assert callable(build)
    module = build()
    assert isinstance(module, nn.Module)
    return module


def forward(module: nn.Module, image: Tensor, label: Tensor) -> None:
    module.eval()
    with torch.no_grad():
        module(image)


class Step:
    """A training step, with an optimizer for each module."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.optimizers = {module: torch.optim.SGD(module.parameters(), 1e-3) for module in modules.values()}

    def __call__(self, module: nn.Module, image: Tensor, label: Tensor) -> None:
        module.train()
        self.optimizers[module].zero_grad()
        nn.functional.cross_entropy(module(image), label).backward()
        self.optimizers[module].step()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=200)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    modules: dict[str, nn.Module] = {"hand-written": ResNet18(), "control": ResNet18(), "generated": generated()}
    for module in modules.values():
        module.load_state_dict(modules["hand-written"].state_dict())
    image = torch.randn(arguments.batch, 3, arguments.size, arguments.size)
    label = torch.randint(1000, (arguments.batch,))
    outputs = [module.eval()(image) for module in modules.values()]
    if not all(torch.equal(outputs[0], output) for output in outputs):
        sys.exit("the modules do not compute the same")
    print(f"{machine()}, one thread, {arguments.batch} × 3 × {arguments.size} × {arguments.size}")
    for name, run in (("forward", forward), ("training step", Step(modules))):
        report(name, run, modules, image, label, arguments.rounds)


def report(name: str, run: object, modules: dict[str, nn.Module], image: Tensor, label: Tensor, rounds: int) -> None:
    """Medians of rounds in which the modules take turns in a random order."""
    assert callable(run)
    times: dict[str, list[float]] = {key: [] for key in modules}
    order = list(modules)
    for turn in range(rounds + 10):
        random.shuffle(order)
        for key in order:
            started = time.process_time()
            run(modules[key], image, label)
            if turn >= 10:
                times[key].append(time.process_time() - started)
    base = median(times["hand-written"])
    shown = "   ".join(f"{key} {median(taken) / base:.3f}" for key, taken in times.items())
    print(f"{name:14} {base * 1e3:7.2f} ms   {shown}")


if __name__ == "__main__":
    main()
