"""Memory that a set of annotated pictures takes: 2,000 pictures of 640 x 480 with seven masks each, in COCO's JSON.

The pictures stay in their files; what is measured is what the process grows by while the data set is loaded, and while
batches of it are read.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
from pathlib import Path

import torch
from measure import machine
from PIL import Image

from dlspec.plan.keys import Data
from dlspec.plan.scene_sources import Coco

HEIGHT, WIDTH, OBJECTS, BATCH = 480, 640, 7, 8


def write(folder: Path, count: int) -> None:
    """One picture under many names, and polygons of ten corners."""
    draw = random.Random(0)
    Image.new("RGB", (WIDTH, HEIGHT), (90, 120, 60)).save(folder / "one.jpg")
    listed = [{"id": one, "file_name": "one.jpg", "width": WIDTH, "height": HEIGHT} for one in range(count)]
    made = []
    for number in range(count * OBJECTS):
        wide, high = draw.randint(30, 300), draw.randint(30, 300)
        x, y = draw.randint(0, WIDTH - wide), draw.randint(0, HEIGHT - high)
        corners = [(x + draw.random() * wide, y + draw.random() * high) for _ in range(10)]
        polygon = [part for corner in corners for part in corner]
        made.append({
            "id": number, "image_id": number // OBJECTS, "category_id": 1, "bbox": [x, y, wide, high], "iscrowd": 0,
            "area": wide * high, "segmentation": [polygon],
        })  # fmt: skip
    held = {"images": listed, "annotations": made, "categories": [{"id": 1, "name": "thing"}]}
    (folder / "set.json").write_text(json.dumps(held), encoding="utf-8")


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def measure(folder: Path, kind: str, count: int) -> None:
    from dlspec.checking import open_spec, resolve_plan
    from dlspec.training.data import load

    name = "maskrcnn_digits" if kind == "masks" else "fcn_digits"
    spec = open_spec(name)
    resolved, problems = resolve_plan(spec, next(iter(spec.plans.values())))
    assert resolved is not None, problems
    plan = resolved[0]
    plan.folder = str(folder)
    plan.data = Data(source=Coco(path="set.json", images="."), in_memory=False, normalize=False)
    before, started = resident(), time.process_time()
    samples = load(plan).samples
    seconds, loaded = time.process_time() - started, resident()
    rows = torch.arange(BATCH)
    samples.targets[rows]
    started = time.process_time()
    for _ in range(5):
        samples.targets[rows]
    batch = (time.process_time() - started) / 5
    said = f"{(loaded - before) / 1e6:7.0f} MB more in memory, {seconds:5.1f} s of the processor to load"
    print(
        f"{kind:6} {count:,} pictures: {said}, {batch * 1e3:5.1f} ms for the targets of a batch of {BATCH}", flush=True
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=2000)
    parser.add_argument("--only", choices=("masks", "maps"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{machine()}, one thread")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder, arguments.pictures)
        for kind in ("masks", "maps") if arguments.only is None else (arguments.only,):
            measure(folder, kind, arguments.pictures)


if __name__ == "__main__":
    main()
