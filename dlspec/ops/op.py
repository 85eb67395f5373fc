"""The operator: a class body of facts, from which every analysis is derived.

`axes` says which axes come in and which go out, in a small pattern language:

    N C H W -> N out_channels H' W'      a primed axis is seen through a window of `windows()`
    *B I -> *B out_features              `*B` is any number of axes
    N *S -> N (*S)                       parentheses fold axes into one
    N T E, N S E -> N T E                a comma separates inputs; equal names are equal sizes

A capital names an axis, a small word is a parameter, a number is itself.
"""

from __future__ import annotations

from dlspec.ops.kinds import KINDS, Kind, Wrong, choice
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import product
from dlspec.sizes.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import Any, ClassVar

    from dlspec.sizes import Dim

    Shape = tuple[Dim, ...]

_MISSING = object()
FLOATS = ("float16", "bfloat16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
BYTES = {"bool": 1, "uint8": 1, "int8": 1, "int16": 2, "float16": 2, "bfloat16": 2, "int32": 4, "float32": 4,
         "int64": 8, "float64": 8}  # fmt: skip

CATALOGUE: dict[str, type[Op]] = {}
"""Every operator by its name in a spec."""


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


class Field:
    """One parameter of an operator."""

    __slots__ = ("default", "kind", "name")

    def __init__(self, name: str, kind: Kind, default: Any) -> None:
        self.name = name
        self.kind = kind
        self.default = default

    @property
    def required(self) -> bool:
        return self.default is _MISSING


class Fact:
    """What is known of a tensor: its element type and shape."""

    __slots__ = ("dtype", "shape")

    def __init__(self, dtype: str, shape: Shape) -> None:
        self.dtype = dtype
        self.shape = shape

    def __repr__(self) -> str:
        return f"{self.dtype}[{axes_text(self.shape)}]"


class At(dict):  # type: ignore[type-arg]  # axis name to size, `*B` to a tuple of sizes
    """Where an operator is applied: its axes by name, its inputs, and what must hold of open sizes."""

    __slots__ = ("conditions", "inputs")

    def __init__(self, inputs: Sequence[Fact]) -> None:
        super().__init__()
        self.inputs = inputs
        self.conditions: list[tuple[str, Dim, Dim, Mistake]] = []

    def equal(self, left: Dim, right: Dim, mistake: Mistake) -> None:
        """Both sizes must be equal: at once where known, as a condition where open."""
        if left.__class__ is int and right.__class__ is int:
            if left != right:
                raise mistake
        elif left != right:
            self.conditions.append(("==", left, right, mistake))

    def at_least(self, left: Dim, right: Dim, mistake: Mistake) -> None:
        """The left size must reach the right one."""
        if left.__class__ is int and right.__class__ is int:
            if left < right:  # type: ignore[operator]  # both are ints
                raise mistake
        else:
            self.conditions.append((">=", left, right, mistake))


def axes_text(shape: Iterable[Dim]) -> str:
    """A shape as people write it: `N, 64, H/2`."""
    return ", ".join(str(size) for size in shape)


def spaced(shape: Iterable[Dim]) -> str:
    """A shape as messages show it: `N 64 56 56`; sums in parentheses."""
    return " ".join(s if s.replace("_", "").isalnum() else f"({s})" for s in map(str, shape))


_PATTERNS: dict[str, tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]] = {}


def pattern(axes: str) -> tuple[tuple[tuple[str, ...], ...], tuple[tuple[str, ...], ...]]:
    """The axes of each input and of each output, as written."""
    found = _PATTERNS.get(axes)
    if found is None:
        left, _, right = axes.partition("->")
        found = _PATTERNS[axes] = (
            tuple(tuple(part.split()) for part in left.split(",")),
            tuple(tuple(part.split()) for part in right.split(",")),
        )
    return found


def snake(name: str) -> str:
    """`BatchNorm2d` to `batch_norm2d`, `PReLU`-like names by their own `name`."""
    out = []
    for index, letter in enumerate(name):
        if letter.isupper() and index and not name[index - 1].isupper():
            out.append("_")
        out.append(letter.lower())
    return "".join(out)


