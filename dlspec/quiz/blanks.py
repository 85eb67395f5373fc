"""A spec with arguments left out: what is filled in is graded by what it does, since several ways may be right."""

from __future__ import annotations

import re

from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import SpecError, problem
from dlspec.quiz.exercise import closed
from dlspec.quiz.grading import Mark
from dlspec.quiz.questions import all_questions, is_within, words_of
from dlspec.record import TYPE_CHECKING, Record
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from typing import Any

    from dlspec.checking import Spec
    from dlspec.graph import Graph, Node
    from dlspec.quiz.exercise import Setup
    from dlspec.quiz.questions import Question
    from dlspec.source import Source, Span

BLANK = "___"
TOLD = ("shape", "parameters")
"""What is said of a layer with a blank, and must come out."""
_REMARK = re.compile(r"#.*")


class Blank(Record):
    """One argument that is left out."""

    path: str
    """The layer; of one that is used many times the first."""
    argument: str
    span: Span

    @property
    def key(self) -> str:
        return f"{self.path}.{self.argument}"


def blanks(graph: Graph, source: Source, names: Sequence[str]) -> list[Blank]:
    """The arguments that are named, `conv1.padding`, or all of a layer or part, `conv1`, in the order of the text.

    Raises SpecError for a name of nothing that is written.
    """
    written = [*_written(graph, source)]
    for name in names:
        if not any(_is_named(name, one) for one in written):
            keys = [one.key for one in written]
            close = near(name, keys) or [key for key in keys if is_within(key, name.partition(".")[0])] or keys[:6]
            notes = [f"there is {', '.join(f'`{key}`' for key in close)}"] if close else []
            raise SpecError([problem("E0815", f"no argument `{name}` is written in the spec", notes=notes)])
    found = [one for one in written if any(_is_named(name, one) for name in names)]
    told = {question.path for question in _told(graph, found)}
    for one in found:
        if one.path not in told:
            note = "leave out what changes a shape or a number of weights"
            message = f"nothing that a summary shows depends on `{one.key}`"
            raise SpecError([problem("E0815", message, one.span, "left out", notes=[note])])
    return sorted(found, key=lambda one: one.span.start)


def _is_named(name: str, blank: Blank) -> bool:
    return name == blank.key or is_within(blank.path, name)


def _written(graph: Graph, source: Source) -> Iterator[Blank]:
    """Every argument of an operator that stands in the text of the spec itself, once."""
    seen = set()
    for node in graph.nodes:
        call = node.call
        if not isinstance(call, tree.Call):
            continue
        for place, arg in enumerate(call.args):
            span = arg.value.span
            argument = arg.name or _positional(node, place)
            if argument and span.source is source and span not in seen:
                seen.add(span)
                yield Blank(node.path, argument, span)


def _positional(node: Node, place: int) -> str:
    names = list(node.op.fields)
    return names[place] if place < len(names) else ""


def blanked(graph: Graph, source: Source, left_out: Sequence[Blank], name: str) -> str:
    """The spec with each argument replaced, and above it what must come out."""
    text = source.text
    for blank in reversed(left_out):
        text = text[: blank.span.start] + BLANK + text[blank.span.end :]
    wanted: dict[str, list[str]] = {}
    for question in _told(graph, left_out):
        count = words_of(question.answer)
        wanted.setdefault(question.path, []).append(count if question.kind == "shape" else f"{count} parameters")
    wide = max(map(len, wanted))
    rows = [f"#   {path:<{wide}}  {', '.join(facts)}" for path, facts in wanted.items()]
    head = [f"# {name}", f"# Fill in each {BLANK} so that this comes out, for one sample."]
    return "\n".join([*head, *rows, "", text.lstrip("\n")])


def _told(graph: Graph, left_out: Sequence[Blank]) -> list[Question]:
    paths = {blank.path for blank in left_out}
    return [one for one in all_questions(graph) if one.path in paths and one.kind in TOLD]


def still_blank(source: Source) -> list[Span]:
    """Where nothing was filled in; remarks may say what they like."""
    text = _REMARK.sub(lambda found: " " * len(found[0]), source.text)
    return [source.span(found.start(), found.end()) for found in re.finditer(rf"\b{BLANK}\b", text)]


def must_be_filled(source: Source) -> None:
    """Raise SpecError with every blank that is left."""
    left = still_blank(source)
    if left:
        raise SpecError([problem("E0816", "a blank is not filled in", span, "still left out") for span in left])


def grade_filled(spec: Spec, setup: Setup, left_out: Sequence[Blank], filled: Graph) -> list[Mark]:
    """A mark for each thing that must come out; raises SpecError where more than the blanks was changed.

    Each layer is judged as if all others were right, so that a mistake counts once and not in all that follows.
    """
    graph = closed(spec, setup)
    _must_agree_elsewhere(graph, left_out, filled)
    marks = []
    for path in dict.fromkeys(blank.path for blank in left_out):
        own = [blank for blank in left_out if blank.path == path]
        made = {one.key: one for one in all_questions(_alone(spec, setup, own, filled))}
        marks += [_judged(question, made.get(question.key)) for question in _told(graph, own)]
    return marks


def _judged(question: Question, made: Question | None) -> Mark:
    if made is None:
        return Mark(question, "as it came in", False, f"wanted is {words_of(question.answer)}")
    if made.answer == question.answer:
        return Mark(question, words_of(made.answer), True)
    return Mark(question, words_of(made.answer), False, f"wanted is {words_of(question.answer)}", made.derivation)


def _alone(spec: Spec, setup: Setup, own: Sequence[Blank], filled: Graph) -> Graph:
    """The right network with one layer as it was filled in; the whole filled one where that does not run."""
    node = next(node for node in filled.nodes if node.path == own[0].path)
    written = {arg.name or _positional(node, place): arg.value for place, arg in enumerate(node.call.args)}
    instead = {node.path: {blank.argument: written[blank.argument] for blank in own if blank.argument in written}}
    try:
        return closed(spec, setup, instead)
    except SpecError:
        return filled


def _must_agree_elsewhere(graph: Graph, left_out: Sequence[Blank], filled: Graph) -> None:
    free = {(blank.path, blank.argument) for blank in left_out}
    calls = {blank.path: _call_of(graph, blank.path) for blank in left_out}
    free |= {
        (node.path, argument)
        for path, argument in list(free)
        for node in graph.nodes
        if node.call is not None and node.call is calls[path]
    }
    old, new = _facts(graph, free), _facts(filled, free)
    for path, (facts, node) in new.items():
        if path not in old or old[path][0] != facts:
            message = f"`{path}` is not as it was handed out"
            note = "only the blanks are to be filled in"
            raise SpecError([problem("E0817", message, node.span, "changed", notes=[note])])
    for path in old:
        if path not in new:
            raise SpecError([problem("E0817", f"`{path}` was handed out and is gone")])


def _call_of(graph: Graph, path: str) -> Any:
    return next(node.call for node in graph.nodes if node.path == path)


def _facts(graph: Graph, free: set[tuple[str, str]]) -> dict[str, tuple[tuple[str, dict[str, Any]], Node]]:
    """Each layer by its path: its operator, and the arguments that were not left out."""
    return {
        node.path: ((node.op.name, {k: v for k, v in node.op.given.items() if (node.path, k) not in free}), node)
        for node in graph.nodes
    }
