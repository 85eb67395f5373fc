"""Operators on regions: their samples on real boxes, and the sizes that only a run knows."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from dlspec.ops.op import At, Fact
from dlspec.ops.region import Region
from dlspec.sizes import evaluated, symbol
from tests.ops.applied import IMAGES, REGIONS, Applied, applied, apply
from tests.ops.applied import evaluated as value_of
from tests.ops.test_text import Explicit

SIDE = 64
"""Pixels along the images of samples."""


def boxes(count: int) -> Tensor:
    corners = torch.rand(count, 2) * SIDE / 2
    return torch.cat([corners, corners + 4 + torch.rand(count, 2) * SIDE / 3], dim=1)


def given(name: str, fact: Fact) -> Tensor:
    """Numbers that make sense for an input of that name."""
    shape = tuple(int(size) for size in fact.shape)  # type: ignore[call-overload]  # samples have numbers
    if name in ("boxes", "anchors"):
        return boxes(shape[0])
    if name == "rois":
        images = torch.arange(shape[0]) * IMAGES // shape[0]
        return torch.cat([images.unsqueeze(1).float(), boxes(shape[0])], dim=1)
    if name == "labels" and fact.is_list:
        return torch.randint(1, 3, shape)
    if fact.dtype == "int64":
        return torch.full(shape, SIDE) if "size" in name or name == "originals" else torch.randint(0, 3, shape)
    return (torch.rand(shape) * 2).to(getattr(torch, fact.dtype))


def run(case: Applied, text: str = "") -> list[Any]:
    """What comes out, each result a tensor or a list of such; `text` is what is run, the call as it is written else."""
    torch.manual_seed(0)
    op = case.op
    assert isinstance(op, Region)
    values = {}
    for name, one in zip(case.names, op.placed(case.at), strict=True):
        values[name] = (
            [given(one.name, one.fact) for _ in range(IMAGES)] if one.fact.is_list else given(one.name, one.fact)
        )
    made = value_of(text or case.function_text, **values)
    return list(made) if len(case.outputs) > 1 or op.several else [made]


@pytest.mark.parametrize("text", REGIONS)
def test_a_sample_gives_what_it_says_within_the_bounds_that_it_says(text: str) -> None:
    case = applied(text)
    found: dict[str, set[int]] = {}
    for made, fact in zip(run(case), case.outputs, strict=True):
        assert isinstance(made, list) == fact.is_list
        for tensor in made if isinstance(made, list) else [made]:
            assert str(tensor.dtype) == f"torch.{fact.dtype}"
            assert tensor.dim() == len(fact.shape)
            for size, stated in zip(tensor.shape, fact.shape, strict=True):
                if isinstance(stated, int):
                    assert size == stated
                else:
                    found.setdefault(str(stated), set()).add(size)
    for name, sizes in found.items():
        bounds = case.at.found[name]
        most = bounds.most if isinstance(bounds.most, int) else 10**6
        assert all(bounds.least <= size <= most and size % bounds.multiple == 0 for size in sizes)
        assert len(sizes) == 1 or name.islower(), "only what is per image may differ"


@pytest.mark.parametrize("text", REGIONS)
def test_leaving_out_a_default_changes_no_region(text: str) -> None:
    case = applied(text)
    for short, long in zip(
        run(case), run(case, case.op.expression(Explicit(case.op, case.at, case.names))), strict=True
    ):
        pairs = zip(short, long, strict=True) if isinstance(short, list) else [(short, long)]
        assert all(torch.equal(one, other) for one, other in pairs)


def test_sizes_that_a_run_finds_take_names_that_are_free() -> None:
    at = At([], taken=["R", "R2"])
    assert [str(at.only_a_run_knows("R", most=9)), str(at.only_a_run_knows("R"))] == ["R3", "R4"]
    assert at.found["R3"].most == 9


def test_proposals_of_open_images_are_bounded_by_their_number() -> None:
    n, h, w = symbol("N"), symbol("H"), symbol("W")
    maps = [Fact("float32", (n, 3, h, w)), Fact("float32", (n, 12, h, w))]
    case = apply("region_proposals", [*maps, Fact("float32", (3 * h * w, 4)), Fact("int64", (n, 2))], post_nms_top_n=50)
    assert str(case.outputs[0]) == "float32[R, 5]"
    most = case.at.found["R"].most
    assert most is not None
    assert evaluated(most, {"N": 4}) == 200


@pytest.mark.parametrize(
    ("options", "image", "batch"),
    [
        ((800, 1333), (480, 640), (800, 1088)),
        ((800, 1333), (640, 480), (1088, 800)),
        ((800, 1333), (501, 333), (1216, 800)),
        ((800, 1333), (300, 1200), (352, 1344)),
        ((300, 300), (1333, 800), (320, 192)),
        ((24, 40), (16, 22), (32, 64)),
    ],
)
def test_images_are_scaled_as_torchvision_scales_them(
    options: tuple[int, int], image: tuple[int, int], batch: tuple[int, int]
) -> None:
    case = apply("batch_images", [Fact("float32", (3, *image), 1)], min_size=options[0], max_size=options[1])
    assert case.outputs[0].shape == (1, 3, *batch)
    made, sizes, _ = value_of(case.function_text, x0=[torch.zeros(3, *image)])
    assert tuple(made.shape) == (1, 3, *batch)
    assert sizes.tolist() == [list(case.op.scaled(*image))]  # type: ignore[attr-defined]  # a `BatchImages`
