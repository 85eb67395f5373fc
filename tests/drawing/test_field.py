"""The receptive field as a picture: every frame is what the unit of that layer sees, by the analysis and on the image."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest

from dlspec.cli import main
from dlspec.diagnostics.record import SpecError
from dlspec.drawing import draw_field
from dlspec.drawing.canvas import Line, Photo
from dlspec.drawing.field import MARGIN, field_figure
from tests.drawing.pictures import graph_of, zoo

POOLED = """network n {
  input image: float32[N, 1, 32, 32]
  output map = image
    -> conv1: conv2d(8, 3) -> relu -> pool1: max_pool2d(2) -> conv2: conv2d(16, 3) -> relu -> pool2: max_pool2d(2)
    -> conv3: conv2d(16, 3)
}
"""


def photo(side: int = 8) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (side, side), "teal").save(file, "PNG")
    return file.getvalue()


def test_each_layer_that_widens_the_field_has_a_frame_of_its_size_and_others_have_none() -> None:
    canvas = field_figure(graph_of(POOLED), "conv3")
    said = [shape.text for shape in canvas.shapes if hasattr(shape, "text")]
    assert [re.findall(r"sees (\d+) × \d+$", text)[0] for text in said if " · sees" in text] == [
        "3",
        "4",
        "8",
        "10",
        "18",
    ]
    assert "relu" not in said


def test_frames_lie_one_within_the_next_and_the_last_about_the_middle_of_the_image() -> None:
    canvas = field_figure(graph_of(POOLED), "conv3")
    boxes = [shape.points for shape in canvas.shapes if isinstance(shape, Line) and len(shape.points) == 6]
    image, *frames = boxes[: 1 + 5]
    cell = (image[1][0] - image[0][0]) / 32
    spans = [((box[0][0] - MARGIN) / cell, (box[1][0] - MARGIN) / cell) for box in frames]
    assert [round(end - start) for start, end in spans] == [18, 10, 8, 4, 3]
    assert all(outer[0] <= inner[0] and inner[1] <= outer[1] for outer, inner in zip(spans, spans[1:]))
    # conv3 has 4 × 4 units that see 18 pixels, 4 further on each: 0-17, 4-21, 8-25, 12-29.
    assert spans[0] == pytest.approx((8, 26))


def test_padding_shows_as_a_frame_that_leaves_the_image() -> None:
    wide = graph_of(
        "network n {\n  input image: float32[N, 1, 5, 5]\n  output map = image -> conv: conv2d(1, 7, padding=3)\n}"
    )
    boxes = [
        shape.points
        for shape in field_figure(wide, "conv").shapes
        if isinstance(shape, Line) and len(shape.points) == 6
    ]
    image, frame = boxes[:2]
    assert frame[0][0] < image[0][0]
    assert frame[1][0] > image[1][0]


def test_a_photo_lies_under_the_frames_in_svg_png_and_pdf(tmp_path: Path) -> None:
    graph = graph_of(POOLED)
    assert any(isinstance(shape, Photo) for shape in field_figure(graph, "conv3", photo()).shapes)
    for suffix, sign in (("svg", b"<svg"), ("png", b"\x89PNG"), ("pdf", b"%PDF")):
        draw_field(graph, "conv3", str(tmp_path / f"f.{suffix}"), photo=photo())
        assert (tmp_path / f"f.{suffix}").read_bytes().startswith(sign)
    assert b"data:image/png;base64," in (tmp_path / "f.svg").read_bytes()


@pytest.mark.parametrize(
    ("path", "out", "file", "says"),
    [
        ("logits", "f.svg", None, None),
        ("features", "f.svg", None, "is a block"),
        ("features.9", "f.svg", None, "has no part"),
        ("features.3", "f.tex", photo(), "not written as `.tex`"),
        ("features.3", "f.svg", b"GIF89a", "neither PNG nor JPEG"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    path: str, out: str, file: bytes | None, says: str | None, tmp_path: Path
) -> None:
    if says is None:
        draw_field(zoo("lenet"), path, str(tmp_path / out))  # the whole image is a field too
        return
    with pytest.raises(SpecError) as caught:
        draw_field(zoo("lenet"), path, str(tmp_path / out), photo=file)
    assert says in caught.value.diagnostics[0].message


def test_the_command_line_draws_it_and_tells_of_an_image_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(tmp_path / "f.svg")
    assert main(["draw", "lenet", "--field", "features.3", "-o", out]) == 0
    assert main(["draw", "lenet", "--field", "features.3", "--on", str(tmp_path / "none.png"), "-o", out]) == 2
    assert "cannot be read" in capsys.readouterr().err
