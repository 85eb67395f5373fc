"""What every command prints alike: diagnostics, and whether colour is wanted."""

from __future__ import annotations

import os
import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import IO

    from dlspec.diagnostics.record import Diagnostic


def colour(stream: IO[str]) -> bool:
    """Whether to colour a stream: a terminal, unless NO_COLOR or a dumb one; always with FORCE_COLOR."""
    if os.environ.get("FORCE_COLOR"):
        return True
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def print_diagnostics(diagnostics: Sequence[Diagnostic], *, stream: IO[str] | None = None) -> None:
    """Diagnostics in full, to standard error by default."""
    from dlspec.diagnostics.listing import sort, unique
    from dlspec.diagnostics.render import render

    out = stream or sys.stderr
    found = sort(unique(diagnostics))
    print(render(found, "full", colour=colour(out), width=room(out)).rstrip("\n"), file=out)


def print_page(markdown: str) -> None:
    """A page of Markdown: set for a terminal, as it stands for everything else."""
    columns = room(sys.stdout)
    if columns is not None:
        from dlspec.cli.markdown import page

        markdown = page(markdown, width=min(columns, 100), colour=colour(sys.stdout))
    print(markdown.rstrip())


def room(stream: IO[str]) -> int | None:
    """Columns of a terminal; None where there is none, and lines may be of any length."""
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size((100, 24)).columns


def width() -> int:
    """Columns to write for: those of COLUMNS or of the terminal, at most 100; 100 where there is neither."""
    if not sys.stdout.isatty() and "COLUMNS" not in os.environ:
        return 100
    import shutil

    return min(shutil.get_terminal_size((100, 24)).columns, 100)


def write_text(path: str, text: str) -> None:
    """Write a file whole; `-` is standard output. Raises SpecError where it cannot be written."""
    if path == "-":
        sys.stdout.write(text)
        return
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        from dlspec.diagnostics.record import SpecError, problem

        raise SpecError([problem("E0502", f"`{path}` cannot be written: {error.strerror or error}")]) from None
