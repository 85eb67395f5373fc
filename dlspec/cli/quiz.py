"""Ask for shapes, counts and fields of a spec, and say what is right.

dlspec quiz                          the pages of the course
dlspec quiz 7                        the exercise of a page, by its number or name
dlspec quiz 7 mine.dls               what page 7 asks, asked of your own spec
dlspec quiz mine.dls --hide field    fields alone; mine.dls:features asks of one part
dlspec quiz 7 --sheet > sheet.txt    questions to fill in, and
dlspec quiz 7 --answers sheet.txt    graded: 0 where all is right, 1 where not; --json for programs
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from dlspec.quiz.exercise import Exercise
    from dlspec.quiz.grading import Mark
    from dlspec.quiz.questions import Question
    from dlspec.source import Source

TRIES = 2


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument("page", metavar="PAGE", nargs="?", help="a page of the course, or a spec")
    parser.add_argument("file", metavar="FILE", nargs="?", help="your own spec, asked what the page asks")
    parser.add_argument("--hide", metavar="KIND,…", help="what is asked: shape, parameters, macs, field, steps")
    parser.add_argument("--sheet", action="store_true", help="print the questions, to be filled in")
    parser.add_argument("--answers", metavar="SHEET", help="grade a sheet that was filled in")
    parser.add_argument("--json", action="store_true", help="with --answers: print the marks as one object")
    parser.add_argument("--network", metavar="NAME", help="which network of the file (the last, by default)")
    parser.add_argument(
        "--input", metavar="NAME=SIZES", action="append", default=[], help="close open sizes: image=1x3x224x224"
    )


def run(options: Namespace) -> int:
    if options.page is None:
        return _listed()
    from dlspec.quiz.exercise import exercise

    found = exercise(
        options.page, options.file, hide=_kinds(options.hide), network=options.network, inputs=options.input
    )
    if options.sheet:
        from dlspec.quiz.sheet import sheet

        print(sheet(found.questions, f"dlspec quiz {options.page}"), end="")
        return 0
    return _graded(found, options) if options.answers is not None else _interactive(found)


def _listed() -> int:
    from dlspec.quiz.course import page_of, pages

    for path in pages():
        page = page_of(path)
        count = f"{len(page.hidden)} questions" if len(page.hidden) > 1 else "1 question"
        print(f"{page.name:<28} {page.title.partition('. ')[2]:<56} {count}".rstrip())
    print("\n`dlspec quiz 7` asks the questions of a page")
    return 0


def _kinds(text: str | None) -> list[str]:
    """The kinds of `--hide`; raises SpecError for one that there is not."""
    from dlspec.quiz.questions import KINDS

    kinds = [kind.strip() for kind in (text or "").split(",") if kind.strip()]
    plural = {f"{kind}s": kind for kind in KINDS} | {"counts": "parameters"}
    kinds = [plural.get(kind, kind) for kind in kinds]
    for kind in kinds:
        if kind not in KINDS:
            from dlspec.diagnostics.record import SpecError, problem

            known = ", ".join(f"`{one}`" for one in KINDS)
            raise SpecError([problem("E0106", f"`{kind}` is nothing that can be hidden", notes=[f"there is {known}"])])
    return kinds


def _graded(found: Exercise, options: Namespace) -> int:
    import json

    from dlspec.quiz.grading import as_json, as_text, grade
    from dlspec.quiz.sheet import read_sheet

    marks = grade(found.questions, read_sheet(_source(options.answers), found.questions))
    print(json.dumps(as_json(found.name, marks), ensure_ascii=False) if options.json else as_text(marks))
    return 0 if all(one.right for one in marks) else 1


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
    marks: list[Mark] = []
    about = ""
    for number, question in enumerate(found.questions, 1):
        if question.about != about:
            about = question.about
            print(f"{question.path}: {about}" if question.path else about)
        answered = _asked(question, f"{number}/{len(found.questions)}")
        if answered is None:
            marks += [Mark(one, "", None) for one in found.questions[number - 1 :]]
            print()
            break
        marks.append(answered)
    print(f"{score(marks)} at the first try")
    return 0 if all(one.right for one in marks) else 1


def _asked(question: Question, number: str) -> Mark | None:
    """The mark of an answer, of the first try; None where the input ends."""
    from dlspec.quiz.answers import read_answer
    from dlspec.quiz.grading import Mark, mark, told
    from dlspec.quiz.questions import KINDS

    first: Mark | None = None
    for left in reversed(range(TRIES)):
        text = _line(f"  {number} {KINDS[question.kind]}: ")
        if text is None:
            return None
        numbers = read_answer(text, len(question.answer)) if text else None
        if not text:
            _say(told(Mark(question, "", None)))
            return first or Mark(question, "", None)
        if numbers is None:
            _say(["that is no answer in numbers; write 156, 5*5*6 + 6, or 6 x 14 x 14"])
            continue
        made = mark(question, text, numbers)
        first = first or made
        if made.right:
            _say(["right"])
            return first
        _say([made.slip or "not so; look at the formula again"] if left else told(made))
    return first or Mark(question, "", None)


def _line(prompt: str) -> str | None:
    try:
        return input(prompt).strip()
    except EOFError:
        return None


def _say(lines: list[str]) -> None:
    for line in lines:
        print(f"      {line}".rstrip())
