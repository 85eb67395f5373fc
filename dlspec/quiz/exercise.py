"""The questions of a page of the course, or of anybody's own spec."""

from __future__ import annotations

from dlspec.analyses.typical import typical_sizes
from dlspec.checking import Spec, open_spec, parsed_input, resolve_plan
from dlspec.diagnostics.record import SpecError, problem
from dlspec.quiz.course import Page, is_page, no_such_page, read_page
from dlspec.quiz.plans import plan_questions
from dlspec.quiz.questions import KINDS, MOST, all_questions, chosen
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.graph import Graph
    from dlspec.quiz.questions import Question


class Exercise(Record):
    """What is asked, and of which text."""

    name: str
    text: str
    """The spec, to be shown to who is asked."""
    questions: list[Question]


def exercise(
    name: str, own: str | None = None, *, hide: Sequence[str] = (), network: str | None = None,
    inputs: Sequence[str] = (),
) -> Exercise:  # fmt: skip
    """The exercise of a page; with `own`, what the page hides, asked of that spec; or questions of a spec alone.

    `hide` names kinds of questions. Raises SpecError where there is neither page nor spec, or nothing to ask.
    """
    if is_page(name):
        page = read_page(name)
        if own is None and not hide:
            spec = Spec(page.spec, None)
            return Exercise(page.name, page.spec.text, _by_key(page, _asked(spec, network, inputs)))
        kinds = list(hide) or list(dict.fromkeys(key.rpartition(".")[2] for key in page.hidden))
        name = own or name
        if own is None:
            spec = Spec(page.spec, None)
            return Exercise(page.name, page.spec.text, _some(page.name, _asked(spec, network, inputs), kinds, ""))
        return _of_spec(own, kinds, network, inputs)
    if own is not None:
        raise no_such_page(name)
    return _of_spec(name, list(hide) or list(KINDS), network, inputs)


def _of_spec(name: str, kinds: Sequence[str], network: str | None, inputs: Sequence[str]) -> Exercise:
    from pathlib import Path

    file, colon, path = name.rpartition(":")
    if not colon or Path(name).is_file():
        file, path = name, ""
    try:
        spec = open_spec(file)
    except SpecError as error:
        if not Path(file).suffix and [one.code for one in error.diagnostics] == ["E0101"] and file != "-":
            raise no_such_page(file) from None
        raise
    return Exercise(name, spec.source.text, _some(name, _asked(spec, network, inputs), kinds, path))


def _some(name: str, found: list[Question], kinds: Sequence[str], path: str) -> list[Question]:
    asked = chosen(found, kinds, path)
    if not asked:
        there = [kind for kind in KINDS if chosen(found, [kind], path)]
        notes = [f"it could ask for {', '.join(f'`{kind}`' for kind in there)}"] if there else []
        what = f"`{path}` of `{name.rpartition(':')[0]}`" if path else f"`{name}`"
        message = f"there is no {' or '.join(kinds)} in {what} that could be asked"
        raise SpecError([problem("E0814", message, notes=notes)])
    return asked[:MOST]


def _by_key(page: Page, found: list[Question]) -> list[Question]:
    known = {question.key: question for question in found}
    return [known[key] for key in page.hidden]


def _asked(spec: Spec, network: str | None, inputs: Sequence[str]) -> list[Question]:
    """Everything that could be asked of a network of the spec and of its plans; open sizes become numbers."""
    found = all_questions(closed(spec, network, inputs)) if spec.networks or network or spec.chosen else []
    if not found:
        spec.graph(network)  # raises what is wrong with it
    for name, plan in spec.plans.items():
        made, problems = resolve_plan(spec, plan)
        if made is None:
            raise SpecError([one for one in problems if one.severity == "error"] or problems)
        found += plan_questions(name, made[0])
    return found


def closed(spec: Spec, network: str | None, inputs: Sequence[str]) -> Graph:
    """The graph for one sample; other open sizes as in an image of 224, or as `inputs` say."""
    given = dict(parsed_input(text) for text in inputs)
    graph = spec.graph(network, inputs=given)
    sizes = typical_sizes(graph)
    for name, tensor in graph.inputs.items():
        if name not in given:
            numbers = [size if isinstance(size, int) else int(size.evaluate(sizes)) for size in tensor.shape]
            given |= [parsed_input(f"{name}={'x'.join(map(str, numbers))}")]
    return spec.graph(network, inputs=given)
