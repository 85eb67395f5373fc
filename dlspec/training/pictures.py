"""The pictures of a run folder, each a function from what was measured to a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor

from dlspec.record import TYPE_CHECKING
from dlspec.training.closed_form import Comparison

if TYPE_CHECKING:
    from typing import Any

BLUE, RED, AMBER, GREY, INK = "#2563A8", "#B42318", "#B7791F", "#94A3B8", "#0F172A"
SPLIT_COLOURS = {"train": BLUE, "val": AMBER}
LONG_RUN = 500
"""Epochs from which on their axis is logarithmic, since most of what happens happens early."""

MOST_CLASSES_WRITTEN = 20
"""Classes up to which a confusion matrix writes its counts."""


def curves(rows: Sequence[dict[str, Any]], file: Path, *, best_epoch: int | None = None) -> None:
    """Loss, metrics and learning rate over the epochs, a panel each."""
    named = [key for key in rows[0] if key not in ("epoch", "step", "split", "seconds")]
    if len({row.get("learning_rate") for row in rows} - {None}) == 1:
        named.remove("learning_rate")
    figure, panels = _panels(len(named), width=4.6, height=3.4, columns=min(len(named), 3))
    for axes, name in zip(panels, named, strict=True):
        for split, colour in SPLIT_COLOURS.items():
            points = [(row["epoch"], row[name]) for row in rows if row["split"] == split and name in row]
            if points:
                marker = "o" if len(points) == 1 else ""
                axes.plot(*zip(*points, strict=True), color=colour, label=split, linewidth=1.8, marker=marker)
        _decorate_curve(axes, name, rows, best_epoch)
    _save(figure, file)


def _decorate_curve(axes: Axes, name: str, rows: Sequence[dict[str, Any]], best_epoch: int | None) -> None:
    if best_epoch:
        axes.axvline(best_epoch, color=GREY, linewidth=1, linestyle=(0, (3, 3)), zorder=0)
        if name == "loss":
            axes.annotate("kept", (best_epoch, 1), (3, -3), xycoords=("data", "axes fraction"),
                          textcoords="offset points", va="top", color="#64748B", fontsize=8)  # fmt: skip
    axes.set_title(name.replace("_", " "), loc="left", color=INK)
    axes.set_xlabel("epoch")
    values = [row[name] for row in rows if name in row]
    if name == "loss" and min(values) > 0 and max(values) > 20 * min(values):
        axes.set_yscale("log")
    if rows[-1]["epoch"] >= LONG_RUN:
        axes.set_xscale("log")
    if len(axes.lines) > 1 and name != "learning_rate":
        axes.legend(frameon=False)


def confusion_matrix(
    confusion: Sequence[Sequence[int]], names: Sequence[str], file: Path, *, split: str
) -> None:
    """True classes down, predicted ones across; the diagonal blue, mistakes red, by share of the row."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    side = min(max(3.2, 0.42 * len(counts) + 1.6), 12)
    figure, (axes,) = _panels(1, width=side, height=side)
    axes.imshow(_tint(shares, right))
    if len(counts) <= MOST_CLASSES_WRITTEN:
        for row, column in zip(*np.nonzero(counts), strict=True):
            dark = shares[row, column] > 0.5
            axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", fontsize=9,
                      color="white" if dark else INK)  # fmt: skip
        axes.set_xticks(range(len(names)), names, rotation=45 if max(map(len, names)) > 3 else 0)
        axes.set_yticks(range(len(names)), names)
    edges = np.arange(len(counts) + 1) - 0.5
    axes.set_xticks(edges, minor=True)
    axes.set_yticks(edges, minor=True)
    axes.grid(which="minor", color="#E2E8F0", linewidth=0.8)
    axes.tick_params(which="both", length=0)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    total = counts.sum()
    wrong = int(total - counts.trace())
    share = counts.trace() / max(total, 1)
    axes.set_title(f"{split}: {wrong} of {total:,} wrong, {share:.1%} right", loc="left", color=INK)
    axes.spines[:].set_visible(False)
    _save(figure, file)


def _tint(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """White to blue on the diagonal, white to red elsewhere; small shares are lifted to be seen."""
    strength = np.where(right, shares, np.sqrt(shares))[..., None]
    colour = np.where(right[..., None], _rgb(BLUE), _rgb(RED))
    tinted: NDArray[np.float64] = 1 - strength * (1 - colour)
    return tinted


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])


