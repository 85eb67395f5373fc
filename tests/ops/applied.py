"""Operators applied as their samples say, and the torch code that they stand for, run."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import dlspec.nn
from dlspec.ops import catalogue, lookup
from dlspec.ops.op import At, Fact, Op
from dlspec.source import Source
from dlspec.syntax import tree
from dlspec.syntax.parser import parse

torch.set_num_threads(1)

IMAGES = 2
"""How many images a list of a sample holds."""

CATALOGUE = catalogue()
SAMPLES = [text for op in CATALOGUE.values() for text in op.samples]
REGIONS = [text for op in CATALOGUE.values() if op.family == "detection" for text in op.samples]
"""Samples whose results depend on the numbers."""
MISTAKES = [(text, code) for op in CATALOGUE.values() for text, code in op.mistakes]
BEYOND_TORCH = [(text, code) for op in CATALOGUE.values() for text, code in op.beyond_torch]


def called(text: str) -> str:
    """The name of the operator of a sample."""
    return text.split(" -> ")[1].partition("(")[0]


class Applied:
    """One operator where it is applied."""

    def __init__(self, op: Op, inputs: Sequence[Fact]) -> None:
        self.op = op
        self.at = At(inputs)
        self.outputs = op.result(self.at)
        self.names = [f"x{index}" for index in range(len(inputs))]

    @property
    def module_text(self) -> str:
        return self.op.module_text(self.at)

    @property
    def function_text(self) -> str:
        return self.op.function_text(self.at, self.names)

    def module(self, device: str = "meta") -> nn.Module:
        with torch.device(device):
            return evaluated(self.module_text)

    def run(self, tensors: Sequence[Tensor], module: nn.Module | None = None) -> tuple[Tensor, ...]:
        """What torch makes of these tensors, by the module where one is given, else by the function."""
        text = self.function_text if module is None else self.op.applied_text("module", self.names)
        values = dict(zip(self.names, tensors, strict=True))
        made = evaluated(text, module=module, self=Training(), **values)
        return (made,) if isinstance(made, Tensor) else tuple(made)

    def tensors(self, device: str = "meta") -> list[Tensor]:
        return [tensor(fact, device) for fact in self.at.inputs]


class Training:
    """Stands for the module that a functional form asks whether it is being trained."""

    training = True


def parsed(text: str) -> tuple[type[Op], list[Fact], dict[str, Any]]:
    """The operator, the inputs and the values, not yet read, of `float32[2, 3] -> linear(10)`."""
    left, _, right = text.partition(" -> ")
    facts = []
    for listed, dtype, sizes in re.findall(r"(list\[)?(\w+)\[([\d, ]*)\]", left):
        facts.append(Fact(dtype, tuple(int(size) for size in sizes.split(",") if size), IMAGES if listed else None))
    expression, problems, *_ = parse(Source("sample", right), "expression")
    assert not problems, problems
    name = expression.name if isinstance(expression, tree.Name) else expression.function.name
    op = lookup(name)
    assert op is not None, name
    names = list(op.fields)
    given = {} if isinstance(expression, tree.Name) else {
        arg.name or names[index]: plain(arg.value) for index, arg in enumerate(expression.args)
    }  # fmt: skip
    return op, facts, given


def plain(expression: Any) -> Any:
    """The value of a literal of the language."""
    match expression:
        case tree.Literal():
            return expression.value
        case tree.ListExpr():
            return [plain(item) for item in expression.items]
    raise AssertionError(f"a sample has literal arguments only, here is {expression}")


def applied(text: str) -> Applied:
    """The application that a sample's text is; raises `Wrong` or `Mistake`."""
    op, facts, given = parsed(text)
    return apply(op.name, facts, **given)


def apply(name: str, facts: Sequence[Fact], **given: Any) -> Applied:
    op = CATALOGUE[name]
    return Applied(op({key: op.read(key, value) for key, value in given.items()}), facts)


def evaluated(text: str, **names: Any) -> Any:
    """The value of a piece of generated code."""
    scope = {"torch": torch, "nn": nn, "F": F, "dlspec": dlspec, **names}
    return eval(text, scope)  # the text is ours


def tensor(fact: Fact, device: str = "meta") -> Tensor:
    dtype = getattr(torch, fact.dtype)
    if dtype.is_floating_point:
        return torch.rand(fact.shape, dtype=dtype, device=device) + 0.1
    return torch.zeros(fact.shape, dtype=dtype, device=device)


def accepted(run: Callable[[], Any]) -> Any:
    """What torch makes of it, None where it refuses."""
    try:
        return run()
    except (
        RuntimeError,
        ValueError,
        AssertionError,
        IndexError,
        NotImplementedError,
        TypeError,
        ZeroDivisionError,
    ):
        return None


def facts_of(tensors: Sequence[Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    return [(str(made.dtype).removeprefix("torch."), tuple(made.shape)) for made in tensors]


def claimed(outputs: Sequence[Fact]) -> list[tuple[str, tuple[Any, ...]]]:
    return [(fact.dtype, fact.shape) for fact in outputs]
