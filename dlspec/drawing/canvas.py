"""What a figure is drawn with: a list of shapes and texts in points, which each format writes in its own way.

A colour is a role (`ink`, `line`) or a shade of a family of operators (`linear.face`); `theme` says what that is.
"""

from __future__ import annotations

from dlspec.drawing.metrics import width as text_width
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    Point = tuple[float, float]


class Polygon(Record):
    """A closed area."""

    points: list[Point]
    fill: str
    stroke: str = ""


class Box(Record):
    """A rectangle with round corners."""

    x: float
    y: float
    width: float
    height: float
    radius: float
    fill: str
    stroke: str = ""


class Circle(Record):
    """A circle around a point."""

    x: float
    y: float
    radius: float
    fill: str
    stroke: str = ""


class Line(Record):
    """A line through points, its corners rounded."""

    points: list[Point]
    colour: str
    thickness: float = 1.4
    dashed: bool = False
    radius: float = 0


class Text(Record):
    """A line of text; `anchor` is start, middle or end, y its base line."""

    x: float
    y: float
    text: str
    size: float
    colour: str = "ink"
    anchor: str = "start"
    bold: bool = False

    @property
    def width(self) -> float:
        return text_width(self.text, self.size, self.bold)


class Photo(Record):
    """A picture of pixels, a PNG or JPEG file, in a rectangle; written as SVG and PNG only."""

    x: float
    y: float
    width: float
    height: float
    file: bytes

    @property
    def kind(self) -> str:
        """The format, by the first bytes; empty for any other file."""
        return "png" if self.file[:4] == b"\x89PNG" else "jpeg" if self.file[:3] == b"\xff\xd8\xff" else ""


class Canvas:
    """Shapes in the order in which they are drawn, and how large the picture is."""

    __slots__ = ("about", "height", "shapes", "title", "width")

    def __init__(self, title: str = "") -> None:
        self.title = title
        self.about = ""
        """What the picture shows, for those who cannot see it."""
        self.shapes: list[Polygon | Box | Circle | Line | Text | Photo] = []
        self.width = 0.0
        self.height = 0.0

    def polygon(self, points: list[Point], fill: str, stroke: str = "") -> None:
        self.shapes.append(Polygon(points, fill, stroke))

    def box(
        self, x: float, y: float, width: float, height: float, fill: str, stroke: str = "", radius: float = 0
    ) -> None:
        self.shapes.append(Box(x, y, width, height, radius, fill, stroke))

    def circle(self, x: float, y: float, radius: float, fill: str, stroke: str = "") -> None:
        self.shapes.append(Circle(x, y, radius, fill, stroke))

    def line(
        self, points: list[Point], colour: str = "line", thickness: float = 1.4, dashed: bool = False, radius: float = 0
    ) -> None:
        self.shapes.append(Line(points, colour, thickness, dashed, radius))

    def arrow(self, points: list[Point], colour: str = "line", dashed: bool = False, radius: float = 8) -> None:
        """A line that ends in a head, which is a polygon: markers are lost by some converters."""
        (x0, y0), (x1, y1) = points[-2:]
        length = max(((x1 - x0) ** 2 + (y1 - y0) ** 2) ** 0.5, 1e-6)
        dx, dy = (x1 - x0) / length, (y1 - y0) / length
        neck = (x1 - 7 * dx, y1 - 7 * dy)
        self.line([*points[:-1], neck], colour, 1.5, dashed, radius)
        wing = 3.4
        self.polygon(
            [
                (x1, y1),
                (x1 - 8 * dx - wing * dy, y1 - 8 * dy + wing * dx),
                (x1 - 8 * dx + wing * dy, y1 - 8 * dy - wing * dx),
            ],
            colour,
        )

    def photo(self, x: float, y: float, width: float, height: float, file: bytes) -> None:
        self.shapes.append(Photo(x, y, width, height, file))

    def text(
        self, x: float, y: float, text: str, size: float, colour: str = "ink", anchor: str = "start", bold: bool = False
    ) -> Text:
        made = Text(x, y, text, size, colour, anchor, bold)
        self.shapes.append(made)
        return made


def rounded(points: list[Point], radius: float) -> list[tuple[str, list[Point]]]:
    """A line as moves, straight pieces and curves (`M`, `L`, `Q` of SVG), each corner cut by a curve of that radius."""
    found: list[tuple[str, list[Point]]] = [("M", [points[0]])]
    for before, corner, after in zip(points, points[1:], points[2:]):
        start, end = _towards(corner, before, radius), _towards(corner, after, radius)
        found += [("L", [start]), ("Q", [corner, end])]
    return [*found, ("L", [points[-1]])]


def _towards(start: Point, end: Point, far: float) -> Point:
    length = max(((end[0] - start[0]) ** 2 + (end[1] - start[1]) ** 2) ** 0.5, 1e-6)
    part = min(far, length / 2) / length
    return start[0] + (end[0] - start[0]) * part, start[1] + (end[1] - start[1]) * part
