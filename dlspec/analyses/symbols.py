"""The derivations of a layer or block with letters in place of its sizes: the rule, and not one case of it.

Every axis that comes in gets a letter; arguments keep their numbers. The operators are asked anew with these sizes, so
what is said is what they would do with any.
"""

from __future__ import annotations

from dlspec.analyses.derivations import folded_lines, joined_lines, size_lines, slid_axes
from dlspec.analyses.words import count_words, operator_words, shape_words, size_words
from dlspec.diagnostics.render.ink import Ink
from dlspec.graph import Application, Module, Node, Tensor
from dlspec.ops.fact import At, Fact, Mistake
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Condition, Domain, Verdict, decide, product, symbol

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.graph import Graph
    from dlspec.sizes import Dim

    Section = tuple[str, list[str]]

LETTERS: dict[int, tuple[str, ...]] = {
    1: ("N",),
    2: ("N", "C"),
    3: ("N", "C", "L"),
    4: ("N", "C", "H", "W"),
    5: ("N", "C", "D", "H", "W"),
}


class _AnyAt(At):
    """Where an operator is applied for the sake of its formulas."""

    __slots__ = ()
    weights_may_be_open = True


class Letters:
    """Letters for sizes: equal sizes of an axis share one, others of the same axis are numbered."""

    def __init__(self, *, with_channels: bool = True) -> None:
        self._given: dict[str, list[Dim]] = {}
        self._with_channels = with_channels

    def fact(self, tensor: Fact) -> Fact:
        """A tensor of the same rank, its sizes letters; channels and features too, unless they are to stay."""
        rank = len(tensor.shape)
        names = LETTERS.get(rank) or tuple(f"A{axis}" for axis in range(rank))
        kept = () if self._with_channels else (1, rank - 1) if rank <= 3 else (1,)
        shape = tuple(
            size if axis in kept else self._letter(name, size)
            for axis, (name, size) in enumerate(zip(names, tensor.shape))
        )
        return Fact(tensor.dtype, shape)

    def _letter(self, name: str, size: Dim) -> Dim:
        sizes = self._given.setdefault(name, [])
        if size not in sizes:
            sizes.append(size)
        number = sizes.index(size)
        return symbol(name if not number else f"{name}{number + 1}")


def applied(node: Node, facts: Iterable[Fact]) -> Node:
    """A node as it would be on other tensors; raises Mistake where it does not take them."""
    tensors = []
    for fact, own in zip(facts, node.inputs):
        tensors.append(Tensor(fact.dtype, fact.shape, own.node, own.port))
    at = _AnyAt(tensors)
    outputs = node.op.result(at)
    made = Node(node.path, node.op, tuple(tensors), at, node.span, node.application)
    made.outputs = tuple(Tensor(fact.dtype, fact.shape, made, port) for port, fact in enumerate(outputs))
    if node.module is not None:
        made.module = Module(node.module.path, node.op, at, node.span)
    return made


def lettered(node: Node) -> Node | None:
    """A node on tensors with letters for sizes, for channels too where it lets them; None where it takes no letters."""
    for with_channels in (True, False):
        letters = Letters(with_channels=with_channels)
        try:
            return applied(node, [letters.fact(tensor) for tensor in node.inputs])
        except Mistake:
            continue
    return None


# One layer


def sections(node: Node) -> list[Section]:
    """What there is to say of a layer with letters for the sizes that come in; empty for what takes nothing."""
    if not node.inputs:
        return []
    made = lettered(node)
    if made is None:
        return [("with letters", ["this operator asks for sizes that are numbers"])]
    sizes = size_lines(made, {}) or {"shape": folded_lines, "join": joined_lines}.get(node.op.family, _none)(made, {})
    ends = ", ".join(shape_words(tensor.shape) for tensor in made.inputs)
    given = ", ".join(shape_words(tensor.shape) or "one number" for tensor in made.outputs)
    return [
        ("with letters", [f"{ends}  →  {given}"]),
        ("output size", [line for line in sizes if line.partition(" = ")[0] != line.partition(" = ")[2]]),
        ("parameters", _parameters(made)),
        ("MACs", _macs(made)),
        ("receptive field", _field(made)),
        ("it asks", _conditions(made)),
    ]


def _none(node: Node, parts: object) -> list[str]:
    return []


