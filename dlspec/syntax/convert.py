"""From text to text: the formatter keeps the spelling, the converter changes it; neither touches a broken file."""

from __future__ import annotations

from dlspec.diagnostics.record import SpecError
from dlspec.record import TYPE_CHECKING
from dlspec.source import YAML_SUFFIXES
from dlspec.syntax.read import read

if TYPE_CHECKING:
    from dlspec.source import Source
    from dlspec.syntax.tree import File

PASSES = 4
"""How often a YAML text is laid out anew at most, until it stays as it is."""


def fmt(source: Source) -> str:
    """The text of a source as it should stand.

    Raises SpecError with the diagnostics of a source that cannot be read whole.
    """
    text = convert(source, ".yaml" if source.is_yaml else ".dls")
    # A comment of a YAML file may stand, once moved, where it belongs to something else.
    for _ in range(PASSES if source.is_yaml and "#" in text else 0):
        again = convert(source.__class__(source.name, text), ".yaml")
        if again == text:
            break
        text = again
    return text


def convert(source: Source, suffix: str) -> str:
    """The text of a source in the spelling of another suffix (or file name), with all its comments.

    Raises SpecError with the diagnostics of a source that cannot be read whole.
    """
    file, problems = read(source)
    if problems:
        raise SpecError(problems)
    return written(file, suffix)


def written(file: File, suffix: str) -> str:
    """The text of a tree in the spelling of a suffix or file name."""
    if suffix.endswith(YAML_SUFFIXES):
        from dlspec.syntax.yaml_writer import write_yaml

        return write_yaml(file)
    from dlspec.syntax.dsl_writer import write_dsl

    return write_dsl(file)
