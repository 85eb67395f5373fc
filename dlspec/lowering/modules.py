"""What a class holds: the text of each module, and the tree of attributes that they hang on."""

from __future__ import annotations

from dlspec.lowering.emitter import split
from dlspec.lowering.expressions import Constant, Expression, Formal, python_literal, same_value
from dlspec.lowering.leaves import word_value, write_leaf
from dlspec.lowering.names import camel, fresh
from dlspec.ops.text import imports, unqualified
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

    from dlspec.graph import Node
    from dlspec.lowering.units import Line, Unit

    Bound = dict[Formal, Expression]
    """What formals of an inlined sequence are, in terms of the class it is written in."""


class Wrapper:
    """A small class for an operator that torch has only as a function, where the spec gives it a name."""

    __slots__ = ("name", "node", "words")

    def __init__(self, name: str, node: Node, words: list[str]) -> None:
        self.name = name
        self.node = node
        self.words = words
        """Fields that are arguments of the class."""


class Texts:
    """Writes the constructors of modules; keeps what they need around them."""

    def __init__(self, taken: dict[str, None]) -> None:
        self.taken = taken
        """Names at the top of the file."""
        self.imports: dict[str, None] = {}
        self.wrappers: dict[tuple[Any, ...], Wrapper] = {}

    def use(self, text: str) -> str:
        """The text as it reads under its imports, which are kept."""
        for line in imports(text):
            self.imports[line] = None
        return unqualified(text)

    def module(self, line: Line, bound: Bound) -> str:
        """The constructor of what a line runs."""
        if line.unit is not None:
            return self._unit(line, line.unit, bound)
        made = {word: expression.replaced(_by(bound)) for word, expression in line.words.items()}
        node = _sample(line, made)
        words = {word: e.text(_name) for word, e in made.items() if not isinstance(e, Constant)}
        match node.op.family:
            case "parameter":
                return self.learned(node, words)
            case "foreign":
                return self._foreign(node, words)
        return self.use(write_leaf(node, words, None)) or self._wrapped(node, line.pattern, words)

    def _unit(self, line: Line, unit: Unit, bound: Bound) -> str:
        given = {
            formal: argument(line, formal).replaced(_by(bound)) for formal in unit.used if formal in line.arguments
        }
        if is_inline(unit):
            return self.sequence(unit, given)
        texts = []
        for formal in ordered(unit):
            text = given[formal].text(_name)
            if formal.default is None:
                texts.append(text)
            elif not formal.default.same(given[formal]):
                texts.append(f"{formal.name}={text}")
        return f"{unit.name}({', '.join(texts)})"

    def sequence(self, unit: Unit, bound: Bound) -> str:
        """`nn.Sequential(…)`; with names where the steps have some."""
        self.imports["from torch import nn"] = None
        return f"nn.Sequential({self.items(unit, bound)})"

    def items(self, unit: Unit, bound: Bound) -> str:
        """What stands between the brackets of a sequence."""
        items = list(self._items(unit, bound))
        if not any(item.name for item in items):
            return ", ".join(folded(items))
        self.imports["from collections import OrderedDict"] = None
        named = [Repeated("", f"({item.name}, {item.text})", item.often, item.loop) for item in items]
        return f"OrderedDict({in_list(list(folded(named)))})"

    def _items(self, unit: Unit, bound: Bound) -> Iterator[Repeated]:
        """Each module of a sequence, with its name and how often it stands."""
        numbered = all(line.series is None and _is_place(step_name(line)) for line in unit.lines)
        for line in unit.lines:
            count = None if line.count is None else line.count.replaced(_by(bound))
            often = 1 if count is None else count.given if isinstance(count, Constant) else count.text(_name)
            name = "" if numbered else python_literal(step_name(line))
            if line.series is not None:
                prefix, first = line.series
                number = f"{{i + {first}}}" if first else "{i}"
                name = f'f"{prefix}{number.replace("i", line.loop.name, 1) if line.loop else number}"'
            yield Repeated(name, self.module(line, bound), often, line.loop.name if line.loop else "")

    def learned(self, node: Node, words: dict[str, str]) -> str:
        """The tensor that a parameter or buffer begins as."""
        self.imports["import torch"] = None
        op: Any = node.op
        shape = ", ".join(words.get(f"shape.{index}", str(size)) for index, size in enumerate(op.shape))
        name, _, rest = op.start.partition("(")
        numbers = split(rest.rstrip(")"))
        match name:
            case "full":
                return f"torch.full(({shape}{',' if len(op.shape) == 1 else ''}), {numbers[0]})"
            case "normal":
                return f"torch.randn({shape})" + (f" * {numbers[0]}" if numbers else "")
            case "trunc_normal":
                self.imports["from torch import nn"] = None
                std = f", std={numbers[0]}" if numbers else ""
                return f"nn.init.trunc_normal_(torch.empty({shape}){std})"
            case "uniform":
                low, high = (["0.0", "1.0"] if not numbers else ["0.0", *numbers] if len(numbers) == 1 else numbers)[:2]
                return f"torch.empty({shape}).uniform_({low}, {high})"
        return f"torch.{name}({shape})"

    def _foreign(self, node: Node, words: dict[str, str]) -> str:
        package, _, name = node.op.path.partition(":")  # type: ignore[attr-defined]  # a foreign operator has one
        given = [f"{key}={words.get(key, python_literal(value))}" for key, value in node.op.given.items()]
        own = name if name not in self.taken else fresh(f"{camel(package)}{name}", self.taken)
        self.imports[f"from {package} import {name}" + (f" as {own}" if own != name else "")] = None
        return f"{own}({', '.join(given)})"

    def _wrapped(self, node: Node, pattern: tuple[Any, ...], words: dict[str, str]) -> str:
        written = write_leaf(node, {word: f"§{word}§" for word in words}, [f"§{i}§" for i in range(len(node.inputs))])
        key = (node.op.name, written, tuple(words))
        if key not in self.wrappers:
            name = fresh(camel(node.op.name), self.taken)
            self.taken[name] = None
            self.wrappers[key] = Wrapper(name, node, list(words))
        return f"{self.wrappers[key].name}({', '.join(words.values())})"


