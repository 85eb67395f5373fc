"""The walk in the editor shows what the language server answers today."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "guides" / "in-the-editor.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_the_pictures_are_the_answers_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """`python docs/editor_walk.py` draws them anew."""
    monkeypatch.syspath_prepend(str(DOCS))
    import editor_walk

    drawn = asyncio.run(editor_walk.pictures())
    sys.modules.pop("editor_walk")
    assert {name: (DOCS / "images" / "editor" / f"{name}.svg").read_text(encoding="utf-8") for name in drawn} == drawn
    assert all(f"images/editor/{name}.svg" in PAGE for name in drawn)
