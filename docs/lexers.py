"""How what the command line prints is coloured in the documentation; the language has `dlspec.editor.lexer`."""

from __future__ import annotations

from pygments.lexer import RegexLexer, bygroups
from pygments.token import Comment, Generic, Name, Text


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
