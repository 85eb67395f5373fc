"""The numbers of a layer derived with the formulas of the course: output size, parameters, MACs, receptive field."""

from __future__ import annotations

from dlspec.analyses.cost import parameters
from dlspec.analyses.picture import drawn, never_read
from dlspec.analyses.reach import Reach
from dlspec.analyses.words import listed, size_words
from dlspec.ops.pattern import pattern
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, exact_quotient, product

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from dlspec.analyses.receptive_field import Field, ReceptiveFields
    from dlspec.graph import Graph, Node
    from dlspec.ops.fact import Shape
    from dlspec.sizes import Dim

    Parts = Mapping[str, int]
    """What open sizes are multiples of, by name."""


def axis_name(axis: int, rank: int) -> str:
    """What people call an axis of a map: `height`, `width`, `length`."""
    names = {3: ("length",), 4: ("height", "width"), 5: ("depth", "height", "width")}.get(rank, ())
    return names[axis - 2] if 0 <= axis - 2 < len(names) else f"axis {axis}"


# Output size


class Slid:
    """One axis that a window slides along."""

    __slots__ = ("after", "axis", "before", "window")

    def __init__(self, axis: int, window: Window, before: Dim, after: Dim) -> None:
        self.axis = axis
        self.window = window
        self.before = before
        self.after = after

    @property
    def kernel(self) -> int:
        """How many positions the window looks at."""
        return (self.window.span - 1) // self.window.apart + 1

    def looks_like(self, other: Slid) -> bool:
        return (self.window, self.window.apart, self.before, self.after) == (
            other.window, other.window.apart, other.before, other.after
        )  # fmt: skip


def slid_axes(node: Node) -> list[Slid]:
    """The axes along which a node's windows slide, with their sizes before and after."""
    windows = list(node.op.windows())
    if not windows or not node.inputs:
        return []
    read = pattern(node.op.axes)
    taken, given = read.inputs[0], read.outputs[0]
    places = [index for index, axis in enumerate(given) if axis.endswith("'")]
    return [
        Slid(taken.index(given[place][:-1]), window, node.inputs[0].shape[taken.index(given[place][:-1])],
             node.outputs[0].shape[place])
        for place, window in zip(places, windows)
    ]  # fmt: skip


def size_lines(node: Node, parts: Parts) -> list[str]:
    """The output size along every axis that a window slides along, equal axes together."""
    rank = len(node.inputs[0].shape)
    groups: list[list[Slid]] = []
    for slid in slid_axes(node):
        like = next((group for group in groups if group[0].looks_like(slid)), None)
        if like is None:
            groups.append([slid])
        else:
            like.append(slid)
    lines = []
    for index, group in enumerate(groups):
        names = listed([axis_name(slid.axis, rank) for slid in group])
        title = "" if len(groups) == 1 and len(group) == rank - 2 else f"{names}: "
        first, slid = groups[0][0], group[0]
        if index and (slid.window, slid.window.apart) == (first.window, first.window.apart):
            lines.append(f"{title}the same, {size_words(slid.before, parts)} → {size_words(slid.after, parts)}")
        else:
            lines += [title + line for line in _size_line(slid, parts)]
    return lines or _formula_lines(node, parts)


def _formula_lines(node: Node, parts: Parts) -> list[str]:
    """Sizes that the operator itself has a formula for."""
    rank, said, lines = len(node.inputs[0].shape), [], []
    for axis, formula, numbers in node.op.formulas(node.at, node.outputs):
        before, after = node.inputs[0].shape[axis], node.outputs[0].shape[axis]
        line = f"{formula} = {numbers} = {size_words(after, parts)}".replace("{in}", size_words(before, parts))
        if line not in said:
            said.append(line)
            lines.append((axis, line))
    titled = len(lines) > 1
    return [f"{axis_name(axis, rank)}: {line}" if titled else line for axis, line in lines]


