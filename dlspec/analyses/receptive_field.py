"""What each unit of a network sees of each input: how large a part, how it moves, and where it lies.

The windows of the operators compose along a path, and where paths join, the hull of what they see is kept. The
formulas for size, stride, padding and centre are those of Araujo, Norris, Sim, "Computing Receptive Fields of
Convolutional Neural Networks" (Distill, 2019), sections 2 and 3.
"""

from __future__ import annotations

from math import gcd

from dlspec.ops.spread import DATA, WHOLE, Stretch
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window

if TYPE_CHECKING:
    from typing import Any

    from dlspec.graph import Graph, Node, Tensor
    from dlspec.ops.spread import Seen
    from dlspec.sizes import Dim

    Sight = Reach | str
    """Along one axis of an input: a `Reach`, `WHOLE` or `DATA`."""
    View = tuple[Sight, ...]
    """One for each axis of an input."""

LONGEST_MASK = 4096
"""Positions up to which the holes of a field are followed; a longer field keeps the answer it has."""


class Reach:
    """What a unit sees along one axis of an input, and how that moves from unit to unit; immutable.

    Unit 0 sees `span` positions around `twice_centre / (2 * denominator)`, the next unit the same
    `numerator / denominator` positions further on.
    """

    __slots__ = ("denominator", "is_bound", "is_folded", "is_misaligned", "mask", "numerator", "place", "span",
                 "twice_centre")  # fmt: skip

    def __init__(
        self, place: int | None = None, span: int = 1, numerator: int = 1, denominator: int = 1, twice_centre: int = 0,
        mask: int | None = None, is_bound: bool = False, is_misaligned: bool = False, is_folded: bool = False,
    ) -> None:  # fmt: skip
        self.place = place
        """The axis of the tensor along which the view moves; None where it stands still."""
        self.span = span
        self.numerator = numerator
        self.denominator = denominator
        self.twice_centre = twice_centre
        self.mask = mask
        """Which of the positions are seen, a bit each, the first lowest; None for all of them."""
        self.is_bound = is_bound
        """Whether no unit sees more, while some may see less."""
        self.is_misaligned = is_misaligned
        """Whether paths joined that disagree in centre or stride."""
        self.is_folded = is_folded
        """Whether the axis was folded with another, so that stride and centre are those before the fold."""

    @property
    def stride(self) -> int | str:
        """The effective stride; `1/2` where two units share a position."""
        return 0 if self.place is None else _quotient(self.numerator, self.denominator)

    @property
    def padding(self) -> int | str:
        """How many positions the view of unit 0 begins before the axis (negative: within it)."""
        return _quotient((self.span - 1) * self.denominator - self.twice_centre, 2 * self.denominator)

    @property
    def centre(self) -> int | str:
        """Where the middle of the view of unit 0 lies."""
        return _quotient(self.twice_centre, 2 * self.denominator)

    @property
    def has_holes(self) -> bool:
        """Whether positions within the span are not seen, as by dilated windows."""
        return self.mask is not None

    def ends(self, unit: int = 0) -> tuple[int, int]:
        """The first and the last position that a unit sees, before the axis and beyond it too."""
        below = 2 * self.denominator
        middle = self.twice_centre + (2 * unit * self.numerator if self.place is not None else 0)
        half = (self.span - 1) * self.denominator
        return (middle - half) // below, -((-middle - half) // below)

    def __repr__(self) -> str:
        return f"Reach({', '.join(f'{name}={getattr(self, name)}' for name in self.__slots__)})"


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
        return {"size": size, "stride": list(self.stride), "padding": list(self.padding)}  # type: ignore[dict-item]

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

    __slots__ = ("_graph", "_positions", "_views")

    def __init__(self, graph: Graph, views: dict[str, dict[Node, View]], positions: dict[str, tuple[int, ...]]) -> None:
        self._graph = graph
        self._views = views
        self._positions = positions

    def of(self, node: Node, input: str | None = None) -> Field | None:
        """The field of a unit of that node; None where it does not depend on the input.

        Without a name, with respect to the first input that it depends on.
        """
        for name in self._views if input is None else (input,):
            view = self._views[name].get(node)
            if view is not None:
                axes = self._positions[name]
                shape = self._graph.inputs[name].shape
                return Field(axes, tuple(view[axis] for axis in axes), tuple(shape[axis] for axis in axes))
        return None

    def inputs_of(self, node: Node) -> list[str]:
        """The names of the inputs that a node depends on."""
        return [name for name, views in self._views.items() if node in views]


def receptive_fields(graph: Graph) -> ReceptiveFields:
    """The receptive field of every node with respect to every input; time is linear in the nodes."""
    spreads = _Spreads()
    views = {name: _views(graph, tensor, spreads) for name, tensor in graph.inputs.items()}
    positions = {name: _positions(graph.inputs[name], views[name]) for name in views}
    return ReceptiveFields(graph, views, positions)


