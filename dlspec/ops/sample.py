"""The samples of an operator, read: `float32[2, 3, 8, 8] -> conv2d(4, 3)`."""

from __future__ import annotations

from dlspec.ops import lookup
from dlspec.ops.fact import At, Fact
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    import ast
    from typing import Any

    from dlspec.ops.op import Op

_WORDS = {"true": True, "false": False, "null": None}


class Sample:
    """An operator applied to tensors of known shapes; `result` raises `Wrong` or `Mistake` as a spec would."""

    __slots__ = ("at", "given", "op")

    def __init__(self, text: str) -> None:
        """Reads the text of a sample; ValueError where it is none."""
        tensors, arrow, call = text.partition(" -> ")
        if not arrow:
            raise ValueError(f"a sample is `tensors -> operator`, not {text!r}")
        self.at = At([fact_of(part) for part in split_tensors(tensors)])
        name, self.given = _call(call)
        op = lookup(name)
        if op is None:
            raise ValueError(f"there is no operator {name!r}")
        self.op: type[Op] = op
        names = list(op.fields)
        self.given = {names[key] if isinstance(key, int) else key: value for key, value in self.given.items()}

    def made(self) -> Op:
        """The operator with its values."""
        return self.op({name: self.op.read(name, value) for name, value in self.given.items()})

    def result(self) -> tuple[Op, At, tuple[Fact, ...]]:
        """The operator, where it is applied, and what comes out."""
        made = self.made()
        return made, self.at, made.result(self.at)


IMAGES = 2
"""How many tensors the lists of a sample have."""


def split_tensors(text: str) -> list[str]:
    """The tensors of `float32[2, 3], list[int64[5]]`, each as its text."""
    from dlspec.ops.text import split_arguments

    return split_arguments(text)


def fact_of(text: str) -> Fact:
    """`float32[2, 3]` as a tensor, `list[float32[2, 3]]` as a list of such."""
    inner = text.removeprefix("list[").removesuffix("]") if text.startswith("list[") else text
    dtype, _, sizes = inner.rstrip("]").partition("[")
    return Fact(dtype, tuple(int(size) for size in sizes.split(",") if size), IMAGES if inner is not text else None)


def _call(text: str) -> tuple[str, dict[Any, Any]]:
    """The name and the arguments, by position or by name; what is written as a call is one in Python too."""
    import ast

    expression = ast.parse(text, mode="eval").body
    if isinstance(expression, ast.Name):
        return expression.id, {}
    if not isinstance(expression, ast.Call) or not isinstance(expression.func, ast.Name):
        raise ValueError(f"a sample ends in an operator, not in {text!r}")
    positional = dict(enumerate(map(_plain, expression.args)))
    return expression.func.id, {
        **positional,
        **{word.arg: _plain(word.value) for word in expression.keywords},
    }


def _plain(expression: ast.expr) -> Any:
    import ast

    if isinstance(expression, ast.Name):
        return _WORDS[expression.id]
    if isinstance(expression, ast.List):
        return [_plain(item) for item in expression.elts]
    return ast.literal_eval(expression)
