"""The full rendering looks as rustc's does: every bar, caret and line of help is promised here."""

from __future__ import annotations

import re
from textwrap import dedent

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.diagnostics.render.diff import hunks
from dlspec.diagnostics.render.text import render
from dlspec.source import Source
from tests.diagnostics.places import at, before, line

RESNET = Source(
    "specs/resnet18.yaml",
    dedent(
        """\
        blocks:
          basic:
            params: [out, stride]
            fork:
              main:
                # two convolutions
                sequence:
                  - conv2d: {out: $out, kernel: 3, stride: $stride, padding: 1, bias: false}
                  - batch_norm2d
                  - relu
                  - conv2d: {out: $out, kernel: 3, padding: 1, bias: false}
                  - batch_norm2d
              join: {add: [main, x]}
        network:
          - conv2d: {out: 64, kernel: 7, stride: 2, padding: 3}
          - batch_norm2d
          - relu
          - basic: {out: 64, stride: 1}
          - basic: {out: 128, stride: 2}
          - adaptive_avg_pool2d: {out: 1}
        """
    ),
)


def shown(diagnostic: Diagnostic) -> str:
    return "\n" + render([diagnostic])


def expected(text: str) -> str:
    """The text as it stands in the test, less the indentation of the test."""
    return "\n" + dedent(text.removeprefix("\n"))


def residual_add() -> Diagnostic:
    return problem(
        "E0302",
        "the branches joined by `add` have different shapes",
        at(RESNET, "main", "[main"),
        "N 128 28 28",
        also=[
            (at(RESNET, "stride: $stride"), "halves height and width"),
            (at(RESNET, "x", "x]}"), "N 64 56 56"),
            (at(RESNET, "basic: {out: 128, stride: 2}"), "in this use of `basic`"),
        ],
        notes=["`main` changes the channels (64 to 128); `x` does not"],
        fixes=[
            Fix(
                "give the shortcut the same width and stride (adds 8,448 parameters here)",
                [
                    before(
                        RESNET,
                        13,
                        "      short:\n        - conv2d: {out: $out, kernel: 1}\n        - batch_norm2d\n",
                    ),
                    Edit(at(RESNET, "x", "x]}"), "short"),
                ],
            )
        ],
    )


def test_labels_on_one_line_hang_from_their_marks() -> None:
    assert shown(residual_add()) == expected(
        """
        error[E0302]: the branches joined by `add` have different shapes
          --> specs/resnet18.yaml:13:20
           |
         8 |           - conv2d: {out: $out, kernel: 3, stride: $stride, padding: 1, bias: false}
           |                                            --------------- halves height and width
        ...
        13 |       join: {add: [main, x]}
           |                    ^^^^  - N 64 56 56
           |                    |
           |                    N 128 28 28
        ...
        19 |   - basic: {out: 128, stride: 2}
           |     ---------------------------- in this use of `basic`
           |
           = note: `main` changes the channels (64 to 128); `x` does not
        help: give the shortcut the same width and stride (adds 8,448 parameters here)
           |
        13 +       short:
        14 +         - conv2d: {out: $out, kernel: 1}
        15 +         - batch_norm2d
        13 -       join: {add: [main, x]}
        13 +       join: {add: [main, short]}
           |
        """
    )


def test_a_label_in_another_file_stands_under_its_own_header() -> None:
    plan = Source("plans/mlp.yaml", "data: {source: digits}\nmodel: mlp\n\nloss: cross_entropy\n")
    spec = Source("specs/mlp.yaml", "network:\n  name: mlp\n  layers:\n  - linear(10)\n  - softmax(dim=-1)\n")
    diagnostic = problem(
        "W0410",
        "softmax is applied twice before the loss",
        at(plan, "cross_entropy"),
        "takes its own log-softmax",
        also=[(at(spec, "softmax(dim=-1)"), "already turns the logits into probabilities")],
        notes=["with 10 classes the loss cannot fall below 1.46, however good the model is"],
        fixes=[Fix("end the model at its logits", [Edit(line(spec, 5), "")])],
    )
    assert shown(diagnostic) == expected(
        """
        warning[W0410]: softmax is applied twice before the loss
         --> plans/mlp.yaml:4:7
          |
        4 | loss: cross_entropy
          |       ^^^^^^^^^^^^^ takes its own log-softmax
          |
         ::: specs/mlp.yaml:5:5
          |
        5 |   - softmax(dim=-1)
          |     --------------- already turns the logits into probabilities
          |
          = note: with 10 classes the loss cannot fall below 1.46, however good the model is
        help: end the model at its logits
          |
        5 -   - softmax(dim=-1)
          |
        """
    )


