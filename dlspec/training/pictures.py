"""The pictures of a run folder, each a function from what was measured to a PNG file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from torch import Tensor

from dlspec.record import TYPE_CHECKING
from dlspec.training.record import measured

if TYPE_CHECKING:
    from typing import Any

    from dlspec.training.mistakes import Mistake

BLUE, RED, AMBER, GREY, INK = "#2563A8", "#B42318", "#B7791F", "#94A3B8", "#0F172A"
SPLIT_COLOURS = {"train": BLUE, "val": AMBER}
LONG_RUN = 500
"""Epochs from which on their axis is logarithmic, since most of what happens happens early."""

NUMBERS = 6
"""Targets that get a panel each."""
MOST_CLASSES_WRITTEN = 20
"""Classes up to which a confusion matrix writes its counts."""


def curves(
    rows: Sequence[dict[str, Any]],
    file: Path,
    *,
    best_epoch: int | None = None,
    levels: dict[str, float] | None = None,
) -> None:
    """Loss, metrics and learning rate over the epochs, a panel each; `levels` are what least squares reaches."""
    named = measured(rows)
    figure, parts = panels(len(named), width=4.6, height=3.4, columns=2 if len(named) == 4 else min(len(named), 3))
    for axes, name in zip(parts, named, strict=True):
        for split, colour in SPLIT_COLOURS.items():
            points = [(row["epoch"], row[name]) for row in rows if row["split"] == split and name in row]
            if points:
                marker = "o" if len(points) == 1 else ""
                axes.plot(*zip(*points, strict=True), color=colour, label=split, linewidth=1.8, marker=marker)
        if levels and name in levels:
            axes.axhline(levels[name], color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), label="least squares")
        _decorate_curve(axes, name, rows, best_epoch)
    save(figure, file)


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


def gradients(rows: Sequence[dict[str, Any]], file: Path, *, most: int = 6) -> None:
    """The length of every layer's gradient, from the input on, a line for each of a few epochs; later ones darker."""
    layers = list(rows[0]["norms"])
    chosen = [rows[place] for place in sorted({round(i * (len(rows) - 1) / max(most - 1, 1)) for i in range(most)})]
    figure, (axes,) = panels(1, width=min(max(4.6, 0.34 * len(layers) + 2), 12), height=3.6)
    for place, row in enumerate(chosen):
        strength = 0.25 + 0.75 * (place + 1) / len(chosen)
        colour = 1 - strength * (1 - rgb(BLUE))
        lengths = [max(length, 1e-12) for length in row["norms"].values()]
        axes.plot(lengths, color=tuple(colour), marker="o", markersize=3, linewidth=1.6, label=f"epoch {row['epoch']}")
    axes.set_yscale("log")
    step = -(-len(layers) // 30)
    axes.set_xticks(range(0, len(layers), step), layers[::step], rotation=60, ha="right", rotation_mode="anchor")
    axes.set_title("length of the gradient, by layer", loc="left", color=INK)
    axes.legend(frameon=False, fontsize=8, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    save(figure, file)


def searched(rows: Sequence[tuple[dict[str, str], float, bool]], scales: dict[str, str], by: str, file: Path) -> None:
    """The score of every trial over each setting, a panel each; the best one red. `scales` are `log`, `list` ..."""
    figure, parts = panels(len(scales), width=3.6, height=3.2, columns=min(len(scales), 3))
    for axes, (key, scale) in zip(parts, scales.items(), strict=True):
        texts = list(dict.fromkeys(values[key] for values, _, _ in rows))
        places = {text: place for place, text in enumerate(sorted(texts, key=_by_number))}
        for values, score, is_best in rows:
            at = places[values[key]] if scale == "list" else float(values[key])
            colour, size, alpha = (RED, 36, 0.9) if is_best else (BLUE, 20, 0.55)
            axes.scatter([at], [score], s=size, color=colour, alpha=alpha, linewidths=0, zorder=2 + is_best)
        if scale == "list":
            axes.set_xticks(list(places.values()), list(places), rotation=30 if max(map(len, places)) > 8 else 0)
        elif scale == "log":
            axes.set_xscale("log")
        axes.set_title(key, loc="left", color=INK)
        axes.set_ylabel(by)
    save(figure, file)


def rate_range(
    rates: Sequence[float], losses: Sequence[float], smoothed: Sequence[float], marks: dict[str, float], file: Path
) -> None:
    """Loss over the learning rate, plain and smoothed, with a line at each rate of `marks`."""
    figure, (axes,) = panels(1, width=6.2, height=3.8)
    axes.plot(rates, losses, color=BLUE, alpha=0.3, linewidth=1, label="loss")
    axes.plot(rates, smoothed, color=BLUE, linewidth=1.8, label="smoothed")
    for colour, (name, rate) in zip((GREY, RED), marks.items(), strict=False):
        if rates[0] <= rate <= rates[-1]:
            axes.axvline(rate, color=colour, linewidth=1.2, linestyle=(0, (4, 3)), label=f"{name}: {rate:.1e}")
    axes.set_xscale("log")
    low, first = min(losses), smoothed[0]
    axes.set_ylim(low - 0.1 * (first - low) - 1e-9, first + 0.5 * (first - low) + 1e-9)
    axes.set_xlabel("learning rate")
    axes.set_title("loss of a batch as the rate grows", loc="left", color=INK)
    axes.legend(frameon=False, fontsize=8)
    save(figure, file)


def _by_number(text: str) -> tuple[float, str]:
    try:
        return float(text), text
    except ValueError:
        return float("inf"), text


def confusion_matrix(confusion: Sequence[Sequence[int]], names: Sequence[str], file: Path, *, split: str) -> None:
    """True classes down, predicted ones across; the diagonal blue, mistakes red, by share of the row."""
    counts = np.asarray(confusion)
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    right = np.eye(len(counts), dtype=bool)
    side = min(max(3.2, 0.42 * len(counts) + 1.6), 12)
    figure, (axes,) = panels(1, width=side, height=side)
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
    save(figure, file)


def _tint(shares: NDArray[np.float64], right: NDArray[np.bool_]) -> NDArray[np.float64]:
    """White to blue on the diagonal, white to red elsewhere; small shares are lifted to be seen."""
    strength = np.where(right, shares, np.sqrt(shares))[..., None]
    colour = np.where(right[..., None], rgb(BLUE), rgb(RED))
    tinted: NDArray[np.float64] = 1 - strength * (1 - colour)
    return tinted


def rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)])


