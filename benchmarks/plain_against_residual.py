"""Depth: plain networks of 20 and 56 layers against residual ones, on handwritten digits, several seeds each.

Every run is `dlspec train plain_against_residual` with another network and seed. `--docs` draws the training curves,
each seed a thin line and their mean a thick one, and writes what was printed into the page that shows them; `--runs`
keeps the run folders, and does not train again what lies there finished.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from measure import DLSPEC, ROOT, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matplotlib.axes import Axes

NETWORKS = {"plain": ("plain20", "plain56"), "residual": ("residual20", "residual56")}
COLOURS = {"20": "#2563A8", "56": "#B42318"}
INK, GREY = "#0F172A", "#64748B"
PAGE, PICTURE = (ROOT / "docs" / name for name in ("plain-against-residual.md", "images/plain-against-residual.png"))
TABLE = re.compile(r"^```text\n.*?^```\n", re.M | re.S)


def trained(network: str, seed: int, out: Path) -> dict[str, Any]:
    """The report of a run, which is made where it is not there yet."""
    if not (out / "report.json").exists():
        command = [str(DLSPEC), "train", "plain_against_residual", "--out", str(out)]
        settings = [f"--set=network={network}", f"--set=seed={seed}", "--set=threads=1", "--set=device=cpu"]
        finished = subprocess.run([*command, *settings], cwd=ROOT, capture_output=True, text=True)
        if finished.returncode != 0:
            sys.exit(finished.stdout + finished.stderr)
    report: dict[str, Any] = json.loads((out / "report.json").read_text())
    return report


def errors(out: Path) -> list[float]:
    """Share of training samples, in percent, that were taken for another class, epoch by epoch."""
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    return [100 * (1 - row["accuracy"]) for row in rows if row["split"] == "train"]


def draw(folder: Path, seeds: list[int], picture: Path) -> None:
    """The training error over the epochs, plain networks left and residual ones right."""
    from matplotlib import rcParams
    from matplotlib.figure import Figure

    rcParams["font.family"] = ["DejaVu Sans"]
    figure = Figure(figsize=(8.6, 3.7), layout="constrained")
    for axes, (kind, networks) in zip(figure.subplots(1, 2, sharey=True), NETWORKS.items(), strict=True):
        for network in networks:
            curve(axes, network, [errors(folder / f"{network}-{seed}") for seed in seeds])
        axes.set_title(f"{kind} networks", loc="left", color=INK, fontsize=11)
        axes.set_xlabel("epoch", color=GREY)
        axes.set_ylim(0, 100)
        axes.margins(x=0)
        axes.tick_params(colors=GREY, length=3)
        axes.grid(axis="y", color="#E2E8F0", linewidth=0.8)
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[["left", "bottom"]].set_color("#94A3B8")
        axes.legend(loc="center right", bbox_to_anchor=(1, 0.3), frameon=False, labelcolor="linecolor")
    figure.axes[0].set_ylabel("training error, %", color=GREY)
    picture.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(picture, dpi=160)


def curve(axes: Axes, network: str, runs: list[list[float]]) -> None:
    """Each seed a thin line and their mean a thick one, named by its depth and where it ends."""
    colour = COLOURS[network[-2:]]
    middle = [mean(values) for values in zip(*runs, strict=True)]
    epochs = range(1, len(middle) + 1)
    for run in runs:
        axes.plot(epochs, run, color=colour, linewidth=0.8, alpha=0.4)
    axes.plot(
        epochs, middle, color=colour, linewidth=2.4, label=f"{network[-2:]} layers, {middle[-1]:.1f} % at the end"
    )


def measured(folder: Path, seeds: list[int]) -> Iterator[tuple[str, dict[str, float]]]:
    """Each network with a line of the table, and what it came to."""
    for network in (name for pair in NETWORKS.values() for name in pair):
        outs = [folder / f"{network}-{seed}" for seed in seeds]
        reports = [trained(network, seed, out) for seed, out in zip(seeds, outs, strict=True)]
        tests = [report["test"]["accuracy"] for report in reports]
        error = mean(errors(out)[-1] for out in outs)
        each = "  ".join(f"{test:6.1%}" for test in tests)
        line = f"{network:<10}  {reports[0]['parameters']:>10,}  {error:>12.1f} %  {mean(tests):>13.1%}   {each}"
        yield line, {network: mean(tests)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument(
        "--docs", action="store_true", help="draw the picture of the documentation, and write its table"
    )
    parser.add_argument("--runs", type=Path, help="a folder that stays (a temporary one)")
    arguments = parser.parse_args()
    print(machine())
    lines = [f"{'network':<10}  {'parameters':>10}  {'training error':>14}  {'test accuracy':>13}   of each seed"]
    print(lines[0])
    scores: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.runs or Path(temporary)
        for line, score in measured(folder, arguments.seeds):
            print(line, flush=True)
            lines.append(line)
            scores |= score
        if arguments.docs:
            draw(folder, arguments.seeds, PICTURE)
            block = "\n".join(["$ python benchmarks/plain_against_residual.py --docs", machine(), *lines])
            PAGE.write_text(TABLE.sub(lambda _: f"```text\n{block}\n```\n", PAGE.read_text("utf-8")), "utf-8")
    print("aim: the plain network loses by depth, the residual one does not")
    sys.exit(scores["plain56"] > scores["plain20"] - 0.05 or scores["residual56"] < scores["residual20"] - 0.02)


if __name__ == "__main__":
    main()
