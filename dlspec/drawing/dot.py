"""A scene in the language of graphviz.

Cards are HTML-like tables of one width, so that those of a chain, held together by a group and by heavy edges, stand
exactly under each other. The choices here were made by looking at pictures; those that are not obvious have their
reason beside them.
"""

from __future__ import annotations

from dlspec.drawing import palette
from dlspec.drawing.faces import Face, Faces, Run
from dlspec.drawing.parts import Box, Card, Edge, Part
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.drawing.scene import Scene

FONT = "Helvetica,Arial,sans-serif"
"""Families of one metric; others would run over the edges in the reader's browser."""
_BAR = 5
_PADDING = 4
_NARROWEST = 180
_OVERHANG = 5
"""How much further left than its cards the label of a box begins, less a gap to the edge that comes in."""

_DEFAULTS = f"""\
  graph [fontname="{FONT}", rankdir=TB, nodesep=0.28, ranksep=0.24, splines=spline];
  graph [bgcolor=white, pad=0.2, labelloc=t, labeljust=l];
  node [shape=plain, fontname="{FONT}", fontsize=10];
  edge [color="{palette.LINE}", arrowsize=0.6, penwidth=1.3];"""


def dot_text(made: Scene) -> str:
    """The scene as DOT, one statement a line; the same bytes for the same scene."""
    faces = Faces(made)
    writer = _Writer(made, faces)
    lines = [f"digraph {quoted(made.graph.name)} {{", _DEFAULTS, f"  label=<{writer.heading()}>;"]
    for part in writer.ordered(made.parts):
        lines += writer.part(part, 1)
    lines += [f"  {writer.edge(edge)};" for edge in made.edges]
    return "\n".join([*lines, "}", ""])


class _Writer:
    def __init__(self, made: Scene, faces: Faces) -> None:
        self.made = made
        self.faces = faces
        self.column: dict[Part, int] = {card: number for number, chain in enumerate(made.chains) for card in chain}
        self.written = {card: faces.card(card) for card in made.cards if not card.is_join}
        widest = max((face.width for face in self.written.values()), default=0)
        self.width = max(_NARROWEST, round(widest + 2 * _PADDING), round(2 * (self._widest_label() - _OVERHANG)))
        self.boxes = 0

    def _widest_label(self) -> float:
        """The longest label over a box; it must end before the middle, where an edge comes in."""
        boxes = [box for part in self.made.parts if isinstance(part, Box) for box in part.boxes()]
        return max((Run(self.faces.box_label(box), 10, bold=True).width for box in boxes), default=0)

    def heading(self) -> str:
        """The title over the picture; notes stand on lines of their own."""
        lines = [_texts(self.faces.heading())]
        lines += [_text(Run(note, 10, palette.REPEAT)) for note in self.made.notes]
        return '<BR ALIGN="LEFT"/>'.join([*lines, ""])

    # Parts

    def part(self, part: Part, depth: int) -> Iterator[str]:
        """The statements of a part; a box is a cluster."""
        indent = "  " * depth
        if isinstance(part, Card):
            yield f"{indent}{part.identifier} [{self.card(part)}];"
            return
        assert isinstance(part, Box)
        yield f"{indent}subgraph cluster_{self.boxes} {{"
        yield f"{indent}  graph [{self.frame(part, depth)}];"
        self.boxes += 1
        for inner in self.ordered(part.parts):
            yield from self.part(inner, depth + 1)
        yield f"{indent}}}"

    def ordered(self, parts: list[Part]) -> list[Part]:
        """The parts of the longest chain first: graphviz starts from this order, from left to right."""
        return sorted(parts, key=self.place)

    def place(self, part: Part) -> int:
        """The number of the longest chain that a part has to do with."""
        return min(map(self.place, part.parts)) if isinstance(part, Box) else self.column[part]

    def frame(self, box: Box, depth: int) -> str:
        ground = palette.GROUND[(depth - 1) % 2]
        line = f'color="{palette.REPEAT}", penwidth=1.5' if box.copies else f'color="{palette.FRAME}", penwidth=1'
        lines = wrapped(self.faces.head(box), self.width / 2 + _OVERHANG)
        # A column at the side is entered from the left, so its label stands at the right.
        side = "l" if self.place(box) == 0 else "r"
        end = f'<BR ALIGN="{"LEFT" if side == "l" else "RIGHT"}"/>'
        label = end.join([*map(_texts, lines), ""])
        return f'style="rounded,filled", {line}, fillcolor="{ground}", margin=9, labeljust={side}, label=<{label}>'

    def card(self, card: Card) -> str:
        group = f'group="c{self.column[card]}", tooltip={quoted(self.faces.told(card))}'
        if card.is_join:
            return f"{self.joined(card)}, {group}"
        return f"label=<{self.table(self.written[card])}>, {group}"

    def joined(self, card: Card) -> str:
        tint = palette.colours("join")[1]
        shape = 'shape=box, style="rounded,filled", margin="0.1,0.05", width=0.3, height=0.26'
        # Graphviz sets HTML-like text a little too high; a line of 2 points before it puts it into the middle.
        label = f'<FONT POINT-SIZE="2"><BR/></FONT>{_texts(self.faces.join(card))}'
        return f'{shape}, color="{palette.SKIP}", fillcolor="{tint}", label=<{label}>'

    def table(self, face: Face) -> str:
        """A bar in the accent, and every line a table of its own that fills the width.

        No rounded corners: the coloured cells would poke out of them.
        """
        span = f' ROWSPAN="{len(face.lines)}"' if len(face.lines) > 1 else ""
        bar = f'<TD WIDTH="{_BAR}" BGCOLOR="{face.accent}"{span}></TD>'
        rows = []
        for place, (left, right) in enumerate(face.lines):
            line = f'<TD WIDTH="{self.width}">{_line(left, right)}</TD>'
            rows.append(f"<TR>{bar if place == 0 else ''}{line}</TR>")
        return _table("".join(rows), padding=0, ground=f' BGCOLOR="{face.tint}"')

    # Edges

    def edge(self, edge: Edge) -> str:
        """An edge: heavy along a chain, from side to side for a shortcut past a part of its own chain."""
        source, target = edge.source.identifier, edge.target.identifier
        if edge.role == "size":
            return f"{source} -> {target} [style=dotted, weight=0]"
        if edge.role != "skip":
            weight = {"main": 20, "side": 8, "plain": 2}[edge.role]
            return f"{source} -> {target} [weight={weight}]"
        style = f'color="{palette.SKIP}", weight=1'
        if edge.target.is_join and edge.target.host.op.inputs[0][0] == "*":
            style += ", style=dashed"
        if edge.same_chain:
            return f"{source}:e -> {target}:e [{style}]"
        return f"{source} -> {target} [{style}]"


