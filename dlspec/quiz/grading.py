"""Answers graded: right or not, and what a teacher would say of a wrong one."""

from __future__ import annotations

from dlspec.quiz.questions import KINDS, words_of
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from dlspec.quiz.questions import Answer, Question
    from dlspec.quiz.sheet import Given

SCHEMA_VERSION = 1


class Mark(Record):
    """One answer graded; `right` is None where none was given."""

    question: Question
    given: str
    right: bool | None
    slip: str = ""
    """What went wrong, where the number tells."""
    how: tuple[str, ...] = ()
    """How what was given comes about, where that is known."""

    @property
    def verdict(self) -> str:
        return "open" if self.right is None else "right" if self.right else "wrong"


def mark(question: Question, given: str, numbers: Answer) -> Mark:
    """Of a shape the batch may stand first; one number stands for a square field."""
    answer = question.answer
    if question.kind == "field" and len(numbers) == 1:
        numbers = numbers * len(answer)
    if numbers == answer or (question.kind == "shape" and numbers == (1, *answer)):
        return Mark(question, given, True)
    told = next((words for value, words in question.slips if value == numbers), "")
    return Mark(question, given, False, told or _guess(question, numbers))


def _guess(question: Question, numbers: Answer) -> str:
    """Where no usual slip leads to the number: how it differs."""
    answer = question.answer
    if len(numbers) != len(answer):
        return f"{_sizes(len(numbers))} where {_sizes(len(answer))} are wanted" if len(answer) > 1 else ""
    return ""


def _sizes(count: int) -> str:
    return f"{count} size{'s' * (count != 1)}"


def grade(questions: Sequence[Question], given: Mapping[str, Given]) -> list[Mark]:
    """A mark for each question, in order."""
    return [
        mark(question, given[question.key].text, given[question.key].numbers)
        if question.key in given else Mark(question, "", None)
        for question in questions
    ]  # fmt: skip


def as_json(name: str, marks: Sequence[Mark]) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "quiz": name,
        "right": sum(one.right is True for one in marks),
        "of": len(marks),
        "answers": [
            {
                "question": one.question.key,
                "kind": one.question.kind,
                "path": one.question.path,
                "about": one.question.words,
                "given": one.given or None,
                "verdict": one.verdict,
                "expected": list(one.question.answer) if len(one.question.answer) > 1 else one.question.answer[0],
                "slip": one.slip or None,
                "derivation": list(one.how or one.question.derivation),
            }
            for one in marks
        ],
    }


def as_text(marks: Sequence[Mark]) -> str:
    """A line for each answer; under a wrong one what went wrong and the derivation."""
    wide = max((len(one.question.key) for one in marks), default=0)
    lines = []
    for one in marks:
        lines.append(f"{one.verdict:<6} {one.question.key:<{wide}}  {one.given}".rstrip())
        if one.right is False:
            lines += [f"       {line}".rstrip() for line in told(one)]
    return "\n".join([*lines, "", score(marks)])


def told(one: Mark) -> list[str]:
    """What is said of a wrong answer: the slip, then how the right number comes about."""
    question = one.question
    slip = [one.slip] if one.slip else []
    if one.how:
        return [*one.how, *slip]
    derivation = list(question.derivation)
    if not any(words_of(question.answer) in line for line in derivation):
        derivation.append(f"{KINDS[question.kind]}: {words_of(question.answer)}")
    return [*slip, *derivation]


def score(marks: Sequence[Mark]) -> str:
    right = sum(one.right is True for one in marks)
    left = sum(one.right is None for one in marks)
    return f"{right} of {len(marks)} right" + (f", {left} not answered" if left else "")
