"""What somebody wrote anew between two versions of a network, each edit once.

An edit in a block shows at every use of the block, an argument of a network in every block that it is handed to. What
nobody wrote anew is a consequence: the calls as written tell it apart, and uses of one line are one edit.
"""

from __future__ import annotations

from dlspec.analyses.likeness import label, plain, title
from dlspec.analyses.words import shape_words, value_words
from dlspec.graph import Application, Node, Tensor
from dlspec.record import TYPE_CHECKING, Record
from dlspec.sizes import Size

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

    from dlspec.analyses.alignment import Alignment
    from dlspec.source import Span

    Step = Node | Application


class Change(Record):
    """One thing with its value before and after, as a spec writes them; empty where there was none."""

    name: str
    old: str
    new: str


class Edit(Record):
    """Something that was done to a part."""

    kinds: tuple[str, ...]
    """Of `added`, `removed`, `replaced`, `moved`, `renamed`, `changed`, `rewired`, `wrapped` and `unwrapped`."""
    old: Step | None
    new: Step | None
    changes: list[Change]
    again: list[tuple[Step | None, Step | None]]
    """Further parts to which the same line of the spec did the same."""
    is_written: bool = True
    """Whether somebody wrote it; else it follows from another edit."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def span(self) -> Span:
        """Where it is written: in the new spec, of what is gone in the old one."""
        part = self.new if self.new is not None else self.old
        assert part is not None
        return part.span

    @property
    def count(self) -> int:
        """How many parts it was done to."""
        return 1 + len(self.again)


def edits(alignment: Alignment, asked: Collection[str] | None = None) -> list[Edit]:
    """Everything that differs between paired parts, and the parts without a partner, in the order of the new network.

    Written are those at the paths `asked`, if it is known where somebody changed what; else those whose call was
    written anew, and where none was (a constant of the file was, say), those that no block around them hands on.
    """
    found = [*_of_pairs(alignment), *_of_lone(alignment)]
    if asked is not None:
        for edit in found:
            edit.is_written = edit.new is not None and edit.new.path in asked
    elif not any(edit.is_written for edit in found):
        differing = {edit.new for edit in found}
        for edit in found:
            edit.is_written = not any(part in differing for part in _around(alignment, edit.new))
    order = _order(alignment)
    return _together(sorted(found, key=lambda edit: order[edit.new if edit.new is not None else edit.old]))


def _around(alignment: Alignment, part: Step | None) -> Iterator[Step]:
    while part is not None and part in alignment.parents:
        part = alignment.parents[part]
        yield part


# Paired parts


def _of_pairs(alignment: Alignment) -> Iterator[Edit]:
    root_changes = _application_changes(alignment.old.root, alignment.new.root) + _output_changes(alignment)
    if root_changes:
        yield Edit(("changed",), alignment.old.root, alignment.new.root, root_changes, [])
    for old, new in alignment.pairs():
        kinds, changes = [], []
        is_new = _written_anew(old, new)
        if title(old) != title(new) and (isinstance(new, Node) or new in alignment.replaced):
            kinds.append("replaced")
        elif isinstance(old, Node) and isinstance(new, Node):
            changes = _node_changes(old, new)
            if is_new:
                changes = [change for change in changes if not _is_handed_on(old, new, change.name)]
        elif isinstance(old, Application) and isinstance(new, Application):
            changes = _application_changes(old, new)
        if changes:
            kinds.append("changed")
        if new in alignment.moved:
            if not {alignment.parents[old], alignment.parents[new]} & alignment.wraps.keys():
                kinds.insert(0, "moved")
                is_new = True
        elif label(old) != label(new):
            kinds.append("renamed")
            is_new = True
        taken = _wires(alignment, old, new) if isinstance(old, Node) and isinstance(new, Node) else []
        if taken:
            kinds.append("rewired")
            is_new = True
        if kinds:
            yield Edit(tuple(kinds), old, new, changes + taken, [], is_new)


def _written_anew(old: Step, new: Step) -> bool:
    """Whether the call of a part differs as written; an input has no call and is what was written."""
    if isinstance(new, Node) and not new.inputs:
        return True
    return bool(old.call != new.call)


def _is_handed_on(old: Node, new: Node, name: str) -> bool:
    """Whether an argument is written alike in both calls, so that its value was changed elsewhere."""
    before, after = (_argument(node, name) for node in (old, new))
    return before is not None and bool(before == after)


def _argument(node: Node, name: str) -> Any:
    """The expression that a call of the tree has for a parameter; None where it has none."""
    args = getattr(node.call, "args", ())
    for arg in args:
        if arg.name == name:
            return arg.value
    places = [arg.value for arg in args if arg.name is None]
    index = list(node.op.fields).index(name) if name in node.op.fields else len(places)
    return places[index] if index < len(places) else None


def _node_changes(old: Node, new: Node) -> list[Change]:
    changes = []
    if not old.inputs and not new.inputs:
        before, after = _declared(old.outputs[0]), _declared(new.outputs[0])
        if before != after:
            changes.append(Change("", before, after))
    for name in new.op.fields:
        one, other = getattr(old.op, name), getattr(new.op, name)
        if plain(one) != plain(other):
            changes.append(Change(name, _words(one), _words(other)))
    frozen = [node.module is not None and node.module.frozen for node in (old, new)]
    if frozen[0] != frozen[1]:
        changes.append(Change("frozen", value_words(frozen[0]), value_words(frozen[1])))
    return changes


def _declared(tensor: Tensor) -> str:
    return f"{tensor.dtype} {shape_words(tensor.shape)}".rstrip()


def _application_changes(old: Application, new: Application) -> list[Change]:
    """The compile-time arguments that differ; tensors flow, they are no arguments here."""
    names = dict.fromkeys([*old.arguments, *new.arguments])
    changes = []
    for name in names:
        one, other = (_words(part.arguments.get(name, _NONE)) for part in (old, new))
        if one != other and "…" not in (one, other):
            changes.append(Change(name, one, other))
    return changes


_NONE = object()


def _words(value: Any) -> str:
    """A compile-time value as a spec spells it; `…` for what has no spelling, as a tensor."""
    if value is _NONE:
        return ""
    if value is None or isinstance(value, (bool, int, float, str, Size)):
        return value_words(value)
    if isinstance(value, (list, tuple)):
        texts = [_words(item) for item in value]
        return "…" if "…" in texts else value_words(value) if _is_flat(value) else f"[{', '.join(texts)}]"
    named = getattr(value, "definition", None) or getattr(value, "op", None)
    name = getattr(named, "name", None)
    return name if isinstance(name, str) and not isinstance(value, Tensor) else "…"


def _is_flat(value: Any) -> bool:
    return all(item is None or isinstance(item, (bool, int, float, str, Size)) for item in value)


def _output_changes(alignment: Alignment) -> list[Change]:
    old, new = alignment.old.outputs, alignment.new.outputs
    changes = []
    for name in dict.fromkeys([*old, *new]):
        one, other = old.get(name), new.get(name)
        if one is None or other is None:
            changes.append(Change(f"output {name}", one.node.path if one else "", other.node.path if other else ""))
        elif not _source(alignment, one.node, is_old=True) & _source(alignment, other.node, is_old=False):
            changes.append(Change(f"output {name}", one.node.path, other.node.path))
    return changes


# What a layer takes


def _wires(alignment: Alignment, old: Node, new: Node) -> list[Change]:
    """The inputs of a layer, where they come from elsewhere than before and no layer put in between explains it."""
    before, after = [tensor.node for tensor in old.inputs], [tensor.node for tensor in new.inputs]
    if len(before) == len(after) and all(
        alignment.newer.get(one) is other and other not in alignment.moved for one, other in zip(before, after)
    ):
        return []
    if len(before) == len(after):
        pairs = zip(before, after)
        if all(_source(alignment, a, is_old=True) & _source(alignment, b, is_old=False) for a, b in pairs):
            return []
    return [Change("takes", ", ".join(node.path for node in before), ", ".join(node.path for node in after))]


def _source(alignment: Alignment, node: Node, *, is_old: bool) -> set[Node]:
    """The nearest layers before that both networks have at their place, as parts of the new one."""
    found: set[Node] = set()
    stack, seen = [node], {node}
    while stack:
        at = stack.pop()
        there = alignment.newer.get(at) if is_old else at if at in alignment.older else None
        if isinstance(there, Node) and there not in alignment.moved:
            found.add(there)
            continue
        for tensor in at.inputs:
            if tensor.node not in seen:
                seen.add(tensor.node)
                stack.append(tensor.node)
    return found


# Parts without a partner


def _of_lone(alignment: Alignment) -> Iterator[Edit]:
    for old in alignment.removed():
        kind = "unwrapped" if old in alignment.wraps else "removed"
        yield Edit((kind,), old, None, [], [], _body_differs(alignment, old, is_old=True))
    for new in alignment.added():
        kind = "wrapped" if new in alignment.wraps else "added"
        yield Edit((kind,), None, new, [], [], _body_differs(alignment, new, is_old=False))


def _body_differs(alignment: Alignment, part: Step, *, is_old: bool) -> bool:
    """Whether what a part stands in is written otherwise; if not, an argument or a size let it come or go."""
    parent = alignment.parents[part]
    other = (alignment.newer if is_old else alignment.older).get(parent)
    if not isinstance(other, Application):
        return True
    return bool(_body(parent) != _body(other))


def _body(part: Application) -> Any:
    """A part as written; of a block or network what it does, its head aside."""
    definition = part.definition
    for field in ("body", "steps", "items"):
        if hasattr(definition, field):
            return getattr(definition, field)
    return definition


# Order


def _order(alignment: Alignment) -> dict[Step | None, float]:
    """Where each part stands among those of the new network; what is gone follows what stood before it."""
    order: dict[Step | None, float] = {alignment.new.root: -1.0, alignment.old.root: -1.0}
    for index, part in enumerate(_all(alignment.new.root)):
        order[part] = float(index)
    last, gone = -0.5, 0
    for part in _all(alignment.old.root):
        partner = alignment.newer.get(part)
        if partner is not None and partner not in alignment.moved:
            last, gone = order[partner], 0
        else:
            gone += 1
            order[part] = last + 1 - 0.5**gone
    return order


def in_order(alignment: Alignment) -> list[tuple[Step | None, Step | None]]:
    """Old and new of every part, those without a partner too, in the order of the new network."""
    order = _order(alignment)
    rows: list[tuple[Step | None, Step | None]] = [(alignment.older.get(new), new) for new in _all(alignment.new.root)]
    rows += [(old, None) for old in _all(alignment.old.root) if old not in alignment.newer]
    return sorted(rows, key=lambda row: order[row[1] if row[1] is not None else row[0]])


def _all(root: Application) -> Iterator[Step]:
    for step in root.steps:
        yield step
        if isinstance(step, Application):
            yield from _all(step)


def _together(found: list[Edit]) -> list[Edit]:
    """Uses of one line that met the same are one edit."""
    kept: dict[Any, Edit] = {}
    for edit in found:
        key = (
            edit.kinds, edit.is_written, _place(edit.old), _place(edit.new),
            tuple((c.name, c.old, c.new) for c in edit.changes if c.name != "takes"),
        )  # fmt: skip
        first = kept.setdefault(key, edit)
        if first is not edit:
            first.again.append((edit.old, edit.new))
    return list(kept.values())


def _place(part: Step | None) -> Any:
    if part is None:
        return None
    return (part.span.source.name, part.span.start, part.span.end, title(part), label(part))
