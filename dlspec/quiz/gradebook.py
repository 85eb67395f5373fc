"""The sheets of a class side by side: who got how far, and which question went wrong how often, by which slip."""

from __future__ import annotations

from collections import Counter

from dlspec.quiz.grading import SCHEMA_VERSION, as_json
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dlspec.diagnostics.record import Diagnostic
    from dlspec.quiz.grading import Mark


class Graded(Record):
    """One sheet: its marks, or why it could not be read."""

    name: str
    marks: list[Mark]
    problems: list[Diagnostic]

    @property
    def is_right(self) -> bool:
        return not self.problems and all(one.right for one in self.marks)


def as_table(sheets: Sequence[Graded]) -> str:
    """A line for each sheet, then a line for each question with the answer that was wrong most often."""
    wide = max(len(one.name) for one in sheets)
    lines = [f"{one.name:<{wide}}  {_line(one)}".rstrip() for one in sheets]
    read = [one.marks for one in sheets if not one.problems]
    return "\n".join([*lines, *(["", *_questions(read)] if read else [])])


def _line(sheet: Graded) -> str:
    if sheet.problems:
        return f"not read: {_reason(sheet.problems[0])}"
    right = sum(one.right is True for one in sheet.marks)
    parts = [f"{right} of {len(sheet.marks)}"]
    for verdict in ("wrong", "open"):
        keys = [one.question.key for one in sheet.marks if one.verdict == verdict]
        parts += [f"{verdict}: {', '.join(keys)}"] if keys else []
    return "   ".join(parts)


def _reason(problem: Diagnostic) -> str:
    place = problem.place
    return f"line {place.line}: {problem.message}" if place is not None else problem.message


def _questions(read: Sequence[Sequence[Mark]]) -> list[str]:
    """Right, wrong and open by question, and under it the most frequent wrong answer with what it means."""
    columns = [*zip(*read, strict=True)]
    wide = max(len(marks[0].question.key) for marks in columns)
    lines = [f"{'':<{wide}}  right  wrong  open"]
    for marks in columns:
        counts = Counter(one.verdict for one in marks)
        numbers = f"{counts['right']:>5}  {counts['wrong']:>5}  {counts['open']:>4}"
        lines.append(f"{marks[0].question.key:<{wide}}  {numbers}")
        wrong = Counter((one.given, one.slip) for one in marks if one.verdict == "wrong").most_common(1)
        for (given, slip), times in wrong:
            often = f"{times} times {given}" if times > 1 else given
            lines.append(f"{'':<{wide}}  {often}: {slip}" if slip else f"{'':<{wide}}  {often}")
    return lines


def as_objects(name: str, sheets: Sequence[Graded]) -> dict[str, Any]:
    """The same for programs: what `--json` prints of each sheet, under its name."""
    rows = []
    for one in sheets:
        made = as_json(name, one.marks)
        reason = _reason(one.problems[0]) if one.problems else None
        rows.append({"sheet": one.name, "unread": reason} | {key: made[key] for key in ("right", "of", "answers")})
    return {"schema_version": SCHEMA_VERSION, "quiz": name, "sheets": rows}