def test_a_fix_in_a_file_that_is_not_the_last_one_shown_names_it() -> None:
    spec = Source("net.dls", "network n {\n  strides\n}\n")
    other = Source("other.dls", "a\nb\nc\n")
    edits = [Edit(at(spec, "strides"), "stride"), Edit(at(other, "a"), "x"), Edit(at(other, "c"), "z")]
    diagnostic = problem("E0110", "message", at(other, "b"), fixes=[Fix("change both", edits)])
    assert shown(diagnostic) == expected(
        """
        error[E0110]: message
         --> other.dls:2:1
          |
        2 | b
          | ^
          |
        help: change both
         --> net.dls:2:1
          |
        2 -   strides
        2 +   stride
          |
         --> other.dls:1:1
          |
        1 - a
        1 + x
        3 - c
        3 + z
          |
        """
    )


def test_two_sources_of_one_name_are_not_mixed() -> None:
    one, other = Source("--set", "epochs=5"), Source("--set", "a longer argument, epochs=6")
    diagnostic = problem("E0113", "message", at(other, "epochs"), "again", also=[(at(one, "epochs"), "first")])
    assert shown(diagnostic) == expected(
        """
        error[E0113]: message
         --> --set:1:20
          |
        1 | a longer argument, epochs=6
          |                    ^^^^^^ again
          |
         ::: --set:1:1
          |
        1 | epochs=5
          | ------ first
        """
    )


def test_three_labels_on_one_line_hang_in_steps() -> None:
    source = Source("a.dls", "y = add(left, right, more)\n")
    diagnostic = problem(
        "E0302",
        "message",
        at(source, "right"),
        "second",
        also=[(at(source, "more"), "third"), (at(source, "left"), "first")],
    )
    assert shown(diagnostic) == expected(
        """
        error[E0302]: message
         --> a.dls:1:15
          |
        1 | y = add(left, right, more)
          |         ----  ^^^^^  ---- third
          |         |     |
          |         |     second
          |         first
        """
    )


def test_a_label_inside_another_is_drawn_over_it_and_both_hang() -> None:
    source = Source("a.dls", "x -> conv2d(64, 0)\n")
    diagnostic = problem("E0202", "message", at(source, "0"), "inner", also=[(at(source, "conv2d(64, 0)"), "outer")])
    assert shown(diagnostic) == expected(
        """
        error[E0202]: message
         --> a.dls:1:17
          |
        1 | x -> conv2d(64, 0)
          |      -----------^-
          |      |          |
          |      |          inner
          |      outer
        """
    )


def test_two_labels_on_the_same_words_are_both_read() -> None:
    source = Source("a.dls", "relu\n")
    diagnostic = problem("E0202", "message", at(source, "relu"), "what", also=[(at(source, "relu"), "why")])
    assert shown(diagnostic) == expected(
        """
        error[E0202]: message
         --> a.dls:1:1
          |
        1 | relu
          | ^^^^ what
          | |
          | why
        """
    )


def test_a_single_line_between_two_is_shown_and_more_are_elided() -> None:
    source = Source("a.dls", "one\ntwo\nthree\nfour\nfive\nsix\n")
    diagnostic = problem(
        "E0302", "message", at(source, "one"), also=[(at(source, "three"), ""), (at(source, "six"), "")]
    )
    assert shown(diagnostic) == expected(
        """
        error[E0302]: message
         --> a.dls:1:1
          |
        1 | one
          | ^^^
        2 | two
        3 | three
          | -----
        ...
        6 | six
          | ---
        """
    )


