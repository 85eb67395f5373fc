"""A source in either spelling to its tree."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic
from dlspec.source import Source
from dlspec.syntax.tree import Broken, File


def read(source: Source) -> tuple[File, list[Diagnostic]]:
    """The tree of a source and what was wrong with its syntax."""
    if source.is_yaml:
        from dlspec.syntax.yaml_reader import read_yaml

        return read_yaml(source)
    return read_dsl(source)


def read_dsl(source: Source) -> tuple[File, list[Diagnostic]]:
    """The tree of a `.dls` text."""
    from dlspec.syntax.parser import parse

    begin = 1 if source.text.startswith("\ufeff") else 0
    items, problems, parser = parse(source, "start", begin)
    whole = source.span(0, len(source.text))
    return File(whole, (Broken(whole),) if items is None else items, parser.comments()), problems
