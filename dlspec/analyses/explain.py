"""The teacher: how the numbers of a layer come about, with the user's own numbers put into the formulas."""

from __future__ import annotations

from dlspec.analyses.derivations import (
    buffer_lines,
    dense_lines,
    field_lines,
    folded_lines,
    joined_lines,
    mac_lines,
    parameter_lines,
    picture_lines,
    size_lines,
    unread_lines,
)
from dlspec.analyses.summary import summarize
from dlspec.analyses.symbols import block_table, sections
from dlspec.analyses.table import part_table, wrapped
from dlspec.analyses.words import multiples, operator_words, shape_words
from dlspec.diagnostics.record import Diagnostic, SpecError, problem
from dlspec.diagnostics.render.ink import Ink
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.analyses.summary import Summary
    from dlspec.analyses.words import Parts
    from dlspec.graph import Graph

    Section = tuple[str, list[str]]

TITLE = 17
"""Columns of the titles at the left."""


def explain(graph: Graph, path: str = "", *, width: int = 100, colour: bool = False, symbolic: bool = False) -> str:
    """The derivation of a layer, or a table of the parts of a block; of the network where there is no path.

    With `symbolic`, what comes in has letters for sizes. Raises SpecError where nothing has that path.
    """
    summary, part = summarize(graph), part_at(graph, path)
    if isinstance(part, Node):
        return _layer(summary, part, width, Ink(colour), symbolic=symbolic)
    if symbolic:
        return block_table(graph, part, width=width, colour=colour)
    return part_table(summary, part, width=width, colour=colour)


def explain_layer(summary: Summary, node: Node, *, width: int = 100) -> str:
    """The derivation of a layer whose network is summarised already."""
    return _layer(summary, node, width, Ink(False))


def part_at(graph: Graph, path: str) -> Node | Application:
    """The layer or block of that path, the network where there is none; raises SpecError where nothing has it."""
    found = graph.node(path) or (graph.root if not path else _part(graph.root, path))
    if found is None:
        raise SpecError([_unknown(graph, path)])
    return found


def _part(application: Application, path: str) -> Application | None:
    for step in application.steps:
        if isinstance(step, Application):
            found = step if step.path == path else _part(step, path)
            if found is not None:
                return found
    return None


def _unknown(graph: Graph, path: str) -> Diagnostic:
    from dlspec.diagnostics.near_names import near

    paths = list(_paths(graph.root))
    close = near(path, paths)
    parent = path.rpartition(".")[0]
    beside = [one for one in paths if one.rpartition(".")[0] == parent]
    there = beside if beside else [one for one in paths if "." not in one]
    note = f"there is {' and '.join(f'`{one}`' for one in close)}" if close else f"there are {_some(there)}"
    return problem("E0119", f"`{graph.name}` has no part `{path}`", notes=[note])


def _some(paths: list[str]) -> str:
    names = [f"`{path}`" for path in dict.fromkeys(paths)]
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")


def _paths(application: Application) -> list[str]:
    found = []
    for step in application.steps:
        found.append(step.path)
        if isinstance(step, Application):
            found += _paths(step)
    return found


# One layer


def _layer(summary: Summary, node: Node, width: int, ink: Ink, *, symbolic: bool = False) -> str:
    parts = multiples(summary.graph)
    place = f"{node.span.source.name}:{node.span.line}:{node.span.column}"
    words = f"   {operator_words(node.op)}"
    lines = [_spaced(node.path, words, place, width, ink)]
    what = (node.op.__class__.__doc__ or "").partition("\n")[0]
    if what and node.inputs:
        lines += [ink("dim", f"  {line}") for line in wrapped(what, width - 2)]
    lines += [f"  {_ends(node, parts)}", ""]
    said = sections(node) if symbolic else _sections(summary, node, parts, width - TITLE - 1)
    for title, texts in said:
        lines += _section(title, texts, width, ink)
    return "\n".join(line.rstrip() for line in lines)


def _spaced(name: str, words: str, place: str, width: int, ink: Ink) -> str:
    """The name and the call at the left, the place at the right where there is room."""
    room = width - len(name) - len(words) - len(place)
    tail = " " * room + ink("dim", place) if room >= 3 else f"\n  {ink('dim', place)}"
    return f"{ink('bold', name)}{words}{tail}"


def _ends(node: Node, parts: Parts) -> str:
    sides = [
        ", ".join(shape_words(tensor.shape, parts) or "one number" for tensor in tensors)
        for tensors in (node.inputs, node.outputs)
    ]
    return f"{sides[0]}  →  {sides[1]}" if node.inputs else sides[1]


def _sections(summary: Summary, node: Node, parts: Parts, width: int) -> list[Section]:
    """What there is to say, in the order in which the course says it."""
    if not node.inputs:
        return _source(summary, node)
    share = summary.cost.nodes[node]
    total = share.parameters
    again = node.module is not None and bool(node.module.weights) and not total
    sizes = size_lines(node, parts)
    if not sizes:
        sizes = {"shape": folded_lines, "join": joined_lines}.get(node.op.family, _nothing)(node, parts)
    drawn = [*picture_lines(node, width), *unread_lines(node)]
    return [
        ("output size", [*sizes, *node.op.size_words(node.at, node.outputs), *drawn]),
        ("parameters", [*parameter_lines(node), *(["shared: counted where it runs first"] if again else [])]),
        ("buffers", buffer_lines(node)),
        ("fully connected", dense_lines(node, total)),
        ("MACs", mac_lines(node, share.macs, parts)),
        ("receptive field", field_lines(summary.graph, node, summary.fields)),
        ("training only", ["it does nothing in evaluation"] if node.op.training_only else []),
    ]


def _nothing(node: Node, parts: Parts) -> list[str]:
    return []


def _source(summary: Summary, node: Node) -> list[Section]:
    if node.module is None:
        return [("an input", [f"{node.outputs[0].dtype} numbers that whoever runs the network brings"])]
    start = getattr(node.op, "start", "")
    return [
        (
            "a learned tensor",
            [*parameter_lines(node), f"they begin as {start}"] if start else parameter_lines(node),
        )
    ]


def _section(title: str, texts: list[str], width: int, ink: Ink) -> list[str]:
    lines: list[str] = []
    for text in texts:
        drawn = text.startswith(("input ", "out ", "⋮"))
        pieces = [f"  {text}"] if drawn else wrapped(text, width - TITLE - 1)
        for index, piece in enumerate(pieces):
            head = ink("bold", f"{title:{TITLE}}") if not lines else " " * TITLE
            lines.append(f"{head} {'  ' if index else ''}{piece}")
    return lines