def templates(weights: Tensor, shape: Sequence[int], names: Sequence[str], file: Path) -> None:
    """The weights of a linear classifier as images, one a class: blue speaks for it, red against it."""
    images = weights.detach().float().cpu().view(len(weights), *shape).mean(1).numpy()
    limit = float(np.abs(images).max()) or 1.0
    side = 1.5 if len(images) > 1 else 3.6
    figure, panels = _panels(len(images), width=side, height=side + 0.2, columns=min(len(images), 5))
    for axes, image, name in zip(panels, images, names, strict=True):
        axes.imshow(image, cmap="RdBu", vmin=-limit, vmax=limit)
        _bare(axes, name)
    what = "what each class looks for" if len(images) > 1 else "what the score looks for"
    figure.suptitle(f"{what}: blue counts for it, red against it", fontsize=10, color=INK)
    _save(figure, file)


def augmented(originals: Tensor, versions: Sequence[Tensor], labels: Sequence[str], file: Path) -> None:
    """A row for each sample: as it is, then as it was seen in successive epochs."""
    columns = 1 + len(versions)
    figure, panels = _panels(len(originals) * columns, width=1.1, height=1.15, columns=columns)
    for row, label in enumerate(labels):
        for column, images in enumerate((originals, *versions)):
            axes = panels[row * columns + column]
            _show(axes, images[row])
            _bare(axes, "as it is" if row == column == 0 else f"epoch {column}" if row == 0 else "")
        panels[row * columns].set_ylabel(label, rotation=0, ha="right", va="center", color=INK)
    _save(figure, file)


def predictions(
    images: Tensor, predicted: Sequence[str], true: Sequence[str], sure: Sequence[float] | None, file: Path
) -> None:
    """Samples with what they were taken for; the wrong ones in red, with what they are."""
    figure, panels = _panels(len(images), width=1.25, height=1.5, columns=min(len(images), 8))
    for place, axes in enumerate(panels):
        wrong = predicted[place] != true[place]
        share = f" {sure[place]:.0%}" if sure is not None else ""
        _show(axes, images[place])
        _bare(axes, f"{predicted[place]}{share}" + (f"\nis {true[place]}" if wrong else ""))
        axes.title.set_color(RED if wrong else INK)
        for spine in axes.spines.values():
            spine.set(visible=wrong, color=RED, linewidth=2)
    _save(figure, file)


def predicted_numbers(predicted: Tensor, true: Tensor, name: str, file: Path, *, r2: float | None) -> None:
    """Each sample as a point, true across and predicted up; on the diagonal they agree."""
    figure, (axes,) = _panels(1, width=4.2, height=4.2)
    both = np.concatenate([predicted.numpy().ravel(), true.numpy().ravel()])
    ends = [float(both.min()), float(both.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1, zorder=0)
    axes.scatter(true.numpy(), predicted.numpy(), s=18, color=BLUE, alpha=0.7, linewidths=0)
    axes.set_aspect("equal")
    axes.set_xlabel(f"true {name}")
    axes.set_ylabel(f"predicted {name}")
    axes.set_title("test" + (f": R² = {r2:.3f}" if r2 is not None else ""), loc="left", color=INK)
    _save(figure, file)


def coefficients(comparison: Comparison, file: Path) -> None:
    """The coefficients that gradient descent found beside those of least squares."""
    count = len(comparison.names)
    figure, (axes,) = _panels(1, width=6.4, height=0.36 * count + 1.3)
    place = np.arange(count)
    axes.barh(place - 0.19, comparison.exact, 0.36, color=GREY, label="least squares")
    axes.barh(place + 0.19, comparison.trained, 0.36, color=BLUE, label="gradient descent")
    axes.set_yticks(place, comparison.names)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.legend(frameon=False, loc="best")
    difference = f"coefficients; the largest difference is {comparison.largest_difference:.1e}"
    axes.set_title(difference, loc="left", color=INK)
    _save(figure, file)


def _panels(
    count: int, *, width: float, height: float, columns: int | None = None
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels in rows, each of a size in inches."""
    columns = columns or count
    rows = -(-count // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", facecolor="white")
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in grid[count:]:
        axes.set_axis_off()
    for axes in grid[:count]:
        axes.spines[["top", "right"]].set_visible(False)
        axes.spines[:].set_color(GREY)
        axes.tick_params(color=GREY, labelcolor="#334155", labelsize=9)
        axes.title.set_size(10)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set(color="#334155", size=9)
    return figure, grid[:count]


def _show(axes: Axes, image: Tensor) -> None:
    """An image (C, H, W) in 0..1, grey or coloured."""
    pixels = image.detach().float().clamp(0, 1).cpu().permute(1, 2, 0).numpy()
    if pixels.shape[2] == 3:
        axes.imshow(pixels)
    else:
        axes.imshow(pixels[..., 0], cmap="gray_r", vmin=0, vmax=1)


def _bare(axes: Axes, title: str) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    axes.set_title(title, fontsize=9, color=INK)


def _save(figure: Figure, file: Path) -> None:
    """Without a date or version inside, so that the same run draws the same bytes."""
    figure.savefig(file, dpi=144, metadata={"Software": None})
