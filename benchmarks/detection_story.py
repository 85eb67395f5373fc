"""R-CNN, Fast R-CNN, Faster R-CNN, YOLO and Mask R-CNN on scenes of digits, each by its own spec and plan.

For each: multiply-adds as the checker counts them, those of the image and those of every region; how many regions it
looks at; measured processor time of a scene, finding regions apart; average precision on validation scenes. Runs are
made where `--runs` has none; with `--finished` networks without a run are left out. `--docs` writes the table into the
page that shows it.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import torch
from measure import ROOT, machine, trained
from torch import Tensor

import dlspec
from dlspec.training.digit_scenes import scenes
from dlspec.training.proposals import proposals
from dlspec.training.trained import Trained

PAGE = ROOT / "docs" / "guides" / "detection-story.md"
TABLE = re.compile(r"(\$ python benchmarks/detection_story.py --docs\n).*?(^```$)", re.M | re.S)
NETWORKS = ("rcnn", "fast_rcnn", "fasterrcnn_digits", "yolo_digits", "maskrcnn_digits")
SIDE, SEEN = 128, 20


def macs(name: str) -> tuple[int, int]:
    """Multiply-adds of a scene, whatever is found in it, and those of each region."""
    loaded = dlspec.load(name, inputs={"image": (1, 1, SIDE, SIDE)})
    text = str(dlspec.summarize(loaded).to_json()["totals"]["macs"])
    terms: dict[str, int] = {}
    for term in text.split(" + "):
        count, _, symbol = term.partition("*")
        terms[symbol] = int(count)
    return terms.get("", 0), terms.get("R", 0)


class Watched:
    """Counts what a network's heads are given, by the first linear layer or convolution that sees regions."""

    def __init__(self, run: Trained) -> None:
        self.rows: list[int] = []
        for path, part in run.module.named_modules():
            if path.endswith(("fc6", "svms")) and isinstance(part, torch.nn.Linear):
                part.register_forward_hook(lambda _part, given, _out: self.rows.append(len(given[0])))
                break


@torch.no_grad()
def measured(run: Trained) -> tuple[float, float, float]:
    """Median processor seconds for finding regions of a scene, for all that the network does, and regions seen."""
    images, _ = scenes("val", SEEN + 1, 0)
    watched, searching, looking = Watched(run), [], []
    for image in images[:, None]:
        given: dict[str, list[Tensor]] = {}
        if (proposer := run.plan.data.proposals) is not None:
            # What was found before is kept; here it is to be found.
            with tempfile.TemporaryDirectory() as empty:
                os.environ["XDG_CACHE_HOME"] = empty
                began = time.process_time()
                given = {"proposals": proposals(image, proposer)}
                searching.append(time.process_time() - began)
        began = time.process_time()
        run.module(run.fitted.prepared(image), **given)
        looking.append(time.process_time() - began)
    regions = sum(watched.rows[1:]) / SEEN if watched.rows else 0
    return median(searching[1:] or [0.0]), median(looking[1:]), regions


def row(name: str, folder: Path) -> str:
    """One network: what it costs and how well it finds."""
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    whole, each = macs(name)
    searching, looking, regions = measured(Trained(folder, device="cpu"))
    scores = [f"{report['val'][key]:.3f}" if key in report["val"] else "" for key in ("map50", "map", "mask_map50")]
    cells = [
        f"{report['parameters']:,}", f"{whole:,}", f"{each:,}" if each else "", f"{regions:.0f}" if regions else "",
        f"{1000 * searching:.0f}" if searching else "", f"{1000 * looking:.0f}", str(report["epochs"]), *scores,
    ]  # fmt: skip
    return (f"{name:<18}" + "".join(f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=True))).rstrip()


HEADINGS = (
    "parameters", "MACs, image", "a region", "regions", "search ms", "ms", "epochs", "map50", "map", "mask_map50",
)  # fmt: skip
WIDTHS = (12, 14, 12, 9, 11, 8, 8, 8, 8, 12)


def table(runs: Path, *, finished: bool) -> str:
    """A row for each network, and on what it was measured."""
    torch.set_num_threads(1)
    lines = [" " * 18 + "".join(f"{one:>{width}}" for one, width in zip(HEADINGS, WIDTHS, strict=True))]
    for name in NETWORKS:
        if finished and not (runs / name / "report.json").exists():
            continue
        lines.append(row(name, trained(name, runs / name)))
    return "\n".join([*lines, f"processor time of a scene, one thread; {machine()}"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=Path, help="where run folders are kept")
    parser.add_argument("--finished", action="store_true", help="leave out networks that have no finished run")
    parser.add_argument("--docs", action="store_true", help="write the table into the page that shows it")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = scratch  # so that regions are searched for, not remembered
        made = table(options.runs or Path(scratch), finished=options.finished)
    print(made)
    if options.docs:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(TABLE.sub(lambda found: f"{found[1]}{made}\n{found[2]}", text), encoding="utf-8")


if __name__ == "__main__":
    main()
