"""The figure of an architecture, laid out from its graph alone: stages as slabs, their costs, blocks they repeat."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.drawing.canvas import Canvas
    from dlspec.graph import Graph


LONGEST = 900
"""Points of a message; of a longer one the middle is left out."""


def figure(graph: Graph) -> Canvas:
    """The figure of a network; open sizes are shown at those that `typical_sizes` gives."""
    from dlspec.analyses.cost import cost
    from dlspec.analyses.receptive_field import receptive_fields
    from dlspec.analyses.typical import typical_sizes
    from dlspec.drawing.canvas import Canvas
    from dlspec.drawing.figure.inset import inset
    from dlspec.drawing.figure.levels import levels
    from dlspec.drawing.figure.stages import stages
    from dlspec.drawing.figure.strip import MARGIN, strip
    from dlspec.drawing.figure.template import templates
    from dlspec.drawing.figure.units import has_units, units
    from dlspec.drawing.figure.words import Words
    from dlspec.drawing.metrics import shortened, width

    sizes = typical_sizes(graph)
    words = Words(graph, sizes, cost(graph), receptive_fields(graph))
    for failure in graph.failures:
        node = failure.node()
        node.index = len(graph.nodes)
        graph.nodes.append(node)
        failure.application.steps.append(node)
    made = stages(graph, sizes)
    canvas = Canvas(graph.name)
    canvas.about = words.heading()
    canvas.text(MARGIN, 40, graph.name, 21, bold=True)
    canvas.text(MARGIN, 60, words.heading(), 11.5, "grey")
    top = 84.0
    drawn = units if has_units(made) else strip if made.is_chain else levels
    told = 0.0
    for failure in graph.failures[:3]:
        said = shortened(f"{failure.path}: {failure.message.replace('`', '')}", 11, LONGEST, bold=True)
        told = max(told, canvas.text(MARGIN, top, said, 11, "wrong", bold=True).width)
        top += 16
    blocks = templates(made, graph)[:3]
    trial = Canvas(graph.name)
    for template in blocks:
        inset(trial, template, 0)
    canvas.width = trial.width
    end = drawn(canvas, made, words, top)
    rules = []
    for template in blocks:
        rules.append(end + 8)
        end = inset(canvas, template, end + 12)
    canvas.width = max(
        canvas.width, *(MARGIN * 2 + wide for wide in (width(words.heading(), 11.5), width(graph.name, 21, True), told))
    )
    for y in rules:
        canvas.line([(MARGIN, y), (canvas.width - MARGIN, y)], "rule", 1)
    canvas.height = end + MARGIN - 8
    return canvas
