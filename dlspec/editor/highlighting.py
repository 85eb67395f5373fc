"""The TextMate grammars of both spellings, made from the words of the language; `python -m dlspec.editor.highlighting`
writes them into `editors/vscode/syntaxes`.
"""

from __future__ import annotations

from dlspec.editor import words
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    Rule = dict[str, Any]

SCOPE = "source.dls"
YAML_SCOPE = "source.dlspec-yaml"
_NAME = r"[A-Za-z_]\w*"
_QUOTED = ("string.quoted.double.yaml", "string.quoted.single.yaml", "string.unquoted.block.yaml")
"""Where leaves within quotes stand, by the scopes of VS Code's own YAML grammar."""


def grammar() -> Rule:
    """The grammar of `.dls` files."""
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "dlspec",
        "scopeName": SCOPE,
        "fileTypes": ["dls"],
        "patterns": [{"include": "#anything"}],
        "repository": {
            "anything": {
                "patterns": [{"include": "#comment"}, *_definitions(), *_statements(), {"include": "#expression"}]
            },
            "comment": {"match": r"#.*$", "name": "comment.line.number-sign.dls"},
            "expression": {"patterns": _expressions()},
            "arguments": _arguments(),
            "brackets": {
                "patterns": [
                    {"begin": r"\[", "end": r"\]", "patterns": [{"include": "#comment"}, {"include": "#expression"}]},
                    {"begin": r"\{", "end": r"\}", "patterns": [{"include": "#anything"}]},
                ]
            },
        },
    }


def yaml_grammar() -> Rule:
    """The grammar of `.dlspec.yaml` files: YAML, with expressions of the language in its leaves."""
    quoted = ", ".join(f"L:{scope}" for scope in _QUOTED)
    return {
        "$schema": "https://raw.githubusercontent.com/martinring/tmlanguage/master/tmlanguage.json",
        "name": "dlspec (YAML)",
        "scopeName": YAML_SCOPE,
        "fileTypes": ["dlspec.yaml", "dlspec.yml"],
        "patterns": [{"include": "source.yaml"}],
        "injections": {
            quoted: {"patterns": [{"include": f"{SCOPE}#expression"}]},
            f"L:{YAML_SCOPE} - string - comment - meta.embedded": {"patterns": [_leaf()]},
        },
    }


def _leaf() -> Rule:
    """A leaf without quotes: what stands behind a dash, a colon or a bracket and is no key."""
    return {
        "name": "meta.embedded.expression.dls",
        "begin": r"(?<=[-:,\[{][ ]|[\[{])(?=[A-Za-z_(])(?![\w.{}-]+:(?:\s|$))",
        "end": r"(?=[ ]#|[ ]*$|[ ]*[,}\]])",
        "patterns": [{"include": f"{SCOPE}#expression"}],
    }


def _word(names: list[str] | tuple[str, ...]) -> str:
    return rf"(?<![.\w])(?:{'|'.join(names)})(?!\w)"


def _definitions() -> list[Rule]:
    """`network lenet`: the word, and the name that it defines."""
    kinds = {"block": "function", "foreign": "function", "network": "class", "plan": "class"}
    return [
        {
            "match": rf"(?<!\w)({word})[ \t]+({_NAME})",
            "captures": {
                "1": {"name": f"storage.type.{word}.dls"},
                "2": {"name": f"entity.name.{kinds[word]}.{word}.dls"},
            },
        }
        for word in words.DEFINERS
    ]


def _statements() -> list[Rule]:
    """Words that begin a statement, at its beginning alone; those that stand behind something, anywhere."""
    begin = [word for word in words.statement_words() if word not in words.DEFINERS]
    statement, lint = {"name": "keyword.other.statement.dls"}, {"name": "entity.name.tag.lint.dls"}
    lints = {"match": rf"(?<!\w)(allow)[ \t]+({_NAME})(?=[ \t]*:)", "captures": {"1": statement, "2": lint}}
    return [
        lints,
        {"match": rf"(?:^|(?<=[{{\s]))({'|'.join(begin)})(?=[ \t]+[A-Za-z_]|[ \t]*\{{)",
         "name": "keyword.other.statement.dls"},
        {"match": rf"(?<=\s)({'|'.join(words.behind_words())})(?=[ \t]+[A-Za-z0-9_\"\[(])",
         "name": "keyword.other.dls"},
    ]  # fmt: skip


def _expressions() -> list[Rule]:
    return [
        {
            "match": r"(?:\"(?:[\w-]|\{[^{}\n]*\})+\"|(?:\w|\{[^{}\n]*\})+)(?=[ \t]*:(?!:))",
            "name": "entity.name.tag.label.dls",
        },
        {"match": _word(words.CONTROL), "name": "keyword.control.dls"},
        {"match": _word(words.LOGIC), "name": "keyword.operator.word.dls"},
        {"match": _word(words.CONSTANTS), "name": "constant.language.dls"},
        {"match": rf"(?<!\w)(?:{'|'.join(words.TYPES)})(?=\[)", "name": "support.type.dls"},
        {"include": "#arguments"},
        {"include": "#brackets"},
        {"match": rf"{_word(words.operators())}(?![ \t]*=[^=])", "name": "support.function.operator.dls"},
        {"match": rf"{_word(words.functions())}(?=\()", "name": "support.function.builtin.dls"},
        {"match": rf"{_NAME}(?=\()", "name": "entity.name.function.call.dls"},
        {"match": rf"(?<=\.){_NAME}", "name": "variable.other.member.dls"},
        {"match": words.pattern("NUMBER"), "name": "constant.numeric.dls"},
        {"match": words.pattern("STRING"), "name": "string.quoted.double.dls"},
        {"match": "->", "name": "keyword.operator.arrow.dls"},
        {"match": r"==|!=|<=|>=|<|>|\*\*|//|[-+*/%]|\.\.", "name": "keyword.operator.dls"},
        {"match": "=", "name": "keyword.operator.assignment.dls"},
        {"match": _NAME, "name": "variable.other.dls"},
    ]


def _arguments() -> Rule:
    """What stands in parentheses, where `name =` gives an argument."""
    return {
        "begin": r"\(",
        "end": r"\)",
        "patterns": [
            {"include": "#comment"},
            {"match": rf"({_NAME})[ \t]*(=)(?!=)",
             "captures": {"1": {"name": "variable.parameter.dls"}, "2": {"name": "keyword.operator.assignment.dls"}}},
            {"include": "#expression"},
        ],
    }  # fmt: skip


def write(folder: Path) -> None:
    """Write both grammars into a folder."""
    import json

    for name, made in (("dlspec", grammar()), ("dlspec-yaml", yaml_grammar())):
        text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
        (folder / f"{name}.tmLanguage.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    import sys
    from pathlib import Path

    write(Path(sys.argv[1] if len(sys.argv) > 1 else "editors/vscode/syntaxes"))
