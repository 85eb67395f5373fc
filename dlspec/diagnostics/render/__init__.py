"""The ways to write problems down: one module each, imported when its format is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from dlspec.diagnostics.record import Diagnostic

FORMATS = {
    "full": "text",
    "concise": "concise",
    "json": "json",
    "sarif": "sarif",
    "github": "github",
}
"""The formats of `dlspec check --format`, each with the module here that writes it."""


def render(
    diagnostics: Sequence[Diagnostic], format: str = "full", *, colour: bool = False, width: int | None = None
) -> str:
    """The diagnostics, in the order given, in one of FORMATS; only what people read has colour.

    In full, notes longer than `width` columns are broken between words. Raises KeyError for a format that is
    not in the table.
    """
    module = FORMATS[format]
    write = __import__(f"{__name__}.{module}", fromlist=["render"]).render
    options: dict[str, object] = {"colour": colour} if module in ("text", "concise") else {}
    if module == "text":
        options["width"] = width
    text: str = write(diagnostics, **options)
    return text
