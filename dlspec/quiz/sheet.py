"""An answer sheet: a line for each question, `conv1.parameters = 156`, filled in by hand and graded by machine."""

from __future__ import annotations

from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import SpecError, problem
from dlspec.quiz.answers import read_answer
from dlspec.quiz.grading import SCHEMA_VERSION
from dlspec.quiz.questions import KINDS
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from dlspec.diagnostics.record import Diagnostic
    from dlspec.quiz.questions import Answer, Question
    from dlspec.source import Source, Span


class Given(Record):
    """What somebody answered, and where it stands."""

    text: str
    numbers: Answer
    span: Span


def sheet(questions: Sequence[Question], name: str) -> str:
    """An empty sheet: what each layer is stands above its questions.

    What a layer takes is said only as long as no shape before it is asked, which it would tell.
    """
    return _sheet(
        questions, name, "Write the answer behind each `=`, as 156, 5*5*6 + 6 or 6 x 14 x 14; # begins a remark."
    )


def solution(questions: Sequence[Question], name: str) -> str:
    """The sheet filled in, with how each number comes about; graded it is all right."""
    return _sheet(questions, name, "The answers, and how they come about.", solved=True)


def _sheet(questions: Sequence[Question], name: str, task: str, *, solved: bool = False) -> str:
    lines = [f"# {name}", f"# {task}"]
    part: str | None = None
    for question, words in _described(questions, solved=solved):
        if (question.path or words) != part:
            part = question.path or words
            lines += ["", f"# {part}: {words}" if question.path else f"# {words}"]
        lines.append(f"{question.key} = " + (" x ".join(map(str, question.answer)) if solved else ""))
        lines += [f"#   {line}".rstrip() for line in (question.derivation if solved else ())]
    return "\n".join([*lines, ""])


def _described(questions: Sequence[Question], *, solved: bool) -> Iterator[tuple[Question, str]]:
    """Each question with what is said of its layer: what it takes too, unless a shape before it is asked."""
    asked: str | None = None
    for question in questions:
        tells = solved or asked is None or question.path == asked
        yield question, question.words if tells else question.about
        if asked is None and question.kind == "shape":
            asked = question.path


def as_json(name: str, questions: Sequence[Question], *, solved: bool) -> dict[str, Any]:
    """The questions for programs, with `solved` their answers too."""
    rows: list[dict[str, Any]] = []
    for question, words in _described(questions, solved=solved):
        row: dict[str, Any] = {"question": question.key, "kind": question.kind, "path": question.path}
        row |= {"about": words, "asks": KINDS[question.kind], "numbers": len(question.answer)}
        if solved:
            answer = list(question.answer) if len(question.answer) > 1 else question.answer[0]
            row |= {"expected": answer, "derivation": list(question.derivation)}
        rows.append(row)
    return {"schema_version": SCHEMA_VERSION, "quiz": name, "questions": rows}


def read_sheet(source: Source, questions: Sequence[Question]) -> dict[str, Given]:
    """The answers of a sheet by question; those left empty are not there. Raises SpecError for what cannot be read."""
    known = {question.key: question for question in questions}
    given: dict[str, Given] = {}
    wrong: list[Diagnostic] = []
    for key, key_span, text, span in _lines(source):
        if key not in known:
            message = f"nothing is asked that is called `{key}`"
            wrong.append(problem("E0811", message, key_span, "not a question", notes=[_instead(key, list(known))]))
        elif key in given:
            also = [(given[key].span, "the first time")]
            wrong.append(problem("E0813", f"`{key}` is answered twice", span, "the second time", also=also))
        elif text:
            numbers = read_answer(text, len(known[key].answer))
            if numbers is None:
                notes = [f"wanted is {KINDS[known[key].kind]}: {_form(known[key])}"]
                message = f"`{text}` is no answer in numbers"
                wrong.append(problem("E0812", message, span, "cannot be read", notes=notes))
            else:
                given[key] = Given(text, numbers, span)
    if wrong:
        raise SpecError(wrong)
    return given


def _form(question: Question) -> str:
    return "a number, or what it is computed from" if len(question.answer) == 1 else "sizes, as `6 x 14 x 14`"


def _lines(source: Source) -> list[tuple[str, Span, str, Span]]:
    """Key and answer of every line with an `=`; a line without one is a key without an answer."""
    found, start = [], 0
    for line in source.text.splitlines(keepends=True):
        said = line.partition("#")[0].rstrip()
        key, _, answer = said.partition("=")
        if key.strip():
            begins = start + len(key) - len(key.lstrip())
            behind = start + len(said) - len(answer.lstrip())
            span = source.span(behind, start + len(said)) if answer.strip() else source.span(begins, start + len(said))
            found.append((key.strip(), source.span(begins, begins + len(key.strip())), answer.strip(), span))
        start += len(line)
    return found


def _instead(key: str, known: list[str]) -> str:
    close = near(key, known)
    return f"there is {' and '.join(f'`{one}`' for one in close)}" if close else f"there are {_some(known)}"


def _some(keys: list[str]) -> str:
    return ", ".join(f"`{key}`" for key in keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