def templates(weights: Tensor, shape: Sequence[int], names: Sequence[str], file: Path) -> None:
    """The weights of a linear classifier as images, one a class: blue speaks for it, red against it."""
    images = weights.detach().float().cpu().view(len(weights), *shape).mean(1).numpy()
    limit = float(np.abs(images).max()) or 1.0
    alone = len(images) == 1
    what = "what the score looks for" if alone else "what each class looks for"
    mosaic = Mosaic(
        len(images),
        min(len(images), 5),
        side=3.4 if alone else 1.4,
        above=0.28,
        title=f"{what}: blue for it, red against it",
    )
    for place, (image, name) in enumerate(zip(images, names, strict=True)):
        mosaic.show(place, image, name, cmap="RdBu", vmin=-limit, vmax=limit)
    mosaic.save(file)


def augmented(
    originals: Sequence[Tensor], versions: Sequence[Sequence[Tensor]], labels: Sequence[str], file: Path
) -> None:
    """A row for each sample: as it is, then as it was seen in successive epochs."""
    columns = 1 + len(versions)
    mosaic = Mosaic(len(originals) * columns, columns, side=1.0, above=0.08, title="", first_above=0.3, left=0.35)
    for row, label in enumerate(labels):
        for column, images in enumerate((originals, *versions)):
            said = "" if row else f"epoch {column}" if column else "as it is"
            mosaic.show(row * columns + column, *_pixels(images[row], said))
        mosaic.beside(row * columns, label)
    mosaic.save(file)


def predictions(
    images: Sequence[Tensor], predicted: Sequence[str], true: Sequence[str], sure: Sequence[float] | None, file: Path
) -> None:
    """Samples with what they were taken for; the wrong ones in red, with what they are."""
    mosaic = Mosaic(len(images), min(len(images), 8), side=1.15, above=0.42)
    for place, image in enumerate(images):
        wrong = predicted[place] != true[place]
        share = f" {sure[place]:.0%}" if sure is not None else ""
        said = f"{predicted[place]}{share}" + (f"\nis {true[place]}" if wrong else "")
        mosaic.show(place, *_pixels(image, said), colour=RED if wrong else INK, framed=wrong)
    mosaic.save(file)


def mistakes(images: Tensor, found: Sequence[Mistake], file: Path) -> None:
    """The samples with the highest loss, worst first: what they were taken for, and in red what they are."""
    mosaic = Mosaic(len(images), min(len(images), 8), side=1.15, above=0.58)
    for place, (image, one) in enumerate(zip(images, found, strict=True)):
        share = f" {one.probability:.0%}" if one.probability is not None else ""
        truth = f"is {one.true}, " if one.wrong else ""
        said = f"{one.predicted}{share}\n{truth}loss {one.loss:.2f}\nrow {one.row:,}"
        mosaic.show(place, *_pixels(image, said), colour=RED if one.wrong else INK, framed=one.wrong)
    mosaic.save(file)


def thumbnail(image: Tensor, most: int = 96) -> bytes:
    """An image (C, H, W) in 0..1 as a small PNG file; ink dark on white where it has one channel."""
    from io import BytesIO

    from PIL import Image

    pixels, _ = _pixels(image, "")
    picture = Image.fromarray(np.round(pixels * 255).astype(np.uint8))
    if max(picture.size) > most:
        picture.thumbnail((most, most))
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


