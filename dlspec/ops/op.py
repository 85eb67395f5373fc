"""The operator: a class body of facts, from which every analysis is derived.

Its annotated fields, a sentence under each, are its parameters; `axes` says what happens to axes (see `pattern`),
`windows()`, `weights()` and the rest are stated where there is something to state.
"""

from __future__ import annotations

from dlspec.ops.fact import (
    ALL,
    BYTES,
    FLOATS,
    INTEGERS,
    At,
    Fact,
    Mistake,
    axes_text,
    falls_short,
    shown,
    spaced,
)
from dlspec.ops.kinds import Kind, Wrong, kind_of_annotation
from dlspec.ops.pattern import fits, paired, pattern
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, product

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from typing import Any, ClassVar

    from dlspec.ops.fact import Shape
    from dlspec.ops.pattern import Axes
    from dlspec.ops.spread import Seen
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim

    Limit = tuple[bool, str, str] | tuple[bool, str, str, str]

_MISSING = object()

CATALOGUE: dict[str, type[Op]] = {}
"""The operators loaded so far, by their name in a spec; `dlspec.ops.lookup` loads what is asked for."""


class Field:
    """One parameter of an operator."""

    __slots__ = ("_kind", "annotation", "default", "name")

    def __init__(self, name: str, annotation: str, default: Any) -> None:
        self.name = name
        self.annotation = annotation
        self.default = default
        self._kind: Kind | None = None

    @property
    def kind(self) -> Kind:
        if self._kind is None:
            self._kind = kind_of_annotation(self.annotation)
        return self._kind

    @property
    def required(self) -> bool:
        return self.default is _MISSING


def snake(name: str) -> str:
    """`BatchNorm2d` to `batch_norm2d`."""
    out = []
    for index, letter in enumerate(name):
        if letter.isupper() and index:
            out.append("_")
        out.append(letter.lower())
    return "".join(out)


