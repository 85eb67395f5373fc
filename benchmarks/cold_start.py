"""Cold start: the processor time of `dlspec check` against that of an empty program and of `import torch`."""

from __future__ import annotations

import argparse
import sys

from measure import DLSPEC, machine, medians

# Seconds that a check should need at most, Python's own start included.
AIMS = {"lenet": 0.15, "resnet50": 0.15, "resnet152": 0.30}


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
    commands = {
        "python -c pass": [python, "-c", "pass"],
        "import torch": [python, "-c", "import torch"],
        **{f"dlspec check {name}": [str(DLSPEC), "check", name] for name in arguments.specs},
    }
    report(medians(commands, arguments.rounds))


if __name__ == "__main__":
    main()
