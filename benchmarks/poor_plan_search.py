"""Search: a plan made poor on purpose, too narrow and too slow a learner, against the plan of LeNet that ships.

The network is LeNet with a width in place of its numbers of maps; the search may be at most half a percent behind the
shipped plan's score on validation, and candidates beyond the plan's budget are to be refused before they train.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import DLSPEC, ROOT, machine

BEHIND = 0.005
POOR = """\
network lenet(width = 1) {
  input image: float32[N, 1, 28, 28]
  image
    -> features: {
      conv2d(width, 5, padding=2) -> relu -> max_pool2d(2)
      -> conv2d(3 * width, 5) -> relu -> max_pool2d(2)
    }
    -> flatten
    -> classifier: { linear(20 * width) -> relu -> linear(14 * width) -> relu }
    -> logits: linear(10)
  output logits
}

plan poor {
  network = lenet
  data { source = digits  resize = 28  split { train = 0.7  val = 0.15  test = 0.15 } }
  augment = [rotate(10), translate(0.1), scale(0.9, 1.1)]
  loss = cross_entropy(logits, label, label_smoothing=0.1)
  optimizer = adamw(lr=1e-5, weight_decay=0.05)
  schedule = one_cycle
  epochs = 40
  batch_size = 32
  device = cpu
  limits { parameters = 100K }
  search {
    over { optimizer { lr = log(1e-5, 1e-1) }  network { width = [1, 2, 4, 6, 8, 16] } }
    method = tpe
    trials = 20
  }
}
"""


def run(*words: str) -> str:
    """What a command prints to its standard output; ends the benchmark where it fails."""
    finished = subprocess.run([str(DLSPEC), *words], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if finished.returncode != 0:
        sys.exit(finished.stdout)
    return finished.stdout


def validation(spec: str, out: Path) -> float:
    """The score on validation of the weights that a plan keeps."""
    run("train", spec, "--out", str(out), "--set", "device=cpu")
    return float(json.loads((out / "report.json").read_text())["val"]["accuracy"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, help="a folder that stays (a temporary one)")
    chosen = parser.parse_args().out
    print(machine())
    with tempfile.TemporaryDirectory() as temporary:
        folder = chosen or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        spec = folder / "poor.dls"
        spec.write_text(POOR)
        shipped, poor = validation("lenet", folder / "shipped"), validation(str(spec), folder / "poor")
        print(run("search", str(spec), "--out", str(folder / "search")), end="")
        found = json.loads((folder / "search" / "search.json").read_text())
    trials = found["trials"]
    best = trials[found["best"]]["score"]
    refused = [one for one in trials if one["state"] == "refused"]
    print(f"\n{'plan':<24} {'val accuracy':>12}")
    for name, score in (("as it ships", shipped), ("made poor", poor), ("found by the search", best)):
        print(f"{name:<24} {score:>12.2%}")
    print(f"{len(trials) - len(refused)} trials trained, {len(refused)} candidates refused")
    print(f"aim: at most {BEHIND:.1%} behind the plan as it ships")
    sys.exit(best < shipped - BEHIND or not refused)


if __name__ == "__main__":
    main()