def joined_lines(node: Node, parts: Parts) -> list[str]:
    """For a node that puts tensors one after the other: the sum along the axis."""
    shapes, out = [tensor.shape for tensor in node.inputs], node.outputs[0].shape
    if len(shapes) < 2 or any(len(shape) != len(out) for shape in shapes):
        return []
    for axis, size in enumerate(out):
        total: Dim = 0
        for shape in shapes:
            total = total + shape[axis]
        if total == size:
            name = "channels" if axis == 1 and len(out) > 2 else axis_name(axis, len(out))
            return [f"{name}: {' + '.join(size_words(s[axis], parts) for s in shapes)} = {size_words(size, parts)}"]
    return []


def _size_line(slid: Slid, parts: Parts) -> list[str]:
    window, size = slid.window, slid.before
    lines = []
    if window.apart > 1:
        kernel = slid.kernel
        lines.append(
            f"k = dilation·(taps − 1) + 1 = {window.apart}·({kernel} − 1) + 1 = {window.span}"
            f" positions for {kernel} taps"
        )
    even = window.before == window.after
    letters = " + 2·pad" if even else " + before + after"
    numbers = f" + 2·{window.before}" if even else f" + {window.before} + {window.after}"
    if not window.before and not window.after:
        letters = numbers = ""
    length = size_words(size, parts)
    steps = [f"in − k{letters}", f"{length} − {window.span}{numbers}"]
    if window.step > 1:
        steps = [f"⌊({steps[0]})/stride⌋ + 1", f"⌊({steps[1]})/{window.step}⌋ + 1"]
        if isinstance(size, int) and (size + window.slack) % window.step:
            steps.append(f"⌊{size + window.slack}/{window.step}⌋ + 1")  # the floor takes something away
    else:
        steps = [f"{step} + 1" for step in steps]
    lines.append(" = ".join([*steps, size_words(slid.after, parts)]))
    return lines


def picture_lines(node: Node, width: int) -> list[str]:
    """The windows over the last axis that they slide along, and what is never read; sizes must be known."""
    slid = next(iter(slid_axes(node)[::-1]), None)
    if slid is None or not isinstance(slid.before, int) or not isinstance(slid.after, int):
        return []
    if slid.window.span == slid.window.step == 1 and not slid.window.before:
        return []
    legend = ["· padding"] if slid.window.before or slid.window.after else []
    legend += ["× never read"] if never_read(slid.window, slid.before, slid.after) else []
    tail = f"    {', '.join(legend)}" if legend else ""
    lines = drawn(slid.window, slid.before, slid.after, width - len(tail) - 2)
    return [lines[0] + tail, *lines[1:]] if lines else []


def unread_lines(node: Node) -> list[str]:
    """What no window reads, axis by axis, and how every position would be read."""
    rank, lines = len(node.inputs[0].shape), []
    for slid in slid_axes(node):
        if not isinstance(slid.before, int) or not isinstance(slid.after, int):
            continue
        unread = never_read(slid.window, slid.before, slid.after)
        if unread:
            lines.append(f"{axis_name(slid.axis, rank)}: {_unread(unread, slid, slid.before)}")
    return lines


def _unread(unread: list[int], slid: Slid, length: int) -> str:
    window = slid.window
    at_end = unread == list(range(length - len(unread), length))
    if not at_end:
        return (
            f"{len(unread)} of {length} positions are never read: the windows are {window.step} apart and look at "
            f"{slid.kernel} positions"
        )
    less = length - len(unread)
    some = f"position {unread[0]} is" if len(unread) == 1 else f"positions {unread[0]} to {unread[-1]} are"
    pad = next((pad for pad in range(1, window.step + 1) if _reads_all(window, pad, length)), None)
    more = f" a padding of {window.before + pad} or" if pad is not None else ""
    return f"{some} never read;{more} an input of {less} would use every one"


def _reads_all(window: Window, more: int, length: int) -> bool:
    wider = Window(window.span, window.step, window.before + more, window.after + more, window.apart)
    count = wider.size(length)
    return isinstance(count, int) and count > 0 and not never_read(wider, length, count)


