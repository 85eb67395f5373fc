"""Results that only ever go on together keep one name: `features = self.backbone(image)`, then `self.rpn(*features)`.

A pass over the statements of `forward` as text, once every value has its name: a module that gives three results or
more, as the levels of a pyramid, is taken apart only where something reads one of them by itself.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

LEAST = 3
"""Results from which on a name for all reads better than theirs."""
NAME = "features"
_TAKEN_APART = re.compile(r"([a-z]\w*(?:, [a-z]\w*)+) = (self\.[\w.]+\(.*\))", re.S)


def together(texts: list[str], branches: Sequence[object] = ()) -> list[str | None]:
    """The statements with such results under one name; None for a statement that went into the one that reads it.

    `branches` tells of each statement where it stands: it goes into none of another branch.

    >>> together(["a, b, c = self.body(x)", "y = self.head(a, b, x)", "return join([a, b, c], y)"])
    ['features = self.body(x)', 'y = self.head(*features[:2], x)', 'return join(features, y)']
    >>> together(["a, b, c = self.body(x)", "d, e, f = self.neck(a, b, c)", "return d, e, f"])
    [None, None, 'return self.neck(*self.body(x))']
    >>> together(["a, b, c = self.body(x)", "return self.neck(c, b, a)"])
    ['a, b, c = self.body(x)', 'return self.neck(c, b, a)']
    """
    found: list[str | None] = list(texts)
    for place in range(len(texts)):
        apart = _TAKEN_APART.fullmatch(found[place] or "")
        names = apart[1].split(", ") if apart else []
        if apart is None or len(names) < LEAST or len({*names}) < len(names):
            continue
        name = _free(found)
        others = [None if one is None else _read_together(one, names, name) for one in found]
        if any(one == "" for number, one in enumerate(others) if number != place):
            continue
        others[place] = f"{name} = {apart[2]}"
        alone = branches and branches[place] != branches[place + 1]
        found = others if alone else _handed_on(others, place, name, apart[2])
    return found


def _free(texts: list[str | None]) -> str:
    """The name, or with a number where something is called so."""
    words = {word for text in texts if text for word in re.findall(r"\w+", text)}
    return next(name for name in (NAME, *(f"{NAME}{number}" for number in range(2, 99))) if name not in words)


def _read_together(text: str, names: list[str], name: str) -> str:
    """A statement that reads the results in a row, under the one name; empty where it reads one by itself."""
    for count in range(len(names), 1, -1):
        row, part = ", ".join(names[:count]), name if count == len(names) else f"{name}[:{count}]"
        text = re.sub(rf"(?<![\w.])\[{row}\](?![\[ ])", part, text)
        text = re.sub(rf"^return {row}$", f"return {part}", text)
        text = re.sub(rf"(?<=\(){row}(?=[,)])|(?<=, ){row}(?=[,)])", f"*{part}", text)
    return "" if any(re.search(rf"(?<![\w.]){one}\b(?!=)", text) for one in names) else text


def _handed_on(texts: list[str | None], place: int, name: str, call: str) -> list[str | None]:
    """Without the name where only the next statement reads it, and as a whole."""
    readers = [
        number for number, text in enumerate(texts) if number != place and text and re.search(rf"\b{name}\b", text)
    ]
    if readers != [place + 1]:
        return texts
    reader = texts[place + 1] or ""
    if reader == f"return {name}":
        return [*texts[:place], None, f"return {call}", *texts[place + 2 :]]
    if reader.count(f"(*{name})") == 1 and len(re.findall(rf"\b{name}\b", reader)) == 1:
        return [*texts[:place], None, reader.replace(f"(*{name})", f"(*{call})"), *texts[place + 2 :]]
    return texts
