"""A failure that is no mistake of the user: what to say of it, and what to report."""

from __future__ import annotations


class Defect(Exception):
    """dlspec itself has failed on a spec that it found to be without mistakes; the cause is chained to it."""

    def __init__(self, doing: str, cause: Exception) -> None:
        found = f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
        super().__init__(f"{doing} failed: {found}{_place(cause)}")
        self.advice = "this is a mistake of dlspec, not of the spec; report it with the spec and what stands above"


def _place(cause: Exception) -> str:
    """The line of dlspec where it came up."""
    at = cause.__traceback__
    if at is None:
        return ""
    while at.tb_next is not None:
        at = at.tb_next
    code = at.tb_frame.f_code
    file = code.co_filename.replace("\\", "/").rpartition("/dlspec/")[2]
    return f" (in {file}, line {at.tb_lineno})"
