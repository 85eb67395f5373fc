"""The names of the generated code, decided before any of it is written: the spec's own wherever Python takes them."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Any

PYTHON_WORDS = frozenset(
    "False None True and as assert async await break class continue def del elif else except finally for from global "
    "if import in is lambda nonlocal not or pass raise return try while with yield".split()
)
TAKEN = frozenset(
    "self super nn F torch Tensor OrderedDict build dict float int bool str list tuple min max sum abs round len "
    "range getattr".split()
)
"""Names that the generated module has a meaning for."""


def camel(name: str) -> str:
    """`res_net` to `ResNet`, as classes are called."""
    made = "".join(part[:1].upper() + part[1:] for part in name.split("_") if part)
    made = "".join(letter for letter in made if letter.isalnum() and letter.isascii())
    return made if made[:1].isalpha() else f"Block{made}"


def fresh(name: str, taken: Iterable[str]) -> str:
    """The name, or the first free of `name2`, `name3` …; never a word of Python."""
    taken = taken if isinstance(taken, (set, frozenset, dict)) else set(taken)
    if name in PYTHON_WORDS:
        name = f"{name}_"
    if name not in taken:
        return name
    number = 2
    while f"{name}{number}" in taken:
        number += 1
    return f"{name}{number}"


def is_attribute(name: str) -> bool:
    """Whether `self.name` reaches the submodule of that name."""
    return name.isidentifier() and name not in PYTHON_WORDS and not (name.startswith("__") and not name.endswith("__"))


def value_names(statements: Iterable[Any]) -> dict[int, tuple[str, ...]]:
    """The names that a body gives to values, by the expression that makes each."""
    found: dict[int, tuple[str, ...]] = {}
    for statement in statements:
        kind = type(statement).__name__
        if kind == "Assign":
            for made in _makers(statement.value):
                found.setdefault(id(made), statement.targets)
        elif kind in ("If", "For"):
            found.update(value_names(statement.body))
            found.update(value_names(getattr(statement, "orelse", ())))
    return found


def _makers(expr: Any) -> Iterator[Any]:
    """The expressions from which a value comes out last, and the choices between them."""
    match type(expr).__name__:
        case "Pipe":
            yield from _makers(expr.steps[-1])
        case "Labelled":
            yield from _makers(expr.value)
        case "IfExpr":
            yield expr
        case _:
            yield expr
