"""Lints on anchors and regions say what can be tried out: which levels, cells and anchors no object ever uses."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from spec_graphs import graph_of

from dlspec.analyses.lints import lint
from dlspec.checking import Spec
from dlspec.nn import assign_levels, box_iou, cell_anchors, clip_boxes_to_image
from dlspec.places import ZOO
from dlspec.source import Source

REGIONS = {"W0430", "W0431", "W0432", "W0433"}


def codes(body: str) -> set[str]:
    return {one.code for one in lint(graph_of(f"network n {{\n{body}\n}}\n"))} & REGIONS


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 12), columns=st.integers(2, 12), scale=st.integers(8, 400), level=st.integers(2, 5),
    count=st.integers(2, 4),
)  # fmt: skip
def test_a_level_is_said_to_be_unread_where_no_region_is_assigned_to_it(
    rows: int, columns: int, scale: int, level: int, count: int
) -> None:
    height, width = 32 * rows, 32 * columns
    maps = [f"  p{n} = image -> c{n}: conv2d(4, {2**n}, stride={2**n})\n" for n in range(2, 2 + count)]
    given_maps = ", ".join(f"p{n}" for n in range(2, 2 + count))
    read = f"multi_scale_roi_align({given_maps}, image, rois, output_size=2, canonical_scale={scale}, canonical_level={level})"
    found = codes(
        f"  input image: float32[N, 3, {height}, {width}]\n  input rois: float32[R, 5]\n{''.join(maps)}  output y = {read}"
    )
    largest = torch.tensor([[0.0, 0.0, width, height]])
    top = int(assign_levels(largest, 2, 1 + count, scale, level))
    assert ("W0430" in found) == (top < count - 1)


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(2, 12), columns=st.integers(2, 12), size=st.integers(4, 400), ratio=st.sampled_from([0.5, 1.0, 2.0]),
    threshold=st.sampled_from([0.5, 0.7]), stride=st.sampled_from([4, 8, 16]),
)  # fmt: skip
def test_anchors_are_said_to_match_nothing_where_no_box_within_the_image_overlaps_them(
    rows: int, columns: int, size: int, ratio: float, threshold: float, stride: int
) -> None:
    height, width = 16 * rows, 16 * columns
    found = codes(
        f"  input image: float32[N, 3, {height}, {width}]\n  input boxes: list[boxes[M]]\n"
        f"  anchors = image -> c: conv2d(4, {stride}, stride={stride}) -> anchor_boxes(image, [[{size}]], [[{ratio}]])\n"
        f"  output labels = match_anchors([anchors], boxes, {threshold}).labels"
    )
    anchor = cell_anchors([size], [ratio]) + torch.tensor([width / 2, height / 2] * 2)
    within = clip_boxes_to_image(anchor, (height, width))
    most = float(box_iou(within, anchor))
    if abs(most - threshold) > 0.05:  # anchors are rounded to whole pixels
        assert ("W0432" in found) == (most < threshold)
    assert ("W0433" in found) == (size < stride)


@pytest.mark.parametrize("operator", ["roi_align(rois, [CELLS, 3], 1 / 8)", "roi_pool(rois, [CELLS, 3], 1 / 8)"])
def test_cells_may_be_as_many_as_positions_and_no_more(operator: str) -> None:
    body = "  input image: float32[N, 3, 64, 96]\n  input rois: float32[R, 5]\n  output y = image -> c: conv2d(4, 8, stride=8) -> "
    assert codes(body + operator.replace("CELLS", "8")) == set()
    assert codes(body + operator.replace("CELLS", "9")) == {"W0431"}


def test_images_of_open_size_are_not_judged() -> None:
    body = (
        "  input image: float32[N, 3, H, W]\n  input rois: float32[R, 5]\n  fine = image -> a: conv2d(4, 8, stride=8)\n"
        "  coarse = image -> b: conv2d(4, 16, stride=16)\n"
        "  output y = multi_scale_roi_align(fine, coarse, image, rois, output_size=14)"
    )
    assert codes(body) == set()


DETECTORS = (
    "fasterrcnn_digits",
    "maskrcnn_digits",
    "fast_rcnn",
    "rcnn",
    "fasterrcnn_resnet50_fpn",
    "maskrcnn_resnet50_fpn",
)


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors_of_the_zoo_and_such_for_larger_images_raise_no_alarm(name: str) -> None:
    text = (ZOO / f"{name}.dls").read_text(encoding="utf-8")
    for factor in (1, 2, 3):
        changed = text.replace("128, 128]", f"{128 * factor}, {128 * factor}]")
        changed = changed.replace("[[8], [20]]", f"[[{8 * factor}], [{20 * factor}]]")
        made = Spec(Source(str(ZOO / "other.dls"), changed), Path(ZOO / "other.dls"))
        assert {one.code for one in lint(made.graph(name))} & REGIONS == set()
