"""From R-CNN to Faster R-CNN: what an image of digits costs each, and what it finds.

Trains each network by its own plan, or takes the finished runs in `--runs`, and detects in validation scenes one by one
on one thread: regions per image, processor seconds for finding them and for the network, multiply-adds as torch counts
them, and mAP50 of the run. Selective search is asked anew, not remembered.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measure import machine, trained
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dlspec.plan.proposers import SelectiveSearch
from dlspec.training.digit_scenes import scenes
from dlspec.training.predicting import load_run
from dlspec.training.proposals import _searched

NETWORKS = ("rcnn", "fast_rcnn", "fasterrcnn_digits")
HEADS = (("regions", 13), ("search s", 8), ("detect s", 8), ("both s", 8), ("M MACs", 9), ("train s", 8), ("mAP50", 7))


class Costs:
    """What one network takes for each of some images."""

    def __init__(self, name: str, folder: Path, images: Tensor) -> None:
        run = load_run(trained(name, folder), device="cpu")
        self.name, self.module = name, run.module
        report = json.loads((folder / "report.json").read_text())
        self.map50, self.train_seconds = report["val"]["map50"], report["train_seconds"]
        self.searching, self.detecting, self.regions = [], list[float](), list[int]()
        for image in images.unsqueeze(1):
            given: dict[str, Any] = {}
            if isinstance(proposer := run.plan.data.proposals, SelectiveSearch):
                started = time.process_time()
                given = {"proposals": _searched(image, proposer)}
                self.searching.append(time.process_time() - started)
                self.regions.append(len(given["proposals"][0]))
            started = time.process_time()
            self.module(image, **given)
            self.detecting.append(time.process_time() - started)
        self.macs = _macs(self.module, image, given)

    def row(self) -> str:
        search, network = (median(times) if times else 0.0 for times in (self.searching, self.detecting))
        regions = f"{sum(self.regions) / len(self.regions):.0f} searched" if self.regions else "its own"
        return (
            f"{self.name:<18} {regions:>13} {search:>8.3f} {network:>8.3f} {search + network:>8.3f} "
            f"{self.macs / 1e6:>9,.0f} {self.train_seconds:>8,.0f} {self.map50:>7.3f}"
        )


def _macs(module: nn.Module, image: Tensor, given: dict[str, Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        module(image, **given)
    return int(counter.get_total_flops()) // 2


@torch.no_grad()
def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=Path, help="where runs lie, or are put")
    options.add_argument("--images", type=int, default=40)
    chosen = options.parse_args()
    torch.set_num_threads(1)
    images, _ = scenes("val", chosen.images, 0)
    print(machine())
    print(print(" " * 18, *(f"{head:>{width}}" for head, width in HEADS)))
    with tempfile.TemporaryDirectory() as scratch:
        for name in NETWORKS:
            print(Costs(name, (chosen.runs or Path(scratch)) / name, images).row(), flush=True)


if __name__ == "__main__":
    main()
