"""The `.dls` spelling for Pygments, which finds it by its entry point: in Sphinx, in notebooks, on the command line."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups, include, words
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Whitespace

from dlspec.editor import words as language

_NAME = r"[A-Za-z_]\w*"
_BEGIN = "|".join(language.statement_words())
_BEHIND = "|".join(language.behind_words())


def _word(names: list[str] | tuple[str, ...], behind: str = r"(?!\w)") -> words:
    return words(names, prefix=r"(?<![.\w])", suffix=behind)


class DlspecLexer(RegexLexer):  # type: ignore[misc]  # pygments has no types
    """Specs of networks and training plans."""

    name = "dlspec"
    aliases = ["dls", "dlspec"]
    filenames = ["*.dls"]
    tokens = {
        "root": [
            (rf"(block|foreign)([ \t]+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Function)),
            (rf"(network|plan)([ \t]+)({_NAME})", bygroups(Keyword.Declaration, Whitespace, Name.Class)),
            (rf"(?<![.\w])(?:{_BEGIN})(?=[ \t]+[A-Za-z_]|[ \t]*\{{)", Keyword),
            (rf"(?<=\s)(?:{_BEHIND})(?=[ \t]+[A-Za-z0-9_\"\[(])", Keyword),
            include("expression"),
        ],
        "expression": [
            (r"[ \t\r\n]+", Whitespace),
            (r"#.*$", Comment.Single),
            (language.pattern("STRING"), String),
            (
                r"(\"(?:[\w-]|\{[^{}\n]*\})+\"|(?:\w|\{[^{}\n]*\})+)([ \t]*)(:)",
                bygroups(Name.Label, Whitespace, Punctuation),
            ),
            (_word(language.CONTROL), Keyword),
            (_word(language.LOGIC), Operator.Word),
            (_word(language.CONSTANTS), Keyword.Constant),
            (_word(language.TYPES, r"(?=\[)"), Keyword.Type),
            (r"\(", Punctuation, "arguments"),
            (_word(language.operators(), r"(?!\w|[ \t]*=[^=])"), Name.Builtin),
            (rf"{_NAME}(?=\()", Name.Function),
            (_NAME, Name),
            (language.pattern("NUMBER"), Number),
            (r"\d+", Number),
            (r"->|\.\.|==|!=|<=|>=|\*\*|//|[-+*/%<>=]", Operator),
            (r"[{}\[\],.:;)]", Punctuation),
        ],
        "arguments": [
            (r"\)", Punctuation, "#pop"),
            (rf"({_NAME})([ \t]*)(=)(?!=)", bygroups(Name.Attribute, Whitespace, Operator)),
            include("expression"),
        ],
    }
