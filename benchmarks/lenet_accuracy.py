"""Accuracy on the handwritten digits, of LeNet or another spec: one run for each split seed; each reads its test split
once. Processor seconds are those of the whole command: imports, checks, training, report and pictures.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage
from statistics import mean

from measure import DLSPEC, ROOT, machine


def accuracy(spec: str, seed: int, out: Path, settings: list[str]) -> tuple[float, float]:
    """The test accuracy of one run, and its processor seconds."""
    overrides = [f"--set={setting}" for setting in (f"data.split.seed={seed}", *settings)]
    before = getrusage(RUSAGE_CHILDREN)
    finished = subprocess.run(
        [str(DLSPEC), "train", spec, "--out", str(out), *overrides], cwd=ROOT, capture_output=True, text=True
    )
    if finished.returncode != 0:
        sys.exit(finished.stdout + finished.stderr)
    report = json.loads((out / "report.json").read_text())
    after = getrusage(RUSAGE_CHILDREN)
    return report["test"]["accuracy"], after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", default="lenet")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2, 3, 4])
    parser.add_argument("--set", dest="settings", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--aim", type=float, default=0.99, help="the mean test accuracy that is asked for")
    arguments = parser.parse_args()
    print(machine())
    print(f"{'seed':>4} {'test accuracy':>14} {'processor':>10}")
    scores = []
    with tempfile.TemporaryDirectory() as folder:
        for seed in arguments.seeds:
            score, seconds = accuracy(arguments.spec, seed, Path(folder, str(seed)), arguments.settings)
            scores.append(score)
            print(f"{seed:>4} {score:>13.2%} {seconds:>8.1f} s", flush=True)
    print(f"mean {mean(scores):>13.2%}   aim: at least {arguments.aim:.1%}")
    sys.exit(mean(scores) < arguments.aim)


if __name__ == "__main__":
    main()