class _Spreads:
    """What operators see of their inputs, asked once for each kind of application."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Any, tuple[Seen, ...]] = {}

    def of(self, node: Node, port: int) -> tuple[Seen, ...]:
        op = node.op
        try:
            key = (op.__class__, op.name, port, *op.given, *op.given.values(), *[fact.shape for fact in node.inputs])
            found = self._known.get(key)
        except TypeError:  # a parameter that cannot be hashed
            return op.spread(node.at, node.outputs, port)
        if found is None:
            found = self._known[key] = op.spread(node.at, node.outputs, port)
        return found


def _views(graph: Graph, start: Tensor, spreads: _Spreads) -> dict[Node, View]:
    """What a unit of each node that depends on `start` sees of it."""
    views: dict[Node, View] = {start.node: tuple(Reach(axis) for axis in range(len(start.shape)))}
    # A view and a spread seen before give the same again; both are kept, so that their ids stay theirs.
    known: dict[tuple[int, int], tuple[View, View, tuple[Seen, ...]]] = {}
    for node in graph.nodes:
        found: View | None = None
        for port, tensor in enumerate(node.inputs):
            inner = views.get(tensor.node)
            if inner is None:
                continue
            spread = spreads.of(node, port)
            if not _reads(spread):
                continue
            key = (id(inner), id(spread))
            if key not in known:
                known[key] = (_through(inner, spread, tensor.shape, start.shape), inner, spread)
            view = known[key][0]
            found = view if found is None or found is view else _joined(found, view, node.outputs[0].shape)
        if found is not None:
            views[node] = found
    return views


def _reads(spread: tuple[Seen, ...]) -> bool:
    """Whether any number is read; of a tensor that only lends its size none is."""
    return not spread or any(place is not None or isinstance(much, str) for place, much in spread)


def _through(inner: View, spread: tuple[Seen, ...], shape: tuple[Dim, ...], lengths: tuple[Dim, ...]) -> View:
    """What a unit sees of the input which looks through `spread` at a tensor whose units see `inner`."""
    view = tuple(_sight(sight, spread, shape, length) for sight, length in zip(inner, lengths))
    return inner if all(new is old for new, old in zip(view, inner)) else view


def _sight(sight: Sight, spread: tuple[Seen, ...], shape: tuple[Dim, ...], length: Dim) -> Sight:
    if not isinstance(sight, Reach) or sight.place is None:
        return sight
    place, much = spread[sight.place]
    if isinstance(much, str):
        return DATA if much == DATA else _whole(sight, shape[sight.place], length)
    if isinstance(much, Window) and much.span == much.step == 1 and much.before == 0:
        folded = sight.is_folded or sum(seen[0] == place for seen in spread) > 1
        return sight if place == sight.place and folded == sight.is_folded else _moved(sight, place, folded)
    return WHOLE if sight.is_folded else _composed(sight, place, much)


def _whole(sight: Reach, count: Dim, length: Dim) -> Sight:
    """All units along an axis together: the whole input, unless its edges are known not to be read."""
    if sight.is_folded or not isinstance(count, int) or not isinstance(length, int):
        return WHOLE
    seen = _composed(sight, None, Window(count, count))
    start = seen.twice_centre - (seen.span - 1) * seen.denominator
    end = seen.twice_centre + (seen.span - 1) * seen.denominator
    return WHOLE if start <= 0 and end >= 2 * (length - 1) * seen.denominator and not seen.has_holes else seen


def _moved(sight: Reach, place: int | None, folded: bool) -> Reach:
    return Reach(
        place, sight.span, sight.numerator, sight.denominator, sight.twice_centre, sight.mask, sight.is_bound,
        sight.is_misaligned, folded,
    )  # fmt: skip


def _composed(sight: Reach, place: int | None, much: Window | Stretch) -> Reach:
    """The view through a window: span, stride and centre as of `Window.then`, in fractions."""
    if isinstance(much, Window):
        numerator, denominator, twice_centre, is_bound = much.step, 1, much.span - 1 - 2 * much.before, False
    else:
        numerator, denominator, twice_centre, is_bound = much.numerator, much.denominator, much.twice_centre, True
    # From the first to the last of the units that are looked at, in positions of the input, rounded up.
    further = -(-sight.numerator * (much.span - 1) // sight.denominator)
    twice_centre = sight.twice_centre * denominator + sight.numerator * twice_centre
    numerator, denominator = sight.numerator * numerator, sight.denominator * denominator
    common = gcd(numerator, denominator, twice_centre)
    is_bound = is_bound or sight.is_bound
    return Reach(
        place, sight.span + further, numerator // common, denominator // common, twice_centre // common,
        None if is_bound else _mask(sight, much), is_bound, sight.is_misaligned,
    )  # fmt: skip


def _mask(sight: Reach, window: Window) -> int | None:
    """Which positions are seen through the taps of a window; None for all."""
    step = sight.numerator * window.apart
    if sight.mask is None and step <= sight.span:
        return None
    span = sight.span + sight.numerator * (window.span - 1)
    if span > LONGEST_MASK:
        return sight.mask or 1
    one = _bits(sight)
    seen = 0
    for shift in range(0, sight.numerator * (window.span - 1) + 1, step):
        seen |= one << shift
    return None if seen == (1 << span) - 1 else seen


def _bits(sight: Reach) -> int:
    return (1 << sight.span) - 1 if sight.mask is None else sight.mask


def _joined(one: View, other: View, shape: tuple[Dim, ...]) -> View:
    """The hull of what a unit sees over two paths, axis by axis."""
    view = tuple(left if left is right else _hull(left, right, shape) for left, right in zip(one, other))
    return one if all(new is old for new, old in zip(view, one)) else view


def _hull(one: Sight, other: Sight, shape: tuple[Dim, ...]) -> Sight:
    if not isinstance(one, Reach) or not isinstance(other, Reach):
        return DATA if DATA in (one, other) else WHOLE
    if one.place != other.place or one.is_folded != other.is_folded:
        return WHOLE
    if one.place is None or one.numerator * other.denominator == other.numerator * one.denominator:
        return _hull_in_step(one, other)
    return _hull_out_of_step(one, other, shape[one.place])


def _hull_in_step(one: Reach, other: Reach) -> Reach:
    """The hull of two views that move alike."""
    below = one.denominator * other.denominator // gcd(one.denominator, other.denominator)
    (low, high), (start, end) = _ends(one, below), _ends(other, below)
    is_misaligned = one.is_misaligned or other.is_misaligned or low + high != start + end
    if low <= start and high >= end and one.mask is None and is_misaligned == one.is_misaligned:
        return one
    if start <= low and end >= high and other.mask is None and is_misaligned == other.is_misaligned:
        return other
    first, last = min(low, start), max(high, end)
    span = -((first - last) // (2 * below)) + 1
    is_bound = one.is_bound or other.is_bound
    mask = one.mask and other.mask
    if is_bound:
        mask = None
    elif span <= LONGEST_MASK:
        mask = _bits(one) << (low - first) // (2 * below) | _bits(other) << (start - first) // (2 * below)
        mask = None if mask == (1 << span) - 1 else mask
    # Twice as fine, so that the middle of both ends is a whole number.
    numerator = 2 * one.numerator * below // one.denominator
    common = gcd(numerator, 2 * below, first + last)
    return Reach(
        one.place, span, numerator // common, 2 * below // common, (first + last) // common, mask, is_bound,
        is_misaligned, one.is_folded,
    )  # fmt: skip


def _ends(reach: Reach, denominator: int) -> tuple[int, int]:
    """The first and the last position that unit 0 sees, times `2 * denominator`."""
    middle = reach.twice_centre * denominator // reach.denominator
    half = (reach.span - 1) * denominator
    return middle - half, middle + half


def _hull_out_of_step(one: Reach, other: Reach, count: Dim) -> Sight:
    """A bound for two views that drift apart: the distance is greatest at the first unit or at the last."""
    if not isinstance(count, int):
        return WHOLE
    below = one.denominator * other.denominator
    (low, high), (start, end) = _ends(one, below), _ends(other, below)
    widest = 0
    for unit in (0, count - 1):
        shift = 2 * unit * one.numerator * other.denominator
        drift = 2 * unit * other.numerator * one.denominator
        widest = max(widest, max(high + shift, end + drift) - min(low + shift, start + drift))
    middle = min(low, start) + max(high, end)
    return Reach(
        one.place, -(-widest // (2 * below)) + 1, 2 * one.numerator * other.denominator, 2 * below, middle,
        is_bound=True, is_misaligned=True, is_folded=one.is_folded,
    )  # fmt: skip


def _positions(tensor: Tensor, views: dict[Node, View]) -> tuple[int, ...]:
    """The axes of an input that are positions: those along which a window moves, and by custom the third on."""
    rank = len(tensor.shape)
    distinct = {id(view): view for view in views.values()}.values()
    moved = {
        axis for view in distinct for axis, sight in enumerate(view)
        if axis and isinstance(sight, Reach) and (sight.span > 1 or sight.numerator != sight.denominator)
    }  # fmt: skip
    if rank >= 4:
        moved.update(range(2, rank))
    if moved or rank <= 2:
        return tuple(sorted(moved)) or tuple(range(min(1, rank - 1), rank))
    # Three axes and no window: features stand on the axis that an operator sees whole, positions on the other.
    features_last = any(isinstance(view[1], Reach) and view[2] == WHOLE for view in distinct)
    return (1,) if features_last else (2,)


def _quotient(numerator: int, denominator: int) -> int | str:
    common = gcd(numerator, denominator)
    return numerator // common if common == denominator else f"{numerator // common}/{denominator // common}"