def test_a_label_over_several_lines_is_a_bracket() -> None:
    source = Source("a.dls", "network n {\n  x -> add(\n    y\n  )\n}\n")
    diagnostic = problem("E0302", "message", at(source, "add(\n    y\n  )"), "all of this")
    assert shown(diagnostic) == expected(
        """
        error[E0302]: message
         --> a.dls:2:8
          |
        2 |     x -> add(
          |  ________^
        3 | |     y
        4 | |   )
          | |___^ all of this
        """
    )


def test_a_label_that_begins_its_line_needs_no_hook() -> None:
    source = Source("a.dls", "a\n  block {\n    x\n  }\n")
    diagnostic = problem(
        "E0302", "message", at(source, "block {\n    x\n  }"), "this block", also=[(at(source, "x"), "it")]
    )
    assert shown(diagnostic) == expected(
        """
        error[E0302]: message
         --> a.dls:2:3
          |
        2 | /   block {
        3 | |     x
          | |     - it
        4 | |   }
          | |___^ this block
        """
    )


def test_brackets_that_share_lines_stand_side_by_side_and_long_ones_are_elided() -> None:
    source = Source("m.dls", "block foo(x) {\n  a\n  b\n  c\n  d\n  e\n  x -> y(foo(\n 1), 2)\n}\n")
    diagnostic = problem(
        "E0302",
        "message",
        source.span(0, len(source.text) - 1),
        "all",
        also=[
            (at(source, "y(foo(\n 1), 2)"), "call"),
            (at(source, "foo(\n 1)"), "inner"),
            (at(source, "foo(x)"), "block"),
        ],
    )
    assert shown(diagnostic) == expected(
        """
        error[E0302]: message
         --> m.dls:1:1
          |
        1 | /   block foo(x) {
          | |         ------ block
        2 | |     a
        3 | |     b
        4 | |     c
        ... |
        7 | |     x -> y(foo(
          | | _________-
          | || __________-
        8 | |||  1), 2)
          | |||___- inner
          | ||________- call
        9 | |   }
          | |___^ all
        """
    )


def test_the_end_of_a_line_the_end_of_the_file_and_an_empty_file_have_a_place() -> None:
    source = Source("a.dls", "x ->\n")
    ends = [
        source.span(4, 5),
        source.span(5, 5),
        Source("empty.dls", "").span(0, 0),
        Source("b", "x").span(1, 1),
    ]
    assert [render([problem("E0102", "message", span, "here")]).split("\n", 1)[1] for span in ends] == [
        " --> a.dls:1:5\n  |\n1 | x ->\n  |     ^ here\n",
        " --> a.dls:2:1\n  |\n2 |\n  | ^ here\n",
        " --> empty.dls:1:1\n  |\n1 |\n  | ^ here\n",
        " --> b:1:2\n  |\n1 | x\n  |  ^ here\n",
    ]


def test_a_problem_without_a_place_has_its_notes() -> None:
    diagnostic = problem("E0118", "there is no network `lenet`", notes=["a\nb"], fixes=[Fix("name one")])
    assert shown(diagnostic) == expected(
        """
        error[E0118]: there is no network `lenet`
          |
          = note: a
                  b
          = help: name one
        """
    )


def test_tabs_wide_and_combining_characters_are_underlined_where_they_stand() -> None:
    source = Source("a.dls", "\tx -> 卷积(e\u0301tat, 😀)  # y\n")
    diagnostic = problem(
        "E0111",
        "message",
        at(source, "卷积"),
        "one",
        also=[(at(source, "e\u0301tat"), "two"), (at(source, "😀"), "three"), (at(source, "y"), "four")],
    )
    assert shown(diagnostic) == expected(
        """
        error[E0111]: message
         --> a.dls:1:7
          |
        1 |     x -> 卷积(e\u0301tat, 😀)  # y
          |          ^^^^ ----  --     - four
          |          |    |     |
          |          |    |     three
          |          |    two
          |          one
        """
    )


