"""A scene as a Mermaid flowchart, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

import re

from dlspec.drawing import palette
from dlspec.drawing.faces import Faces, Run
from dlspec.drawing.parts import Box, Card, Edge, Part
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.drawing.scene import Scene

ROOM = 240
"""Cards in a flowchart: Mermaid refuses more than 500 edges, GitHub more than 50,000 letters."""

_COUNT = re.compile(r"^(· )?[\d.]+[KMGTP]?")
"""A count at the start of a text; without columns it must say what it counts."""


def mermaid_text(made: Scene) -> str:
    """The scene as a flowchart, ready for a fenced block; the same bytes for the same scene."""
    faces = Faces(made)
    writer = _Writer(faces)
    title = " · ".join([_plain(faces.heading()), *made.notes])
    lines = ["---", f"title: {_yaml(title)}", "---", "flowchart TB"]
    for part in made.parts:
        lines += writer.part(part, 1)
    lines += [f"  {_arrow(edge)}" for edge in made.edges]
    return "\n".join([*lines, *_styles(made, writer), ""])


class _Writer:
    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.classes: dict[tuple[str, str], list[str]] = {}
        """Accent and tint to the cards that have them."""
        self.boxes: list[str] = []
        self.repeated: list[str] = []

    def part(self, part: Part, depth: int) -> Iterator[str]:
        """The lines of a part; a box is a subgraph."""
        indent = "  " * depth
        if isinstance(part, Card):
            yield f"{indent}{self.card(part)}"
            return
        assert isinstance(part, Box)
        name = f"box{len(self.boxes) + len(self.repeated)}"
        (self.repeated if part.copies else self.boxes).append(name)
        yield f"{indent}subgraph {name}[{_label(_plain(self.faces.head(part)))}]"
        for inner in part.parts:
            yield from self.part(inner, depth + 1)
        yield f"{indent}end"

    def card(self, card: Card) -> str:
        if card.is_join:
            self.classes.setdefault(palette.colours("join"), []).append(card.identifier)
            return f"{card.identifier}([{_label(_plain(self.faces.join(card)))}])"
        face = self.faces.card(card)
        self.classes.setdefault((face.accent, face.tint), []).append(card.identifier)
        lines = [_plain(left) for left, _ in face.lines]
        remarks = " · ".join(_plain(right) for _, right in face.lines if right)
        if remarks:
            lines = [f"{lines[0]} · {remarks}"] if len(lines) == 1 else [*lines, remarks]
        return f"{card.identifier}[{_label('<br/>'.join(map(_entities, lines)), ready=True)}]"


def _arrow(edge: Edge) -> str:
    arrow = "-.->" if edge.role in ("skip", "size") else "-->"
    return f"{edge.source.identifier} {arrow} {edge.target.identifier}"


def _styles(made: Scene, writer: _Writer) -> Iterator[str]:
    for number, ((accent, tint), cards) in enumerate(writer.classes.items()):
        yield f"  classDef kind{number} fill:{tint},stroke:{accent},color:{palette.INK}"
        yield f"  class {','.join(cards)} kind{number}"
    for name, boxes, stroke in (
        ("box", writer.boxes, palette.FRAME),
        ("repeated", writer.repeated, palette.REPEAT),
    ):
        if boxes:
            yield f"  classDef {name} fill:{palette.GROUND[0]},stroke:{stroke},color:{palette.INK}"
            yield f"  class {','.join(boxes)} {name}"
    skips = [str(place) for place, edge in enumerate(made.edges) if edge.role == "skip"]
    if skips:
        yield f"  linkStyle {','.join(skips)} stroke:{palette.SKIP}"


def _plain(runs: list[Run]) -> str:
    return " ".join(_COUNT.sub(r"\g<0> params", run.text) if run.is_count else run.text for run in runs)


def _label(text: str, ready: bool = False) -> str:
    return f'"{text if ready else _entities(text)}"'


def _entities(text: str) -> str:
    """Text inside a quoted label: whatever Mermaid, Markdown or HTML might read otherwise, as an entity by number."""
    text = re.sub(r"_(?![a-z0-9])|(?<![A-Za-z0-9])_", "#95;", text.replace("#", "#35;"))
    return "".join(letter if _is_plain(letter) else f"#{ord(letter)};" for letter in text)


def _is_plain(letter: str) -> bool:
    return letter.isprintable() and letter not in '"&<>`\\*+~[]{}|'


def _yaml(text: str) -> str:
    """A string of YAML, which takes those of JSON."""
    from json import dumps

    return dumps(text, ensure_ascii=False)
