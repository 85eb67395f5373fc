"""What each unit of a network sees of each input: how large a part, how it moves, and where it lies.

The views of the operators compose along a path, and where paths join, the hull of what they see is kept (see `reach`).
"""

from __future__ import annotations

from dlspec.analyses.reach import Reach, joined
from dlspec.ops.spread import DATA, WHOLE
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Graph, Node, Tensor
    from dlspec.ops.spread import Seen, Stretch
    from dlspec.sizes import Dim

    Sight = Reach | str
    """Along one axis of an input: a `Reach`, `WHOLE` or `DATA`."""
    View = tuple[Sight, ...]
    """One for each axis of an input."""


class Field:
    """The receptive field of a unit with respect to one input, along the positions of that input."""

    __slots__ = ("axes", "sights", "sizes")

    def __init__(self, axes: tuple[int, ...], sights: View, sizes: tuple[Dim, ...]) -> None:
        self.axes = axes
        """The axes of the input that are positions: height and width of an image, the time of a sequence."""
        self.sights = sights
        self.sizes = sizes
        """How long those axes are."""

    @property
    def is_whole(self) -> bool:
        """Whether a unit sees every position."""
        return all(sight == WHOLE for sight in self.sights)

    @property
    def depends_on_data(self) -> bool:
        """Whether the numbers themselves choose what is seen."""
        return DATA in self.sights

    @property
    def reaches(self) -> tuple[Reach, ...]:
        """The axes along which the field is a part."""
        return tuple(sight for sight in self.sights if isinstance(sight, Reach))

    @property
    def is_bound(self) -> bool:
        return any(reach.is_bound for reach in self.reaches)

    @property
    def is_misaligned(self) -> bool:
        return any(reach.is_misaligned for reach in self.reaches)

    @property
    def has_holes(self) -> bool:
        return any(reach.has_holes for reach in self.reaches)

    @property
    def size(self) -> tuple[Dim, ...]:
        """Positions seen; along an axis that is seen whole, all of it."""
        pairs = zip(self.sights, self.sizes)
        return tuple(sight.span if isinstance(sight, Reach) else size for sight, size in pairs)

    @property
    def stride(self) -> tuple[int | str, ...]:
        return tuple(sight.stride if isinstance(sight, Reach) else 0 for sight in self.sights)

    @property
    def padding(self) -> tuple[int | str, ...]:
        return tuple(sight.padding if isinstance(sight, Reach) else 0 for sight in self.sights)

    @property
    def centre(self) -> tuple[int | str | None, ...]:
        return tuple(sight.centre if isinstance(sight, Reach) else None for sight in self.sights)

    def to_json(self) -> dict[str, list[int | str]] | str:
        """`whole`, `data`, or size, stride and padding along each position."""
        if self.depends_on_data:
            return DATA
        if self.is_whole:
            return WHOLE
        size = [value if value.__class__ is int else str(value) for value in self.size]
        return {"size": size, "stride": list(self.stride), "padding": list(self.padding)}

    def __str__(self) -> str:
        """`35`, `7×3`, `whole`, with `≤` before a bound."""
        said = self.to_json()
        if isinstance(said, str):
            return said
        sizes = said["size"]
        text = str(sizes[0]) if len(set(sizes)) == 1 else "×".join(map(str, sizes))
        return f"≤ {text}" if self.is_bound else text


class ReceptiveFields:
    """The receptive field of every tensor of a graph with respect to every input."""

    __slots__ = ("_fields", "_graph", "_positions", "_views")

    def __init__(self, graph: Graph, views: dict[str, dict[Node, View]], positions: dict[str, tuple[int, ...]]) -> None:
        self._graph = graph
        self._views = views
        self._positions = positions
        self._fields: dict[tuple[str, int], Field] = {}
        """By input and view: units of a chain without windows see the same, and share it."""

    def of(self, node: Node, input: str | None = None) -> Field | None:
        """The field of a unit of that node; None where it does not depend on the input.

        Without a name, with respect to the first input that it depends on.
        """
        for name in self._views if input is None else (input,):
            view = self._views[name].get(node)
            if view is not None:
                field = self._fields.get((name, id(view)))
                if field is None:
                    axes = self._positions[name]
                    shape = self._graph.inputs[name].shape
                    field = Field(axes, tuple(view[axis] for axis in axes), tuple(shape[axis] for axis in axes))
                    self._fields[name, id(view)] = field
                return field
        return None

    def view(self, node: Node, input: str) -> View | None:
        """What a unit sees along every axis of an input, batch and channels too."""
        return self._views[input].get(node)

    def inputs_of(self, node: Node) -> list[str]:
        """The names of the inputs that a node depends on."""
        return [name for name, views in self._views.items() if node in views]


def receptive_fields(graph: Graph) -> ReceptiveFields:
    """The receptive field of every node with respect to every input; time is linear in the nodes."""
    views = {name: _views(graph, tensor) for name, tensor in graph.inputs.items()}
    positions = {name: _positions(graph.inputs[name], views[name]) for name in views}
    return ReceptiveFields(graph, views, positions)


class _Spread:
    """What an operator sees of one input, with what follows from it."""

    __slots__ = ("folds", "keeps", "reads", "seen")

    def __init__(self, seen: tuple[Seen, ...]) -> None:
        self.seen = seen
        places = [place for place, _ in seen]
        self.reads = not seen or any(place is not None or isinstance(much, str) for place, much in seen)
        """Whether any number is read; of a tensor that only lends its size none is."""
        self.keeps = places == list(range(len(seen))) and all(_is_identity(much) for _, much in seen)
        """Whether each unit sees just its own."""
        self.folds = {place for place in places if places.count(place) > 1}
        """Axes of the result into which several axes are folded."""


