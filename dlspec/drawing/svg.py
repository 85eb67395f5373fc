"""A canvas as SVG: no scripts, no markers, no fonts from elsewhere; light or dark as the page is."""

from __future__ import annotations

from html import escape

from dlspec.drawing.canvas import Box, Canvas, Circle, Line, Photo, Polygon, Text, rounded
from dlspec.drawing.metrics import is_known
from dlspec.drawing.theme import colours
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

FONTS = "Helvetica, Arial, 'Liberation Sans', sans-serif"
THEMES = ("auto", "light", "dark")


def svg_text(canvas: Canvas, theme: str = "auto", family: str = FONTS) -> str:
    """The picture as a document; `theme` is auto (as the reader's page is), light or dark."""
    classes = _classes(canvas)
    width, height = _number(canvas.width), _number(canvas.height)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        f' font-family="{family}" role="img">',
        f"<title>{escape(canvas.title)}</title>",
        *([f"<desc>{escape(canvas.about)}</desc>"] if canvas.about else []),
        "<style>",
        *_style(classes, theme),
        "</style>",
    ]
    lines.append(f'<rect width="{width}" height="{height}" class="f-paper"/>')
    lines += [_shape(shape, fitted=family == FONTS) for shape in canvas.shapes]
    return "\n".join([*lines, "</svg>", ""])


def _classes(canvas: Canvas) -> list[tuple[str, str]]:
    """Every use of a colour, as its property and role, in order of first use."""
    found: dict[tuple[str, str], None] = {("fill", "paper"): None}
    for shape in canvas.shapes:
        if isinstance(shape, Line):
            found["stroke", shape.colour] = None
        elif isinstance(shape, Text):
            found["fill", shape.colour] = None
        elif not isinstance(shape, Photo):
            found["fill", shape.fill] = None
            if shape.stroke:
                found["stroke", shape.stroke] = None
    return list(found)


def _style(classes: Iterable[tuple[str, str]], theme: str) -> list[str]:
    light, dark = (
        [f".{_name(kind, role)}{{{kind}:{colours(role)[place]}}}" for kind, role in classes] for place in (0, 1)
    )
    if theme == "light":
        return light
    if theme == "dark":
        return dark
    return [*light, "@media (prefers-color-scheme: dark) {", *dark, "}"]


def _name(kind: str, role: str) -> str:
    return f"{kind[0]}-{role.replace('.', '-')}"


def _paint(fill: str, stroke: str) -> str:
    if not stroke:
        return f'class="{_name("fill", fill)}"'
    return f'class="{_name("fill", fill)} {_name("stroke", stroke)}" stroke-linejoin="round"'


def _photo(shape: Photo) -> str:
    """The file itself, in letters; few pixels are shown as squares, not smoothed."""
    from base64 import b64encode

    place = f'x="{_number(shape.x)}" y="{_number(shape.y)}"'
    size = f'width="{_number(shape.width)}" height="{_number(shape.height)}" preserveAspectRatio="none"'
    look = 'image-rendering="optimizeSpeed" style="image-rendering:pixelated"'
    return f'<image {place} {size} {look} href="data:image/{shape.kind};base64,{b64encode(shape.file).decode()}"/>'


def _text(shape: Text, *, fitted: bool) -> str:
    """A text; `fitted` to the length that it was given room for, whatever font a reader's machine has."""
    anchor = "" if shape.anchor == "start" else f' text-anchor="{shape.anchor}"'
    bold = ' font-weight="bold"' if shape.bold else ""
    place = f'x="{_number(shape.x)}" y="{_number(shape.y)}" font-size="{_number(shape.size)}"'
    length = ""
    if fitted and len(shape.text) > 1 and is_known(shape.text):
        length = f' textLength="{_number(shape.width)}" lengthAdjust="spacingAndGlyphs"'
    return f'<text {place}{anchor}{bold}{length} class="{_name("fill", shape.colour)}">{escape(shape.text)}</text>'


def _shape(shape: Polygon | Box | Circle | Line | Text | Photo, *, fitted: bool) -> str:
    if isinstance(shape, Photo):
        return _photo(shape)
    if isinstance(shape, Text):
        return _text(shape, fitted=fitted)
    if isinstance(shape, Line):
        dashed = ' stroke-dasharray="5 4"' if shape.dashed else ""
        path = " ".join(command + " ".join(f"{_number(x)},{_number(y)}" for x, y in points)
                        for command, points in rounded(shape.points, shape.radius))  # fmt: skip
        return (
            f'<path d="{path}" fill="none" class="{_name("stroke", shape.colour)}"'
            f' stroke-width="{_number(shape.thickness)}"{dashed}/>'
        )
    paint = _paint(shape.fill, shape.stroke)
    if isinstance(shape, Polygon):
        points = " ".join(f"{_number(x)},{_number(y)}" for x, y in shape.points)
        return f'<polygon points="{points}" {paint}/>'
    if isinstance(shape, Circle):
        return f'<circle cx="{_number(shape.x)}" cy="{_number(shape.y)}" r="{_number(shape.radius)}" {paint}/>'
    round_ = f' rx="{_number(shape.radius)}"' if shape.radius else ""
    place = f'x="{_number(shape.x)}" y="{_number(shape.y)}"'
    return f'<rect {place} width="{_number(shape.width)}" height="{_number(shape.height)}"{round_} {paint}/>'


def _number(value: float) -> str:
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )
