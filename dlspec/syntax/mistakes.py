"""Syntax mistakes in words: each known kind is a row of malformed examples, matched by where the automaton stops."""

from __future__ import annotations

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source
from dlspec.syntax.repairs import opened, repair

if TYPE_CHECKING:
    from dlspec.syntax.failures import Failure

ROWS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    # message, label, help, malformed examples (of a whole file)
    (
        "a parenthesis is not closed", "expected `)` or `,` before this", "close the parenthesis",
        ("block f(x) { conv2d(x, 3 }", "block f(x) { y = (x + 1 }", "block f(x) { conv2d(x, 3", "block f(x { relu(x) }"),
    ),
    (
        "a bracket is not closed", "expected `]` or `,` before this", "close the bracket",
        ("block f(x) { g(x, [1, 2) }", "block f(x) { y = x[1 }", "a = [1, 2"),
    ),
    (
        "a brace is not closed", "the file ends here", "close the brace with `}`",
        ("block f(x) { relu(x)", "network n { input x: float32[N]", "plan p { epochs = 3", "block f(x) { { relu -> relu"),
    ),
    (
        "a step is missing after `->`", "expected a step", "name the operator or block to apply, or remove the arrow",
        ("block f(x) { x -> }", "block f(x) { x -> -> relu }", "block f(x) { y = x -> ) }"),
    ),
    (
        "a value is missing", "expected a value", "write the value",
        ("block f(x) { y = }", "network n = ", "block f(x) { conv2d(x, bias=) }", "plan p { epochs = }"),
    ),
    (
        "an input has no type", "expected `:` and a type", "write the type of the input, `input image: float32[N, 3, H, W]`",
        ("network n { input image }", "network n { input image = 3 }"),
    ),
    (
        "a block has no parameters in parentheses", "expected `(`", "name what the block is applied to, `block name(x) { … }`",
        ("block f { relu }",),
    ),
    (
        "`else` is missing", "expected `else`", "give the other case: `a if test else b`",
        ("block f(x) { y = relu(x) if a }", "block f(x) { g(1 if a) }"),
    ),
    (
        "a network is made with `=` or a body", "expected `=`, `(` or `{`", "write `network name = …` or `network name { … }`",
        ("network n", "network n image"),
    ),
    (
        "an import needs `from` and a file", "expected `from \"file\"`", "write `import name from \"file.dls\"`",
        ("import basic", "import basic from", "import basic from blocks"),
    ),
)  # fmt: skip


def describe(failure: Failure, source: Source, start: str) -> Diagnostic:
    """The diagnostic for a place where the automaton stopped."""
    token = failure.token
    at_end = token.kind == "$END"
    span = source.span(token.start, token.start if at_end or token.kind == "_NL" else token.end)
    found = "the end of the text" if at_end else "the end of the line" if token.kind == "_NL" else f"`{token.text}`"
    known = repair(failure, source)
    if known is not None:
        return known
    if token.kind == "UNKNOWN":
        return _unknown_character(token.text, source, span)
    row = _row(failure)
    if row is not None:
        message, label, help_, _ = row
        also = opened(failure, source) if "not closed" in message else []
        return problem("E0102", message, span, label, also=also, fixes=[Fix(help_, safety="placeholder")])
    expected = _expected(failure)
    label = f"expected {expected}" if expected else "not expected here"
    return problem("E0102", f"{found} is not expected here", span, label)


def _unknown_character(text: str, source: Source, span: object) -> Diagnostic:
    straight = {
        "“": '"',
        "”": '"',
        "，": ",",
        "：": ":",
        "（": "(",
        "）": ")",
        "→": "->",
        "×": "*",
        "－": "-",
    }.get(text)
    fixes = []
    if straight:
        fixes = [Fix(f"write `{straight}`", [Edit(span, straight)], "safe")]  # type: ignore[arg-type]  # a Span
    if text == "|":
        fixes = [Fix("write `->` to apply a stage, `or` for one of two", safety="placeholder")]
    if text == "?":
        fixes = [Fix("a choice is spelt `a if test else b`", safety="placeholder")]
    if text == "'":
        fixes = [Fix('strings stand in double quotes: `"text"`', safety="placeholder")]
    if text == '"':
        return problem("E0102", "a string is not closed on its line", span, "begins here")  # type: ignore[arg-type]
    return problem("E0102", f"`{text}` has no meaning here", span, "not a word of the language", fixes=fixes)  # type: ignore[arg-type]


def _row(failure: Failure) -> tuple[str, str, str, tuple[str, ...]] | None:
    """The row with an example that stops in the same state at the same kind of token."""
    return _known().get((failure.state, failure.token.kind))


_KNOWN: dict[tuple[int, str], tuple[str, str, str, tuple[str, ...]]] = {}


def _known() -> dict[tuple[int, str], tuple[str, str, str, tuple[str, ...]]]:
    if not _KNOWN:
        from dlspec.syntax.parser import Parser

        for row in ROWS:
            for example in row[3]:
                parser = Parser(Source("example", example))
                parser.run("start")
                first = parser.failures[0]
                _KNOWN.setdefault((first.state, first.token.kind), row)
    return _KNOWN


_WORDS = {
    "NAME": "a name", "NUMBER": "a number", "STRING": "a string", "_NL": "the end of the line", "LABEL": "a label",
    "$END": "the end of the file", "COMPARE": "a comparison", "__ANON_0": "`->`", "__ANON_1": "`..`",
    "LPAR": "`(`", "RPAR": "`)`", "LSQB": "`[`", "RSQB": "`]`", "LBRACE": "`{`", "RBRACE": "`}`", "COMMA": "`,`",
    "COLON": "`:`", "EQUAL": "`=`", "DOT": "`.`",
}  # fmt: skip
_ENDLESS = frozenset(("PLUS", "MINUS", "STAR", "SLASH", "POWER", "COMPARE", "AND", "OR", "IN", "NOT", "__ANON_1", "DOT", "LPAR", "LSQB", "IF"))  # fmt: skip


def _expected(failure: Failure) -> str:
    """What would have been taken, in words, where that is short enough to help."""
    kinds = [kind for kind in failure.expected if kind not in _ENDLESS] or failure.expected
    if "NAME" in kinds and ("NUMBER" in kinds or "LSQB" in kinds):
        return "a value"
    words = [_WORDS.get(kind, f"`{kind.strip('_').lower()}`") for kind in kinds]
    return " or ".join(sorted(set(words))) if len(set(words)) <= 4 else ""