def _is_identity(much: Window | Stretch | str) -> bool:
    return isinstance(much, Window) and much.span == much.step == 1 and much.before == 0


_SPREADS: dict[Any, _Spread] = {}
"""What operators see of their inputs, asked once for each kind of application, in every network of a process."""
_MOST_SPREADS = 4096


def _spread_of(node: Node, port: int) -> _Spread:
    op = node.op
    shapes = [fact.shape for fact in node.inputs]
    key = (op.__class__, op.name, port, node.outputs[0].shape, *op.given, *op.given.values(), *shapes)
    try:
        found = _SPREADS.get(key)
    except TypeError:  # a parameter that cannot be hashed
        return _Spread(op.spread(node.at, node.outputs, port))
    if found is None:
        if len(_SPREADS) >= _MOST_SPREADS:
            _SPREADS.clear()
        found = _SPREADS[key] = _Spread(op.spread(node.at, node.outputs, port))
    return found


def _views(graph: Graph, start: Tensor) -> dict[Node, View]:
    """What a unit of each node that depends on `start` sees of it."""
    views: dict[Node, View] = {start.node: tuple(Reach(axis) for axis in range(len(start.shape)))}
    for node in graph.nodes:
        found: View | None = None
        for port, tensor in enumerate(node.inputs):
            view = views.get(tensor.node)
            if view is None or _lends_sizes(tensor, view):
                continue
            spread = _spread_of(node, port)
            if not spread.reads:
                continue
            if not spread.keeps:
                view = tuple(_sight(sight, spread, tensor.shape, size) for sight, size in zip(view, start.shape))
            found = view if found is None or found is view else _joined(found, view, node.outputs[0].shape)
        if found is not None:
            views[node] = found
    return views


def _lends_sizes(tensor: Tensor, view: View) -> bool:
    """Whether a result has other axes than the first of its operator, along which nothing is seen: sizes of images."""
    axes = len(tensor.shape)
    if not tensor.port or axes == len(tensor.node.outputs[0].shape):
        return False
    return any(isinstance(sight, Reach) and sight.place is not None for sight in view)


def _sight(sight: Sight, spread: _Spread, shape: tuple[Dim, ...], length: Dim) -> Sight:
    """What a unit sees of an axis of the input which looks through `spread` at a tensor whose units see `sight`."""
    if not isinstance(sight, Reach) or sight.place is None:
        return sight
    place, much = spread.seen[sight.place]
    if isinstance(much, str):
        return DATA if much == DATA else _whole(sight, shape[sight.place], length)
    if _is_identity(much):
        folded = sight.is_folded or place in spread.folds
        return sight if place == sight.place and folded == sight.is_folded else sight.moved(place, is_folded=folded)
    if sight.is_folded:
        # A shift along a folded axis, as by what stands before it, leaves stride and centre as before the fold.
        is_shift = isinstance(much, Window) and much.span == much.step == 1
        return sight.moved(place, is_folded=True) if is_shift else WHOLE
    return sight.through(place, much) if isinstance(much, Window) else sight.through_stretch(place, much)


def _whole(sight: Reach, count: Dim, length: Dim) -> Sight:
    """All units along an axis together: the whole input, unless its edges are known not to be read."""
    if sight.is_folded or sight.is_bound or not isinstance(count, int) or not isinstance(length, int):
        return WHOLE
    seen = sight.through(None, Window(count, count))
    first, last = seen.ends()
    return WHOLE if first <= 0 and last >= length - 1 and not seen.has_holes else seen


def _joined(one: View, other: View, shape: tuple[Dim, ...]) -> View:
    """The hull of what a unit sees over two paths, axis by axis."""
    view = tuple(left if left is right else _hull(left, right, shape) for left, right in zip(one, other))
    return one if all(new is old for new, old in zip(view, one)) else view


def _hull(one: Sight, other: Sight, shape: tuple[Dim, ...]) -> Sight:
    if not isinstance(one, Reach) or not isinstance(other, Reach):
        return DATA if DATA in (one, other) else WHOLE
    return joined(one, other, 1 if one.place is None else shape[one.place]) or WHOLE


def _positions(tensor: Tensor, views: dict[Node, View]) -> tuple[int, ...]:
    """The axes of an input that are positions: those along which a window moves, and by custom the third on.

    A concatenation puts units side by side and moves no window: what it does to the second axis are channels.
    """
    rank = len(tensor.shape)
    distinct = {id(view): view for view in views.values()}.values()
    moved = {
        axis for view in distinct for axis, sight in enumerate(view)
        if axis and isinstance(sight, Reach) and (sight.span > 1 or sight.numerator != sight.denominator)
        and not (axis == 1 and rank > 2 and sight.is_misaligned)
    }  # fmt: skip
    if rank >= 4:
        moved.update(range(2, rank))
    if moved or rank <= 2:
        return tuple(sorted(moved)) or tuple(range(min(1, rank - 1), rank))
    # Three axes and no window: features stand on the axis that an operator sees whole, positions on the other.
    features_last = any(isinstance(view[1], Reach) and view[2] == WHOLE for view in distinct)
    return (1,) if features_last else (2,)
