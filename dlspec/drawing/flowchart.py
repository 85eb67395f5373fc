"""A scene as a Mermaid flowchart, which GitHub and GitLab draw in Markdown."""

from __future__ import annotations

from dlspec.drawing import palette
from dlspec.drawing.faces import Faces, Run
from dlspec.drawing.parts import Box, Card, Edge, Part
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.drawing.scene import Scene

ROOM = 240
"""Cards in a flowchart: Mermaid refuses more than 500 edges, GitHub more than 50,000 letters."""


def mermaid_text(made: Scene) -> str:
    """The scene as a flowchart, ready for a fenced block; the same bytes for the same scene."""
    faces = Faces(made)
    writer = _Writer(faces)
    lines = ["---", f"title: {_yaml(_plain(faces.heading()))}", "---", "flowchart TB"]
    for part in made.parts:
        lines += writer.part(part, 1)
    lines += [f"  {_arrow(edge)}" for edge in made.edges]
    lines += [f"  %% {_comment(note)}" for note in made.notes]
    return "\n".join([*lines, *_styles(made, writer), ""])


class _Writer:
    def __init__(self, faces: Faces) -> None:
        self.faces = faces
        self.classes: dict[tuple[str, str], list[str]] = {}
        """Accent and tint to the cards that have them."""
        self.repeated: list[str] = []
        self.boxes = 0

    def part(self, part: Part, depth: int) -> Iterator[str]:
        """The lines of a part; a box is a subgraph."""
        indent = "  " * depth
        if isinstance(part, Card):
            yield f"{indent}{self.card(part)}"
            return
        assert isinstance(part, Box)
        name = f"box{self.boxes}"
        self.boxes += 1
        if part.copies:
            self.repeated.append(name)
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
        lines = [" · ".join(filter(None, (_plain(left), _plain(right)))) for left, right in face.lines]
        return f"{card.identifier}[{_label('<br/>'.join(map(_entities, lines)), ready=True)}]"


def _arrow(edge: Edge) -> str:
    arrow = "-.->" if edge.role == "skip" else "-->"
    return f"{edge.source.identifier} {arrow} {edge.target.identifier}"


def _styles(made: Scene, writer: _Writer) -> Iterator[str]:
    for number, ((accent, tint), cards) in enumerate(writer.classes.items()):
        yield f"  classDef kind{number} fill:{tint},stroke:{accent},color:{palette.INK}"
        yield f"  class {','.join(cards)} kind{number}"
    if writer.repeated:
        yield f"  classDef repeated stroke:{palette.REPEAT},stroke-width:2px"
        yield f"  class {','.join(writer.repeated)} repeated"
    skips = [str(place) for place, edge in enumerate(made.edges) if edge.role == "skip"]
    if skips:
        yield f"  linkStyle {','.join(skips)} stroke:{palette.SKIP}"


def _plain(runs: list[Run]) -> str:
    return " ".join(run.text for run in runs)


def _label(text: str, ready: bool = False) -> str:
    return f'"{text if ready else _entities(text)}"'


def _entities(text: str) -> str:
    """Text inside a quoted label: whatever Mermaid, Markdown or HTML might read otherwise, as an entity by number."""
    return "".join(letter if _is_plain(letter) else f"#{ord(letter)};" for letter in text)


def _is_plain(letter: str) -> bool:
    return letter.isprintable() and letter not in "\"#&;<>`\\*_~[]{}|"


def _yaml(text: str) -> str:
    from json import dumps

    return dumps(text, ensure_ascii=False)


def _comment(text: str) -> str:
    return text.replace("\n", " ")