def test_a_long_line_is_cut_on_both_sides_of_its_label() -> None:
    source = Source("a.dls", "a" * 500 + "HERE" + "b" * 500)
    code, marks = render([problem("E0111", "message", at(source, "HERE"), "it")]).splitlines()[3:5]
    assert re.fullmatch(r"1 \| \.\.\.a{58}HEREb{58}\.\.\.", code)
    assert marks.index("^^^^ it") == code.index("HERE")


def test_a_long_line_keeps_all_its_labels_and_cuts_between_them() -> None:
    source = Source("a.dls", "x" * 300 + "HERE" + "y" * 900 + "THERE" + "z" * 300)
    diagnostic = problem("E0111", "message", at(source, "HERE"), "1", also=[(at(source, "THERE"), "2")])
    code, marks = render([diagnostic]).splitlines()[3:5]
    assert code == "1 | ..." + "x" * 16 + "HERE" + "y" * 16 + "..." + "y" * 16 + "THERE" + "z" * 16 + "..."
    assert marks.index("^^^^") == code.index("HERE")
    assert marks.index("----- 2") == code.index("THERE")


def test_a_label_longer_than_the_page_keeps_its_two_ends() -> None:
    source = Source("a.dls", "[" + "1, " * 1000 + "]")
    code, marks = render([problem("E0111", "message", source.span(0, 3002), "it")]).splitlines()[3:5]
    assert code == "1 | [" + "1, " * 5 + "..." + "1, " * 5 + "]"
    assert marks == "  | " + "^" * 35 + " it"


def test_a_long_line_of_a_diff_is_cut_round_what_changes() -> None:
    source = Source("a.dls", "a" * 500 + "old" + "b" * 500)
    fix = Fix("change", [Edit(at(source, "old"), "new")])
    removed, added = render([problem("E0111", "message", at(source, "old"), fixes=[fix])]).splitlines()[-3:-1]
    assert removed == "1 - ..." + "a" * 58 + "old" + "b" * 59 + "..."
    assert added == removed.replace("- ", "+ ").replace("old", "new")


@pytest.mark.parametrize(
    ("text", "place", "new", "diff"),
    [
        ("a\nb\nc\n", (2, 2), "x\n", ["2 + x"]),
        ("a\nb\nc\n", (2, 4), "", ["2 - b"]),
        ("a\nb\nc\n", (1, 3), "", ["2 - b"]),
        ("a\nb\nc\n", (1, 1), "\nx", ["2 + x"]),
        ("a\nb\nc\n", (1, 4), " ", ["1 - a", "2 - b", "3 - c", "1 + a c"]),
        ("a\nb", (3, 3), "\nx", ["3 + x"]),
        ("a\nb\n", (4, 4), "x\n", ["3 + x"]),
        ("a\nb\n", (4, 4), "x", ["3 + x"]),
        ("", (0, 0), "x\n", ["1 + x"]),
        ("a\r\nb\r\n", (3, 4), "x", ["2 - b", "2 + x"]),
        ("a\n", (0, 1), "", ["1 - a", "1 +"]),
        ("a\n", (0, 1), "a", []),
    ],
)
def test_an_edit_is_shown_as_the_lines_that_go_and_come(
    text: str, place: tuple[int, int], new: str, diff: list[str]
) -> None:
    source = Source("a.dls", text)
    fix = Fix("do", [Edit(source.span(*place), new)])
    rows = render([problem("E0102", "message", source.span(0, 0), fixes=[fix])]).split("help: do\n")[1].splitlines()
    assert rows == (["  |", *diff, "  |"] if diff else [])


def test_control_characters_and_changes_of_direction_are_made_visible() -> None:
    source = Source("\x1b[31m.dls", "a \x1b[2J \u202e b\n")
    text = render([problem("E0110", "no name `\x1b`", at(source, "b"), "\x07\nnext", notes=["\u2066x"])])
    assert text == dedent(
        """\
        error[E0110]: no name `␛`
         --> ␛[31m.dls:1:10
          |
        1 | a ␛[2J \ufffd b
          |          ^ ␇␊next
          |
          = note: \ufffdx
        """
    )


