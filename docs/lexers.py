"""How the language and what the command line prints are coloured in the documentation."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups, words
from pygments.token import Comment, Generic, Keyword, Name, Number, Operator, Punctuation, String, Text

_WORDS = (
    "network block plan input output if else for in import from as module foreign allow and or not true false where"
)


class Spec(RegexLexer):
    """The `.dls` spelling."""

    name = "dls"
    aliases = ["dls"]
    tokens = {
        "root": [
            (r"#.*$", Comment.Single),
            (r'"[^"\n]*"', String),
            (words(_WORDS.split(), prefix=r"\b", suffix=r"\b"), Keyword),
            (r"\b(?:float|int|uint)\d+\b|\bbool\b", Keyword.Type),
            (r"([A-Za-z_][\w.]*)(:)(?=\s)", bygroups(Name.Label, Punctuation)),
            (r"[A-Za-z_]\w*(?=\()", Name.Function),
            (r"[A-Za-z_]\w*", Name),
            (r"\d[\d_]*(?:\.\d+)?(?:[eE][+-]?\d+)?", Number),
            (r"->|[-+*/=<>!|]+", Operator),
            (r"[{}()\[\],.:;]", Punctuation),
            (r"\s+", Text.Whitespace),
        ]
    }


class Session(RegexLexer):
    """Commands, and what they print: the parts of a diagnostic in the colours that a terminal gives them."""

    name = "console"
    aliases = ["console"]
    tokens = {
        "root": [
            (r"^(\$ )(.*)$", bygroups(Generic.Prompt, Name.Function)),
            (r"^error(?:\[\w+\])?:.*$", Generic.Error),
            (r"^warning(?:\[\w+\])?:.*$", Generic.Strong),
            (r"^( *\d* *)([-+|])( .*)?$", bygroups(Comment, Comment, Text)),
            (r"^( *)(-->)(.*)$", bygroups(Text, Comment, Comment)),
            (r"^( *= )(help: .*)$", bygroups(Comment, Generic.Inserted)),
            (r"^(help: .*)$", Generic.Inserted),
            (r"^.+$", Text),
            (r"\n", Text.Whitespace),
        ]
    }
