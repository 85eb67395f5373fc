"""A network that branches: x is the order of computing, y the stride or the branch, and edges run between."""

from __future__ import annotations

from dlspec.drawing.figure.places import (
    BAR,
    DETAIL,
    FIELD,
    JOIN,
    NAME,
    REGIONS,
    RESULT,
    SIGN,
    Place,
    assign_bands,
    assign_columns,
    set_across,
)
from dlspec.drawing.figure.rail import rail
from dlspec.drawing.figure.slab import Scale
from dlspec.drawing.figure.ways import Ways, look, router
from dlspec.drawing.metrics import width
from dlspec.drawing.words import operator_name, sign, title
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas, Point
    from dlspec.drawing.figure.items import Item, Link, Stages
    from dlspec.drawing.figure.rail import Rail
    from dlspec.drawing.figure.words import Words

MARGIN = 28
LEVELS = 40
"""Points left of the picture, for the strides."""
TALLEST = 110.0
BETWEEN = 30
"""Points between rows, for edges."""
PLAIN = {
    "ConvTranspose": "transposed conv", "AdaptiveAvgPool": "avg pool to", "AdaptiveMaxPool": "max pool to",
    "GlobalAvg": "global avg", "GlobalMax": "global max", "Pool": " pool",
}  # fmt: skip
"""What operators that stand for an edge are called in the legend."""
SIGNS = {"+": "add", "−": "subtract", "×": "multiply", "÷": "divide"}
ROOMS = (1.0, 1.3, 1.7, 2.4)
"""How much wider gaps are set, one after the other, until every edge finds a way."""


def levels(canvas: Canvas, made: Stages, words: Words, top: float) -> float:
    """Draw the stages by order and by stride or branch under `top`; returns where they end. Widens the canvas."""
    scale = Scale(made.items, words.sizes, TALLEST)
    places = {item: Place(item, scale.stack(item), words) for item in made.items}
    assign_columns(made, places)
    strides = assign_bands(made, places, words)
    shared = rail(made.links, lambda item: places[item].band[0] != REGIONS)
    named = bool(strides) or any(place.band[0] == REGIONS for place in places.values())
    left = MARGIN + (LEVELS if named else 0)
    ways, bottom = _led(made, places, (left, top + 6), shared, aligned=not strides)
    canvas.width = max(
        MARGIN + max(place.x + place.wide / 2 for place in places.values()), ways.right + MARGIN, canvas.width
    )
    for band, stride in strides.items():
        middle = next(place.middle for place in places.values() if place.band == band)
        canvas.text(MARGIN, middle + 4, f"1/{stride}" if stride > 1 else "1", 11, "grey")
    ways.draw(canvas)
    for place in places.values():
        _draw(canvas, place, words)
    if any(place.band[0] == REGIONS for place in places.values()):
        middle = next(place.middle for place in places.values() if place.band == (REGIONS, 0))
        canvas.text(MARGIN, middle + 4, "regions", 11, "grey")
    facets = [name for name, total in (("parameters", words.cost.parameters), ("MACs", words.macs)) if total]
    led = [link for link in made.links if shared is None or link not in shared.links]
    return _legend(canvas, facets, led, bottom + 26)


def _led(
    made: Stages, places: dict[Item, Place], begin: Point, shared: Rail | None, *, aligned: bool
) -> tuple[Ways, float]:
    """The stages set out as closely as every edge finds a way between them; where the lowest label ends."""
    for room in ROOMS:
        set_across(made, places, begin[0], room, aligned)
        bottom = _set_down(places, begin[1], BETWEEN * room, shared)
        ways = Ways(router(list(places.values()), bottom, [] if shared is None else [shared.y], room), places)
        if ways.lead(made.links, shared):
            break
    return ways, max(bottom, ways.bottom)


def _set_down(places: dict[Item, Place], top: float, between: float, shared: Rail | None) -> float:
    """Give every place its height, band by band; returns where the lowest label ends."""
    y = top
    for band in sorted({place.band for place in places.values()}):
        inside = [place for place in places.values() if place.band == band]
        rise = max(place.rise for place in inside)
        if shared is not None and band == (REGIONS, 0):
            shared.y = y
            y += between
        for place in inside:
            place.middle = y + rise
        y = max(place.below for place in inside) + between
    return y - between


# Stages


def _draw(canvas: Canvas, place: Place, words: Words) -> None:
    item, label = place.item, place.label
    if item.is_join:
        _draw_join(canvas, place)
        return
    place.stack.draw(canvas, place.x - place.stack.width / 2, place.middle)
    y = place.middle + place.rise + 2
    for name in label.names:
        y += 13
        canvas.text(place.x, y, name, NAME, "wrong" if item.failed else "ink", "middle", bold=True)
    if label.detail:
        y += 13
        canvas.text(place.x, y, label.detail, DETAIL, "grey", "middle")
    y += 13
    canvas.text(place.x, y, label.result, RESULT, "ink", "middle")
    if label.field:
        y += 13
        canvas.text(place.x, y, label.field, FIELD, "repeat" if label.is_exceeded else "grey", "middle")
    if label.has_bars:
        _bars(canvas, place, words, y + 7)


def _draw_join(canvas: Canvas, place: Place) -> None:
    left, top = place.x - place.half, place.middle - JOIN
    canvas.box(left, top, 2 * place.half, 2 * JOIN, "join.tint", "join.edge", radius=JOIN)
    size = 12 if len(place.sign) < 3 else SIGN
    canvas.text(place.x, place.middle + size * 0.35, place.sign, size, "ink", "middle", bold=True)


def _bars(canvas: Canvas, place: Place, words: Words, y: float) -> None:
    """What a stage has of all parameters and of all multiply-adds that can be told, as two thin bars."""
    costs = words.costs(place.item)
    shown = ((costs.parameters, words.cost.parameters, "parameters"), (costs.macs, words.macs, "macs"))
    for count, total, facet in shown:
        if total and (count or not words.depends_on_data(place.item)):
            canvas.box(place.x - BAR / 2, y, BAR, 4, "track", radius=2)
        if count and total:
            canvas.box(place.x - BAR / 2, y, max(BAR * min(count / total, 1), 2), 4, facet, radius=1)
        y += 6


def _legend(canvas: Canvas, facets: list[str], links: list[Link], y: float) -> float:
    """What the lines mean, each kind once."""
    entries: dict[str, tuple[str, bool]] = {}
    for link in links:
        entries.setdefault(_said(link), look(link))
    entries.pop("", None)
    x = float(MARGIN)
    for facet in facets:
        canvas.box(x, y - 6, 22, 4, facet.lower(), radius=1)
        canvas.text(x + 28, y, f"share of {facet}", 10, "grey")
        x += 28 + width(f"share of {facet}", 10) + 22
    for text, (colour, dashed) in entries.items():
        wide = 34 + width(text, 10) + 26
        if x > MARGIN and x + wide > canvas.width:
            x, y = MARGIN, y + 18
        canvas.arrow([(x, y - 3.5), (x + 27, y - 3.5)], colour, dashed, 0)
        canvas.text(x + 34, y, text, 10, "grey")
        x += wide
    canvas.width = max(canvas.width, x)
    return y


def _said(link: Link) -> str:
    if link.target.failed is not None:
        return "does not fit"
    joined = ""
    if link.role != "main" and link.join is not None:
        joined = SIGNS.get(sign(link.join), operator_name(link.join).lower())
    if link.through is None:
        return "concatenate" if link.role == "concat" else joined
    words = title(link.through)
    for name, plain in PLAIN.items():
        words = words.replace(name, plain)
    return ", then ".join(part for part in (words.lower(), joined) if part)