class Mosaic:
    """Images in rows on one plain sheet, each with words above it; sizes are in inches.

    One pair of axes for all of them: an axes of its own for each image takes ten times as long to draw.
    """

    gap = 0.1

    def __init__(
        self,
        count: int,
        columns: int,
        *,
        side: float,
        above: float,
        title: str = "",
        first_above: float = 0.0,
        left: float = 0.0,
    ) -> None:
        self.columns, self.side, self.above = columns, side, above
        self.left, self.top = left + self.gap, max(first_above, above) - above + (0.35 if title else 0.05)
        rows = -(-count // columns)
        width = self.left + columns * (side + self.gap)
        height = self.top + rows * (side + above) + self.gap
        self.figure = Figure(figsize=(width, height), facecolor="white")
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()
        self.axes.set(xlim=(0, width), ylim=(height, 0))
        if title:
            self.axes.text(self.gap, 0.2, title, fontsize=10, color=INK, va="center")

    def show(
        self,
        place: int,
        image: NDArray[np.float32],
        words: str,
        *,
        colour: str = INK,
        framed: bool = False,
        **look: Any,
    ) -> None:
        """An image (H, W) or (H, W, 3) at a place, centred in its square."""
        x, y = self._corner(place)
        height, width = image.shape[:2]
        wide, tall = (self.side * size / max(height, width) for size in (width, height))
        x, y = x + (self.side - wide) / 2, y + (self.side - tall) / 2
        self.axes.imshow(image, extent=(x, x + wide, y + tall, y), aspect="auto", **look)
        self.axes.text(x + wide / 2, y - 0.05, words, ha="center", va="bottom", fontsize=9, color=colour)
        if framed:
            self.axes.add_patch(Rectangle((x, y), wide, tall, fill=False, edgecolor=colour, linewidth=2))

    def beside(self, place: int, words: str) -> None:
        """Words to the left of a place."""
        x, y = self._corner(place)
        self.axes.text(x - self.gap, y + self.side / 2, words, ha="right", va="center", fontsize=9, color=INK)

    def _corner(self, place: int) -> tuple[float, float]:
        row, column = divmod(place, self.columns)
        return self.left + column * (self.side + self.gap), self.top + row * (self.side + self.above) + self.above

    def save(self, file: Path) -> None:
        self.axes.set(xlim=(0, self.figure.get_figwidth()), ylim=(self.figure.get_figheight(), 0))
        save(self.figure, file)


def _pixels(image: Tensor, words: str) -> tuple[NDArray[np.float32], str]:
    """An image (C, H, W) in 0..1 as colours, ink dark on white where it has one channel."""
    values = image.detach().float().clamp(0, 1).cpu()
    values = values.permute(1, 2, 0) if len(values) == 3 else (1 - values.mean(0))[..., None].expand(-1, -1, 3)
    return values.numpy(), words


def predicted_numbers(predicted: Tensor, true: Tensor, names: Sequence[str], file: Path, *, r2: float | None) -> None:
    """Each sample as a point, true across and predicted up, on the diagonal they agree; a panel for each target."""
    shown = min(true.shape[1], NUMBERS)
    figure, panels_ = panels(shown, width=4.2, height=4.2)
    for column, axes in enumerate(panels_):
        across, up = true[:, column].numpy(), predicted[:, column].numpy()
        ends = [float(min(across.min(), up.min())), float(max(across.max(), up.max()))]
        axes.plot(ends, ends, color=GREY, linewidth=1, zorder=0)
        axes.scatter(across, up, s=18, color=BLUE, alpha=0.7, linewidths=0)
        axes.set_aspect("equal")
        name = names[column] if len(names) == true.shape[1] else f"{names[0]} {column}"
        axes.set_xlabel(f"true {name}")
        axes.set_ylabel(f"predicted {name}")
    mean = ", the mean over targets" if true.shape[1] > 1 else ""
    panels_[0].set_title("test" + (f": R² = {r2:.3f}{mean}" if r2 is not None else ""), loc="left", color=INK)
    save(figure, file)


def coefficients(found: dict[str, Any], file: Path) -> None:
    """The coefficients that gradient descent found beside those of least squares."""
    names, both = list(found["coefficients"]), found["coefficients"].values()
    figure, (axes,) = panels(1, width=6.4, height=0.36 * len(names) + 1.3)
    place = np.arange(len(names))
    axes.barh(place - 0.19, [one["least_squares"] for one in both], 0.36, color=GREY, label="least squares")
    axes.barh(place + 0.19, [one["trained"] for one in both], 0.36, color=BLUE, label="gradient descent")
    axes.set_yticks(place, names)
    axes.invert_yaxis()
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.legend(frameon=False, loc="best")
    difference = f"coefficients; the largest difference is {found['largest_difference']:.1e}"
    axes.set_title(difference, loc="left", color=INK)
    save(figure, file)


def panels(count: int, *, width: float, height: float, columns: int | None = None) -> tuple[Figure, list[Axes]]:
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


def save(figure: Figure, file: Path) -> None:
    """Without a date or version inside, so that the same run draws the same bytes."""
    figure.savefig(file, dpi=144, metadata={"Software": None})
