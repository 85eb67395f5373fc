"""What a position of the output is said to see, against the gradients that torch finds."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from dlspec.ops.spread import Stretch, ratio
from dlspec.sizes import Window, symbol
from tests.ops.applied import REGIONS, SAMPLES, Applied, applied, tensor

RANDOM = {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout"}
SKIPPED = {"argmax", "embedding", "to"}
"""What has no gradient, or takes no real numbers."""


def seen_by_torch(case: Applied, port: int) -> dict[tuple[int, ...], Tensor]:
    """For every position of the first output, which positions of an input move it."""
    torch.manual_seed(0)
    inputs = [tensor(fact, "cpu") for fact in case.at.inputs]
    module = case.module("cpu").eval() if case.module_text else None
    inputs[port].requires_grad_()
    output = case.run(inputs, module)[0]
    found = {}
    for place in product(*map(range, output.shape)):
        slope = None
        if output.requires_grad:
            (slope,) = torch.autograd.grad(output[place], inputs[port], retain_graph=True, allow_unused=True)
        found[place] = torch.zeros(inputs[port].shape, dtype=torch.bool) if slope is None else slope.ne(0)
    return found


def claimed_range(view: Window | Stretch, index: int, length: int) -> tuple[float, float]:
    """The first and last position of an axis that a view may hold at an index of the output."""
    if isinstance(view, Window):
        first = index * view.step - view.before
        return first, first + view.span - 1
    centre = index * view.numerator / view.denominator + view.twice_centre / (2 * view.denominator)
    # A position at a fraction sees up to half a position more on either side.
    reach = (view.span - 1) / 2 + 0.5
    return centre - reach, centre + reach


def cases() -> list[tuple[str, int]]:
    out = []
    for text in [text for text in SAMPLES if text not in REGIONS]:
        name = text.split(" -> ")[1].partition("(")[0]
        case = applied(text)
        small = all(torch.Size(fact.shape).numel() <= 600 for fact in (*case.at.inputs, case.outputs[0]))
        if name in RANDOM | SKIPPED or not small or case.at.inputs[0].dtype != "float32":
            continue
        out += [(text, port) for port, fact in enumerate(case.at.inputs) if fact.dtype == "float32"]
    return out


@pytest.mark.parametrize(("text", "port"), cases())
def test_no_gradient_reaches_beyond_what_is_said_to_be_seen(text: str, port: int) -> None:
    case = applied(text)
    views = case.op.spread(case.at, case.outputs, port)
    shape = case.at.inputs[port].shape
    assert len(views) == len(shape)
    wraps = "circular" in text or "reflect" in text
    moved_by = [axis for axis, _ in views]
    for place, mask in seen_by_torch(case, port).items():
        for axis, (output_axis, view) in enumerate(views):
            if isinstance(view, str) or wraps or not mask.any():
                continue
            moved = mask.nonzero()[:, axis]
            if moved_by.count(output_axis) > 1 and output_axis is not None:
                # Folded axes: one position of each, which one the place in the folded axis says.
                assert len(moved.unique()) == 1
                continue
            if output_axis is None:
                assert view == Window()
                assert not mask.any()
                continue
            low, high = claimed_range(view, place[output_axis], shape[axis])
            assert low <= moved.min()
            assert moved.max() <= high


def test_a_window_is_reached_to_its_ends() -> None:
    case = applied("float32[1, 6, 9, 9] -> conv2d(4, [3, 5], stride=[2, 1], padding=[1, 2], dilation=2, groups=2)")
    seen = seen_by_torch(case, 0)[(0, 0, 1, 2)].nonzero()
    (_, _, (_, rows), (_, columns)) = case.op.spread(case.at, case.outputs)
    assert (seen[:, 2].min(), seen[:, 2].max()) == claimed_range(rows, 1, 9)
    assert (seen[:, 3].min(), seen[:, 3].max()) == (0, claimed_range(columns, 2, 9)[1])


def test_a_transposed_convolution_sees_as_many_inputs_as_taps_meet() -> None:
    case = applied("float32[1, 1, 6, 6] -> conv_transpose2d(1, 4, stride=2, padding=1)")
    masks = seen_by_torch(case, 0)
    most = max(mask.any(3).sum() for mask in masks.values())
    (_, view) = case.op.spread(case.at, case.outputs)[2]
    assert most == view.span == 2
    assert (view.numerator, view.denominator) == (1, 2)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (4, 8, (1, 2)),
        (9, 6, (3, 2)),
        (symbol("H") // 16, symbol("H") // 8, (1, 2)),
        ((symbol("H") + 1) // 2 + 7, symbol("H") - 5, (1, 2)),
        (symbol("H"), symbol("W"), (1, 1)),
        (symbol("H"), 7, None),
    ],
)
def test_the_ratio_of_open_sizes_is_the_one_they_grow_by(
    before: object, after: object, expected: tuple[int, int] | None
) -> None:
    assert ratio(before, after) == expected  # type: ignore[arg-type]
