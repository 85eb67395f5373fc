"""From a window that slides to one pass: a classifier of patches at every pixel, and the networks of its weights.

Trains `sliding_window` by its plan, hands its weights to the fully convolutional networks of the same file, and sets
all three beside `fcn_digits`, trained by its own: multiply-adds for a scene of 128 x 128 as the checker counts them,
what a unit sees, measured seconds, and mean IoU over the digits of validation scenes. `--runs` keeps the run folders,
and does not train again what lies there finished; `--docs` writes the table into the page that shows it.
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measure import ROOT, machine, trained
from torch import Tensor, nn

import dlspec
from dlspec.plan.weights import Load, match
from dlspec.training.class_maps import mean_iou
from dlspec.training.digit_scenes import scenes
from dlspec.training.objects import class_map
from dlspec.training.patch_data import patches
from dlspec.training.predicting import load_run

PAGE = ROOT / "docs" / "guides" / "sliding-window-to-fcn.md"
TABLE = re.compile(r"(\$ python benchmarks/sliding_window.py --docs\n).*?(^```$)", re.M | re.S)
SIDE, REACH, AT_ONCE = 128, 14, 512
CLASSES = 11


def with_weights_of(classifier: nn.Module, network: str) -> nn.Module:
    """A network of `sliding_window.dls` that takes the classifier's weights over by name."""
    scope: dict[str, Any] = {}
    exec(compile(dlspec.compile(dlspec.load("sliding_window", network=network)), network, "exec"), scope)  # noqa: S102  # our own source
    module: nn.Module = scope["build"]()
    here, there = module.state_dict(), classifier.state_dict()
    network_shapes, file_shapes = ({name: tuple(one.shape) for name, one in state.items()} for state in (here, there))
    found = match(network_shapes, file_shapes, Load(path="", reshape=True))
    assert found.is_whole, found
    module.load_state_dict({name: there[other].reshape(here[name].shape) for name, other in found.pairs.items()})
    return module.eval()


def slid(classifier: nn.Module, image: Tensor) -> Tensor:
    """Scores (classes, H, W) of an image (1, H, W), a patch for every pixel, some hundred of them at once."""
    rows, columns = (one.flatten() for one in torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij"))
    parts = zip(rows.split(AT_ONCE), columns.split(AT_ONCE), strict=True)
    scores = torch.cat([classifier(patches(image, REACH, *part)) for part in parts])
    return scores.T.reshape(CLASSES, SIDE, SIDE)


def macs(network: str, side: int) -> int:
    """Multiply-adds of one input, as `dlspec summary` tells."""
    file = "sliding_window" if network.startswith("sliding") else network
    loaded = dlspec.load(file, network=network, inputs={"image": (1, 1, side, side)})
    return int(dlspec.summarize(loaded).to_json()["totals"]["macs"])


@torch.no_grad()
def measured(give: Callable[[Tensor], Tensor], images: Tensor, maps: Tensor) -> tuple[float, float]:
    """Median processor seconds of a scene, and mean IoU over digits."""
    give(images[0])
    seconds, confusion = [], torch.zeros(CLASSES, CLASSES, dtype=torch.int64)
    for image, wanted in zip(images, maps, strict=True):
        began = time.process_time()
        scores = give(image)
        seconds.append(time.process_time() - began)
        found = CLASSES * wanted + scores.argmax(0)
        confusion += found.flatten().bincount(minlength=CLASSES**2).view_as(confusion)
    return median(seconds), mean_iou(confusion, without=(0,))


def enlarged(scores: Tensor) -> Tensor:
    """Every score four times as high and wide: unit (i, j) speaks for the pixels from (4 i, 4 j) on."""
    return scores.repeat_interleave(4, 1).repeat_interleave(4, 2)


def table(runs: Path, count: int) -> str:
    """What each way costs, and how good its maps are."""
    torch.set_num_threads(1)
    classifier = load_run(trained("sliding_window", runs / "sliding_window")).module
    fcn = load_run(trained("fcn_digits", runs / "fcn_digits")).module
    whole, coarse = (with_weights_of(classifier, f"sliding_window_{kind}") for kind in ("fcn", "coarse"))
    images, objects = scenes("val", count, 0)
    maps = torch.stack([class_map(labels, masks) for labels, masks in zip(objects.labels, objects.masks, strict=True)])
    with torch.no_grad():
        difference = float((slid(classifier, images[0]) - whole(images[:1])[0]).abs().max())
    one_patch = macs("sliding_window", 2 * REACH + 1)
    rows: list[tuple[str, int, int, Callable[[Tensor], Tensor]]] = [
        ("a patch for every pixel", SIDE**2 * one_patch, 29, lambda x: slid(classifier, x)),
        ("every pixel in one pass", macs("sliding_window_fcn", SIDE), 29, lambda x: whole(x[None])[0]),
        (
            "every fourth pixel in one pass",
            macs("sliding_window_coarse", SIDE),
            29,
            lambda x: enlarged(coarse(x[None])[0]),
        ),
        ("fcn_digits, trained on whole scenes", macs("fcn_digits", SIDE), 79, lambda x: fcn(x[None])[0]),
    ]
    lines = [f"{'':<36}  {'MACs a scene':>14}  {'sees':>4}  {'CPU ms':>8}  {'mean IoU':>8}"]
    for name, cost, sees, give in rows:
        seconds, score = measured(give, images, maps)
        lines.append(f"{name:<36}  {cost:>14,}  {sees:>4}  {1000 * seconds:>8,.1f}  {score:>8.3f}")
    lines.append(f"largest difference between the first two: {difference:.1e}")
    return "\n".join([*lines, f"{count} validation scenes, one thread; {machine()}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=Path, help="where run folders are kept")
    parser.add_argument("--scenes", type=int, default=20, help="validation scenes that are segmented")
    parser.add_argument("--docs", action="store_true", help="write the table into the page that shows it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        made = table(options.runs or Path(scratch), options.scenes)
    print(made)
    if options.docs:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(TABLE.sub(lambda found: f"{found[1]}{made}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
