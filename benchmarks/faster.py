"""What the settings that make a network faster give on this machine: forward passes of ResNet-18 and -50.

`eager` is the base; the second column of ratios is a copy of it, the control. All run in `eval` on the same pictures;
the outputs' largest difference from eager's, against their deviation, stands beside.
"""

from __future__ import annotations

import argparse
import random
import time
import warnings
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from measure import machine
from torch import Tensor, nn

from dlspec.front import compile as compiled

Run = Callable[[Tensor], Tensor]


def scope_of(name: str, *, for_inference: bool) -> dict[str, Any]:
    """What the generated file defines."""
    scope: dict[str, Any] = {}
    exec(compile(compiled(name, for_inference=for_inference), f"{name}.py", "exec"), scope)  # noqa: S102  # our own source
    return scope


def network(name: str) -> nn.Module:
    torch.manual_seed(0)
    module: nn.Module = scope_of(name, for_inference=False)["build"]()
    return module.eval()


def folded(name: str) -> nn.Module:
    """The network for inference, with the weights that `network` has."""
    scope = scope_of(name, for_inference=True)
    module: nn.Module = scope["build"]()
    module.load_state_dict(scope["fold"](network(name).state_dict()))
    return module


def ways(name: str) -> dict[str, Run]:
    """Each way to run the network, from pictures to scores."""

    def cast(module: nn.Module) -> Run:
        def run(image: Tensor) -> Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                out: Tensor = module(image)
                return out.float()

        return run

    def last(run: Callable[[Tensor], Tensor]) -> Run:
        return lambda image: run(image.contiguous(memory_format=torch.channels_last))

    def laid_out(make: Callable[[str], nn.Module] = network) -> nn.Module:
        return make(name).to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]

    return {
        "eager": network(name),
        "control": network(name),
        "for inference": folded(name),
        "channels_last": last(laid_out()),
        "for inference, channels_last": last(laid_out(folded)),
        "bf16": cast(network(name)),
        "bf16, channels_last": last(cast(laid_out())),
        "compile": torch.compile(network(name)),
        "compile, bf16, channels_last": last(cast(torch.compile(laid_out()))),  # type: ignore[arg-type]
    }


@torch.no_grad()
def measure(name: str, batch: int, size: int, rounds: int) -> None:
    image = torch.randn(batch, 3, size, size, generator=torch.Generator().manual_seed(0))
    runs = ways(name)
    outputs = {way: run(image) for way, run in runs.items()}
    for run in runs.values():
        run(image)
    times: dict[str, list[float]] = {way: [] for way in runs}
    order = list(runs)
    for _ in range(rounds):
        random.shuffle(order)
        for way in order:
            started = time.process_time()
            runs[way](image)
            times[way].append(time.process_time() - started)
    base, wanted = median(times["eager"]), outputs["eager"]
    print(f"{name}, {batch} × 3 × {size} × {size}: {base * 1e3:.1f} ms of processor time in eager")
    for way, taken in times.items():
        difference = float((outputs[way] - wanted).abs().max() / wanted.std())
        print(f"  {way:30} {base / median(taken):5.2f} times as fast   differs by {difference:.0e}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", nargs="+", default=["resnet18", "resnet50"])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--rounds", type=int, default=9)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    print(f"{machine()}, one thread")
    for name in arguments.networks:
        measure(name, arguments.batch, arguments.size, arguments.rounds)


if __name__ == "__main__":
    main()
