"""The summary as a table: layers nested by block, equal copies folded, totals and open sizes in words."""

from __future__ import annotations

from dlspec.analyses.memory import Largest
from dlspec.analyses.words import (
    bytes_words,
    copies_words,
    count_words,
    is_rounded,
    listed,
    multiples,
    operator_words,
    part_words,
    requirements_words,
    shape_words,
)
from dlspec.diagnostics.render.display import shown
from dlspec.diagnostics.render.display import width as cells
from dlspec.diagnostics.render.ink import Ink
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import evaluated

if TYPE_CHECKING:
    from typing import Any

    from dlspec.analyses.summary import Summary
    from dlspec.analyses.words import Parts
    from dlspec.graph import Graph
    from dlspec.ops.fact import Fact
    from dlspec.sizes import Dim

    Step = Node | Application
    Columns = tuple[str, str, str, str, str, str]

HEADER = ("layer", "operator", "output", "parameters", "MACs", "field")
WISHED = (16, 24, 22)
"""What layer, operator and output are left, as long as that is enough for the table to fit."""
LEAST = (8, 8, 8)
GAP = "  "


class _Row:
    """A line of the table."""

    __slots__ = ("columns", "guide", "style")

    def __init__(self, guide: str, columns: Columns, style: str = "") -> None:
        self.guide = guide
        self.columns = columns
        self.style = style