class Op:
    """The base of every operator. A subclass states facts; what does not follow from them it overrides."""

    name: ClassVar[str] = ""
    """How a spec spells it; by default the class name in snake case."""
    axes: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    """Its tensors by name, in order; `"*xs"` takes any number, `"like?"` may be left out."""
    torch: ClassVar[str] = ""
    """The module: `nn.Conv2d(C, out_channels, kernel_size, stride=, …)`; empty where torch has only a function.
    A bare word is a field or an axis; `name=` is printed unless the value is torch's own default."""
    function: ClassVar[str] = ""
    """The function: `F.relu({x})`, in the same spelling with the inputs in braces; empty where weights forbid it."""
    takes: ClassVar[tuple[str, ...]] = FLOATS
    """Element types that it runs on."""
    keeps: ClassVar[str] = ""
    """What the backward pass keeps: any of `x` (the inputs) and `y` (the output)."""
    field: ClassVar[str] = "same"
    """What an output position sees without windows: `same`, `whole` or `data`."""
    training_only: ClassVar[bool] = False
    """Whether it does nothing in evaluation, as dropout."""
    reads: ClassVar[str] = ""
    gives: ClassVar[str] = ""
    """What the result is to a loss: `probabilities`, `log_probabilities`; empty for plain values."""
    family: ClassVar[str] = "other"
    """Convolution, pooling, normalization, activation, linear, join, shape …: the colour and shelf it has."""
    samples: ClassVar[tuple[str, ...]] = ()
    """Applications that hold: `float32[2, 3, 8, 8] -> conv2d(4, 3)`."""
    mistakes: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Applications that do not, with the code they meet."""
    fields: ClassVar[dict[str, Field]] = {}
    abstract: ClassVar[bool] = False

    def __init_subclass__(cls, abstract: bool = False) -> None:
        cls.abstract = abstract
        cls.fields = dict(cls.fields)
        for name, annotation in cls.__dict__.get("__annotations__", {}).items():
            if annotation.startswith("ClassVar"):
                continue
            default = cls.__dict__.get(name, _MISSING)
            cls.fields[name] = Field(name, _kind(annotation), default)
        if abstract:
            return
        cls.name = cls.__dict__.get("name") or snake(cls.__name__)
        CATALOGUE[cls.name] = cls

    def __init__(self, values: dict[str, Any]) -> None:
        """From values already read; those left out take their defaults."""
        for name, field in self.fields.items():
            setattr(self, name, values[name] if name in values else field.default)
        self.given = values

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        """The value of a parameter as the operator holds it; raises `Wrong`."""
        return cls.fields[name].kind.read(value)

    def value(self, name: str) -> Any:
        return getattr(self, name)

    # What is derived from the facts

    def result(self, at: At) -> tuple[Fact, ...]:
        """The outputs where it is applied; binds the axes of `at`. Raises `Mistake`."""
        wanted, given = pattern(self.axes)
        self.check_types(at)
        for position, (axes, fact) in enumerate(zip(wanted, at.inputs)):
            self._bind(at, axes, fact, position)
        self._require(at)
        windows = iter(self.windows())
        return tuple(Fact(self.dtype(at), self._shape(at, axes, windows)) for axes in given)

    def check_types(self, at: At) -> None:
        """Every input has an element type that the operator runs on."""
        for position, fact in enumerate(at.inputs):
            if fact.dtype not in self.takes:
                raise Mistake(
                    "E0304", f"`{self.name}` does not run on {fact.dtype}", f"is {fact.dtype}", input=position,
                    notes=[f"`{self.name}` takes {', '.join(self.takes)}"],
                )  # fmt: skip

    def dtype(self, at: At) -> str:
        """The element type of the result: the first input's."""
        return at.inputs[0].dtype

    def limits(self, at: At) -> Iterator[tuple[bool, str, str]]:
        """Limits across parameters and axes: whether it holds, the parameter it is about, the sentence if not."""
        return iter(())

    def windows(self) -> Iterable[Window]:
        """A window for each primed axis."""
        return ()

    def weights(self, at: At) -> Iterator[tuple[str, Shape]]:
        """Name and shape of every learned tensor."""
        return iter(())

    def buffers(self, at: At) -> Iterator[tuple[str, Shape, str]]:
        """Name, shape and element type of every tensor that is kept but not learned."""
        return iter(())

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Multiply-adds: each weight of two or more axes once for every output position.

        For a convolution that is `out_channels · (C/groups) · k · k` at each of `N · H' · W'` positions.
        """
        matrices = [product(shape) for _, shape in self.weights(at) if len(shape) >= 2]
        if not matrices:
            return 0
        axes = pattern(self.axes)[1][0]
        out = outputs[0].shape
        shift = len(out) - len(axes)
        channel = next((i for i, axis in enumerate(axes) if axis[0].islower()), len(axes) - 1)
        variadic = next((i for i, axis in enumerate(axes) if axis[0] == "*"), None)
        if variadic is not None and variadic < channel:
            channel += shift
        positions = product(size for index, size in enumerate(out) if index != channel)
        return sum(matrices) * positions

    # The machinery of `result`

    def _bind(self, at: At, axes: tuple[str, ...], fact: Fact, position: int) -> None:
        shape = fact.shape
        many = next((i for i, axis in enumerate(axes) if axis[0] == "*"), None)
        if len(shape) != len(axes) if many is None else len(shape) < len(axes) - 1:
            raise self._wrong_rank(axes, fact, position, many is not None)
        if many is not None:
            after = len(axes) - many - 1
            middle = shape[many : len(shape) - after]
            self._same(at, axes[many], middle, fact, position)
            pairs = [*zip(axes[:many], shape[:many]), *zip(axes[many + 1 :], shape[len(shape) - after :])]
        else:
            pairs = list(zip(axes, shape))
        for axis, size in pairs:
            self._same(at, axis, size, fact, position)

    def _same(self, at: At, axis: str, size: Any, fact: Fact, position: int) -> None:
        if axis.isdigit():
            bound: Any = int(axis)
        elif axis[0].islower():
            bound = getattr(self, axis)
        elif axis in at:
            bound = at[axis]
        else:
            at[axis] = size
            return
        pairs = [(bound, size)] if axis[0] != "*" else list(zip(bound, size))
        if axis[0] == "*" and len(bound) != len(size):
            raise self._differ(at, axis, bound, size, fact, position)
        for left, right in pairs:
            at.equal(left, right, self._differ(at, axis, bound, size, fact, position))

    def _differ(self, at: At, axis: str, bound: Any, size: Any, fact: Fact, position: int) -> Mistake:
        first = bound if axis[0] != "*" else spaced(bound)
        second = size if axis[0] != "*" else spaced(size)
        if axis[0].islower():
            return Mistake(
                "E0312", f"`{self.name}` is set to {axis} {first}, its input has {second}",
                f"is {spaced(fact.shape)}", input=position,
            )  # fmt: skip
        return Mistake(
            "E0302", f"the inputs of `{self.name}` differ in {axis}: {first} and {second}",
            f"is {spaced(fact.shape)}", input=position,
        )  # fmt: skip

    def _wrong_rank(self, axes: tuple[str, ...], fact: Fact, position: int, more: bool) -> Mistake:
        wanted = len(axes) - 1 if more else len(axes)
        some = "at least " if more else ""
        return Mistake(
            "E0301", f"`{self.name}` takes {some}{wanted} axes ({' '.join(axes)}), its input has {len(fact.shape)}",
            f"is {spaced(fact.shape) or 'a single number'}", input=position,
        )  # fmt: skip

    def _require(self, at: At) -> None:
        for holds, parameter, sentence in self.limits(at):
            if not holds:
                raise Mistake("E0303", sentence, "set here", parameter=parameter)

    def _shape(self, at: At, axes: tuple[str, ...], windows: Iterator[Window]) -> Shape:
        out: list[Dim] = []
        for axis in axes:
            if axis[0] == "(":
                inner = axis.strip("()")
                out.append(product(at[inner] if inner[0] == "*" else [at[name] for name in inner.split(".")]))
            elif axis[0] == "*":
                out.extend(at[axis])
            elif axis[-1] == "'":
                out.append(self.through(at, axis[:-1], next(windows)))
            elif axis.isdigit():
                out.append(int(axis))
            else:
                out.append(getattr(self, axis) if axis[0].islower() else at[axis])
        return tuple(out)

    def through(self, at: At, axis: str, window: Window) -> Dim:
        """How many windows fit along an axis."""
        size = at[axis]
        out = window.size(size)
        at.at_least(out, 1, self.too_small(at, axis, size, window))
        return out

    def too_small(self, at: At, axis: str, size: Dim, window: Window) -> Mistake:
        """The words where no window fits."""
        has = window.span - window.before - window.after
        padded = f" beyond the padding of {window.before}" if window.before else ""
        return Mistake(
            "E0307", f"the window of `{self.name}` is larger than its input",
            f"spans {window.span} along {axis}, the map has {size}", parameter="kernel_size",
            notes=[f"{axis} must be at least {has}{padded}; it is {size}"],
            help=f"pad by {-(-(window.span - size) // 2)} to keep a position"
            if size.__class__ is int and window.span > size else None,
        )  # fmt: skip


def _kind(annotation: str) -> Kind:
    """The kind that an annotation names; `Pair | None` is optional."""
    from dlspec.ops.kinds import optional

    base, _, rest = annotation.partition("|")
    if rest.strip() == "None":
        return optional(_kind(base.strip()))
    if base.startswith("Literal["):
        return choice(*(name.strip(" \"'") for name in base[len("Literal[") : -1].split(",")))
    kind = KINDS.get(base.strip())
    if kind is None:
        raise TypeError(f"no kind of parameter is called {annotation}")
    return kind


__all__ = ["BYTES", "CATALOGUE", "FLOATS", "INTEGERS", "At", "Fact", "Field", "Kind", "Mistake", "Op", "Wrong"]
