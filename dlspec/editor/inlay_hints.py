"""The output shape of every stage, behind it: `conv2d(64, 7, stride=2)  → N 64 H/2 W/2`.

Where a block is used several times the shapes of its first use stand there, and those of the others in the tooltip.
While what is typed cannot be read, the hints around it stay as they were.
"""

from __future__ import annotations

from lsprotocol import types as lsp

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.editor.document import Document
    from dlspec.editor.stages import Made, Stage

SHOWN = 8
"""Uses of a block that a tooltip lists."""


class Hint:
    """A hint with its offset, of whichever version of the text."""

    __slots__ = ("offset", "text", "tooltip")

    def __init__(self, offset: int, text: str, tooltip: str) -> None:
        self.offset = offset
        self.text = text
        self.tooltip = tooltip


def hints(document: Document) -> list[Hint]:
    """The hints of a whole file; none where no network of it can be made."""
    return [_hint(stage) for stage in document.stages if stage.made]


def _hint(stage: Stage) -> Hint:
    shapes = list(dict.fromkeys(made.shape for made in stage.made))
    more = f", {len(shapes) - 1} more" if len(shapes) > 1 else ""
    return Hint(stage.where, f"→ {shapes[0]}{more}", _tooltip(stage.made))


def _tooltip(made: list[Made]) -> str:
    shown = [one for i, one in enumerate(made) if i < SHOWN or i == len(made) - 1]
    rows = [f"| `{one.part.path}` | `{one.shape}` |" for one in shown]
    if len(made) > len(shown):
        rows.insert(SHOWN, f"| … {len(made) - len(shown)} more | |")
    return "\n".join([f"| `{made[0].graph.name}` | |", "|---|---|", *rows])


def inlay_hints(document: Document, found: list[Hint], range: lsp.Range) -> list[lsp.InlayHint]:
    """The hints within a range, as an editor takes them."""
    start, end = document.positions.offset(range.start), document.positions.offset(range.end)
    return [
        lsp.InlayHint(
            document.positions.position(hint.offset), hint.text, kind=lsp.InlayHintKind.Type, padding_left=True,
            tooltip=lsp.MarkupContent(lsp.MarkupKind.Markdown, hint.tooltip),
        )
        for hint in found
        if start <= hint.offset <= end
    ]  # fmt: skip


def moved(found: list[Hint], before: str, after: str) -> list[Hint]:
    """Hints of one text at their places in the next: those in the stretch that was changed are left out."""
    same = _shared(before, after)
    tail = _shared(before[same:][::-1], after[same:][::-1])
    shift = len(after) - len(before)
    kept = []
    for hint in found:
        if hint.offset <= same:
            kept.append(hint)
        elif hint.offset >= len(before) - tail:
            kept.append(Hint(hint.offset + shift, hint.text, hint.tooltip))
    return kept


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        if one[:middle] == other[:middle]:
            low = middle
        else:
            high = middle - 1
    return low