# HTML-like labels


def wrapped(runs: list[Run], room: float) -> list[list[Run]]:
    """The runs in lines that fit into the room, unless a single run is longer."""
    lines: list[list[Run]] = [[]]
    for run in runs:
        if lines[-1] and sum(one.width for one in (*lines[-1], run)) > room:
            lines.append([])
            run = Run(run.text.removeprefix("· "), run.size, run.colour, run.bold)
        lines[-1].append(run)
    return lines


def _line(left: list[Run], right: list[Run]) -> str:
    cells = f'<TD ALIGN="LEFT">{_texts(left)}</TD>'
    if right:
        cells += f'<TD ALIGN="RIGHT">{_texts(right)}</TD>'
    return _table(f"<TR>{cells}</TR>", padding=_PADDING - 1)


def _table(rows: str, *, padding: int, ground: str = "") -> str:
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="{padding}"{ground}>{rows}</TABLE>'


def _texts(runs: list[Run]) -> str:
    # A plain blank at the start or end of a run is lost in some viewers.
    return '<FONT POINT-SIZE="9">&#160;</FONT>'.join(_text(run) for run in runs)


def _text(run: Run) -> str:
    words = escaped(run.text) or "&#160;"  # an empty <B></B> is a syntax error to graphviz
    inner = f"<B>{words}</B>" if run.bold else words
    return f'<FONT POINT-SIZE="{run.size:g}" COLOR="{run.colour}">{inner}</FONT>'


def escaped(text: str) -> str:
    """Text for an HTML-like label; characters that XML cannot hold become `?`."""
    for plain, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        text = text.replace(plain, entity)
    return "".join(letter if letter.isprintable() or letter == "\u00a0" else "?" for letter in text)


def quoted(text: str) -> str:
    """Text as a quoted string, in which graphviz reads backslashes and entities."""
    return f'"{escaped(text)}"'.replace("\\", "\\\\")