class Op:
    """The base of every operator. A subclass states facts; what does not follow from them it overrides."""

    name: ClassVar[str] = ""
    """How a spec spells it: the class name in snake case."""
    axes: ClassVar[str] = ""
    inputs: ClassVar[tuple[str, ...]] = ("x",)
    """Its tensors by name, in order; `"*xs"` takes any number, `"like?"` may be left out."""
    torch: ClassVar[str] = ""
    """The module: `nn.Conv2d(C, out_channels, kernel_size=, stride=, …)`; empty where torch has only a function."""
    function: ClassVar[str] = ""
    """The function: `F.relu({x})`, in the same spelling (see `text`); empty where weights forbid it."""
    differs: ClassVar[dict[str, str]] = {}
    """Defaults that are not PyTorch's, each with the reason."""
    added: ClassVar[dict[str, str]] = {}
    """Parameters that PyTorch's has not, each with the reason."""
    takes: ClassVar[tuple[str, ...]] = FLOATS
    """Element types that it runs on."""
    keeps: str = ""
    """What the backward pass keeps: any of `x` (the inputs) and `y` (the output); `saved` has what it keeps beside."""
    field: ClassVar[str] = "same"
    """What an output position sees along axes that the pattern does not carry through: `same`, `whole` or `data`."""
    shares: ClassVar[str] = ""
    """Whether the result lies in the memory of the input: `same` where it lies as that does, `moved` where in another
    order or only in part, `packed` where the input lies in plain order, with a copy made of one that does not."""
    several: ClassVar[bool] = False
    """Whether it gives a list of tensors, of one too: `split`, `chunk`."""
    results: ClassVar[tuple[str, ...]] = ()
    """The names of its results, where it gives a record of several: `sampled.rois`, `sampled.labels`."""
    lists: ClassVar[tuple[str, ...]] = ()
    """Inputs that are lists with a tensor per image; every other must be one tensor."""
    centres: ClassVar[bool] = False
    """Whether it takes each channel's own mean away, and with it any bias put there before."""
    over_batch: ClassVar[bool] = False
    """Whether training takes that mean over the batch, and a batch of 1 leaves it little to go by."""
    levels_off: ClassVar[float] = 0.0
    """For a function that is flat on both sides the slope that a gradient meets: the steepest, or where that is 1 the
    mean for inputs of mean 0 and deviation 1; 0 for others."""
    training_only: ClassVar[bool] = False
    """Whether it does nothing in evaluation, as dropout."""
    passes_on: ClassVar[bool] = False
    """Whether it gives back what comes in, in training too."""
    filter_axis: ClassVar[int | None] = None
    """Of a layer that weighs its input for every channel of the result: the axis of the weight that counts these."""
    is_scale: bool = False
    """Whether in evaluation it is a scale and a shift of every channel by numbers that it holds, as batch norm."""
    is_bookkeeping: ClassVar[bool] = False
    """Whether it only counts, scales or sorts what others found, so that a figure shows no stage for it."""
    gives: ClassVar[str] = ""
    """What the result is to a loss: `probabilities`, `log_probabilities`; empty for plain values."""
    family: ClassVar[str] = "other"
    """Convolution, pooling, normalization, activation, linear, join, shape …: the colour and shelf it has."""
    samples: ClassVar[tuple[str, ...]] = ()
    """Applications that hold: `float32[2, 3, 8, 8] -> conv2d(4, 3)`."""
    of_several: ClassVar[str] = ""
    """The operator that joins two tensors as this one joins the numbers of one: `sum([a, b, c])` is `a + b + c`."""
    mistakes: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Applications that do not, with the code they meet."""
    beyond_torch: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Applications that torch runs and we do not, with the code they meet; `REFUSED_BEYOND_TORCH` has the reasons."""
    fields: ClassVar[dict[str, Field]] = {}
    abstract: ClassVar[bool] = False

    def __init_subclass__(cls, abstract: bool = False) -> None:
        cls.abstract = abstract
        own = {
            name: Field(name, annotation, cls.__dict__.get(name, _MISSING))
            for name, annotation in cls.__dict__.get("__annotations__", {}).items()
            if not annotation.startswith("ClassVar")
        }
        if own:
            cls.fields = {**cls.fields, **own}
        if not abstract:
            cls.name = snake(cls.__name__)
            CATALOGUE[cls.name] = cls

    def __init__(self, values: dict[str, Any]) -> None:
        """From values already read; those left out take their defaults."""
        for name, field in self.fields.items():
            setattr(self, name, values.get(name, field.default))
        self.given = values

    @classmethod
    def read(cls, name: str, value: Any) -> Any:
        """The value of a parameter as the operator holds it; raises `Wrong`."""
        return cls.fields[name].kind.read(value)

    # What is derived from the facts

    def result(self, at: At) -> tuple[Fact, ...]:
        """The outputs where it is applied; binds the axes of `at`. Raises `Mistake`."""
        self.bind(at)
        windows = iter(self.windows())
        dtype = self.result_type(at)
        return tuple(Fact(dtype, self._shape(at, axes, windows)) for axes in pattern(self.axes).outputs)

    def bind(self, at: At) -> Sequence[Fact]:
        """The inputs, once their element types, axes and limits are found to hold; binds the axes of `at`."""
        self.check_types(at)
        for position, (axes, fact) in enumerate(zip(pattern(self.axes).inputs, at.inputs)):
            self._bind(at, axes, fact, position)
        for holds, parameter, sentence, *code in self.limits(at):
            if not holds:
                raise Mistake(code[0] if code else "E0303", sentence, "set here", parameter=parameter)
        self._check_weights(at)
        return at.inputs

    def unwritten(self, at: At) -> Collection[int]:
        """Positions of inputs that its text leaves out, since only their sizes matter and are known before."""
        return ()

    def check_lists(self, at: At) -> None:
        """A list of images goes into what takes lists alone."""
        for position, fact in enumerate(at.inputs):
            if fact.is_list:
                raise Mistake(
                    "E0325", f"`{self.name}` takes a tensor, its input is a list with a tensor per image",
                    shown(fact), input=position,
                    help="`batch_images` brings images of several sizes into one batch",
                )  # fmt: skip

    def check_types(self, at: At) -> None:
        """Every input has an element type that the operator runs on."""
        for position, fact in enumerate(at.inputs):
            if fact.dtype not in self.takes:
                raise Mistake(
                    "E0304", f"`{self.name}` does not run on {fact.dtype}", f"is {fact.dtype}", input=position,
                    notes=[f"`{self.name}` takes {', '.join(self.takes)}"],
                )  # fmt: skip
            if fact.dtype != at.inputs[0].dtype:
                raise self.differing_types(at.inputs[0], fact, position)

    def differing_types(self, first: Fact, fact: Fact, position: int) -> Mistake:
        return Mistake(
            "E0304", f"the inputs of `{self.name}` are of two element types: {first.dtype} and {fact.dtype}",
            f"is {fact.dtype}", input=position, insert=f'to("{first.dtype}")',
        )  # fmt: skip

    def result_type(self, at: At) -> str:
        """The element type of the result: the first input's."""
        return at.inputs[0].dtype

    def lending(self, at: At) -> Collection[int]:
        """The places of inputs that lend their sizes alone, none of their numbers."""
        return [place for place, name in enumerate(self.inputs) if name.startswith("like")]

    def likely(self, at: At, sizes: Mapping[str, int]) -> Iterable[tuple[Dim, int]]:
        """Numbers for sizes of the results that only a run knows, from those that stand for open ones."""
        return ()

    def limits(self, at: At) -> Iterable[Limit]:
        """Limits across parameters and axes: whether it holds, the parameter it is about, the sentence if not.

        A fourth item is the code, where it is not that of sizes that do not divide.
        """
        return ()

    def windows(self) -> Iterable[Window]:
        """A window for each primed axis."""
        return ()

    def formulas(self, at: At, outputs: Sequence[Fact]) -> Iterable[tuple[int, str, str]]:
        """Sizes that no window gives: the axis, its formula in letters, and in numbers with `{in}` for the old size."""
        return ()

    def size_words(self, at: At, outputs: Sequence[Fact]) -> Iterable[str]:
        """How its sizes come about, in words and numbers, where neither windows nor formulas tell."""
        return ()

    def weights(self, at: At) -> Iterable[tuple[str, Shape]]:
        """Name and shape of every learned tensor."""
        return ()

    def buffers(self, at: At) -> Iterable[tuple[str, Shape, str]]:
        """Name, shape and element type of every tensor that is kept but not learned."""
        return ()

    def macs(self, at: At, outputs: Sequence[Fact]) -> Dim:
        """Multiply-adds, 0 where there are only sums, comparisons or functions of single numbers."""
        return 0

    def saved(self, at: At, outputs: Sequence[Fact]) -> Iterable[Fact]:
        """Tensors of its own that the backward pass keeps beside inputs, output and weights."""
        return ()

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """For each axis of an input: the output axis that moves the view, and how much of it a position sees.

        A `Window` or a `Stretch` of that axis, `"whole"` or `"data"`.
        """
        read = pattern(self.axes)
        taken, given = read.inputs[min(port, len(read.inputs) - 1)], read.outputs[0]
        rest = self.field if self.field != "same" else "whole"
        places = {axis.rstrip("'"): index for axis, index in paired(given, tuple(range(len(outputs[0].shape))))}
        windows = dict(zip((axis[:-1] for axis in given if axis[-1] == "'"), self.windows()))
        seen: list[Seen] = []
        for axis, sizes in paired(taken, at.inputs[port].shape):
            place, same = places.get(axis), Window()
            if axis[0] == "*":
                seen += [(index, same) for index in place] if place is not None else [(None, rest)] * len(sizes)
            else:
                seen.append((None, rest) if place is None else (place, windows.get(axis, same)))
        return tuple(seen)

    # How it is written in Python

    def module_text(self, at: At, text_of: Callable[[Any], str] | None = None, words: Mapping[str, str] = {}) -> str:
        """The module's constructor, `nn.Conv2d(3, 64, kernel_size=7)`; empty where torch has only a function."""
        template = self.module_template(at)
        return self.writer(at, (), text_of, words).call(template) if template else ""

    def module_template(self, at: At) -> str:
        """The pattern of the module where it is applied: `torch`, unless that depends on values."""
        return self.torch

    def function_text(
        self,
        at: At,
        tensors: Sequence[str],
        text_of: Callable[[Any], str] | None = None,
        words: Mapping[str, str] = {},
    ) -> str:
        """The expression on the texts of its inputs, `F.relu(x)`; empty where it has weights."""
        return self.expression(self.writer(at, tensors, text_of, words))

    def expression(self, write: Writer) -> str:
        """The functional form: `function` with the values put in."""
        return write.call(self.function) if self.function else ""

    def applied_text(self, module: str, tensors: Sequence[str]) -> str:
        """The call of a module that is held: `self.conv1(x)`."""
        return f"{module}({', '.join(tensors)})"

    def writer(
        self, at: At, tensors: Sequence[str], text_of: Callable[[Any], str] | None, words: Mapping[str, str]
    ) -> Writer:
        from dlspec.ops.text import Writer, literal

        return Writer(self, at, tensors, text_of or literal, words)

    # The machinery of `result`

    def _bind(self, at: At, axes: Axes, fact: Fact, position: int) -> None:
        if not fits(axes, len(fact.shape)):
            raise self.wrong_rank(axes, fact, position)
        for axis, size in paired(axes, fact.shape):
            if axis[0].islower():
                bound: Any = getattr(self, axis)
            elif axis.isdigit():
                bound = int(axis)
            elif axis in at:
                bound = at[axis]
            else:
                at[axis] = size
                continue
            if bound != size:
                self._equal(at, axis, bound, size, position)

    def _equal(self, at: At, axis: str, bound: Any, size: Any, position: int) -> None:
        mistake = self._differ(axis, bound, size, at.inputs[position], position)
        if axis[0] != "*":
            at.equal(bound, size, mistake)
            return
        if len(bound) != len(size):
            raise mistake
        for left, right in zip(bound, size):
            at.equal(left, right, mistake)

    def _differ(self, axis: str, bound: Any, size: Any, fact: Fact, position: int) -> Mistake:
        first, second = (bound, size) if axis[0] != "*" else (spaced(bound), spaced(size))
        if axis[0].islower():
            words = f"`{self.name}` is set to {axis} {first}, its input has {second}"
            return Mistake("E0312", words, shown(fact), input=position)
        words = f"the inputs of `{self.name}` differ in {axis.strip('*')}: {first} and {second}"
        return Mistake("E0302", words, shown(fact), input=position)

    def wrong_rank(self, axes: Axes, fact: Fact, position: int) -> Mistake:
        """The words where an input has too many or too few axes."""
        some, wanted = "", len(axes)
        if any(axis[0] == "*" for axis in axes):
            some, wanted = "at least ", len(axes) - 1
        mistake = Mistake(
            "E0301", f"`{self.name}` takes {some}{wanted} axes ({' '.join(axes)}), its input has {len(fact.shape)}",
            shown(fact), input=position,
        )  # fmt: skip
        mistake.lacks_batch = axes[0] == "N" and len(fact.shape) == wanted - 1
        return mistake

    def _check_weights(self, at: At) -> None:
        """Weights are float32 and made before any input is seen, so their sizes must be numbers."""
        for name, shape in self.weights(at):
            self._check_precision(at)
            for size in shape:
                if size.__class__ is not int and not at.weights_may_be_open:
                    raise Mistake(
                        "E0212", f"the {name} of `{self.name}` has a size that only the input knows: {size}",
                        shown(at.inputs[0]), input=0,
                        notes=["the sizes of weights are numbers, known before anything runs"],
                    )  # fmt: skip

    def _check_precision(self, at: At) -> None:
        for position, fact in enumerate(at.inputs):
            if fact.dtype in FLOATS and fact.dtype != "float32":
                raise Mistake(
                    "E0304", f"the weights of `{self.name}` are float32, its input is {fact.dtype}",
                    f"is {fact.dtype}", input=position, insert='to("float32")',
                )  # fmt: skip

    def _shape(self, at: At, axes: Axes, windows: Iterator[Window]) -> Shape:
        out: list[Dim] = []
        for axis in axes:
            if axis[0] == "(":
                out.append(product(at[axis.strip("()")]))
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
        if falls_short(out, 1):
            at.at_least(out, 1, lambda: self.too_small(axis, size, window))
        return out

    def too_small(self, axis: str, size: Dim, window: Window) -> Mistake:
        """The words where no window fits."""
        has = window.span - window.before - window.after
        padded = f" beyond the padding of {window.before}" if window.before else ""
        short = window.span - size if isinstance(size, int) else 0
        return Mistake(
            "E0307", f"the window of `{self.name}` is larger than its input",
            f"spans {window.span} along {axis}, the map has {size}", parameter="kernel_size",
            notes=[f"{axis} must be at least {has}{padded}; it is {size}"],
            help=f"pad by {-(-short // 2)} to keep a position" if short > 0 else None,
        )  # fmt: skip


