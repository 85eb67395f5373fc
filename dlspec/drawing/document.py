"""A canvas as PDF, by reportlab, its fonts embedded."""

from __future__ import annotations

from dlspec.drawing.canvas import Box, Canvas, Circle, Line, Photo, Polygon, Text, rounded
from dlspec.drawing.fonts import BOLD, FAMILY, REGULAR
from dlspec.drawing.refusals import without
from dlspec.drawing.theme import colours
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def pdf_bytes(canvas: Canvas, theme: str = "light") -> bytes:
    """The picture as a PDF of its own size; SpecError where reportlab is not installed. Equal pictures, equal bytes."""
    try:
        from reportlab.pdfbase.pdfmetrics import registerFont
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen.canvas import Canvas as Page
    except ImportError:
        raise without("reportlab", "PDF") from None
    from io import BytesIO

    registerFont(TTFont(FAMILY, str(REGULAR)))
    registerFont(TTFont(f"{FAMILY} Bold", str(BOLD)))
    out = BytesIO()
    # A page begins with a font of its own, which would be named in the file and not be in it.
    size = (canvas.width, canvas.height)
    page = Page(out, pagesize=size, invariant=1, pageCompression=1, initialFontName=FAMILY)
    page.setTitle(canvas.title)
    page.setSubject(canvas.about)
    page.setLineJoin(1)
    painter = _Painter(page, canvas.height, theme)
    if theme == "dark":
        painter.shape(Box(0, 0, canvas.width, canvas.height, 0, "paper"))
    for shape in canvas.shapes:
        painter.shape(shape)
    page.showPage()
    page.save()
    return out.getvalue()


class _Painter:
    """Draws shapes on a page, whose y runs up."""

    def __init__(self, page: Any, height: float, theme: str) -> None:
        self.page = page
        self.height = height
        self.place = 1 if theme == "dark" else 0

    def shape(self, shape: Polygon | Box | Circle | Line | Text | Photo) -> None:
        if isinstance(shape, Text):
            self._text(shape)
        elif isinstance(shape, Photo):
            self._photo(shape)
        elif isinstance(shape, Line):
            self.page.setStrokeColor(self._colour(shape.colour))
            self.page.setLineWidth(shape.thickness)
            self.page.setDash(*((5, 4),) if shape.dashed else ())
            self._path(rounded(shape.points, shape.radius))
            self.page.setDash()
        else:
            self._area(shape)

    def _photo(self, shape: Photo) -> None:
        from io import BytesIO

        from reportlab.lib.utils import ImageReader

        bottom = self.height - shape.y - shape.height
        self.page.drawImage(ImageReader(BytesIO(shape.file)), shape.x, bottom, shape.width, shape.height)

    def _area(self, shape: Polygon | Box | Circle) -> None:
        self.page.setFillColor(self._colour(shape.fill))
        self.page.setLineWidth(1)
        stroke = int(bool(shape.stroke))
        if stroke:
            self.page.setStrokeColor(self._colour(shape.stroke))
        if isinstance(shape, Circle):
            self.page.circle(shape.x, self.height - shape.y, shape.radius, stroke=stroke, fill=1)
        elif isinstance(shape, Box):
            bottom = self.height - shape.y - shape.height
            self.page.roundRect(shape.x, bottom, shape.width, shape.height, shape.radius, stroke=stroke, fill=1)
        else:
            path = self.page.beginPath()
            for number, (x, y) in enumerate(shape.points):
                (path.lineTo if number else path.moveTo)(x, self.height - y)
            path.close()
            self.page.drawPath(path, stroke=stroke, fill=1)

    def _path(self, pieces: list[tuple[str, list[tuple[float, float]]]]) -> None:
        path = self.page.beginPath()
        x = y = 0.0
        for command, points in pieces:
            if command == "Q":
                # A quadratic curve as a cubic one.
                (cx, cy), (ex, ey) = points
                path.curveTo(
                    x + (cx - x) * 2 / 3, self.height - (y + (cy - y) * 2 / 3),
                    ex + (cx - ex) * 2 / 3, self.height - (ey + (cy - ey) * 2 / 3), ex, self.height - ey,
                )  # fmt: skip
            else:
                (path.moveTo if command == "M" else path.lineTo)(points[0][0], self.height - points[0][1])
            x, y = points[-1]
        self.page.drawPath(path, stroke=1, fill=0)

    def _text(self, text: Text) -> None:
        self.page.setFillColor(self._colour(text.colour))
        self.page.setFont(f"{FAMILY} Bold" if text.bold else FAMILY, text.size)
        draw = {"start": "drawString", "middle": "drawCentredString", "end": "drawRightString"}[text.anchor]
        getattr(self.page, draw)(text.x, self.height - text.y, text.text)

    def _colour(self, role: str) -> Any:
        from reportlab.lib.colors import HexColor

        return HexColor(colours(role)[self.place])
