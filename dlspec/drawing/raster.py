"""A canvas as PNG, by resvg, with the fonts that come with dlspec."""

from __future__ import annotations

from dlspec.drawing.canvas import Canvas
from dlspec.drawing.fonts import BOLD, FAMILY, REGULAR
from dlspec.drawing.refusals import without
from dlspec.drawing.svg import svg_text

ZOOM = 2.0
"""Pixels for a point: small print stays sharp on screens of today."""


def png_bytes(canvas: Canvas, theme: str = "light") -> bytes:
    """The picture as a PNG; SpecError where resvg is not installed."""
    try:
        import resvg_py
    except ImportError:
        raise without("resvg_py", "PNG") from None
    picture = resvg_py.svg_to_bytes(
        svg_string=svg_text(canvas, "light" if theme == "auto" else theme, family=f"'{FAMILY}'"),
        zoom=ZOOM, skip_system_fonts=True, font_files=[str(REGULAR), str(BOLD)], font_family=FAMILY,
    )  # fmt: skip
    return bytes(picture)
