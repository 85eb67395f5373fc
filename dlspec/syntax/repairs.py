"""Mistakes of form that show their own repair: what is left open, what closes nothing, words of other languages."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.failures import begins_line, indent_at
from dlspec.syntax.lexer import CLOSER, RESERVED

if TYPE_CHECKING:
    from dlspec.source import Source, Span
    from dlspec.syntax.failures import Failure
    from dlspec.syntax.lexer import Token

_CALLED = {"LPAR": ("parenthesis", ")"), "LSQB": ("bracket", "]"), "LBRACE": ("brace", "}")}
_VALUES = frozenset(("NAME", "NUMBER", "STRING", "LPAR", "LSQB", "LBRACE", "TRUE", "FALSE", "NULL", "NOT"))

_SIGNS: tuple[tuple[str, str, str], ...] = (
    ("=>", "->", "an arrow is spelt `->`"),
    ("|>", "->", "an arrow is spelt `->`"),
    (":=", "=", "a name is given with `=`"),
    ("&&", "and", "`and` is spelt in letters"),
    ("||", "or", "`or` is spelt in letters"),
    ("!", "not ", "`not` is spelt in letters"),
    (";", "\n", "a statement ends at the end of its line"),
)
"""A sign of other languages, what stands for it here, and the message."""
_WORDS: dict[str, tuple[str | None, str]] = {
    "elif": ("else if", "`elif` is spelt `else if`"),
    "def": ("block", "what is defined is a `block`"),
    "class": ("network", "what is defined is a `network` or a `block`"),
    "return": (None, "the last expression of a block is what it gives"),
    "let": (None, "a name is given with `=` alone"),
    "const": (None, "a name is given with `=` alone"),
}


def repair(failure: Failure, source: Source) -> Diagnostic | None:
    """The diagnostic of a mistake whose repair is known from the text around it."""
    token = failure.token
    return (
        _foreign_word(token, source)
        or _number(token, source)
        or _colon_before_body(token, source)
        or _dangling(token, source)
        or _label_in_expression(token, source)
        or _unclosed(failure, source)
        or _stray(failure, source)
        or _settings_in_braces(failure, source)
        or _bare_arguments(failure, source)
        or _comma_at_end(failure, source)
        or _missing_mark(failure, source)
    )


def opened(failure: Failure, source: Source) -> list[tuple[Span, str]]:
    """Where the innermost open bracket stands."""
    if not failure.openers:
        return []
    token = failure.openers[-1]
    return [(source.span(token.start, token.end), "opened here")]


def _told(message: str, span: Span, label: str, help_: str, *edits: Edit) -> Diagnostic:
    return problem("E0102", message, span, label, fixes=[Fix(help_, edits, "safe" if edits else "placeholder")])


def _foreign_word(token: Token, source: Source) -> Diagnostic | None:
    """`=>`, `:=`, `elif` and the like, at the place where reading stopped or just before it."""
    text = source.text
    for sign, instead, message in _SIGNS:
        start = next((at for at in (token.start, token.start - 1) if at >= 0 and text.startswith(sign, at)), None)
        if start is not None and text[start : start + 2] != "!=":
            span = source.span(start, start + len(sign))
            help_ = "begin a new line" if instead == "\n" else f"write `{instead.strip()}`"
            edits = [Edit(source.span(at, at + len(sign)), instead) for at in _on_line(text, sign, start)]
            return _told(message, span, f"`{sign}` means nothing here", help_, *edits)
    before = re.search(r"\b([a-z]+)[ \t]+$", text[max(0, token.start - 20) : token.start])
    word, word_start = token.text, token.start
    if word not in _WORDS and before is not None:
        word, word_start = before.group(1), token.start - len(before.group())
    if word not in _WORDS:
        return None
    instead_of, message = _WORDS[word]
    if word == "return" and _in_network(text, word_start):
        instead_of, message = "output y =", "what a network gives is an `output`"
    span = source.span(word_start, word_start + len(word))
    edit = (
        Edit(source.span(word_start, max(token.start, span.end)), "") if instead_of is None else Edit(span, instead_of)
    )
    help_ = f"leave out `{word}`" if instead_of is None else f"write `{instead_of}`"
    return _told(message, span, "not a word of the language", help_, edit)


def _in_network(text: str, at: int) -> bool:
    """Whether the definition that a place stands in is a network's."""
    begun = re.findall(r"(?m)^[ \t]*(network|block)[ \t]+\w", text[:at])
    return bool(begun) and begun[-1] == "network"


def _on_line(text: str, sign: str, start: int) -> list[int]:
    """Where the sign stands from `start` to the end of the line, text in quotes and comments left out."""
    end = text.find("\n", start)
    words = re.compile(r'"[^"\n]*"|#.*|' + re.escape(sign)).finditer(text, start, len(text) if end < 0 else end)
    return [word.start() for word in words if word.group() == sign]


