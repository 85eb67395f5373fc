"""ResNet-50 in a process that is warm: shapes, parameters and arithmetic of every layer, by dlspec and by torch.

torch's `flop_counter` runs the generated module on the meta device at 1 × 3 × 224 × 224; the module is made before.
dlspec is measured from the same point, a network in memory (`summarize` and its JSON, which has receptive fields and
memory besides), and from the text of the spec. Rounds take turns; the medians are of processor time.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from statistics import median

import torch
from measure import ROOT, machine
from torch.utils.flop_counter import FlopCounterMode

from dlspec.analyses.summary import summarize
from dlspec.checking import Spec
from dlspec.front import compile as compiled
from dlspec.source import Source

SIZE = (1, 3, 224, 224)
AIM = 20
"""How many times quicker than `flop_counter` a summary of a network in memory should be."""


def peer() -> Callable[[], object]:
    scope: dict[str, object] = {}
    exec(compile(compiled("resnet50"), "resnet50.py", "exec"), scope)  # noqa: S102  # our own source
    build = scope["build"]
    assert callable(build)
    with torch.device("meta"):
        module, image = build().eval(), torch.empty(SIZE)

    def count() -> int:
        with FlopCounterMode(display=False, depth=9) as counter, torch.no_grad():
            module(image)
        return int(counter.get_total_flops()) // 2

    return count


def ours() -> dict[str, Callable[[], object]]:
    path = ROOT / "specs" / "resnet.dls"
    text = path.read_text(encoding="utf-8")
    closed = {"image": ("image=1x3x224x224", SIZE)}
    spec = Spec(Source(str(path), text), path)
    graph = {"at 224": spec.graph("resnet50", inputs=closed), "open sizes": spec.graph("resnet50")}

    def from_text() -> object:
        made = Spec(Source(str(path), text), path).graph("resnet50", inputs=closed)
        return summarize(made).to_json()

    return {
        "dlspec, at 224": lambda: summarize(graph["at 224"]).to_json(),
        "dlspec, open sizes": lambda: summarize(graph["open sizes"]).to_json(),
        "dlspec, from text": from_text,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=25)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    jobs = {"flop_counter, meta": peer(), **ours()}
    totals = summarize_totals(jobs["dlspec, at 224"]())
    assert jobs["flop_counter, meta"]() == totals, "both count the same"
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for turn in range(arguments.rounds + 2):
        for name, job in jobs.items():
            gc.collect()
            gc.disable()  # as the command line does
            started = time.process_time()
            job()
            if turn >= 2:
                times[name].append(time.process_time() - started)
            gc.enable()
    report({name: median(taken) for name, taken in times.items()}, totals)


def summarize_totals(summary: object) -> int:
    assert isinstance(summary, dict)
    return int(summary["totals"]["macs"])


def report(seconds: dict[str, float], macs: int) -> None:
    theirs = seconds["flop_counter, meta"]
    print(f"{machine()}; both count {macs:,} MACs")
    print(f"{'':20} {'ms':>7} {'flop_counter ÷ it':>18}")
    for name, value in seconds.items():
        print(f"{name:20} {value * 1e3:>7.2f} {theirs / value:>18.1f}")
    ratio = theirs / seconds["dlspec, at 224"]
    print(f"the aim of {AIM} times, from a network in memory, is {'met' if ratio >= AIM else 'MISSED'}")


if __name__ == "__main__":
    main()