def folded_lines(node: Node, parts: Parts) -> list[str]:
    """For a node that folds axes into one: their product."""
    before, after = node.inputs[0].shape, node.outputs[0].shape
    start = next((axis for axis, (one, other) in enumerate(zip(before, after)) if one != other), len(after))
    folded = len(before) - len(after) + 1
    if folded < 2 or start >= len(after) or product(before[start : start + folded]) != after[start]:
        return []
    factors = "·".join(size_words(size, parts) for size in before[start : start + folded])
    return [f"{factors} = {size_words(after[start], parts, separator=',')}"]


# Parameters and arithmetic


def parameter_lines(node: Node) -> list[str]:
    """How many numbers a node's module learns, from its weights."""
    module = node.module
    if module is None or not module.weights:
        return []
    shapes = dict(module.weights)
    weight, bias = shapes.get("weight"), shapes.get("bias")
    total = parameters(module)
    if node.op.family == "convolution" and weight is not None and set(shapes) <= {"weight", "bias"}:
        lines = _filters(node, weight, bias, total)
    elif node.op.family == "linear" and weight is not None and len(weight) == 2:
        lines = _pairs(weight, bias, total)
    else:
        lines = _named(module.weights, total)
    if module.frozen:
        lines.append("frozen: they are kept as they are loaded")
    return lines


def _filters(node: Node, weight: Shape, bias: Shape | None, total: int) -> list[str]:
    """Parameters filter by filter; the weights of a transposed convolution have inputs first."""
    filters = node.outputs[0].shape[1]
    spread_out = weight[0] != filters or weight[1] == filters
    seen = weight[0] if spread_out and weight[1] == filters else weight[1]
    extent = list(weight[2:])
    factors = "·".join(str(size) for size in (*extent, seen))
    one = _numbers((*extent, seen))
    offset = " + 1" if bias is not None else ""
    each = f"{factors}{offset} = {one + (bias is not None):,} per filter"
    if total != (one + (bias is not None)) * _numbers((filters,)):
        return _named((("weight", weight), *((("bias", bias),) if bias is not None else ())), total)
    return [f"{each}, × {filters} filters = {total:,}" if filters != 1 else each]


def _pairs(weight: Shape, bias: Shape | None, total: int) -> list[str]:
    given, taken = weight
    if bias is None:
        return [f"{taken}·{given} = {total:,}: a weight for every pair of features"]
    return [f"{taken}·{given} + {given} = {total:,}: a weight for every pair of features, an offset for every result"]


def _named(weights: Sequence[tuple[str, Shape]], total: int) -> list[str]:
    texts = [
        f"{'·'.join(map(str, shape)) or '1'} ({name})" if name else "·".join(map(str, shape)) for name, shape in weights
    ]
    return [f"{' + '.join(texts)} = {total:,}"]


def buffer_lines(node: Node) -> list[str]:
    """What a module keeps beside what it learns."""
    if node.module is None or not node.module.buffers:
        return []
    return _named(
        tuple((name, shape) for name, shape, _ in node.module.buffers),
        sum(_numbers(shape) for _, shape, _ in node.module.buffers),
    )


def mac_lines(node: Node, macs: Dim, parts: Parts) -> list[str]:
    """The multiply-adds: each weight, as often as it is used."""
    if isinstance(macs, int) and not macs:
        return []
    weight = None if node.module is None else next((shape for _, shape in node.module.weights if len(shape) > 1), None)
    count = 1 if weight is None else product(weight)
    uses = exact_quotient(macs, count) if weight is not None else None
    if uses is None or not isinstance(count, int):
        return [_count(macs, parts)]
    often = "once" if uses == 1 else f"at {_count(uses, parts)} positions"
    return [f"{count:,} weights, each used {often} = {_count(macs, parts)}"]


def _numbers(shape: Iterable[Dim]) -> int:
    """How many numbers a tensor of closed sizes has, as all weights are."""
    found = product(shape)
    assert isinstance(found, int)
    return found


def _count(count: Dim, parts: Parts) -> str:
    return size_words(count, parts, separator=",")


def dense_lines(node: Node, total: int) -> list[str]:
    """What a fully connected layer between the same maps would hold; sizes must be known."""
    before, after = node.inputs[0].shape[1:], node.outputs[0].shape[1:]
    if node.op.family != "convolution" or not all(isinstance(size, int) for size in (*before, *after)) or not total:
        return []
    seen, made = _numbers(before), _numbers(after)
    whole = seen * made + made
    factors = "·".join(map(str, (*before[1:], before[0])))
    own = _numbers(node.module.weights[0][1][1:]) if node.module else 0
    return [
        f"{factors} = {seen:,} weights for each unit, against {own:,} here; {whole:,} parameters for all {made:,}"
        f" units: {_times(whole, total)} as many"
    ]


def _times(whole: int, total: int) -> str:
    ratio = whole / total
    return f"{ratio:,.0f} times" if ratio >= 10 else f"{ratio:.2g} times"


# Receptive field


class Step:
    """A node on the way that widens the view or makes it move faster."""

    __slots__ = ("after", "before", "jump", "kernel", "name", "stride")

    def __init__(self, name: str, kernel: int, jump: str, before: int, after: int, stride: str) -> None:
        self.name = name
        self.kernel = kernel
        self.jump = jump
        self.before = before
        self.after = after
        self.stride = stride


def field_lines(graph: Graph, node: Node, fields: ReceptiveFields) -> list[str]:
    """The receptive field step by step, and what it means for the input."""
    lines: list[str] = []
    names = fields.inputs_of(node)
    for name in names:
        field = fields.of(node, name)
        if field is None or not field.axes:
            continue
        if not isinstance(field.sights[-1], Reach):
            found = _whole_lines(node, name, fields)
        else:
            steps = _steps(graph, node, name, fields)
            is_step = bool(slid_axes(node)) or len(node.inputs) > 1 or (bool(steps) and steps[-1].name == node.path)
            found = _step_lines(steps) if is_step else ["as that of what comes in"]
            found += _meaning(field, name)
            if len({(sight.span, sight.stride) for sight in field.reaches}) > 1 or len(field.reaches) < len(
                field.sights
            ):
                found[0] += f"; along the {axis_name(field.axes[-1], len(graph.inputs[name].shape))}"
        lines += [f"`{name}`: {line}" if len(names) > 1 and not index else line for index, line in enumerate(found)]
    return lines


def _steps(graph: Graph, node: Node, name: str, fields: ReceptiveFields) -> list[Step]:
    """The widest path back to the input, along the last of its positions."""
    field = fields.of(node, name)
    assert field is not None
    axis = field.axes[-1]
    steps: list[Step] = []
    while node is not graph.inputs[name].node:
        before = widest(node, name, axis, fields)
        if before is None:
            break
        old, new = fields.view(before, name), fields.view(node, name)
        one, other = old[axis] if old else None, new[axis] if new else None
        if isinstance(one, Reach) and isinstance(other, Reach) and (one.span, one.stride) != (other.span, other.stride):
            steps.append(_step(node, before, one, other))
        node = before
    return steps[::-1]


def widest(node: Node, name: str, axis: int, fields: ReceptiveFields) -> Node | None:
    """The node before that sees most of the input."""
    best, span = None, -1
    for tensor in node.inputs:
        view = fields.view(tensor.node, name)
        sight = None if view is None else view[axis]
        size = sight.span if isinstance(sight, Reach) else 1 << 62 if sight is not None else -1
        if size > span:
            best, span = tensor.node, size
    return best


def _step(node: Node, before: Node, one: Reach, other: Reach) -> Step:
    port = next(port for port, tensor in enumerate(node.inputs) if tensor.node is before)
    seen = node.op.spread(node.at, node.outputs, port)
    much = seen[one.place][1] if one.place is not None else None
    kernel = getattr(much, "span", 0)
    return Step(node.path, kernel, str(one.stride), one.span, other.span, str(other.stride))


KEPT = 5
"""Steps that are shown at either end of a long way."""


def _step_lines(steps: list[Step]) -> list[str]:
    """A line for each step, equal ones of stride 1 together."""
    if not steps:
        return ["1: each unit sees its own position"]
    rows = [_step_row(run) for run in _runs(steps)]
    if len(rows) > 2 * KEPT + 1:
        rows = [*rows[:KEPT], (f"… {len(rows) - 2 * KEPT} more …", "", ""), *rows[-KEPT:]]
    wide = max(len(name) for name, _, _ in rows), max(len(text) for _, text, _ in rows)
    lines = [f"{name:{wide[0]}}  {text:{wide[1]}}  {jump}".rstrip() for name, text, jump in rows]
    return ["RF + (k − 1)·jump, where jump is the product of the strides before", *lines]


def _step_row(run: list[Step]) -> tuple[str, str, str]:
    """The names of equal steps, the sum that they make, and the jump where it changes."""
    first, last = run[0], run[-1]
    name = first.name if len(run) == 1 else f"{first.name} … {last.name}"
    made = f"{first.before} → {last.after}"
    if first.kernel and first.jump.isdigit():
        more = len(run) * (first.kernel - 1) * int(first.jump)
        if first.before + more == last.after:
            times = f"{len(run)}·" if len(run) > 1 else ""
            jump = f"·{first.jump}" if first.jump != "1" else ""
            made = f"{first.before} + {times}({first.kernel} − 1){jump} = {last.after}"
    return name, made, f"jump {last.stride}" if last.stride != first.jump else ""


def _runs(steps: list[Step]) -> list[list[Step]]:
    runs: list[list[Step]] = []
    for step in steps:
        last = runs[-1][-1] if runs else None
        if last is not None and (last.kernel, last.jump, last.stride) == (step.kernel, step.jump, step.stride) and (
            step.stride == step.jump and last.after == step.before
        ):  # fmt: skip
            runs[-1].append(step)
        else:
            runs.append([step])
    return runs


def _meaning(field: Field, name: str) -> list[str]:
    """What the field is a part of, how it moves and where it lies."""
    size = " × ".join(map(str, field.size))
    lines = [f"a unit sees {'at most ' if field.is_bound else ''}{size} of `{name}`{_share(field)}"]
    reach = field.reaches[-1]
    if reach.place is not None and not field.is_bound:
        moves = f"its neighbour the same {reach.stride} further on" if reach.stride else ""
        lines.append(f"{moves}; unit 0 begins {_begins(reach)}, its middle lies at {reach.centre}")
    if field.is_misaligned:
        lines.append("paths that join here disagree in stride or centre: the field is the hull of what they see")
    if field.has_holes:
        lines.append("not every position within it is seen: dilated windows leave holes")
    return lines


def _begins(reach: Reach) -> str:
    padding = reach.padding
    if isinstance(padding, int) and padding < 0:
        return f"at {-padding}"
    return f"{padding} before the edge" if padding else "at the edge"


def _share(field: Field) -> str:
    size, length = field.size[-1], field.sizes[-1]
    if not isinstance(size, int) or not isinstance(length, int):
        return ""
    if size > length:
        return f", more than its {length} positions: units at the middle see all of it"
    return f", which has {' × '.join(map(str, field.sizes))}"


def _whole_lines(node: Node, name: str, fields: ReceptiveFields) -> list[str]:
    """Where all of the input came into view."""
    field = fields.of(node, name)
    assert field is not None
    if field.depends_on_data:
        return [f"which part of `{name}` it sees is decided by the numbers"]
    axis, at = field.axes[-1], node
    while True:
        before = widest(at, name, axis, fields)
        view = None if before is None else fields.view(before, name)
        if before is None or view is None or isinstance(view[axis], Reach):
            break
        at = before
    through = "it" if at is node else f"`{at.path}`"
    return [f"all of `{name}`: {through} looks at every position of what comes in"]
