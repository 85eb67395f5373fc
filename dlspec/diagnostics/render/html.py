"""What a terminal shows, for a notebook: the same text and colours, in a `<pre>`."""

from __future__ import annotations

import re

from dlspec.diagnostics.render.ink import CODES

STYLES = {
    "error": "color:#d1242f;font-weight:bold",
    "warning": "color:#bf8700;font-weight:bold",
    "frame": "color:#2f81f7;font-weight:bold",
    "help": "color:#1b8a92;font-weight:bold",
    "bold": "font-weight:bold",
    "dim": "opacity:.65",
    "added": "color:#2da44e",
    "removed": "color:#d1242f",
}
"""Colours that can be read on white and on black."""
_OF_CODE = {code: STYLES[name] for name, code in CODES.items()}
_BLOCK = (
    "font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace;font-size:13px;"
    "line-height:1.25;white-space:pre;overflow-x:auto"
)
_PIECE = re.compile(r"\x1b\[([\d;]*)m")


def preformatted(text: str) -> str:
    """A text with the escapes of a terminal as HTML that needs no style sheet."""
    pieces = _PIECE.split(text)
    found = [_escaped(pieces[0])]
    for code, piece in zip(pieces[1::2], pieces[2::2], strict=True):
        style = _OF_CODE.get(code)
        found.append(f'<span style="{style}">{_escaped(piece)}</span>' if style and piece else _escaped(piece))
    return f'<pre style="{_BLOCK}">{"".join(found)}</pre>'


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