def table(summary: Summary, *, width: int = 100, colour: bool = False) -> str:
    """The whole report, in at most `width` columns of a terminal."""
    ink = Ink(colour)
    rows = _Rows(summary, summary.graph.root.steps).rows
    widths = _widths([HEADER, *(_with_guide(row) for row in rows)], width)
    rule = ink("dim", "─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    lines = [*_title(summary, width, ink), "", ink("bold", _line("", HEADER, widths, Ink(False))), rule]
    lines += [_line(row.guide, row.columns, widths, ink, row.style) for row in rows]
    lines += [rule, *_totals(summary, ink), *_notes(summary, rows, width, ink)]
    return _joined(lines)


# Rows


def part_table(summary: Summary, part: Application, *, width: int = 100, colour: bool = False) -> str:
    """The parts of a use of a block: what each of them takes of the whole, and what they give."""
    ink = Ink(colour)
    whole, own = summary.cost.total, summary.cost.parts[part]
    rows = _Rows(summary, part.steps, depth=_opened(part)).rows
    widths = _widths([HEADER, *(_with_guide(row) for row in rows)], width)
    rule = ink("dim", "─" * (sum(widths) + len(GAP) * (len(widths) - 1)))
    lines = _title(summary, width, ink) if part is summary.graph.root else _part_title(summary, part, ink)
    lines += ["", ink("bold", _line("", HEADER, widths, Ink(False))), rule]
    lines += [_line(row.guide, row.columns, widths, ink, row.style) for row in rows]
    lines += [rule]
    if part is summary.graph.root:
        return _joined([*lines, *_totals(summary, ink), *_notes(summary, rows, width, ink)])
    totals = (
        ("parameters", f"{own.parameters:,}{_share(own.parameters, whole.parameters)}"),
        ("MACs", f"{_number(own.macs) or '0'}{_share(own.macs, whole.macs)}"),
    )
    return _joined([*lines, *(f"{ink('bold', f'{title:18}')} {text}" for title, text in totals)])


def _joined(lines: list[str]) -> str:
    return "\n".join(line.rstrip() for line in lines)


def _opened(part: Application) -> int:
    """How deep a part is opened: to its first level with more than one thing in it."""
    depth = 1
    while len(part.steps) == 1 and isinstance(part.steps[0], Application):
        part, depth = part.steps[0], depth + 1
    return depth


def _part_title(summary: Summary, part: Application, ink: Ink) -> list[str]:
    """The name and call of a part, what goes in and what comes out, and where it stands."""
    words, parts = part_words(part), multiples(summary.graph)
    inside = set(part.nodes())
    taken = dict.fromkeys(t for node in part.nodes() for t in node.inputs if t.node not in inside and t.node.inputs)
    taken = taken or dict.fromkeys(t for node in part.nodes() for t in node.inputs if t.node not in inside)
    end = _end(part)
    given = "" if end is None else f"  →  {shape_words(end.outputs[0].shape, parts)}"
    place = f"{part.span.source.name}:{part.span.line}:{part.span.column}"
    lines = [f"{ink('bold', part.path)}{f'   {words}' if words else ''}   {ink('dim', place)}"]
    return [*lines, f"  {', '.join(shape_words(tensor.shape, parts) for tensor in taken)}{given}"]


def _share(own: Dim, whole: Dim) -> str:
    """What part of the whole network that is, where both are numbers."""
    if not isinstance(own, int) or not isinstance(whole, int) or not own or not whole:
        return ""
    return f", {100 * own / whole:.3g} % of the network's"


class _Rows:
    """Collects the rows of some steps, to a depth."""

    def __init__(self, summary: Summary, steps: list[Step], depth: int = 1000) -> None:
        self.depth = depth
        self.summary = summary
        self.parts = multiples(summary.graph)
        self.rows: list[_Row] = []
        self._kinds: dict[Any, int] = {}
        self._of: dict[Step, int] = {}
        self._shapes: dict[tuple[Dim, ...], str] = {}
        for run in self._runs(steps):
            self._add_run(run, "", "", 1)

    def _add(self, steps: list[Step], guide: str, depth: int) -> None:
        """The steps of a part, each on its branch of the tree."""
        runs = self._runs(steps)
        for run in runs:
            is_last = run is runs[-1]
            self._add_run(run, guide + ("└ " if is_last else "├ "), guide + ("  " if is_last else "│ "), depth)

    def _runs(self, steps: list[Step]) -> list[list[Step]]:
        """Equal steps that follow each other, together."""
        runs: list[list[Step]] = []
        for step in steps:
            if runs and self._kind(runs[-1][0]) == self._kind(step):
                runs[-1].append(step)
            else:
                runs.append([step])
        return runs

    def _kind(self, step: Step) -> int:
        """A number that equal steps share: same operators on the same shapes, all the way down."""
        known = self._of.get(step)
        if known is None:
            if isinstance(step, Node):
                share = self.summary.cost.nodes[step]
                shapes = tuple(tensor.shape for tensor in (*step.inputs, *step.outputs))
                key: Any = (operator_words(step.op), shapes, share.parameters, share.trainable)
            else:
                key = (step.kind, id(step.definition), *map(self._kind, step.steps))
            known = self._of[step] = self._kinds.setdefault(key, len(self._kinds))
        return known

    def _add_run(self, run: list[Step], here: str, below: str, depth: int) -> None:
        first, last = run[0], run[-1]
        name = first.name if len(run) == 1 else copies_words(first.name, last.name)
        if isinstance(first, Node):
            self.rows.append(_Row(here, self._node(first, name, len(run))))
            return
        words = part_words(first)
        words = f"{len(run)} × {words or first.kind}" if len(run) > 1 else words
        shares = [self.summary.cost.parts[step] for step in run if isinstance(step, Application)]
        parameters = sum(share.parameters for share in shares)
        macs = _total(share.macs for share in shares)
        end = _end(last)
        shape, field = ("", "") if end is None else (self._shape(end), self._field(end))
        columns = (name, words, shape, _number(parameters), _number(macs), field)
        self.rows.append(_Row(here, columns, "bold"))
        if depth < self.depth:
            self._add(first.steps, below, depth + 1)

    def _node(self, node: Node, name: str, count: int) -> Columns:
        share = self.summary.cost.nodes[node]
        words = operator_words(node.op)
        if node.module is not None and node.module.frozen and node.module.weights:
            words = f"frozen {words}"
        again = node.module is not None and node.module.weights and not share.parameters
        parameters = "shared" if again else _number(share.parameters * count)
        macs = _number(share.macs * count)
        words = f"{count} × {words}" if count > 1 else words
        if node.name.rstrip("_0123456789") == words.rstrip("_0123456789"):
            words = ""  # an unlabelled step is called by its operator
        return name, words, self._shape(node), parameters, macs, self._field(node)

    def _shape(self, node: Node) -> str:
        shapes = [self._shape_words(tensor.shape) for tensor in node.outputs]
        if len(shapes) > 1 and len(set(shapes)) == 1:
            return f"{len(shapes)} × {shapes[0]}"
        return ", ".join(shapes)

    def _shape_words(self, shape: tuple[Dim, ...]) -> str:
        words = self._shapes.get(shape)
        if words is None:
            words = self._shapes[shape] = shape_words(shape, self.parts) or "one number"
        return words

    def _field(self, node: Node) -> str:
        field = self.summary.fields.of(node)
        return "" if field is None or not node.inputs else str(field)


def _end(part: Step) -> Node | None:
    """The node whose output a part gives, where it gives one."""
    return getattr(part.result, "node", None) if isinstance(part, Application) else part


def _total(counts: Any) -> Dim:
    total: Dim = 0
    for count in counts:
        total = total + count
    return total


def _number(count: Dim) -> str:
    return "" if count.__class__ is int and not count else count_words(count)


# Columns


def _with_guide(row: _Row) -> Columns:
    return (row.guide + row.columns[0], *row.columns[1:])


def _widths(rows: list[Columns], width: int) -> list[int]:
    """As wide as the longest text of each column; where that is too much, the longest columns give way."""
    widths = [max(_cells(row[index]) for row in rows) for index in range(len(HEADER))]
    room = max(width, 60) - len(GAP) * (len(widths) - 1)
    # Numbers are never cut: layer, operator and output give way, the one with most to spare first.
    for least in (WISHED, LEAST):
        while sum(widths) > room:
            index = max((0, 1, 2), key=lambda column: widths[column] - least[column])
            if widths[index] <= least[index]:
                break
            widths[index] -= 1
    return widths


def _line(guide: str, columns: Columns, widths: list[int], ink: Ink, style: str = "") -> str:
    name = _cut(columns[0], widths[0] - _cells(guide))
    first = ink("dim", guide) + ink(style, name) + " " * (widths[0] - _cells(guide) - _cells(name))
    texts = [first]
    for index, text in enumerate(columns[1:], 1):
        part = _cut(text, widths[index])
        blank = " " * (widths[index] - _cells(part))
        part = ink("dim" if index == 1 and style != "bold" else style, part)
        texts.append(part + blank if index < 3 else blank + part)
    return GAP.join(texts)


def _cells(text: str) -> int:
    return len(text) if text.isascii() else sum(map(cells, text))


def _cut(text: str, room: int) -> str:
    """The text, its end or the last arguments of a call replaced by `…` where it does not fit."""
    text = shown(text)
    if _cells(text) <= room:
        return text
    call, comma, _ = text.rpartition(", ")
    while comma and text.endswith(")") and _cells(call) > room - 4:
        call, comma, _ = call.rpartition(", ")
    if comma and text.endswith(")"):
        return f"{call}, …)"
    while text and _cells(text) > room - 1:
        text = text[:-1]
    return text.rstrip(" ,") + "…" if room > 0 else ""


# Above and below the table


def _title(summary: Summary, width: int, ink: Ink) -> list[str]:
    graph, parts = summary.graph, multiples(summary.graph)
    ends = [
        [f"{name}: {_kind(tensor)} {shape_words(tensor.shape, parts)}".rstrip() for name, tensor in tensors.items()]
        for tensors in (graph.inputs, graph.outputs)
    ]
    text = f"{', '.join(ends[0])} → {', '.join(ends[1])}"
    if _cells(graph.name) + 3 + _cells(text) <= width:
        return [f"{ink('bold', graph.name)}   {shown(text)}"]
    lines = [ink("bold", graph.name)]
    for title, texts in zip(("takes", "gives"), ends):
        lines += [f"  {title if not index else '':5}  {_cut(line, width - 9)}" for index, line in enumerate(texts)]
    return lines


def _kind(tensor: Fact) -> str:
    return f"list of {tensor.dtype}" if tensor.is_list else tensor.dtype


def _totals(summary: Summary, ink: Ink) -> list[str]:
    cost, memory = summary.cost, summary.memory
    trained = cost.trainable_parameters
    kept = "" if trained == cost.parameters else f", {trained:,} of them trained"
    lines = [("parameters", f"{cost.parameters:,}{kept}")]
    if cost.buffers:
        lines.append(("buffers", f"{cost.buffers:,} numbers"))
    lines += [
        ("weights", bytes_words(cost.weight_bytes)),
        ("MACs", count_words(cost.macs, 3 if summary.graph.found else 2)),
        ("kept for backward", bytes_words(memory.activation_bytes)),
        ("peak in inference", f"{bytes_words(_first(memory.peak_bytes))}{_reached(summary)}"),
    ]
    return [f"{ink('bold', f'{title:18}')} {text}" for title, text in lines]


def _first(size: Dim | Largest) -> Dim:
    return size.sizes[0] if isinstance(size, Largest) else size


def _reached(summary: Summary) -> str:
    node = summary.memory.peak_node
    return "" if node is None or node.op.family == "input" else f" beside the weights, at `{node.path}`"


def _notes(summary: Summary, rows: list[_Row], width: int, ink: Ink) -> list[str]:
    """What must hold of the open sizes, and how to read what is rounded or folded."""
    graph = summary.graph
    open_sizes = [size for tensor in graph.inputs.values() for size in tensor.shape if not isinstance(size, int)]
    names = sorted({name for size in open_sizes for name in size.symbols}, key=lambda name: (name != "N", name))
    remarks = []
    if graph.requires:
        remarks.append(("requires", "; ".join(requirements_words(graph.requires))))
    elif names:
        remarks.append(("requires", f"nothing: it runs for every {listed(names)}"))
    if graph.found:
        remarks.append(("of a run", f"{', '.join(found_words(graph))}: how many there are the numbers decide"))
    if is_rounded(summary.cost.macs) or is_rounded(summary.memory.activation_bytes):
        remarks.append(("open sizes", _advice(summary)))
    if any(" × " in row.columns[1] and row.style for row in rows):
        remarks.append(("n ×", "equal copies: the row has their sum, the rows under it are of one"))
    if any(row.columns[5].startswith("≤") for row in rows):
        remarks.append(("≤", "no unit sees more; after a map is resized, some see less"))
    lines = []
    for title, text in remarks:
        first, *others = wrapped(text, width - 19)
        lines.append(f"{ink('bold', f'{title:18}')} {first}")
        lines += [" " * 19 + line for line in others]
    return lines


def found_words(graph: Graph) -> list[str]:
    """What bounds each size that only a run knows: `R ≤ 1000·N`, `H = 32 … 1344`."""
    words = []
    for name, found in graph.found.items():
        most = "" if found.most is None else count_words(found.most)
        if found.least:
            words.append(f"{name} = {found.least} … {most}" if most else name)
        else:
            words.append(f"{name} ≤ {most}" if most else name)
    return words


def _advice(summary: Summary) -> str:
    name, tensor = next(iter(summary.graph.inputs.items()))
    parts = multiples(summary.graph)
    sizes = "x".join(str(_example(axis, size, parts)) for axis, size in enumerate(tensor.full_shape))
    return (
        f"counts are leading terms, for large sizes; `--input {name}={sizes}` gives numbers, `--json` exact expressions"
    )


def _example(axis: int, size: Dim, parts: Parts) -> int:
    """A size that an axis may have: 1 for the batch, about 224 for others."""
    if isinstance(size, int):
        return size
    known = {name: parts.get(name, 1) for name in size.symbols}
    return evaluated(size, {name: 1 if not axis else -(-224 // part) * part for name, part in known.items()})


def wrapped(text: str, room: int) -> list[str]:
    """The words of a text in lines of at most `room` columns."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and _cells(lines[-1]) + 1 + _cells(word) > room:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines
