"""Documents that know where they may break, and the printer that breaks them only where a line is too long.

After Wadler, "A prettier printer" (2003), with comments that wait for the end of their line.
"""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

WIDTH = 120
_STEP = 2


class Line:
    """A place to break: `flat` where the group is on one line, else a new line.

    With `flat` None it always breaks, and so does every group that holds it.
    """

    __slots__ = ("flat",)

    def __init__(self, flat: str | None = " ") -> None:
        self.flat = flat


class Either:
    """One text where the group is on one line, another where it is broken."""

    __slots__ = ("broken", "flat")

    def __init__(self, flat: str, broken: str) -> None:
        self.flat = flat
        self.broken = broken


class Suffix:
    """A comment for the end of the line, whatever else is still put on it; the groups around it break.

    Without `breaks` they need not: the comment then stands behind all that they hold.
    """

    __slots__ = ("breaks", "text")

    def __init__(self, text: str, *, breaks: bool = True) -> None:
        self.text = text
        self.breaks = breaks


class Indent:
    """What stands deeper after each break."""

    __slots__ = ("inner",)

    def __init__(self, inner: Doc) -> None:
        self.inner = inner


class Align:
    """What stands, after each break, under the column where it begins."""

    __slots__ = ("inner",)

    def __init__(self, inner: Doc) -> None:
        self.inner = inner


class Group:
    """On one line if it fits, else broken at each of its own lines."""

    __slots__ = ("breaks", "inner")

    def __init__(self, inner: Doc, *, breaks: bool = False) -> None:
        self.inner = inner
        self.breaks = breaks or must_break(inner)


if TYPE_CHECKING:
    Doc: TypeAlias = "str | list[Doc] | Line | Either | Suffix | Indent | Align | Group"
else:
    Doc = object
HARD = Line(None)


def must_break(doc: Doc) -> bool:
    """Whether something in a document cannot stand on one line."""
    waiting = [doc]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, (Indent, Align)):
            waiting.append(part.inner)
        elif (
            (isinstance(part, Suffix) and part.breaks)
            or (isinstance(part, Line) and part.flat is None)
            or (isinstance(part, Group) and part.breaks)
        ):
            return True
    return False


def joined(separator: Doc, docs: list[Doc]) -> list[Doc]:
    """The documents with the separator between them."""
    found: list[Doc] = []
    for doc in docs:
        if found:
            found.append(separator)
        found.append(doc)
    return found


def rendered(doc: Doc, width: int | None = WIDTH) -> str:
    """The text of a document; without a width on as few lines as it can have."""
    return "".join(_Printer(width).pieces(doc))


class _Printer:
    """Where the printing stands: the column, and the comments that wait for the line's end."""

    def __init__(self, width: int | None) -> None:
        self.width = width
        self.column = 0
        self.suffixes: list[str] = []
        self.margin = 0
        """Blanks owed at the start of a line, so that an empty one ends with none."""
        self.indent = 0
        self.remark = False
        """Whether the line is a comment already, which another one must not join."""

    def pieces(self, doc: Doc) -> Iterator[str]:
        """The text in pieces."""
        waiting: list[tuple[int, bool, Doc]] = [(0, False, doc)]
        while waiting:
            indent, flat, part = waiting.pop()
            if isinstance(part, str):
                if part:
                    yield self._text(part)
            elif isinstance(part, list):
                waiting += [(indent, flat, piece) for piece in reversed(part)]
            elif isinstance(part, Indent):
                waiting.append((indent + _STEP, flat, part.inner))
            elif isinstance(part, Align):
                waiting.append((self.indent if self.remark else self.column + self.margin, flat, part.inner))
            elif isinstance(part, Group):
                fits = not part.breaks and self._fits(part.inner, waiting)
                waiting.append((indent, fits, part.inner))
            elif isinstance(part, Suffix):
                self.suffixes.append(part.text)
            elif isinstance(part, Either):
                waiting.append((indent, flat, part.flat if flat else part.broken))
            elif flat and part.flat is not None:
                yield self._text(part.flat)
            else:
                yield self._new_line(indent)
        yield self._ending()

    def _text(self, text: str) -> str:
        if not text:
            return ""
        broken = self._new_line(self.indent) if self.remark else ""
        self.remark = text[0] == "#"
        text = broken + " " * self.margin + text
        self.margin = 0
        self.column += len(text)
        return text

    def _ending(self) -> str:
        """The comments that waited."""
        text = ""
        for suffix in self.suffixes:
            text += "\n" + " " * self.indent + suffix if self.remark else "  " + suffix
            self.remark = True
        self.suffixes = []
        return text

    def _new_line(self, indent: int) -> str:
        text = self._ending() + "\n"
        self.column, self.margin, self.indent, self.remark = 0, indent, indent, False
        return text

    def _fits(self, doc: Doc, waiting: list[tuple[int, bool, Doc]]) -> bool:
        """Whether a document on one line, and what follows it up to the next break, stays within the width."""
        if self.width is None:
            return True
        room = self.width - self.column - self.margin
        following = len(waiting)
        parts: list[tuple[bool, Doc]] = [(True, doc)]
        while room >= 0:
            if not parts:
                if not following:
                    return True
                following -= 1
                _, flat, part = waiting[following]
            else:
                flat, part = parts.pop()
            if isinstance(part, str):
                room -= len(part)
            elif isinstance(part, list):
                parts += [(flat, piece) for piece in reversed(part)]
            elif isinstance(part, (Indent, Align, Group)):
                parts.append((flat and not getattr(part, "breaks", False), part.inner))
            elif isinstance(part, Either):
                room -= len(part.flat if flat else part.broken)
            elif isinstance(part, Line):
                if not flat or part.flat is None:
                    return True
                room -= len(part.flat)
        return False
