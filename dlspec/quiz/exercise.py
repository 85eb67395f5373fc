"""The questions of a page of the course, or of anybody's own spec."""

from __future__ import annotations

from dlspec.analyses.typical import typical_sizes
from dlspec.checking import Spec, open_spec, overridden, parsed_input, resolve_plan
from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import SpecError, problem
from dlspec.elaborate.network import elaborate
from dlspec.quiz.course import is_page, no_such_page, read_page
from dlspec.quiz.plans import plan_questions
from dlspec.quiz.questions import KINDS, MOST, all_questions, chosen, unknown
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dlspec.graph import Graph
    from dlspec.quiz.questions import Question
    from dlspec.syntax import tree

    Instead = Mapping[str, Mapping[str, tree.Expr]]


class Setup(Record):
    """What a command line says beside the spec: which network, open sizes, parameters of it, keys of its plans."""

    network: str | None = None
    inputs: Sequence[str] = ()
    settings: Mapping[str, tree.Expr] = {}
    overrides: Mapping[str, tree.Expr] = {}


class Exercise(Record):
    """What is asked, and of which text."""

    name: str
    text: str
    """The spec, to be shown to who is asked."""
    questions: list[Question]


def exercise(name: str, own: str | None = None, *, hide: Sequence[str] = (), setup: Setup | None = None) -> Exercise:
    """The exercise of a page; with `own`, what the page hides, asked of that spec; or questions of a spec alone.

    `hide` names kinds of questions, layers or single questions. Raises SpecError where there is neither page nor
    spec, or nothing to ask.
    """
    setup = setup or Setup()
    spec, path, hidden = subject(name, own)
    found = _asked(spec, setup)
    if hide:
        return Exercise(own or name, spec.source.text, _some(own or name, found, hide, path))
    if hidden and own is None:
        return Exercise(name, spec.source.text, _some(name, found, hidden, path))
    kinds = list(dict.fromkeys(key.rpartition(".")[2] for key in hidden)) or list(KINDS)
    return Exercise(own or name, spec.source.text, _some(own or name, found, kinds, path)[:MOST])


def subject(name: str, own: str | None = None) -> tuple[Spec, str, tuple[str, ...]]:
    """The spec that is asked about, the part of it that is meant, and what its page hides; nothing without a page."""
    if not is_page(name):
        if own is not None:
            raise no_such_page(name)
        return *_opened(name), ()
    page = read_page(name)
    return (Spec(page.spec, None), "", page.hidden) if own is None else (*_opened(own), page.hidden)


def _opened(name: str) -> tuple[Spec, str]:
    """A spec, and the part behind its name: `mine.dls:features`."""
    from pathlib import Path

    file, colon, path = name.rpartition(":")
    if not colon or Path(name).is_file():
        file, path = name, ""
    try:
        return open_spec(file), path
    except SpecError as error:
        if not Path(file).suffix and [one.code for one in error.diagnostics] == ["E0101"] and file != "-":
            raise no_such_page(file) from None
        raise


def _some(name: str, found: list[Question], hidden: Sequence[str], path: str) -> list[Question]:
    """The questions that are named; raises SpecError where there are none, or a name means nothing."""
    for word in unknown(found, hidden):
        raise SpecError([problem("E0106", f"`{word}` is nothing that can be hidden", notes=[_instead(found, word)])])
    asked = chosen(found, hidden, path)
    if not asked:
        there = [kind for kind in KINDS if chosen(found, [kind], path)]
        notes = [f"it could ask for {', '.join(f'`{kind}`' for kind in there)}"] if there else []
        what = f"`{path}` of `{name.rpartition(':')[0]}`" if path else f"`{name}`"
        message = f"there is no {' or '.join(hidden)} in {what} that could be asked"
        raise SpecError([problem("E0814", message, notes=notes)])
    return asked


def _instead(found: Sequence[Question], word: str) -> str:
    layers = list(dict.fromkeys(one.path for one in found if one.path))
    close = near(word, [*KINDS, *layers, *(one.key for one in found)])
    if close:
        return f"there is {' and '.join(f'`{one}`' for one in close)}"
    shown = ", ".join(f"`{one}`" for one in layers[:6]) + (" …" if len(layers) > 6 else "")
    return f"there is {', '.join(f'`{one}`' for one in KINDS)}; and of layers {shown}"


def _asked(spec: Spec, setup: Setup) -> list[Question]:
    """Everything that could be asked of a network of the spec and of its plans; open sizes become numbers."""
    wanted = spec.networks or setup.network or spec.chosen
    found = all_questions(closed(spec, setup)) if wanted else []
    if not found:
        spec.graph(setup.network)  # raises what is wrong with it
    plans = spec.plans_to_set(setup.overrides) if setup.overrides else spec.plans.values()
    for plan in plans:
        made, problems = resolve_plan(spec, overridden(plan, setup.overrides), None, setup.settings or None)
        if made is None:
            raise SpecError([one for one in problems if one.severity == "error"] or problems)
        found += plan_questions(plan.name, made[0])
    return found


def closed(spec: Spec, setup: Setup, instead: Instead | None = None) -> Graph:
    """The graph for one sample; other open sizes as in an image of 224, or as the setup says.

    `instead` replaces arguments of layers by path. Raises SpecError where the network has a mistake.
    """
    given = dict(parsed_input(text) for text in setup.inputs)
    settings = setup.settings or None
    graph = spec.graph(setup.network, settings=settings, inputs=given)
    sizes = typical_sizes(graph)
    for name, tensor in graph.inputs.items():
        if name not in given:
            numbers = [size if isinstance(size, int) else int(size.evaluate(sizes)) for size in tensor.full_shape]
            given |= [parsed_input(f"{name}={'x'.join(map(str, numbers))}")]
    if instead is None:
        return spec.graph(setup.network, settings=settings, inputs=given)
    made, problems = elaborate(spec.scope, graph.name, settings=settings, inputs=given, instead=instead)
    errors = [one for one in problems if one.severity == "error"]
    if made is None or errors:
        raise SpecError(errors or problems)
    return made
