"""The plane of a classifier that takes two numbers: which class each point is taken for, and where the borders run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib.axes import Axes
from numpy.typing import NDArray
from torch import Tensor, nn

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.closed_form import solved
from dlspec.training.job import Setting
from dlspec.training.objective import classes_of, objective, probabilities
from dlspec.training.pictures import INK, panels, rgb, save
from dlspec.training.samples import Samples

if TYPE_CHECKING:
    from typing import Any

CLASS_COLOURS = ("#B42318", "#2563A8", "#0F7B63", "#B7791F", "#6D3FA6", "#0E7490", "#9D174D", "#4D7C0F")

GRID = 240
"""Points along each side."""

MOST_CREASES = 32
"""Hidden units up to which the line of each is drawn."""


def draw_regions(setting: Setting, held_out: Samples | None, file: Path) -> None:
    """Which class a network that takes two numbers gives to each point of their plane, under the samples held out."""
    train = setting.splits.train
    if not setting.classes or train.inputs.shape[1:] != (2,):
        return
    if held_out is not None:
        shown, role = held_out, "test"
    else:
        shown, role = (setting.splits.val, "val") if len(setting.splits.val) else (train, "train")
    both = torch.cat([train.values, shown.values]).double()
    low, high = both.amin(0), both.amax(0)
    margin = 0.08 * (high - low).clamp_min(1e-6)
    across, up = (torch.linspace(float(low[i] - margin[i]), float(high[i] + margin[i]), GRID) for i in (0, 1))
    grid = torch.cartesian_prod(up, across).flip(1)
    scores = _scores(setting, setting.module, grid)
    loss = setting.plan.loss[0].loss
    shares = probabilities(loss, scores)
    if shares is None:
        shares = F.one_hot(classes_of(loss, scores), setting.classes)
    predicted = classes_of(loss, _scores(setting, setting.module, shown.values))
    right = predicted == shown.truth
    plane = Plane(
        across.double().numpy(), up.double().numpy(), shares.double().view(GRID, GRID, -1).numpy(),
        _least_squares_scores(setting, grid), _creases(setting),
    )  # fmt: skip
    wrong = int((~right).sum())
    title = f"{role}: {wrong} of {len(right):,} wrong, {1 - wrong / len(right):.1%} right"
    regions(
        plane, shown.values.double().numpy(), right.numpy(), shown.truth.numpy(), setting.dataset.classes, title, file
    )


def _scores(setting: Setting, module: nn.Module, inputs: Tensor) -> Tensor:
    """What the loss reads, for inputs as the data has them."""
    module.eval()
    prepared = setting.fitted.prepared(inputs).to(setting.device, setting.dtype)
    return objective(setting.plan).scores(module(prepared)).float().cpu()


def _least_squares_scores(setting: Setting, grid: Tensor) -> NDArray[np.float64] | None:
    if setting.plan.closed_form is None:
        return None
    exact = solved(setting.module, setting.prepared(setting.splits.train), setting.classes)
    return _scores(setting, exact, grid).double().view(GRID, GRID, -1).numpy()


def _creases(setting: Setting) -> tuple[tuple[float, float, float], ...]:
    """The lines at which hidden units of the first layer change their sign; none for a single layer, or too many."""
    layers = [layer for layer in setting.module.modules() if isinstance(layer, nn.Linear)]
    scaled = setting.fitted.inputs is not None
    if scaled or len(layers) < 2 or layers[0].in_features != 2 or layers[0].out_features > MOST_CREASES:
        return ()
    first = layers[0]
    offsets = first.bias if first.bias is not None else torch.zeros(first.out_features)
    rows = torch.cat([first.weight, offsets[:, None]], 1).double().tolist()
    return tuple((row[0], row[1], row[2]) for row in rows)


class Plane(Record):
    """What a network says at every point of a grid in a plane of two features."""

    across: NDArray[np.float64]
    up: NDArray[np.float64]
    shares: NDArray[np.float64]
    """The probability of each class, (up, across, classes)."""
    other: NDArray[np.float64] | None
    """Scores of another network, whose borders are drawn too; None where there is none."""
    creases: tuple[tuple[float, float, float], ...]
    """Lines a·x + b·y + c = 0 at which units of the first layer change their sign."""


def regions(plane: Plane, points: NDArray[np.float64], right: NDArray[np.bool_], classes: NDArray[np.int64],
            names: Sequence[str], title: str, file: Path) -> None:  # fmt: skip
    """The plane coloured by class, paler where it is less sure; samples as points, the wrong ones ringed."""
    figure, (axes,) = panels(1, width=5.2, height=4.8)
    tints = np.stack([rgb(CLASS_COLOURS[number % len(CLASS_COLOURS)]) for number in range(len(names))])
    winner = plane.shares.argmax(2)
    sure = plane.shares.max(2)[..., None]
    strength = 0.12 + 0.43 * (sure - 1 / len(names)) / (1 - 1 / len(names))
    ends = (plane.across[0], plane.across[-1], plane.up[0], plane.up[-1])
    axes.imshow(1 - strength * (1 - tints[winner]), extent=ends, origin="lower", aspect="auto", interpolation="nearest")
    for first, second, offset in plane.creases:
        _line(axes, ends, first, second, offset)
    _borders(axes, plane, np.log(np.maximum(plane.shares, 1e-30)), "solid")
    if plane.other is not None:
        _borders(axes, plane, plane.other, (0, (4, 3)))
        axes.plot([], [], color=INK, linewidth=1.4, linestyle=(0, (4, 3)), label="least squares")
    for number, name in enumerate(names):
        of = classes == number
        axes.scatter(
            points[of, 0],
            points[of, 1],
            s=14,
            color=tuple(tints[number]),
            edgecolors="white",
            linewidths=0.4,
            label=name,
        )
    axes.scatter(points[~right, 0], points[~right, 1], s=52, facecolors="none", edgecolors=INK, linewidths=1.1)
    axes.set(xlim=ends[:2], ylim=ends[2:])
    axes.legend(frameon=True, framealpha=0.85, edgecolor="none", fontsize=8, loc="upper right")
    axes.set_title(title, loc="left", color=INK)
    save(figure, file)


def _borders(axes: Axes, plane: Plane, scores: NDArray[np.float64], dashes: Any) -> None:
    """A line where another class takes the lead: for each class, where it is level with the best of the others."""
    for number in range(scores.shape[2]):
        lead = scores[..., number] - np.delete(scores, number, axis=2).max(2)
        if lead.min() < 0 < lead.max():
            axes.contour(plane.across, plane.up, lead, levels=[0], colors=INK, linewidths=1.4, linestyles=[dashes])
        if scores.shape[2] == 2:
            return


def _line(axes: Axes, ends: tuple[float, float, float, float], first: float, second: float, offset: float) -> None:
    """Where first·x + second·y + offset is 0, as far as it lies in the picture."""
    if abs(second) >= abs(first):
        x = np.array(ends[:2])
        axes.plot(x, -(first * x + offset) / second, color="#64748B", linewidth=0.7, alpha=0.6)
    elif first:
        y = np.array(ends[2:])
        axes.plot(-(second * y + offset) / first, y, color="#64748B", linewidth=0.7, alpha=0.6)
