"""The page of each code: what it says, why it matters, an example that has it and its repair."""

from __future__ import annotations

from pathlib import Path

from dlspec.diagnostics.codes import CODES
from dlspec.diagnostics.near_names import near

PAGES = Path(__file__).parent / "explain"


def page(code: str) -> str | None:
    """The page of a code, asked for as `E0302`, `e0302` or `shapes-differ`; None if there is none such."""
    found = code_of(code)
    return None if found is None else (PAGES / f"{found}.md").read_text(encoding="utf-8")


def code_of(text: str) -> str | None:
    """The code that is meant by a code or by its name."""
    if text.upper() in CODES:
        return text.upper()
    name = text.casefold().replace("_", "-")
    return next((code for code, known in CODES.items() if known == name), None)


def near_codes(text: str) -> list[str]:
    """The codes and names most like one that does not exist."""
    return near(text, [*CODES, *CODES.values()])