def _parameters(node: Node) -> list[str]:
    if node.module is None or not node.module.weights:
        return []
    weights = node.module.weights
    factors = [("·".join(size_words(size) for size in shape) or "1", name) for name, shape in weights]
    total: Dim = 0
    for _, shape in weights:
        total = total + product(shape)
    return [f"{' + '.join(f'{text} ({name})' if name else text for text, name in factors)} = {_count(total)}"]


def _macs(node: Node) -> list[str]:
    macs = node.op.macs(node.at, node.outputs)
    return [_count(macs)] if not isinstance(macs, int) or macs else []


def _conditions(node: Node) -> list[str]:
    """What must hold of the letters, unless it always does."""
    signs = {">=": "≥", "==": "=", "<=": "≤"}
    found = [
        f"{size_words(left)} {signs.get(relation, relation)} {size_words(right)}"
        for relation, left, right, _ in node.at.conditions
        if decide(Condition(relation, left, right), Domain()) is not Verdict.ALWAYS
    ]
    return list(dict.fromkeys(found))


def _count(size: Dim) -> str:
    return size_words(size, separator=",")


def _field(node: Node) -> list[str]:
    """What a window adds to the field that comes in, along the axis that it slides on last."""
    slid = next(iter(slid_axes(node)[::-1]), None)
    if slid is None:
        return []
    window = slid.window
    wider = "RF" if window.span == 1 else f"RF + ({window.span} − 1)·jump"
    faster = f"; jump becomes {window.step}·jump" if window.step > 1 else "; jump stays"
    return [f"RF becomes {wider}{faster}"]


# A block


def block_table(graph: Graph, part: Application, *, width: int = 100, colour: bool = False) -> str:
    """The layers of a part one after the other, each size an expression of what comes into the part."""
    ink, letters = Ink(colour), Letters(with_channels=_takes_channels(part))
    known: dict[Node, Node] = {}
    facts: dict[tuple[Node, int], Fact] = {}
    rows: list[tuple[str, str, str, str]] = []
    for node in part.nodes():
        try:
            made = _row(node, known, facts, letters)
        except Mistake as mistake:
            rows.append((_name(node, part), operator_words(node.op), f"only some sizes: {mistake.message}", ""))
            break
        if made is not None:
            known[node] = made
            total = sum((product(shape) for _, shape in made.module.weights), start=0) if made.module else 0
            shape = ", ".join(shape_words(tensor.shape) for tensor in made.outputs)
            rows.append((_name(node, part), operator_words(node.op), shape, "" if total == 0 else count_words(total)))
    title = f"{ink('bold', part.path or graph.name)}   {', '.join(dict.fromkeys(map(_shape, facts.values())))}"
    wide = [max((len(row[column]) for row in rows), default=0) for column in range(3)]
    wide[2] = min(wide[2], width // 2)
    wide[1] = max(8, min(wide[1], width - wide[0] - wide[2] - 20))
    lines = [title, ""]
    for name, *texts, count in rows:
        operator, shape = (text if len(text) <= room else text[: room - 1] + "…" for text, room in zip(texts, wide[1:]))
        lines.append(f"{name:{wide[0]}}  {ink('dim', f'{operator:{wide[1]}}')}  {shape:{wide[2]}}  {count}".rstrip())
    return "\n".join(lines)


def _takes_channels(part: Application) -> bool:
    """Whether every layer of a part runs with letters for channels."""
    known: dict[Node, Node] = {}
    facts: dict[tuple[Node, int], Fact] = {}
    letters = Letters()
    try:
        for node in part.nodes():
            if (made := _row(node, known, facts, letters)) is not None:
                known[node] = made
    except Mistake:
        return False
    return True


def _row(
    node: Node, known: dict[Node, Node], facts: dict[tuple[Node, int], Fact], letters: Letters
) -> Node | None:  # fmt: skip
    """A layer on what the layers before it give; on letters where that comes from outside."""
    if not node.inputs:
        return None
    taken: list[Fact] = []
    for tensor in node.inputs:
        if tensor.node in known:
            taken.append(known[tensor.node].outputs[tensor.port])
            continue
        key = (tensor.node, tensor.port)
        if key not in facts:
            facts[key] = letters.fact(tensor)
        taken.append(facts[key])
    return applied(node, taken)


def _shape(fact: Fact) -> str:
    return shape_words(fact.shape)


def _name(node: Node, part: Application) -> str:
    return node.path.removeprefix(f"{part.path}.") if part.path else node.path
