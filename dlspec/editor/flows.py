"""Which blocks a name may stand for: followed from argument to parameter, from value to name, with nothing evaluated.

`unit(width, stride=2)` reaches whatever is handed on to `unit` anywhere. What is found is at least what evaluation
would find; where a block comes out of a list or a record, which only evaluation follows, `reach` says so.
"""

from __future__ import annotations

from dlspec.elaborate.builtins import BUILTINS
from dlspec.elaborate.parts import TENSOR_FACTS
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from dlspec.editor.names import Body, NameIndex, Symbol

    End = tuple[Symbol | None, bool]
    """A definition, or None for what cannot be told, and whether arguments were given to it before."""


class Origin:
    """Something that a value may be: what a name stands for, and whether arguments were given to it before.

    Without a symbol it is what cannot be told without evaluating.
    """

    __slots__ = ("is_begun", "symbol")

    def __init__(self, symbol: Symbol | None, is_begun: bool = False) -> None:
        self.symbol = symbol
        self.is_begun = is_begun


class Site:
    """A call: what is called, and what each argument may be."""

    __slots__ = ("args", "bound", "call", "function")

    def __init__(self, call: tree.Call, function: list[Origin], args: list[tuple[str | None, list[Origin]]]) -> None:
        self.call = call
        self.function = function
        self.args = args
        self.bound: set[End] = set()
        """The definitions that its arguments were handed on to."""


UNTOLD = Origin(None)
DEFINED = ("block", "network", "foreign")
HELD = ("parameter", "value", "module", "constant")
"""Kinds of names that stand for what they are given."""


def origins(find: Callable[[str], Symbol | None], expr: object) -> list[Origin]:
    """What an expression may be, of blocks, networks and names that may stand for some; nothing for other values."""
    match expr:
        case tree.Name():
            symbol = find(expr.name)
            return [] if symbol is None else [Origin(symbol)]
        case tree.IfExpr():
            return origins(find, expr.then) + origins(find, expr.orelse)
        case tree.Labelled():
            return origins(find, expr.value)
        case tree.Call():
            return _of_call(find, expr)
        case tree.Attribute():
            return [] if expr.name in TENSOR_FACTS else _of_part(find, expr)
        case tree.Index():
            whole = expr.value
            return [] if isinstance(whole, tree.Attribute) and whole.name in TENSOR_FACTS else [UNTOLD]
        case tree.Select():
            return [UNTOLD]
    return []


def _of_call(find: Callable[[str], Symbol | None], call: tree.Call) -> list[Origin]:
    """A block that is given arguments and no tensor stays one; `freeze` gives back what it gets."""
    found = [Origin(one.symbol, True) for one in origins(find, call.function)]
    if not found and isinstance(call.function, tree.Name) and call.function.name in BUILTINS:
        return [one for argument in call.args for one in origins(find, argument.value)]
    return found


def _of_part(find: Callable[[str], Symbol | None], expr: tree.Attribute) -> list[Origin]:
    """A network up to one of its stages has the parameters of the network."""
    symbol = find(expr.value.name) if isinstance(expr.value, tree.Name) else None
    return [Origin(symbol)] if symbol is not None and symbol.kind == "network" else [UNTOLD]


class Flows:
    """What goes into every name of some files, and who calls what."""

    def __init__(self) -> None:
        self._into: dict[Symbol, list[Origin]] = {}
        self._sites: dict[int, Site] = {}
        self._settled = 0

    def give(self, symbol: Symbol, found: list[Origin]) -> None:
        """Note what a name may stand for."""
        if found:
            self._into.setdefault(symbol, []).extend(found)

    def call(self, site: Site) -> None:
        """Note a call of what is no operator."""
        if site.function:
            self._sites[id(site.call)] = site

    def reach(self, call: tree.Call, index: NameIndex) -> list[Symbol] | None:
        """The definitions that a call may use, in the order in which they are written; None where it cannot be told."""
        site = self._sites.get(id(call))
        if site is None:
            return []
        if self._settled != len(self._sites):
            self._settle(index)
        ends = self._ends(site.function)
        if any(symbol is None for symbol, _ in ends):
            return None
        found = {symbol.key: symbol for symbol, _ in ends if symbol is not None}
        return [found[key] for key in sorted(found)]

    def _settle(self, index: NameIndex) -> None:
        """Hand the arguments of every call on to what it reaches, until there is nothing new."""
        is_new = True
        while is_new:
            is_new = False
            for site in self._sites.values():
                for end in self._ends(site.function) - site.bound:
                    is_new = self._bind(site, end, index) or is_new
        self._settled = len(self._sites)

    def _bind(self, site: Site, end: End, index: NameIndex) -> bool:
        """Hand the arguments of a call on to one definition that it reaches; whether that was anything new."""
        symbol, is_begun = end
        if symbol is None:
            given = [one for _, found in site.args for one in found]
            return bool(self._ends(given)) and self._lose(index)
        site.bound.add(end)
        body = index.body(symbol)
        if body is None:
            return False
        is_new = False
        for place, (name, found) in enumerate(site.args):
            for parameter in _parameters(body, place, name, is_begun) if found else ():
                self.give(parameter, found)
                is_new = True
        return is_new

    def _lose(self, index: NameIndex) -> bool:
        """A block was given to something unknown: any parameter may have it."""
        is_new = False
        for file in index.files():
            for body in file.bodies.values():
                for parameter in body.parameters.values():
                    held = self._into.setdefault(parameter, [])
                    if UNTOLD not in held:
                        held.append(UNTOLD)
                        is_new = True
        return is_new

    def _ends(self, found: Iterable[Origin]) -> set[End]:
        """The definitions at the beginning of every way, and None where one begins with what cannot be told."""
        ends: set[End] = set()
        seen: set[End] = set()
        waiting = [(one.symbol, one.is_begun) for one in found]
        while waiting:
            symbol, is_begun = waiting.pop()
            if symbol is None or symbol.kind == "loop":
                ends.add((None, is_begun))
            elif symbol.kind in DEFINED:
                ends.add((symbol, is_begun))
            elif symbol.kind in HELD and (symbol, is_begun) not in seen:
                seen.add((symbol, is_begun))
                waiting += [(one.symbol, one.is_begun or is_begun) for one in self._into.get(symbol, ())]
        return ends


def _parameters(body: Body, place: int, name: str | None, is_begun: bool) -> list[Symbol]:
    """The parameters that an argument may be meant for.

    A pipe, or a tensor that comes later, takes the first place of a block; a network's tensors have none among its
    parameters; behind arguments given before, any place is possible.
    """
    if name is not None:
        return [body.parameters[name]] if name in body.parameters else []
    every = list(body.parameters.values())
    if is_begun:
        return every
    return every[place : place + 2] if body.symbol.kind == "block" else every[: place + 2]
