"""What can be asked of a network and of its plan, with the answer, the usual slips and the derivation."""

from __future__ import annotations

from dlspec.analyses.derivations import (
    field_lines,
    folded_lines,
    joined_lines,
    mac_lines,
    parameter_lines,
    picture_lines,
    size_lines,
    slid_axes,
    unread_lines,
)
from dlspec.analyses.reach import Reach
from dlspec.analyses.summary import summarize
from dlspec.analyses.words import operator_words
from dlspec.quiz import hints, slips
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from dlspec.analyses.summary import Summary
    from dlspec.graph import Graph, Node

    Answer = tuple[int, ...]
    """The sizes of a shape or of a field; a count alone."""

KINDS = {
    "shape": "the shape of what comes out, for one sample",
    "parameters": "the numbers that it learns",
    "macs": "multiply-adds for one sample",
    "field": "height and width of what a unit sees of the input",
    "steps": "steps of the whole training",
}
"""What may be hidden, in the order in which it is asked."""

TOTAL = "total.parameters"
"""The key of the count of the whole network."""

MOST = 12
"""Questions about a spec that nobody chose any of."""
WIDTH = 82
"""Columns of a derivation."""


class Question(Record):
    """One hidden number, or the sizes of a shape."""

    key: str
    """`conv1.parameters`: what an answer sheet calls it."""
    path: str
    kind: str
    about: str
    """The layer as it is written."""
    takes: str
    """What comes in; empty where that goes without saying."""
    answer: Answer
    slips: tuple[tuple[Answer, str], ...]
    """Wrong answers that people come to, each with what went wrong."""
    derivation: tuple[str, ...]
    hint: str
    """The way to the answer, without its numbers."""

    @property
    def words(self) -> str:
        """The layer with what comes in."""
        return f"{self.about}, takes {self.takes}" if self.takes else self.about


def all_questions(graph: Graph) -> list[Question]:
    """Everything that can be asked of a network whose sizes are all numbers, layer by layer."""
    summary = summarize(graph)
    found = [question for node in summary.layers for question in _of_layer(summary, node)]
    total = summary.cost.parameters
    if total:
        counts = [(node.path, summary.cost.nodes[node].parameters) for node in summary.layers]
        told = " + ".join(f"{count:,} ({path})" for path, count in counts if count)
        found.append(
            Question(
                TOTAL, "", "parameters", f"all of {graph.name}", "", (total,), (), (f"{told} = {total:,}",), hints.TOTAL
            )
        )
    return found


def _of_layer(summary: Summary, node: Node) -> Iterator[Question]:
    about = operator_words(node.op) or node.op.name
    takes = " and ".join(_sample(one.shape) for one in node.inputs)
    makers: dict[str, Callable[[], tuple[Answer, Sequence[tuple[Answer, str]], list[str]] | None]] = {
        "shape": lambda: _shape(node),
        "parameters": lambda: _parameters(summary, node),
        "macs": lambda: _macs(summary, node),
        "field": lambda: _field(summary, node),
    }
    for kind, make in makers.items():
        made = make()
        if made is not None:
            answer, wrong, lines = made
            known = tuple((value, words) for value, words in wrong if value != answer)
            way = hints.hint(node, kind, lines)
            yield Question(f"{node.path}.{kind}", node.path, kind, about, takes, answer, known, tuple(lines), way)


def _sample(shape: tuple[object, ...]) -> str:
    """A shape without the batch."""
    return " × ".join(map(str, shape[1:])) or "one number"


def _closed(shape: tuple[object, ...]) -> Answer | None:
    sizes = tuple(size for size in shape if isinstance(size, int))
    return sizes if len(sizes) == len(shape) else None


