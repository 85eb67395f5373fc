"""Accuracy: LeNet on the handwritten digits, one run for each split seed; each reads its test split once."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean

from measure import DLSPEC, ROOT, machine

AIM = 0.99


def accuracy(spec: str, seed: int, out: Path, settings: list[str]) -> tuple[float, float]:
    """The test accuracy of one run, and the wall seconds that its training took."""
    overrides = [f"--set={setting}" for setting in (f"data.split.seed={seed}", *settings)]
    finished = subprocess.run(
        [str(DLSPEC), "train", spec, "--out", str(out), *overrides], cwd=ROOT, capture_output=True, text=True
    )
    if finished.returncode != 0:
        sys.exit(finished.stdout + finished.stderr)
    report = json.loads((out / "report.json").read_text())
    return report["test"]["accuracy"], report["train_seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", default="lenet")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    print(machine())
    print(f"{'seed':>4} {'test accuracy':>14} {'training':>10}")
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            score, seconds = accuracy(arguments.spec, seed, Path(folder, str(seed)), arguments.settings)
            scores.append(score)
            print(f"{seed:>4} {score:>13.2%} {seconds:>8.1f} s", flush=True)
    print(f"mean {mean(scores):>13.2%}   aim: at least {AIM:.0%}")
    sys.exit(mean(scores) < AIM)


if __name__ == "__main__":
    main()