def _number(token: Token, source: Source) -> Diagnostic | None:
    """`0x10`, and `5x5` for the two sizes of a kernel."""
    word = re.compile(r"0[xXbBoO][0-9a-fA-F_]+\b|\d+(?:x\d+)+\b").search(source.text, max(0, token.start - 2))
    if word is None or not word.start() <= token.start < word.end() or source.text[word.start() - 1].isalnum():
        return None
    text, span = word.group(), source.span(word.start(), word.end())
    try:
        value, message = str(int(text, 0)), "numbers are written in decimal"
    except ValueError:
        if text[0] == "0":
            return None
        value, message = f"[{text.replace('x', ', ')}]", "sizes by axis are a list"
    return _told(message, span, "is no number", f"write `{value}`", Edit(span, value))


def _colon_before_body(token: Token, source: Source) -> Diagnostic | None:
    """`if test: {`, as Python has it."""
    follows = re.compile(r"[ \t]*[{\n]").match(source.text, token.end)
    line = source.text[source.text.rfind("\n", 0, token.start) + 1 : token.start].split()
    if token.text != ":" or follows is None or not line or not {"if", "for", "else"} & set(line):
        return None
    span = source.span(token.start, token.end)
    return _told("a body stands in braces, with no `:` before it", span, "means nothing here", "remove the `:`",
                 Edit(span, ""))  # fmt: skip


def _dangling(token: Token, source: Source) -> Diagnostic | None:
    """A line that ends in an arrow or operator, and went on with the next statement."""
    text = source.text
    line = text.rfind("\n", 0, token.start)
    sign = re.search(r"(->|[-+*/%=,])[ \t]*$", text[: max(0, line)].rpartition("\n")[2])
    second = line >= 0 and re.fullmatch(r"\s*\w+\s*", text[line : token.start]) is not None
    if token.kind not in ("EQUAL", "NAME", "LABEL") or not second or sign is None:
        return None
    start = text.rfind(sign.group(1), 0, line)
    what = "step" if sign.group(1) == "->" else "value"
    span = source.span(start, start + len(sign.group(1)))
    return _told(
        f"a {what} is missing after `{sign.group(1)}`", span, "the line ends here", "name it, or remove the sign"
    )


def _label_in_expression(token: Token, source: Source) -> Diagnostic | None:
    """`x + fc: linear(8)`, to be put in parentheses, and labels that are no words: `block1-0: unit(8)`."""
    text = source.text
    line = text.rfind("\n", 0, token.start) + 1
    if token.text != ":":
        return None
    hyphened = re.search(r"(?<![\w\"-])(\w+(?:-\w+)+)[ \t]*$", text[line : token.start])
    if hyphened is not None:
        start, name = line + hyphened.start(1), hyphened.group(1)
        span = source.span(start, start + len(name))
        message, help_ = "a label with a hyphen stands in quotes", f'write `"{name}"`'
        return _told(message, span, "reads as a difference", help_, Edit(span, f'"{name}"'))
    quoted = re.search(r'("[^"]*")[ \t]*$', text[line : token.start])
    if quoted is not None:
        span = source.span(line + quoted.start(1), line + quoted.end(1))
        help_ = "write letters, digits, `_`, `-` and computed parts: `layer_{i}`"
        return _told("this is no label", span, "stands before a step as its name", help_)
    before = re.search(r"(?:[-+*/%<>=]|\b(?:and|or|not|in))[ \t]*(\w+)[ \t]*$", text[line : token.start])
    if before is None:
        return None
    start, name = line + before.start(1), before.group(1)
    end = _operand_end(text, token.end)
    edits = [] if end is None else [Edit(source.span(start, start), "("), Edit(source.span(end, end), ")")]
    span = source.span(start, token.end)
    help_ = f"put it in parentheses: `({name}: …)`"
    return _told("a label inside an expression stands in parentheses", span, "names only a whole step", help_, *edits)


def _operand_end(text: str, at: int) -> int | None:
    """Where a name with its arguments ends; None where that is not plain to see."""
    name = re.compile(r"[ \t]*[\w.]+").match(text, at)
    if name is None:
        return None
    end = name.end()
    if text[end : end + 1] != "(":
        return end
    depth = 0
    for bracket in re.compile(r"[()\n]").finditer(text, end):
        depth += {"(": 1, ")": -1}.get(bracket.group(), 0)
        if depth == 0 or bracket.group() == "\n":
            return bracket.end() if depth == 0 else None
    return None


def _unclosed(failure: Failure, source: Source) -> Diagnostic | None:
    """A bracket that something else ends: another closing one, a new statement, the end of the text."""
    if not failure.openers:
        return None
    token, opener = failure.token, failure.openers[-1]
    closer = CLOSER[opener.kind]
    if opener.kind == "LBRACE":
        ends = token.kind == "$END" or failure.outdented or failure.before_else or failure.item is not None
    else:
        ends = closer in failure.expected and (
            token.kind in ("$END", "_NL")
            or (token.kind in CLOSER.values() and token.kind != closer)
            or (begins_line(source.text, token.start) and _not_deeper(source.text, token, opener))
        )
    if not ends:
        return None
    what, sign = _CALLED[opener.kind]
    at_end = token.kind in ("$END", "_NL")
    start = token.start if failure.item is None or opener.kind != "LBRACE" else failure.item
    span = source.span(start, token.start if at_end else token.end)
    ending = "the file ends here" if token.start >= len(source.text.rstrip()) else "the value ends here"
    place = ending if token.kind == "$END" else f"expected `{sign}` before this"
    also = opened(failure, source)
    fix = Fix(f"close the {what} with `{sign}`", safety="placeholder")
    return problem("E0102", f"a {what} is not closed", span, place, also=also, fixes=[fix])