class Repeated:
    """A text that stands some times over: a number of times, or as an expression says."""

    __slots__ = ("loop", "name", "often", "text")

    def __init__(self, name: str, text: str, often: int | str = 1, loop: str = "") -> None:
        self.name = name
        self.text = text
        self.often = often
        self.loop = loop
        """The variable that counts the copies, where the text has it."""


def folded(items: Iterable[Repeated]) -> Iterator[str]:
    """Items with their repeats: those that differ in a number, and three and more of a kind, become a comprehension."""
    runs: list[Repeated] = []
    for item in items:
        last = runs[-1] if runs else None
        same = last is not None and last.text == item.text and not last.loop
        if last is not None and same and isinstance(last.often, int) and isinstance(item.often, int):
            runs[-1] = Repeated(last.name, last.text, last.often + item.often)
        else:
            runs.append(item)
    for run in runs:
        if isinstance(run.often, int) and not run.loop and run.often < 3:
            yield from [run.text] * run.often
        else:
            yield f"*({run.text} for {run.loop or '_'} in range({run.often}))"


def in_list(items: list[str]) -> str:
    """A list of items; a lone comprehension needs neither star nor list."""
    if len(items) == 1 and items[0].startswith("*("):
        return items[0][2:-1]
    return f"[{', '.join(items)}]"


def _is_place(name: str) -> bool:
    return name.isdecimal()


def argument(line: Line, formal: Formal) -> Expression:
    """What a line gives for a formal of the unit that it uses."""
    return formal.constant or line.arguments[formal]


def _by(bound: Bound) -> Any:
    return lambda formal: bound.get(formal) or formal.constant


def _sample(line: Line, words: dict[str, Expression]) -> Node:
    """A node of the line that has these numbers; the operator itself writes what is a number."""
    numbers = {word: made.given for word, made in words.items() if isinstance(made, Constant)}
    nodes = [step.node for _, step in line.all_steps() if step.node is not None]
    return next(
        node for node in nodes if all(same_value(word_value(node.op, node.at, w), n) for w, n in numbers.items())
    )


def _name(formal: Formal) -> str:
    return formal.name


def step_name(line: Line) -> str:
    """The last part of the path of what a line runs, or would run as a module."""
    step = line.sample
    path = step.path if step.path is not None else step.node.path if step.node is not None else ""
    return path.rpartition(".")[2].partition("#")[0]


def is_inline(unit: Unit) -> bool:
    """Whether a sequence is written where it is used: it is used once, or is one module long."""
    if not unit.sequence or any(line.count is not None for _, line in unit.calls):
        return False
    return len(unit.calls) == 1 or (len(unit.lines) == 1 and unit.lines[0].count is None)


def ordered(unit: Unit) -> list[Formal]:
    """The arguments of a unit: sizes of its inputs, then its parameters in the spec's order, defaults last."""
    params = [param.name for param in getattr(unit.sample.enclosing.definition, "params", ())]

    def rank(formal: Formal) -> tuple[bool, int, int]:
        match formal.key:
            case ("axis" | "around", name, axis):
                names = list(unit.sample.inputs)
                return False, 0, names.index(name) * 8 + axis if name in names else axis
            case ("parameter", name) if name in params:
                return formal.default is not None, 1, params.index(name)
        return formal.default is not None, 2, 0

    return sorted((formal for formal in unit.used if formal.constant is None), key=rank)
