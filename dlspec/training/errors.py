"""What stops a run and is the user's to change; the command line prints it without a traceback."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.source import Span


class RunError(Exception):
    """A message in the words of a diagnostic, what to do about it, and its code where it has one."""

    code = ""
    span: Span | None = None
    """Where the spec asks for what went wrong, where that is one place."""
    says = "is asked for here"
    """What stands at that place."""
    field = ""
    """The parameter of the data source that asks for what is not there, for whoever adds the place."""
    also: tuple[tuple[Span, str], ...] = ()
    """Other places, each with a few words."""

    def __init__(self, message: str, hint: str = "", *, code: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.message = message
        self.hint = hint
        self.code = code or self.code


class UnreadableError(RunError):
    """A file or folder that was named is not there, or not what it should be; the command line ends with 2."""

    code = "E0706"


class OutOfMemory(RunError):
    """Memory ran out; whoever has the network's graph adds what a step needs."""


class UnknownLabel(RunError):
    """The data holds a class beyond those there are; whoever has the network's graph adds where it says how many."""

    code = "E0705"

    def __init__(self, label: str, classes: str, hint: str) -> None:
        super().__init__(f"{label}, and {classes}", hint)
        self.label = label
        """What the data holds: `row 4 has the label 12`."""


class Pruned(RunError):
    """A trial of a search was stopped: others did better at the same epoch."""


class Interrupted(RunError):
    """The run was stopped by Ctrl-C or SIGTERM, after its state was saved."""