REFUSED_BEYOND_TORCH: dict[str, str] = {
    "no batch": "convolutions, poolings, batch and instance norms, dropout of whole channels and multi-head attention "
    "take a batch; PyTorch also takes a single image",
    "nothing": "no axis has size 0, so a slice is never empty",
    "open size of 1": "an open size is not stretched where it happens to be 1: `H` and `W` are joined where `H == W`, "
    "and `squeeze` leaves out a named open axis only where it is 1",
    "other precision": "weights are float32, so their inputs are; `to` converts",
    "values without keys": "scaled_dot_product_attention has as many values as keys, which PyTorch's fused kernel does "
    "not look at",
    "stretched batch": "the batch axes of scaled_dot_product_attention are equal; PyTorch stretches some of them",
    "causal with a mask": "scaled_dot_product_attention that is causal has no mask beside; of PyTorch's kernels only "
    "the fused ones take both",
    "axis out of range": "an axis that is not there, which PyTorch's meta device lets `softmax` have and no "
    "kernel does",
}
"""What torch runs and we do not, and why; `beyond_torch` of an operator has the cases."""

__all__ = [
    "ALL", "BYTES", "CATALOGUE", "FLOATS", "INTEGERS", "REFUSED_BEYOND_TORCH", "At", "Fact", "Field", "Kind", "Mistake",
    "Op", "Wrong", "axes_text", "shown", "snake", "spaced",
]  # fmt: skip
