"""Ask for shapes, counts and fields of a spec, and say what is right.

dlspec quiz                          the pages of the course
dlspec quiz 7                        the exercise of a page, by its number or name; a Markdown file is a page too
dlspec quiz 7 mine.dls               what page 7 asks, asked of your own spec
dlspec quiz mine.dls --hide field    fields alone; `--hide conv1,fc.parameters` layers, or single questions
dlspec quiz 7 --sheet > sheet.txt    questions to fill in, and
dlspec quiz 7 --answers sheet.txt    graded: 0 where all is right, 1 where not; a folder: every sheet in it
dlspec quiz 7 --solution             the sheet filled in, with how each number comes about
dlspec quiz mine.dls --blank conv1.padding > task.dls      the spec with arguments left out, and
dlspec quiz mine.dls --blank conv1.padding --answers task.dls    graded by what comes out
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from dlspec.quiz.exercise import Exercise, Setup
    from dlspec.quiz.grading import Mark
    from dlspec.quiz.questions import Question
    from dlspec.source import Source

TRIES = 2


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import input_argument

    parser.add_argument("page", metavar="PAGE", nargs="?", help="a page of the course, a page of your own, or a spec")
    parser.add_argument("file", metavar="FILE", nargs="?", help="your own spec, asked what the page asks")
    parser.add_argument(
        "--hide", metavar="WHAT,…", help="what is asked: shape, parameters, macs, field, steps; a layer; conv1.shape"
    )
    shown = parser.add_mutually_exclusive_group()
    shown.add_argument("--sheet", action="store_true", help="print the questions, to be filled in")
    shown.add_argument("--solution", action="store_true", help="print them with the answers and how they come about")
    parser.add_argument(
        "--blank", metavar="ARGUMENT,…", help="print the spec with these left out: conv1.padding, or all of conv1"
    )
    parser.add_argument("--answers", metavar="SHEET", help="grade what was filled in: a file, or a folder of files")
    parser.add_argument(
        "--json", action="store_true", help="print the questions, their answers or the marks as one object"
    )
    parser.add_argument("--network", metavar="NAME", help="which network of the file (the last, by default)")
    input_argument(parser)
    parser.add_argument(
        "--set", metavar="KEY=VALUE", action="append", default=[], help="network.classes=10, or a key of the plan"
    )


def run(options: Namespace) -> int:
    if options.page is None:
        return _listed()
    if options.blank is not None:
        return _blank(options)
    from dlspec.quiz.exercise import exercise

    found = exercise(options.page, options.file, hide=_words(options.hide), setup=_setup(options))
    if options.answers is not None:
        return _graded(found, options)
    return _handed_out(found, options) if options.sheet or options.solution or options.json else _interactive(found)


def _handed_out(found: Exercise, options: Namespace) -> int:
    """The questions, or with their answers, as a sheet or for programs."""
    import json

    from dlspec.quiz.sheet import as_json, sheet, solution

    if options.json:
        data = as_json(_command(options), found.questions, solved=options.solution)
        print(json.dumps(data, ensure_ascii=False))
    else:
        print((solution if options.solution else sheet)(found.questions, _command(options)), end="")
    return 0


def _setup(options: Namespace) -> Setup:
    from dlspec.cli import split_settings
    from dlspec.quiz.exercise import Setup

    settings, overrides = split_settings(options)
    return Setup(options.network, options.input, settings, overrides)


def _command(options: Namespace) -> str:
    """The words that ask the same again: what is filled in is graded by them."""
    from shlex import join

    named = [(f"--{name}", getattr(options, name)) for name in ("hide", "blank", "network")]
    words = [word for flag, value in named if value is not None for word in (flag, value)]
    several = [("--input", options.input), ("--set", options.set)]
    words += [word for flag, values in several for value in values for word in (flag, value)]
    return f"dlspec quiz {join([options.page, *([options.file] if options.file else []), *words])}"


def _listed() -> int:
    from dlspec.quiz.course import page_of, pages

    for path in pages():
        page = page_of(path)
        count = f"{len(page.hidden)} questions" if len(page.hidden) > 1 else "1 question"
        print(f"{page.name:<28} {page.title.partition('. ')[2]:<56} {count}".rstrip())
    print("\n`dlspec quiz 7` asks the questions of a page")
    return 0


def _words(text: str | None) -> list[str]:
    """What `--hide` names; kinds may stand in the plural."""
    from dlspec.quiz.questions import KINDS

    words = [word.strip() for word in (text or "").split(",") if word.strip()]
    plural = {f"{kind}s": kind for kind in KINDS} | {"counts": "parameters"}
    return [plural.get(word, word) for word in words]


def _blank(options: Namespace) -> int:
    """The spec with arguments left out; with `--answers` what was filled in is graded."""
    from dlspec.checking import open_spec
    from dlspec.quiz.blanks import blanked, blanks, grade_filled, must_be_filled
    from dlspec.quiz.exercise import closed, subject

    setup = _setup(options)
    spec, path, _ = subject(options.page, options.file)
    graph = closed(spec, setup)
    left_out = blanks(graph, spec.source, _words(options.blank) or [path])
    if options.answers is None:
        print(blanked(graph, spec.source, left_out, _command(options)), end="")
        return 0

    def marks(sheet: Source, file: str) -> list[Mark]:
        must_be_filled(sheet)
        return grade_filled(spec, setup, left_out, closed(open_spec(file), setup))

    return _report(options, marks)


def _graded(found: Exercise, options: Namespace) -> int:
    from dlspec.quiz.grading import grade
    from dlspec.quiz.sheet import read_sheet

    return _report(options, lambda sheet, _: grade(found.questions, read_sheet(sheet, found.questions)))


def _report(options: Namespace, marks: Callable[[Source, str], list[Mark]]) -> int:
    """What was filled in, graded: one file, or every file of a folder side by side."""
    import json
    from pathlib import Path

    from dlspec.quiz.grading import as_json, as_text

    name = options.file or options.page
    if options.answers != "-" and Path(options.answers).is_dir():
        return _class(options, name, marks)
    made = marks(_source(options.answers), options.answers)
    print(json.dumps(as_json(name, made), ensure_ascii=False) if options.json else as_text(made))
    return 0 if all(one.right for one in made) else 1


def _class(options: Namespace, name: str, marks: Callable[[Source, str], list[Mark]]) -> int:
    import json
    from pathlib import Path

    from dlspec.diagnostics.record import SpecError, problem
    from dlspec.quiz.gradebook import Graded, as_objects, as_table

    def graded(path: Path) -> Graded:
        try:
            return Graded(path.name, marks(_source(str(path)), str(path)), [])
        except SpecError as error:
            return Graded(path.name, [], list(error.diagnostics))

    files = sorted(path for path in Path(options.answers).iterdir() if path.is_file() and path.name[0] != ".")
    if not files:
        raise SpecError([problem("E0101", f"there is no sheet in the folder `{options.answers}`")])
    sheets = [graded(path) for path in files]
    print(json.dumps(as_objects(name, sheets), ensure_ascii=False) if options.json else as_table(sheets))
    return 0 if all(one.is_right for one in sheets) else 1


def _source(path: str) -> Source:
    """The sheet; `-` is standard input. Raises SpecError where it cannot be read."""
    from pathlib import Path

    from dlspec.diagnostics.record import SpecError, problem
    from dlspec.source import Source

    try:
        return Source("<stdin>", sys.stdin.read()) if path == "-" else Source.read(Path(path), path)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        raise SpecError([problem("E0101", f"`{path}` cannot be read: {reason}")]) from None


def _interactive(found: Exercise) -> int:
    """One question after the other, on the spec; an empty line shows the answer, the end of the input ends it."""
    from dlspec.quiz.grading import Mark, score

    print(found.text.strip("\n"), end="\n\n")
    print("Each question may be tried twice; an empty line shows the answer.\n")
    marks: list[Mark] = []
    part = ""
    for number, question in enumerate(found.questions, 1):
        if (question.path or question.words) != part:
            part = question.path or question.words
            print(f"{part}: {question.words}" if question.path else part)
        answered = _asked(question, f"{number}/{len(found.questions)}")
        if answered is None:
            marks += [Mark(one, "", None) for one in found.questions[number - 1 :]]
            print()
            break
        marks.append(answered)
    print(f"{score(marks)} at the first try")
    return 0 if all(one.right for one in marks) else 1


def _asked(question: Question, number: str) -> Mark | None:
    """The mark of an answer, of the first try; None where the input ends. What cannot be read is no try."""
    from dlspec.quiz.answers import read_answer
    from dlspec.quiz.grading import Mark, mark, told
    from dlspec.quiz.questions import KINDS

    marks: list[Mark] = []
    while len(marks) < TRIES:
        text = _line(f"  {number} {KINDS[question.kind]}: ")
        if text is None:
            return None
        numbers = read_answer(text, len(question.answer)) if text else None
        if not text:
            _say(told(Mark(question, "", None)))
            return marks[0] if marks else Mark(question, "", None)
        if numbers is None:
            _say(["that is no answer in numbers; write 156, 5*5*6 + 6, or 6 x 14 x 14"])
            continue
        made = mark(question, text, numbers)
        marks.append(made)
        if made.right:
            _say(["right"])
            break
        _say([made.slip or f"not so: {question.hint}"] if len(marks) < TRIES else told(made))
    return marks[0]


def _line(prompt: str) -> str | None:
    try:
        return input(prompt).strip()
    except EOFError:
        return None


def _say(lines: list[str]) -> None:
    for line in lines:
        print(f"      {line}".rstrip())
