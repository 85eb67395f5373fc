"""A canvas as TikZ: a `tikzpicture` that a paper takes in by `\\input`, in its own sans-serif font."""

from __future__ import annotations

from dlspec.drawing.canvas import Box, Canvas, Circle, Line, Photo, Polygon, Text, rounded
from dlspec.drawing.theme import colours
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Point

_ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
_SIGNS = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "&": r"\&", "#": r"\#", "_": r"\_", "$": r"\$",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "×": r"$\times$", "·": r"$\cdot$", "−": r"$-$",
    "÷": r"$\div$",
    "–": "--", "…": r"\dots{}", "≤": r"$\le$", "≥": r"$\ge$", "↑": r"$\uparrow$", "→": r"$\to$", "⌈": r"$\lceil$",
    "⌉": r"$\rceil$", "⌊": r"$\lfloor$", "⌋": r"$\rfloor$",
}  # fmt: skip


def tikz_text(canvas: Canvas, theme: str = "light") -> str:
    """The picture as LaTeX for `\\usepackage{tikz}`; a unit is a point of the figure, so that `scale` works on all."""
    place = 1 if theme == "dark" else 0
    roles = sorted(
        {role for shape in canvas.shapes if not isinstance(shape, Photo) for role in _roles(shape)}
        | ({"paper"} if place else set())
    )
    lines = [
        f"% {canvas.title}: {canvas.about}",
        "% In the preamble: \\usepackage{tikz}",
        *(rf"\definecolor{{{_name(role)}}}{{HTML}}{{{colours(role)[place][1:]}}}" for role in roles),
        r"\begin{tikzpicture}[x=1bp, y=-1bp, line join=round, every node/.style={inner sep=0pt, font=\sffamily}]",
        *([_shape(Box(0, 0, canvas.width, canvas.height, 0, "paper"))] if place else []),
        *(_shape(shape) for shape in canvas.shapes if not isinstance(shape, Photo)),
        r"\end{tikzpicture}",
    ]
    return "\n".join([*lines, ""])


def _roles(shape: Polygon | Box | Circle | Line | Text) -> list[str]:
    if isinstance(shape, (Line, Text)):
        return [shape.colour]
    return [shape.fill, *([shape.stroke] if shape.stroke else [])]


def _name(role: str) -> str:
    return f"dlspec-{role.replace('.', '-')}"


def _shape(shape: Polygon | Box | Circle | Line | Text) -> str:
    if isinstance(shape, Text):
        size = f"\\fontsize{{{_number(shape.size)}bp}}{{{_number(shape.size * 1.2)}bp}}\\selectfont"
        face = f"{size}\\bfseries " if shape.bold else f"{size} "
        text = "".join(_SIGNS.get(sign, sign) for sign in shape.text)
        look = f"anchor={_ANCHORS[shape.anchor]}, text={_name(shape.colour)}"
        return rf"\node[{look}] at {_point((shape.x, shape.y))} {{{face}{text}}};"
    if isinstance(shape, Line):
        dashed = ", dash pattern=on 5bp off 4bp" if shape.dashed else ""
        return rf"\draw[{_name(shape.colour)}, line width={_number(shape.thickness)}bp{dashed}] {_path(shape)};"
    stroke = f", draw={_name(shape.stroke)}, line width=1bp" if shape.stroke else ""
    paint = f"\\path[fill={_name(shape.fill)}{stroke}"
    if isinstance(shape, Circle):
        return f"{paint}] {_point((shape.x, shape.y))} circle[radius={_number(shape.radius)}bp];"
    if isinstance(shape, Box):
        corners = f", rounded corners={_number(shape.radius)}bp" if shape.radius else ""
        far = _point((shape.x + shape.width, shape.y + shape.height))
        return f"{paint}{corners}] {_point((shape.x, shape.y))} rectangle {far};"
    return f"{paint}] {' -- '.join(map(_point, shape.points))} -- cycle;"


def _path(line: Line) -> str:
    """Curves of a rounded corner as TikZ has them: a quadratic one as a cubic one."""
    text = ""
    x = y = 0.0
    for command, points in rounded(line.points, line.radius):
        if command == "Q":
            (cx, cy), (ex, ey) = points
            first = (x + (cx - x) * 2 / 3, y + (cy - y) * 2 / 3)
            second = (ex + (cx - ex) * 2 / 3, ey + (cy - ey) * 2 / 3)
            text += f" .. controls {_point(first)} and {_point(second)} .. {_point((ex, ey))}"
        else:
            text += f"{' -- ' if text else ''}{_point(points[0])}"
        x, y = points[-1]
    return text


def _point(point: Point) -> str:
    return f"({_number(point[0])},{_number(point[1])})"


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