def _not_deeper(text: str, token: Token, opener: Token) -> bool:
    return indent_at(text, token.start) <= indent_at(text, opener.start)


def _stray(failure: Failure, source: Source) -> Diagnostic | None:
    """A closing bracket with none open to close."""
    token = failure.token
    kind = next((opener for opener, closer in CLOSER.items() if closer == token.kind), None)
    if kind is None or any(opener.kind == kind for opener in failure.openers):
        return None
    span = source.span(token.start, token.end)
    what, _ = _CALLED[kind]
    return _told(f"this {what} closes nothing", span, "none is open here", f"remove the {what}", Edit(span, ""))


def _settings_in_braces(failure: Failure, source: Source) -> Diagnostic | None:
    """`optimizer = sgd { lr = 0.1 }`: settings are arguments, in parentheses."""
    token, text = failure.token, source.text
    line = text[text.rfind("\n", 0, token.start) + 1 : token.start]
    if token.kind != "LBRACE" or re.search(r"\w[ \t]*=[ \t]*\w+[ \t]*$", line) is None:
        return None
    inside = re.compile(r"\{((?:[ \t,]*\w+[ \t]*=[ \t]*[\w.+-]+)*)[ \t,]*\}").match(text, token.start)
    edits = []
    if inside is not None:
        begin = len(text[: token.start].rstrip())
        given = re.findall(r"(\w+)[ \t]*=[ \t]*([\w.+-]+)", inside.group(1))
        call = f"({', '.join(f'{name}={value}' for name, value in given)})" if given else ""
        edits = [Edit(source.span(begin, inside.end()), call)]
    span = source.span(token.start, token.end)
    return _told(
        "settings stand in parentheses", span, "a brace opens a section, after a key", "write `name(key=value)`", *edits
    )


def _bare_arguments(failure: Failure, source: Source) -> Diagnostic | None:
    """`conv2d 16 3`, as a command line would have it."""
    token, text = failure.token, source.text
    line = text[text.rfind("\n", 0, token.start) + 1 : token.start]
    name = re.search(r"([A-Za-z_]\w*)[ \t]+$", line)
    within = failure.openers[-1].kind if failure.openers else ""
    if token.kind != "NUMBER" or name is None or name.group(1) in RESERVED or within in ("LPAR", "LSQB"):
        return None
    given = re.compile(r"[\d.]+(?:[ \t,]+[\d.]+)*(?=[ \t]*(?:$|\n|->|#|\}))").match(text, token.start)
    edits = []
    if given is not None:
        start = token.start - len(line) + name.end(1)
        call = f"({', '.join(re.split(r'[ ,]+', given.group()))})"
        edits = [Edit(source.span(start, given.end()), call)]
    span = source.span(token.start, given.end() if given is not None else token.end)
    help_ = f"write `{name.group(1)}{edits[0].text}`" if edits else f"write `{name.group(1)}(…)`"
    return _told("what a step is given stands in parentheses", span, f"given to `{name.group(1)}`?", help_, *edits)


def _comma_at_end(failure: Failure, source: Source) -> Diagnostic | None:
    """A comma at the end of a line of a list that has none between its items."""
    token, text = failure.token, source.text
    if token.kind != "COMMA" or text[token.end :].partition("\n")[0].partition("#")[0].strip():
        return None
    span = source.span(token.start, token.end)
    return _told("a step ends without a comma", span, "means nothing here", "remove the comma", Edit(span, ""))


def _missing_mark(failure: Failure, source: Source) -> Diagnostic | None:
    """Two values with no comma, or two steps with no arrow between them."""
    token, text = failure.token, source.text
    between_steps = token.kind == "_NL" and "RBRACE" in failure.expected
    if not (token.kind in _VALUES or token.kind == "LABEL" or between_steps):
        return None
    line = text[text.rfind("\n", 0, token.start) + 1 : token.start]
    piped = between_steps or "->" in line
    if "COMMA" in failure.expected and failure.openers and not between_steps:
        what, mark = "comma", ","
    elif piped and ("__ANON_0" in failure.expected or "_NL" in failure.expected):
        what, mark = "arrow", " ->"
    else:
        return None
    end = len(text[: token.start].rstrip())
    place = source.span(end, end)
    span = source.span(token.start, token.start if between_steps else token.end)
    edit = Edit(place, mark) if "#" not in line else None
    fix = Fix(f"put `{mark.strip()}` between them", [edit] if edit else [], "unsafe" if edit else "placeholder")
    where = "the step" if between_steps else "this"
    label = f"expected `{mark.strip()}` {'after' if between_steps else 'before'} {where}"
    return problem("E0102", f"{'an' if what == 'arrow' else 'a'} {what} is missing", span, label, fixes=[fix])
