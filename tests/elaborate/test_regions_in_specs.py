"""Lists of images, regions whose number only a run knows, and what is said where they do not go together."""

from __future__ import annotations

from pathlib import Path

from dlspec.checking import Spec, check_spec
from dlspec.graph import Graph
from dlspec.source import Source

HEAD = """
  level = image -> conv: conv2d(16, 4, stride=4)
  scores, offsets = [level -> score: conv2d({scores}, 1), level -> offset: conv2d(4 * {scores}, 1)]
  anchors = [level] -> anchor_boxes(image, sizes=[[8, 16]], aspect_ratios=[0.5, 1, 2])
  sizes = image -> image_sizes
"""


def spec(body: str) -> Spec:
    return Spec(Source("spec.dls", f"network n {{\n{body}\n}}\n"), Path("spec.dls").resolve())


def said(body: str) -> list[tuple[str, str]]:
    return [(problem.code, problem.message) for problem in check_spec(spec(body))]


def graph(body: str, **inputs: tuple[str, tuple[int, ...]]) -> Graph:
    assert said(body) == []
    return spec(body).graph(None, inputs=inputs)


PROPOSED = (
    "  input image: float32[N, 1, H, W]\n"
    + HEAD.replace("{scores}", "6")
    + """
  regions = region_proposals([scores], [offsets], anchors, sizes, post_nms_top_n=50)
"""
)


def test_regions_are_as_many_as_a_run_finds_and_no_more_than_said() -> None:
    made = graph(PROPOSED + "  output regions = regions")
    assert [str(size) for size in made.outputs["regions"].shape] == ["R", "5"]
    assert str(made.found["R"].most) == "50*N"
    assert made.requires == ["H >= 4", "W >= 4"]


def test_each_search_for_regions_counts_anew() -> None:
    again = PROPOSED + "  more = region_proposals([scores], [offsets], anchors, sizes)\n"
    made = graph(again + "  output regions = regions\n  output more = more")
    assert [str(made.outputs[name].shape[0]) for name in ("regions", "more")] == ["R", "R2"]


def test_scores_of_other_anchors_are_refused_with_the_numbers_of_both() -> None:
    body = "  input image: float32[N, 1, H, W]\n" + HEAD.replace("{scores}", "3")
    found = said(body + "  output regions = region_proposals([scores], [offsets], anchors, sizes)")
    assert found == [("E0321", "the head scores 3 anchors a position, there are 6")]


def test_a_list_of_images_becomes_a_batch_of_multiples() -> None:
    body = "  input image: list[float32[3, h, w]]\n  images = image -> batch_images\n  output y = images.batch"
    made = graph(body)
    assert [str(size) for size in made.outputs["y"].shape] == ["N", "3", "H", "W"]
    assert made.requires == []
    assert [str(size) for size in made.inputs["image"].full_shape] == ["N", "3", "h", "w"]
    # What is divided by 32 is divided without a rest.
    even = body.replace("images.batch", "images.batch -> pixel_unshuffle(32)")
    assert graph(even).requires == []


def test_a_closed_list_has_the_sizes_that_are_computed() -> None:
    body = "  input image: list[float32[3, h, w]]\n  images = image -> batch_images\n  output y = images.batch"
    given = spec(body).graph(None, inputs={"image": ("2x3x480x640", (2, 3, 480, 640))})
    assert given.outputs["y"].shape == (2, 3, 800, 1088)


def test_lists_of_other_lengths_do_not_go_together() -> None:
    found = said("""
  input image: float32[4, 1, 32, 32]
  input boxes: list[boxes[M]]
  input labels: list[labels[K]]
  output y = sample_rois(boxes[0], boxes, labels).rois
""")
    assert found  # a list has no items that a spec could name


def test_a_list_goes_into_nothing_that_takes_a_tensor() -> None:
    found = said("  input image: list[float32[3, h, w]]\n  output y = image -> conv: conv2d(8, 3)")
    assert found == [("E0325", "`conv2d` takes a tensor, its input is a list with a tensor per image")]


def test_labels_of_other_regions_are_refused_however_many_there_are() -> None:
    found = said(
        PROPOSED
        + """
  input boxes: list[boxes[M]]
  input labels: list[labels[M]]
  drawn = sample_rois(regions, boxes, labels)
  output y = foreground(regions, drawn.labels, drawn.matched).rois
"""
    )
    assert found == [("E0326", "the inputs of `foreground` differ in regions: R and P")]


def test_what_a_record_of_results_lacks_is_told_with_what_it_has() -> None:
    found = said("""
  input regions: float32[R, 5]
  input boxes: list[boxes[M]]
  input labels: list[labels[M]]
  output y = sample_rois(regions, boxes, labels).roi
""")
    assert found == [("E0220", "this record has no `roi`")]
