"""From a failure in a generated module back to the spec: which of its places the failing code was written for.

The map is kept beside the module's text, so that the module itself stays plain PyTorch and pays nothing for it.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from dlspec.source import Span


class Failure(Record):
    """The path of the module that failed, empty for the network itself, and what the spec has there."""

    path: str
    span: Span


class LineMap(Record):
    """What the code of a module file was written for: the spans of the spec by line and by module."""

    lines: Sequence[Span | None]
    """For each line of the module file."""
    modules: dict[str, Span]
    """For each submodule by its path; of what runs inside an `nn.Sequential` no line of `forward` tells."""

    def trace(self, error: BaseException, file: str, path_of: Callable[[Any], str | None]) -> Failure | None:
        """The innermost place of the spec on the way of an error; None where it did not pass through the module file.

        `file` is what the code of the module file has as its name, and `path_of` gives the path of the network or of
        one of its submodules, and None for any other object.
        """
        found: Failure | None = None
        entry = error.__traceback__
        while entry is not None:
            frame = entry.tb_frame
            path = path_of(frame.f_locals.get("self"))
            span = None
            if frame.f_code.co_filename == file:
                span = self.lines[entry.tb_lineno - 1]
            elif path:
                span = self.modules.get(path)
            if span is not None:
                found = Failure(path or "", span)
            entry = entry.tb_next
        return found