def test_colour_changes_nothing_but_the_colour() -> None:
    coloured = render([residual_add()], colour=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == render([residual_add()])
    assert coloured.startswith("\x1b[1;31merror[E0302]\x1b[0m\x1b[1m: the branches")


def test_several_problems_have_an_empty_line_between_them() -> None:
    assert render([residual_add(), residual_add()]) == f"{render([residual_add()])}\n{render([residual_add()])}"
    assert render([]) == ""


ZERO_WIDTH = "\u0301\u200d"
LINES = st.text(st.sampled_from("ab ->(){}\t卷🙂é\uff21" + ZERO_WIDTH), max_size=300)


def above(code: str, marks: str) -> str:
    """What a terminal shows above the carets, by rich's measure of characters."""
    from rich.cells import cell_len

    first, after = marks.index("^"), marks.rindex("^") + 1
    found, cell = "", 0
    for character in code.ljust(len(code) + len(marks)):
        width = cell_len(character)
        if width and first <= cell < after:
            found += character
        cell += width
    return found


@given(LINES, st.data())
def test_what_lies_above_the_carets_is_the_span(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    span = Source("a.dls", text).span(start, end)
    code, marks = render([problem("E0102", "message", span)]).splitlines()[3:5]
    wanted = "".join(character for character in span.text if character not in ZERO_WIDTH).replace("\t", "    ")
    if not wanted:
        assert marks.count("^") == 1
    elif "..." in (seen := above(code, marks)):
        head, tail = seen.split("...")
        assert wanted.startswith(head)
        assert wanted.endswith(tail)
    else:
        assert seen == wanted


@given(st.text(st.sampled_from("ab\n\t 卷"), max_size=80), st.data())
def test_every_label_is_read_once_wherever_the_labels_are(text: str, data: st.DataObject) -> None:
    source = Source("a.dls", text)
    offsets = st.integers(0, len(text))
    spans = data.draw(st.lists(st.tuples(offsets, offsets).map(sorted), min_size=1, max_size=5))
    also = [(source.span(*span), f"label {number}") for number, span in enumerate(spans)]
    rows = render([problem("E0302", "message", also=also)]).splitlines()
    for span, words in also:
        assert sum(words in row for row in rows) == 1
        assert any(row.lstrip().startswith(f"{span.line} |") for row in rows)


@given(st.text(st.sampled_from("ab\n"), max_size=30), st.data())
def test_the_diff_of_a_fix_is_the_difference_of_the_texts(text: str, data: st.DataObject) -> None:
    source = Source("a.dls", text)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), min_size=4, max_size=4)))
    news = data.draw(st.lists(st.text(st.sampled_from("xy\n"), max_size=5), min_size=2, max_size=2))
    edits = [Edit(source.span(cuts[0], cuts[1]), news[0]), Edit(source.span(cuts[2], cuts[3]), news[1])]
    repaired = text[: cuts[0]] + news[0] + text[cuts[1] : cuts[2]] + news[1] + text[cuts[3] :]
    lines = text.splitlines()
    shift = 0
    for hunk in hunks(edits):
        first = hunk.first - 1 + shift
        assert lines[first : first + len(hunk.removed)] == hunk.removed
        lines[first : first + len(hunk.removed)] = hunk.added
        shift += len(hunk.added) - len(hunk.removed)
    assert lines == repaired.splitlines()


def test_a_source_line_is_cut_to_a_narrow_terminal() -> None:
    line = "output y = x -> " + " -> ".join(["relu"] * 14) + " -> flaten -> " + " -> ".join(["tanh"] * 14)
    source = Source("long.dls", line)
    at = line.index("flaten")
    where = source.span(at, at + 6)
    fix = Fix("there is `flatten`", [Edit(where, "flatten")])
    rows = render([problem("E0111", "unknown", where, "not known", fixes=[fix])], width=60).splitlines()
    assert max(map(len, rows)) <= 60
    code, carets = next((row, below) for row, below in zip(rows, rows[1:]) if "^" in below)
    assert code[carets.index("^") :].startswith("flaten")
