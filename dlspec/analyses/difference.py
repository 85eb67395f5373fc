"""Two versions of a network side by side: edits, their consequences, totals, and what becomes of old weights."""

from __future__ import annotations

from dlspec.analyses.alignment import Alignment
from dlspec.analyses.carried import carried
from dlspec.analyses.consequences import consequences
from dlspec.analyses.edits import edits
from dlspec.analyses.memory import Largest
from dlspec.analyses.summary import summarize
from dlspec.graph import Application, Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Collection
    from typing import Any

    from dlspec.analyses.carried import Carried
    from dlspec.analyses.consequences import Consequence
    from dlspec.analyses.edits import Edit
    from dlspec.analyses.summary import Summary
    from dlspec.graph import Graph
    from dlspec.sizes import Dim

    Step = Node | Application


class Total(Record):
    """A number of the whole network, before and after."""

    name: str
    old: Dim
    new: Dim


class Pair(Record):
    """A part of the old network beside the part of the new one that it became; None on the side that lacks it.

    What a picture of the difference draws: `kind` is `same`, `changed`, `renamed`, `moved`, `rewired`, `replaced`,
    `added`, `removed`, `wrapped`, `unwrapped`, or `affected` where only its sizes or numbers became others.
    """

    old: Step | None
    new: Step | None
    kind: str
    edit: Edit | None


class Difference:
    """How one network differs from another; `asked` are the paths at which it was changed, where that is known."""

    __slots__ = ("alignment", "carried", "consequences", "edits", "new", "old")

    def __init__(self, old: Graph, new: Graph, asked: Collection[str] | None = None) -> None:
        self.old: Summary = summarize(old)
        self.new: Summary = summarize(new)
        self.alignment = Alignment(old, new)
        self.edits: list[Edit] = edits(self.alignment, asked)
        self.consequences: list[Consequence] = consequences(self.alignment, self.old, self.new, self.edits)
        self.carried: Carried | None = carried(self.alignment)

    @property
    def is_empty(self) -> bool:
        return not self.edits and not self.consequences and self.requires == ([], [])

    @property
    def written(self) -> list[Edit]:
        """The edits that somebody wrote."""
        return [edit for edit in self.edits if edit.is_written]

    @property
    def following(self) -> list[Edit]:
        """Parts that came, went or were given other arguments because of an edit elsewhere."""
        return [edit for edit in self.edits if not edit.is_written]

    @property
    def requires(self) -> tuple[list[str], list[str]]:
        """Conditions on open sizes that are no longer asked, and those that are asked now."""
        old, new = self.old.graph.requires, self.new.graph.requires
        return [text for text in old if text not in new], [text for text in new if text not in old]

    @property
    def totals(self) -> list[Total]:
        sides = [_totals(side) for side in (self.old, self.new)]
        return [Total(name, sides[0][name], sides[1][name]) for name in sides[0]]

    def pairs(self) -> list[Pair]:
        """Every part of both networks, in the order of the new one, removed parts after what stood before them."""
        from dlspec.analyses.edits import in_order

        by_part = {
            part: edit for edit in self.edits
            for pair in ((edit.old, edit.new), *edit.again) for part in pair if part is not None
        }  # fmt: skip
        touched = {path for one in self.consequences for path, _, _ in one.layers}
        rows = []
        for old, new in in_order(self.alignment):
            edit = by_part.get(new) if new is not None else by_part.get(old)  # type: ignore[arg-type]
            kind = edit.kinds[0] if edit is not None else "same"
            if kind == "same" and isinstance(new, Node) and new.path in touched:
                kind = "affected"
            if edit is None and (old is None or new is None):
                kind = "removed" if new is None else "added"  # within a part that came or went as a whole
            rows.append(Pair(old, new, kind, edit))
        return rows

    def to_json(self) -> dict[str, Any]:
        """One network of the object that `dlspec diff --format json` prints."""
        from dlspec.analyses.difference_json import to_json

        return to_json(self)


def _totals(side: Summary) -> dict[str, Dim]:
    cost, memory = side.cost, side.memory
    peak = memory.peak_bytes.sizes[0] if isinstance(memory.peak_bytes, Largest) else memory.peak_bytes
    return {
        "layers": len(side.layers),
        "parameters": cost.parameters,
        "trainable_parameters": cost.trainable_parameters,
        "macs": cost.macs,
        "weight_bytes": cost.weight_bytes,
        "activation_bytes": memory.activation_bytes,
        "peak_bytes": peak,
    }
