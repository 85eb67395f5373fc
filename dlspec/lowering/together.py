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


def looped(texts: list[str | None], branches: Sequence[object]) -> list[str | None]:
    """One statement for a module that reads tensor after tensor, whose results are only read as lists.

    >>> head = [f"score{n}, move{n} = self.head(p{n})" for n in (2, 3, 4)]
    >>> looped([*head, "y = join([score2, score3, score4], [move2, move3, move4])"], [None] * 4)[0]
    'score2, move2 = zip(*(self.head(level) for level in (p2, p3, p4)), strict=True)'
    >>> looped([*head, "y = join([score2, score3, score4], [move2, move3, move4])"], [None] * 4)[-1]
    'y = join(score2, move2)'
    """
    found = list(texts)
    for start in range(len(found)):
        rows = _rows(found, branches, start)
        if len(rows) < LEAST:
            continue
        columns = list(zip(*(results for results, _, _ in rows)))
        others = _reading_lists(found, branches, range(start, start + len(rows)), columns)
        if others is None:
            continue
        first, _, call = rows[0]
        given = ", ".join(argument for _, argument, _ in rows)
        found = others
        found[start] = f"{', '.join(first)} = zip(*({call}(level) for level in ({given})), strict=True)"
    return found


_ONE_CALL = re.compile(r"([a-z]\w*(?:, [a-z]\w*)+) = (self\.[\w.]+)\(([a-z]\w*)\)")


def _rows(texts: list[str | None], branches: Sequence[object], start: int) -> list[tuple[list[str], str, str]]:
    """From a statement on those that run the same module on another tensor: results, that tensor, the module."""
    rows: list[tuple[list[str], str, str]] = []
    for number in range(start, len(texts)):
        match = _ONE_CALL.fullmatch(texts[number] or "")
        if match is None or branches[number] != branches[start] or (rows and match[2] != rows[0][2]):
            break
        rows.append((match[1].split(", "), match[3], match[2]))
    names = [name for results, argument, _ in rows for name in (*results, argument)]
    same = len({*names}) == len(names) and "_" not in names and len({len(results) for results, _, _ in rows}) <= 1
    return rows if same else []


def _reading_lists(
    texts: list[str | None], branches: Sequence[object], rows: range, columns: list[tuple[str, ...]]
) -> list[str | None] | None:
    """All statements but those of the rows, reading lists by the name of their first; None where that cannot be.

    Where that name is given to something else, whoever reads it after in the same branch reads that.
    """
    found: list[str | None] = []
    other: dict[object, set[str]] = {}
    for number, text in enumerate(texts):
        branch = branches[number]
        if number in rows or text is None:
            found.append(None)
            continue
        left, equals, right = text.rpartition(" = ") if not text.startswith("return") else ("", "", text)
        for column in columns:
            right = right.replace(f"[{', '.join(column)}]", f"\0{column[0]}")
            read = [name for name in column if name not in other.get(branch, ())]
            if any(re.search(rf"(?<![\w.\0]){name}\b(?!=)", right) for name in read):
                return None
            if any(re.search(rf"\b{name}\b", left) for name in column):
                other.setdefault(branch, set()).add(column[0])
        found.append(left + equals + right.replace("\0", ""))
    return found
