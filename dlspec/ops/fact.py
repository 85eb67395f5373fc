"""What is known of tensors, where an operator is applied to them, and what is said when it cannot be."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence

    from dlspec.sizes import Dim

    Shape = tuple[Dim, ...]

FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
ALL = ("bool", *INTEGERS, *FLOATS)
BYTES = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4,
         "int64": 8, "float64": 8}  # fmt: skip
"""Bytes of one number of each element type."""


MOST_BYTES = 2**63 - 1
"""Bytes that a tensor of PyTorch can have at most."""


class Mistake(Exception):
    """An operator that cannot be applied like this: facts for the diagnostic that the elaborator makes.

    `parameter` or `input` (a position) says which argument the words are about.
    """

    def __init__(
        self,
        code: str,
        message: str,
        label: str = "",
        *,
        parameter: str | None = None,
        input: int | None = None,
        notes: Sequence[str] = (),
        help: str | None = None,
        insert: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.label = label
        self.parameter = parameter
        self.input = input
        self.notes = list(notes)
        self.help = help
        self.insert = insert
        """A stage that would repair it when put before the operator."""
        self.lacks_batch = False
        """Whether an input has all axes that the operator takes but the first, the batch."""


def mistake_of(words: Mistake | Callable[[], Mistake]) -> Mistake:
    """A mistake, its words made where they are not yet."""
    return words if isinstance(words, Mistake) else words()


class Fact:
    """What is known of a tensor: its element type and shape. Of a list of tensors, what is known of each."""

    __slots__ = ("count", "dtype", "shape")

    def __init__(self, dtype: str, shape: Shape, count: Dim | None = None) -> None:
        self.dtype = dtype
        self.shape = shape
        self.count = count
        """How many tensors are in the list, one per image; None where it is no list but a tensor."""

    @property
    def is_list(self) -> bool:
        """Whether it is a list with a tensor per image, each perhaps of another size."""
        return self.count is not None

    @property
    def full_shape(self) -> Shape:
        """The shape, with the number of tensors in front where it is a list."""
        return self.shape if self.count is None else (self.count, *self.shape)

    def __repr__(self) -> str:
        text = f"{self.dtype}[{axes_text(self.shape)}]"
        return f"list[{text}]" if self.is_list else text


class Found:
    """What bounds a size that only a run knows."""

    __slots__ = ("least", "most", "multiple")

    def __init__(self, least: int, most: Dim | None, multiple: int) -> None:
        self.least = least
        self.most = most
        self.multiple = multiple
        """What it is a multiple of."""


class At(dict):  # type: ignore[type-arg]  # axis name to size, `*B` to a tuple of sizes
    """Where an operator is applied: its axes by name, its inputs, and what must hold of open sizes."""

    __slots__ = ("conditions", "counted", "found", "inputs", "taken")

    weights_may_be_open = False
    """Whether the sizes of weights may be left open: where an operator is only explained, and never run."""

    def __init__(self, inputs: Sequence[Fact], taken: Collection[str] = (), counted: Collection[str] = ()) -> None:
        super().__init__()
        self.inputs = inputs
        self.counted = counted
        """Sizes that only a run knows, made before."""
        self.taken = taken
        """Names that sizes of the network have already."""
        self.found: dict[str, Found] = {}
        """Sizes that only a run knows, made here."""
        self.conditions: list[tuple[str, Dim, Dim, Mistake | Callable[[], Mistake]]] = []

    def only_a_run_knows(self, name: str, *, least: int = 0, most: Dim | None = None, multiple: int = 1) -> Dim:
        """An open size that the numbers decide: so many regions. It takes the name, or the next that is free."""
        from dlspec.sizes import symbol

        own, number = name, 2
        while own in self.taken or own in self.found:
            own, number = f"{name}{number}", number + 1
        self.found[own] = Found(least, most, multiple)
        return symbol(own)

    def share_of(self, total: Dim) -> Dim:
        """How many of so many belong to an image: `d` of `D`; the same wherever it is asked."""
        from dlspec.sizes import symbol

        name = str(total).lower()
        name = name if name.isidentifier() and name != str(total) else "d"
        return symbol(name) if name in self.counted else self.only_a_run_knows(name, most=total)

    def equal(self, left: Dim, right: Dim, mistake: Mistake) -> None:
        """Both sizes must be equal: at once where known, as a condition where open."""
        if left.__class__ is int and right.__class__ is int:
            if left != right:
                raise mistake
        elif left != right:
            self.conditions.append(("==", left, right, mistake))

    def at_least(self, left: Dim, right: Dim, mistake: Mistake | Callable[[], Mistake]) -> None:
        """The left size must reach the right one; the words of what every layer asks are made when they are needed."""
        if isinstance(left, int) and isinstance(right, int):
            if left < right:
                raise mistake_of(mistake)
        else:
            self.conditions.append((">=", left, right, mistake))


def beyond_memory(dtype: str, shape: Shape) -> str | None:
    """The bytes of a tensor, in words, where no tensor can have so many; an open size counts as 1."""
    count = BYTES[dtype]
    for size in shape:
        if size.__class__ is int:
            count *= size
    return f"2^{count.bit_length() - 1} bytes" if count > MOST_BYTES else None


def falls_short(size: Dim, least: Dim) -> bool:
    """Whether a size is smaller, or not known not to be: then `At.at_least` has to judge it."""
    return not (isinstance(size, int) and isinstance(least, int) and size >= least)


def axes_text(shape: Iterable[Dim]) -> str:
    """A shape as people write it: `N, 64, H/2`."""
    return ", ".join(str(size) for size in shape)


def spaced(shape: Iterable[Dim]) -> str:
    """A shape as messages show it: `N 64 56 56`; sums in parentheses."""
    return " ".join(s if s.replace("_", "").isalnum() else f"({s})" for s in map(str, shape))


def shown(fact: Fact) -> str:
    """The label of a tensor in a message: `is N 64 56 56`."""
    text = spaced(fact.shape) or "a single number"
    return f"is a list of {text}" if fact.is_list else f"is {text}"
