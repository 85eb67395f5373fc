"""Which part of one network is which part of another, though names, numbers and places may differ.

Both are trees: networks of blocks of layers. Children are aligned in order, level by level, by how much they have in
common; what is left over at one place is looked for at all others. Equal beginnings and ends are taken off first, so
that the time is linear in the nodes but for what changed.
"""

from __future__ import annotations

from dlspec.analyses.likeness import Likeness, label
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from dlspec.graph import Graph

    Step = Node | Application

CELLS = 10_000
"""Pairs of children that are weighed at once; longer lists are cut where they agree, or halved."""
FOUND_AGAIN = 0.6
"""Share of the layers of a part that must be found elsewhere for it to count as a wrapping of them."""


class Alignment:
    """Parts of an old and of a new network, paired."""

    def __init__(self, old: Graph, new: Graph) -> None:
        self.old = old
        self.new = new
        self.likeness = Likeness()
        self.newer: dict[Step, Step] = {}
        """Old part to new part."""
        self.older: dict[Step, Step] = {}
        self.moved: set[Step] = set()
        """New parts that stand in another place than before."""
        self.wraps: dict[Step, list[Node]] = {}
        """Parts without a partner that only stand around layers which have one, with these layers."""
        self.replaced: set[Step] = set()
        """Parts, old and new, that became something else as a whole; nobody looks into them."""
        self.parents = {**_parents(old.root), **_parents(new.root)}
        self._pair(old.root, new.root)
        self._find_moved()
        self._find_wraps()
        self._find_replaced()

    def removed(self) -> list[Step]:
        """The outermost old parts without a partner, in order."""
        return list(self._outermost(self.old.root, self.newer))

    def added(self) -> list[Step]:
        """The outermost new parts without a partner, in order."""
        return list(self._outermost(self.new.root, self.older))

    def pairs(self) -> Iterator[tuple[Step, Step]]:
        """Old and new part of every pair, in the order of the new network."""
        for part in _parts(self.new.root):
            if part in self.older:
                yield self.older[part], part

    def _outermost(self, root: Application, partner: dict[Step, Step]) -> Iterator[Step]:
        stack = list(reversed(root.steps))
        while stack:
            step = stack.pop()
            if step not in partner:
                yield step
            elif isinstance(step, Application) and step not in self.replaced:
                stack += reversed(step.steps)

    # Level by level

    def _pair(self, old: Step, new: Step) -> None:
        stack = [(old, new)]
        while stack:
            one, other = stack.pop()
            self.newer[one], self.older[other] = other, one
            if isinstance(one, Application) and isinstance(other, Application):
                if self.likeness.may_share(one, other):
                    stack += self._aligned(one.steps, other.steps)
                else:
                    self.replaced |= {one, other}

    def _aligned(self, old: Sequence[Step], new: Sequence[Step]) -> list[tuple[Step, Step]]:
        """Pairs of children, in order on both sides."""
        same, first, last = self.likeness.same, 0, 0
        while first < min(len(old), len(new)) and same(old[first], new[first]):
            first += 1
        while last < min(len(old), len(new)) - first and same(old[-1 - last], new[-1 - last]):
            last += 1
        pairs = [*zip(old[:first], new[:first]), *zip(old[len(old) - last :], new[len(new) - last :])]
        old, new = old[first : len(old) - last], new[first : len(new) - last]
        if len(old) * len(new) <= CELLS:
            return pairs + self._heaviest(old, new)
        cuts = self._cuts(old, new) or [(len(old) // 2, len(new) // 2)]
        for (i, j), (k, m) in zip([(0, 0), *cuts], [*cuts, (len(old), len(new))]):
            pairs += self._aligned(old[i:k], new[j:m])
        return pairs

    def _cuts(self, old: Sequence[Step], new: Sequence[Step]) -> list[tuple[int, int]]:
        """Where both lists have a part that each has once, the longest run of them in the order of both."""
        left, right = self._once(old), self._once(new)
        both = sorted((left[key], right[key]) for key in left.keys() & right.keys())
        chain = _rising(both)
        return [cut for cut in chain if cut != (0, 0)]

    def _once(self, steps: Sequence[Step]) -> dict[object, int]:
        seen: dict[object, list[int]] = {}
        for index, step in enumerate(steps):
            seen.setdefault(self.likeness.key(step), []).append(index)
        return {key: places[0] for key, places in seen.items() if len(places) == 1}

    def _heaviest(self, old: Sequence[Step], new: Sequence[Step]) -> list[tuple[Step, Step]]:
        """The pairs in common order with the greatest likeness in all."""
        known = {label(step) for step in old} & {label(step) for step in new}
        weight = [[self.likeness.weight(one, other, known) for other in new] for one in old]
        best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
        for i in range(len(old) - 1, -1, -1):
            for j in range(len(new) - 1, -1, -1):
                with_both = best[i + 1][j + 1] + weight[i][j] if weight[i][j] else 0
                best[i][j] = max(with_both, best[i + 1][j], best[i][j + 1])
        pairs: list[tuple[Step, Step]] = []
        i = j = 0
        while i < len(old) and j < len(new):
            if weight[i][j] and best[i][j] == best[i + 1][j + 1] + weight[i][j]:
                pairs.append((old[i], new[j]))
                i, j = i + 1, j + 1
            elif best[i][j] == best[i + 1][j]:
                i += 1
            else:
                j += 1
        return pairs

    # What stands elsewhere

    def _find_moved(self) -> None:
        """Pair parts that have no partner at their place with equal ones elsewhere, the surest first."""
        for key in (self.likeness.key, self.likeness.content, self.likeness.title):
            before, after = (self._waiting(key, *side) for side in self._sides())
            for found, new_ones in after.items():
                old_ones = before.get(found, [])
                if len(old_ones) != len(new_ones):
                    continue  # which of them is which cannot be told
                for old, new in zip(old_ones, new_ones):
                    if old not in self.newer and new not in self.older:
                        self._pair(old, new)
                        self.moved.add(new)

    def _sides(self) -> tuple[tuple[Application, dict[Step, Step]], tuple[Application, dict[Step, Step]]]:
        return (self.old.root, self.newer), (self.new.root, self.older)

    def _waiting(
        self, key: Callable[[Step], object], root: Application, partner: dict[Step, Step]
    ) -> dict[object, list[Step]]:
        """Parts without a partner that can be told apart, by key."""
        waiting: dict[object, list[Step]] = {}
        for part in self._lone(root, partner):
            found = key(part)
            if found is not None and self.likeness.is_distinct(part):
                waiting.setdefault(found, []).append(part)
        return waiting

    def _lone(self, root: Application, partner: dict[Step, Step]) -> Iterator[Step]:
        """Parts without a partner: the outermost, and what is within these."""
        for part in list(self._outermost(root, partner)):
            yield part
            if isinstance(part, Application):
                yield from (inner for inner in _parts(part) if inner not in partner)

    def _find_wraps(self) -> None:
        """Find the layers of a part without a partner among those that stand elsewhere."""
        self._wraps_of(self.added(), self.removed(), to_old=True)
        self._wraps_of(self.removed(), self.added(), to_old=False)

    def _wraps_of(self, around: list[Step], others: list[Step], *, to_old: bool) -> None:
        own, far = (self.older, self.newer) if to_old else (self.newer, self.older)
        for part in around:
            if not isinstance(part, Application):
                continue
            inside = list(part.nodes())
            found = self._in_order([n for n in inside if n not in own], [n for n in _nodes(others) if n not in far])
            known = [node for node in inside if node in own]
            if len(inside) < 2 or len(found) + len(known) < FOUND_AGAIN * len(inside):
                continue
            for mine, other in found:
                old, new = (other, mine) if to_old else (mine, other)
                self._pair(old, new)
                self.moved.add(new)
            self.wraps[part] = [node for node in inside if node in own]

    def _in_order(self, one: list[Node], other: list[Node]) -> list[tuple[Node, Node]]:
        """Equal layers of two lists, in the order of both, the nearest first."""
        places: dict[object, list[int]] = {}
        for index, node in enumerate(other):
            places.setdefault(self.likeness.content(node), []).append(index)
        pairs, last = [], -1
        for node in one:
            at = next((i for i in places.get(self.likeness.content(node), ()) if i > last), -1)
            if at >= 0:
                pairs.append((node, other[at]))
                last = at
        return pairs

    def _find_replaced(self) -> None:
        """Pair what went with what came at the very same place: one thing there before, one thing now."""
        for new in self.added():
            siblings = self.parents[new].steps
            index = siblings.index(new)
            before = self._beside(siblings, index, -1)
            after = self._beside(siblings, index, 1)
            parent = self.older.get(self.parents[new])
            if before is None or after is None or not isinstance(parent, Application) or new in self.wraps:
                continue
            between = self._between(parent.steps, before, after)
            if len(between) == 1 and between[0] not in self.wraps and self.likeness.may_replace(between[0], new):
                old = between[0]
                self.newer[old], self.older[new] = new, old
                self.replaced |= {old, new}

    def _beside(self, siblings: list[Step], index: int, way: int) -> Step | str | None:
        """The old partner of the next sibling; `end` where there is none, None where that has no partner."""
        at = index + way
        if not 0 <= at < len(siblings):
            return "end"
        return None if siblings[at] in self.moved else self.older.get(siblings[at])

    @staticmethod
    def _between(steps: list[Step], before: Step | str, after: Step | str) -> list[Step]:
        start = 0 if isinstance(before, str) else steps.index(before) + 1 if before in steps else len(steps)
        end = len(steps) if isinstance(after, str) else steps.index(after) if after in steps else 0
        return steps[start:end]


def _parents(root: Application) -> dict[Step, Application]:
    return {step: part for part in (root, *_parts(root)) if isinstance(part, Application) for step in part.steps}


def _parts(root: Application) -> Iterator[Step]:
    """Everything in a part, at any depth, each before what is in it."""
    stack = list(reversed(root.steps))
    while stack:
        step = stack.pop()
        yield step
        if isinstance(step, Application):
            stack += reversed(step.steps)


def _nodes(parts: Iterable[Step]) -> Iterator[Node]:
    for part in parts:
        if isinstance(part, Application):
            yield from part.nodes()
        else:
            yield part


def _rising(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest run of pairs, sorted by the first number, in which the second rises too."""
    from bisect import bisect_left

    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for index, (_, second) in enumerate(pairs):
        at = bisect_left(ends, second)
        before.append(last[at - 1] if at else -1)
        if at == len(ends):
            ends.append(second)
            last.append(index)
        else:
            ends[at], last[at] = second, index
    run = []
    index = last[-1] if last else -1
    while index >= 0:
        run.append(pairs[index])
        index = before[index]
    return run[::-1]