def _shape(node: Node) -> tuple[Answer, Sequence[tuple[Answer, str]], list[str]] | None:
    """The shape for one sample; nothing where the layer leaves it as it is, or has several results."""
    answer = _closed(node.outputs[0].shape[1:])
    if answer is None or not answer or not node.inputs or len(node.outputs) > 1:
        return None
    if len(node.inputs) == 1 and node.inputs[0].shape == node.outputs[0].shape and not slid_axes(node):
        return None
    lines = size_lines(node, {})
    lines += {"shape": folded_lines, "join": joined_lines}.get(node.op.family, _nothing)(node, {})
    lines += [*picture_lines(node, WIDTH), *unread_lines(node), *_channels(node)]
    return answer, slips.of_shape(node, answer), lines or [f"{_sample(node.inputs[0].shape)} becomes {_said(answer)}"]


def _nothing(node: Node, parts: object) -> list[str]:
    return []


def _channels(node: Node) -> list[str]:
    """Where the channels that come out come from."""
    before, after = node.inputs[0].shape[1], node.outputs[0].shape[1]
    if len(node.outputs[0].shape) < 3 or not slid_axes(node):
        if node.op.family == "linear":
            return [f"features: {node.outputs[0].shape[-1]}, one for each unit"]
        return []
    if node.op.family == "pooling":
        return [f"channels: {after}, since each map is pooled by itself"]
    return [f"channels: {after}, a map for each filter; that {before} came in makes filters deeper, not more"]


def _parameters(summary: Summary, node: Node) -> tuple[Answer, Sequence[tuple[Answer, str]], list[str]] | None:
    total = summary.cost.nodes[node].parameters
    if not total:
        return None
    return (total,), slips.of_parameters(node, total), parameter_lines(node)


def _macs(summary: Summary, node: Node) -> tuple[Answer, Sequence[tuple[Answer, str]], list[str]] | None:
    macs = summary.cost.nodes[node].macs
    if not isinstance(macs, int) or not macs:
        return None
    return (macs,), slips.of_macs(node, macs, summary.cost.nodes[node].parameters), mac_lines(node, macs, {})


def _field(summary: Summary, node: Node) -> tuple[Answer, Sequence[tuple[Answer, str]], list[str]] | None:
    """Height and width of the field; nothing where it is that of what comes in, the whole input, or not fixed."""
    field = summary.fields.of(node)
    if field is None or not slid_axes(node) or len(field.axes) != 2 or len(node.inputs) != 1:
        return None
    if not all(isinstance(sight, Reach) for sight in field.sights) or field.is_bound:
        return None
    answer = _closed(field.size)
    if answer is None:
        return None
    return answer, slips.of_field(node, summary.fields), field_lines(summary.graph, node, summary.fields)


def _said(answer: Answer) -> str:
    return " × ".join(f"{size:,}" if len(answer) == 1 else str(size) for size in answer)


def words_of(answer: Answer) -> str:
    """An answer as people write it: `2,416`, `6 × 14 × 14`."""
    return _said(answer)


def chosen(found: Sequence[Question], hidden: Sequence[str], path: str = "") -> list[Question]:
    """Questions that words name, about one part or about all: a kind, a layer or part, or a question by its key.

    Of equal layers the first is asked, unless a question is named itself.
    """
    kept, seen = [], set()
    for question in found:
        if not is_within(question.path, path) or not any(_names(word, question) for word in hidden):
            continue
        alike = (question.kind, question.about, question.takes, question.answer)
        if question.key in hidden or alike not in seen:
            kept.append(question)
        seen.add(alike)
    return kept


def unknown(found: Sequence[Question], hidden: Sequence[str]) -> list[str]:
    """The words that name no kind, and nothing that could be asked."""
    return [word for word in hidden if word not in KINDS and not any(_names(word, one) for one in found)]


def _names(word: str, question: Question) -> bool:
    return word in (question.kind, question.key) or is_within(question.path, word)


def is_within(path: str, part: str) -> bool:
    """Whether a path is that of a part, or below it; everything is within the whole, whose path is empty."""
    return not part or path == part or path.startswith(f"{part}.")
