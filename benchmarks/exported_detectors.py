"""The large networks as programs: how long one takes to write, in how much memory, and how near it is to the network.

Each is written for any number of images of any size, with deterministic weights, and run on batches of several sizes
beside the network. Images are resized to `--side` pixels, so that a processor has time for it; what is exported is the
same. `fcn_resnet50` is written with its auxiliary head.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from pathlib import Path

import torch
from measure import ROOT, machine
from torch import nn
from torch.nn import functional

import dlspec
from dlspec.lowering.open_axes import OpenAxis, open_axes
from dlspec.training.export import export_program
from dlspec.training.export_detectors import write_detector
from dlspec.training.trial_batches import Batch

sys.path.insert(0, str(ROOT / "tests" / "zoo"))
from deterministic import fill_module  # type: ignore[import-not-found]  # it lies beside the tests

NETWORKS = ("fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "fcn_resnet50")
SIZES = ((2, 100, 120), (1, 100, 120), (3, 130, 90), (2, 64, 200))
MILD = {"bbox_pred": 0.05, "cls_score": 0.1, "cls_logits": 0.1}
"""Deterministic weights are no learned ones: those of the last layers are made mild, so that some boxes are found."""


def built(graph: dlspec.Network) -> nn.Module:
    names: dict[str, object] = {}
    exec(compile(dlspec.compile(graph), "model.py", "exec"), names)  # noqa: S102  # our own source
    with torch.device("meta"):
        network: nn.Module = names["build"]()  # type: ignore[operator]
    fill_module(network)
    with torch.no_grad():
        for name, weight in network.named_parameters():
            for part, factor in MILD.items():
                weight.mul_(factor if part in name else 1)
    return network.eval()


def images(count: int, height: int, width: int) -> torch.Tensor:
    coarse = torch.rand(count, 3, 6, 7, generator=torch.Generator().manual_seed(height))
    return functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


def written(name: str, form: str, side: int, out: Path) -> str:
    if name == "fcn_resnet50":
        graph = dlspec.load(name, set={"aux": True})
        (axes,), (roomy,) = open_axes(graph.graph).values(), open_axes(graph.graph, least=2).values()
        done = export_program(built(graph), form, out, "image", axes, (2, 3, 64, 80), torch.float32, roomy=roomy)
        return f"outputs differ by {done.difference:.1e} of their deviation"
    graph = dlspec.load(name, set={"classes": 6, "min_size": side, "max_size": side * 4 // 3})
    axes = [OpenAxis("N", 1, 1, None), 3, *(OpenAxis(axis, 1, 16, None) for axis in ("h", "w"))]
    found = write_detector(built(graph), form, {"image": axes}, [Batch(images(*size)) for size in SIZES], out)
    return f"{found.objects} objects found by both, scores differ by {found.difference:.1e}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=NETWORKS)
    parser.add_argument("--side", type=int, default=96)
    arguments = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        for name in NETWORKS if arguments.only is None else (arguments.only,):
            for form in ("pt2", "onnx"):
                started, out = time.process_time(), Path(folder, f"{name}.{form}")
                said = written(name, form, arguments.side, out)
                seconds, memory = time.process_time() - started, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
                size = out.stat().st_size
                print(
                    f"{name:24} {form:4} {seconds:5.0f} s of the processor, {memory / 2**20:.1f} GiB so far, ", end=""
                )
                print(f"{size / 2**20:.0f} MiB; {said}", flush=True)


if __name__ == "__main__":
    main()
