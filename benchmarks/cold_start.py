"""Cold start: the processor time of `dlspec check` against that of an empty program and of `import torch`."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from measure import DLSPEC, ROOT, machine, medians

# Seconds that a check should need at most, Python's own start included.
AIMS = {"lenet": 0.15, "resnet50": 0.15, "resnet152": 0.30}

# Deep Residual Learning for Image Recognition, Table 1: bottlenecks per stage; the stride is in the 3x3.
DEPTHS = {"resnet50": [3, 4, 6, 3], "resnet152": [3, 8, 36, 3]}
RESNET = """
block bottleneck(x, width, stride = 1) {
  shortcut = x if stride == 1 and x.channels == 4 * width
             else x -> downsample: { conv2d(4 * width, 1, stride=stride, bias=false) -> batch_norm2d }

  y = x -> conv1: conv2d(width, 1, bias=false)                           -> bn1: batch_norm2d -> relu
        -> conv2: conv2d(width, 3, stride=stride, padding=1, bias=false) -> bn2: batch_norm2d -> relu
        -> conv3: conv2d(4 * width, 1, bias=false)                       -> bn3: batch_norm2d
  relu(y + shortcut)
}

block stage(x, width, depth, stride = 1) {
  x -> bottleneck(width, stride=stride) -> bottleneck(width) * (depth - 1)
}

network resnet(depths = DEPTHS, classes = 1000) {
  input image: float32[N, 3, H, W]

  output logits = image
    -> conv1: conv2d(64, 7, stride=2, padding=3, bias=false) -> bn1: batch_norm2d -> relu
    -> max_pool2d(3, stride=2, padding=1)
    -> layer1: stage(64, depths[0])
    -> layer2: stage(128, depths[1], stride=2)
    -> layer3: stage(256, depths[2], stride=2)
    -> layer4: stage(512, depths[3], stride=2)
    -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(classes)
}
"""


def spec(name: str, folder: Path) -> str:
    """The zoo's spec of that name; a residual network that the zoo lacks is written into the folder."""
    if name not in DEPTHS or any((ROOT / "specs").glob(f"{name}.*")):
        return name
    path = folder / f"{name}.dls"
    path.write_text(RESNET.replace("DEPTHS", str(DEPTHS[name])))
    return str(path)


def report(seconds: dict[str, float]) -> None:
    """A line for each command, with its share of an empty program's time and of torch's import."""
    print(machine())
    print(f"{'':24} {'seconds':>8} {'× empty':>8} {'× torch':>8} {'aim':>6}")
    for name, value in seconds.items():
        aim = AIMS.get(name.removeprefix("dlspec check "))
        verdict = "" if aim is None else f"{aim:>6.2f} {'met' if value <= aim else 'MISSED'}"
        empty, torch = value / seconds["python -c pass"], value / seconds["import torch"]
        print(f"{name:24} {value:>8.3f} {empty:>8.1f} {torch:>8.3f} {verdict}".rstrip())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--specs", nargs="+", default=list(AIMS), metavar="SPEC")
    arguments = parser.parse_args()
    python = sys.executable
    with tempfile.TemporaryDirectory() as folder:
        commands = {
            "python -c pass": [python, "-c", "pass"],
            "import torch": [python, "-c", "import torch"],
            **{f"dlspec check {n}": [str(DLSPEC), "check", spec(n, Path(folder))] for n in arguments.specs},
        }
        report(medians(commands, arguments.rounds))


if __name__ == "__main__":
    main()
