"""The generated module of a small spec is the module that one writes by hand: the same weights by name, the same outputs.

`examine` holds what is promised of every generated file; the hand-written module beside each spec is the oracle from
outside, and a line of the text shows how it is said.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.lowering import lower
from tests.lowering.built import examine, graph_of, module_of


class Case:
    """A spec, the module that it means, and lines that its text must have."""

    def __init__(self, spec: str, by_hand: Callable[[], nn.Module], shapes: list[tuple[int, ...]], *says: str) -> None:
        self.spec, self.by_hand, self.shapes, self.says = spec, by_hand, shapes, says


class Hand(nn.Module):
    """A module of named parts and a function over them."""

    def __init__(self, run: Callable[..., Any], **parts: nn.Module | nn.Parameter) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, *inputs: Tensor) -> Any:
        return self.run(self, *inputs)


def unit(given: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(given, width), nn.ReLU())


def residual(width: int, *, widen: int = 0) -> Hand:
    if widen:
        return Hand(lambda m, x: m.fit(x) + m.body(x), fit=nn.Linear(width, widen), body=nn.Linear(width, widen))
    return Hand(lambda m, x: x + m.body(x), body=nn.Linear(width, width))


CASES = {
    "a network without a label is a sequence": Case(
        """\
block unit(x, width) { x -> linear(width) -> relu }
network n(width = 8) {
  input x: float32[N, 5]
  output y = x -> unit(width) * 2 -> { linear(3) -> dropout(0.5) } -> linear(2)
}
""",
        lambda: nn.Sequential(unit(5, 8), unit(8, 8), nn.Sequential(nn.Linear(8, 3), nn.Dropout()), nn.Linear(3, 2)),
        [(3, 5)],
        "class N(nn.Sequential):", "return super().forward(x)",
    ),
    "repeats are a comprehension": Case(
        """\
block unit(x, width) { x -> linear(width) -> relu }
network n(width = 8, depth = 4) {
  input x: float32[N, 5]
  output y = x -> first: unit(width) -> body: { unit(width) * depth } -> last: linear(2)
}
""",
        lambda: Hand(
            lambda m, x: m.last(m.body(m.first(x))),
            first=unit(5, 8), body=nn.Sequential(*(unit(8, 8) for _ in range(4))), last=nn.Linear(8, 2),
        ),
        [(3, 5)],
        "for _ in range(depth)",
    ),
    "repeats with a number in them": Case(
        """\
block tower(x, widths) {
  for i in range(3) {
    x = x -> level_{i}: linear(widths[i])
  }
  x
}
network n {
  input x: float32[N, 5]
  output y = x -> tower: tower([8, 6, 4])
}
""",
        lambda: Hand(
            lambda m, x: m.tower(x),
            tower=nn.Sequential(OrderedDict(
                level_0=nn.Linear(5, 8), level_1=nn.Linear(8, 6), level_2=nn.Linear(6, 4),
            )),
        ),
        [(3, 5)],
        "OrderedDict",
    ),
    "nested blocks": Case(
        """\
block inner(x, width) { x + (x -> a: linear(width) -> relu -> b: linear(x.features)) }
block outer(x, width) { x -> one: inner(width) -> two: inner(width * 2) }
network n {
  input x: float32[N, 5]
  output y = x -> deep: outer(3) -> head: linear(2)
}
""",
        lambda: Hand(
            lambda m, x: m.head(m.deep.two(m.deep.one(x))),
            deep=Hand(lambda m, x: x, one=_inner(5, 3), two=_inner(5, 6)), head=nn.Linear(5, 2),
        ),
        [(3, 5)],
        "class Inner(nn.Module):",
    ),
    "one module used twice": Case(
        """\
network n {
  input a: float32[N, 5]
  input b: float32[N, 5]
  module twin = linear(4)
  output y = (a -> twin) - (b -> twin)
}
""",
        lambda: Hand(lambda m, a, b: m.twin(a) - m.twin(b), twin=nn.Linear(5, 4)),
        [(3, 5), (3, 5)],
        "self.twin(a) - self.twin(b)",
    ),
    "a copy for each call": Case(
        """\
block twin(x) { x -> linear(4) -> tanh }
network n {
  input a: float32[N, 5]
  input b: float32[N, 5]
  output y = (a -> left: twin) - (b -> right: twin)
}
""",
        lambda: Hand(
            lambda m, a, b: m.left(a) - m.right(b),
            left=nn.Sequential(nn.Linear(5, 4), nn.Tanh()), right=nn.Sequential(nn.Linear(5, 4), nn.Tanh()),
        ),
        [(3, 5), (3, 5)],
        "self.left(a) - self.right(b)",
    ),
    "groups": Case(
        """\
network n {
  input x: float32[N, 3, 8, 8]
  output y = x -> features: { conv: conv2d(4, 3) -> act: relu -> inner: { conv2d(5, 3) -> relu } } -> flatten -> linear: linear(2)
}
""",
        lambda: Hand(
            lambda m, x: m.linear(m.features(x).flatten(1)),
            features=nn.Sequential(OrderedDict([
                ("conv", nn.Conv2d(3, 4, 3)), ("act", nn.ReLU()),
                ("inner", nn.Sequential(nn.Conv2d(4, 5, 3), nn.ReLU())),
            ])),
            linear=nn.Linear(80, 2),
        ),
        [(2, 3, 8, 8)],
        "self.features = nn.Sequential(",
    ),
    "several outputs are a dict": Case(
        """\
network n {
  input x: float32[N, 6]
  h = x -> body: linear(4) -> relu
  output score = h -> cls: linear(2)
  output box = h -> reg: linear(4)
}
""",
        lambda: Hand(
            lambda m, x: {"score": m.cls(F.relu(m.body(x))), "box": m.reg(F.relu(m.body(x)))},
            body=nn.Linear(6, 4), cls=nn.Linear(4, 2), reg=nn.Linear(4, 4),
        ),
        [(3, 6)],
        'return {"score": self.cls(h), "box": self.reg(h)}',
        "-> dict[str, Tensor]:",
    ),
    "records of a block": Case(
        """\
block head(x) {
  h = x -> conv: linear(4) -> relu
  {score = h -> cls: linear(2), box = h -> reg: linear(4)}
}
network n {
  input x: float32[N, 6]
  found = x -> head: head
  output score = found.score
  output both = concat([found.score, found.box], dim=1)
}
""",
        lambda: Hand(
            _record,
            head=Hand(lambda m, x: x, conv=nn.Linear(6, 4), cls=nn.Linear(4, 2), reg=nn.Linear(4, 4)),
        ),
        [(3, 6)],
        "-> tuple[Tensor, Tensor]:",
    ),
    "a choice made for each use": Case(
        """\
block residual(x, width) {
  shortcut = x if x.features == width else x -> fit: linear(width)
  shortcut + (x -> body: linear(width))
}
network n {
  input x: float32[N, 5]
  output y = x -> one: residual(5) -> two: residual(7)
}
""",
        lambda: Hand(lambda m, x: m.two(m.one(x)), one=residual(5), two=residual(5, widen=7)),
        [(3, 5)],
        "self.fit = None",
        "x if self.fit is None else self.fit(x)",
    ),
    "a choice made for the whole network": Case(
        """\
network n(norm = true, act = false) {
  input x: float32[N, 3, 8, 8]
  y = x -> conv: conv2d(4, 3)
  if norm { y = y -> bn: batch_norm2d }
  if act { y = y -> relu }
  output z = y
}
""",
        lambda: Hand(lambda m, x: m.bn(m.conv(x)), conv=nn.Conv2d(3, 4, 3), bn=nn.BatchNorm2d(4)),
        [(2, 3, 8, 8)],
    ),
    "blocks and operators as arguments": Case(
        """\
block narrow(x, width) { x -> down: linear(width) }
block wide(x, width) { x -> up: linear(2 * width) }
block stage(x, unit, act, width) { x -> a: unit(width) -> act -> b: unit(width) -> act }
network n {
  input x: float32[N, 5]
  output y = x -> one: stage(narrow, relu, 4) -> two: stage(wide, gelu, 3)
}
""",
        lambda: Hand(
            lambda m, x: m.two(m.one(x)),
            one=Hand(lambda m, x: F.relu(m.b.down(F.relu(m.a.down(x)))), a=_only(down=(5, 4)), b=_only(down=(4, 4))),
            two=Hand(lambda m, x: F.gelu(m.b.up(F.gelu(m.a.up(x)))), a=_only(up=(4, 6)), b=_only(up=(6, 6))),
        ),
        [(3, 5)],
    ),
    "names that the file has a use for": Case(
        """\
block Tensor(x, nn) { x -> torch: linear(nn) -> relu -> F: linear(nn) }
network build {
  input torch: float32[N, 5]
  F = torch -> dict: Tensor(4) -> len: Tensor(3)
  print = F + 1
  output list = print
}
""",
        lambda: Hand(
            lambda m, x: m.len.F(F.relu(m.len.torch(m.dict.F(F.relu(m.dict.torch(x)))))) + 1,
            dict=Hand(lambda m, x: x, torch=nn.Linear(5, 4), F=nn.Linear(4, 4)),
            len=Hand(lambda m, x: x, torch=nn.Linear(4, 3), F=nn.Linear(3, 3)),
        ),
        [(3, 5)],
    ),
    "learned tensors": Case(
        """\
network n(dim = 4) {
  input x: float32[N, 3, dim]
  parameter scale: [1, 1, dim] = ones
  parameter shift: [dim] = normal(0.02)
  output y = x * scale + shift
}
""",
        lambda: Hand(
            lambda m, x: x * m.scale + m.shift,
            scale=nn.Parameter(torch.ones(1, 1, 4)), shift=nn.Parameter(torch.zeros(4)),
        ),
        [(2, 3, 4)],
        "self.scale = nn.Parameter(torch.ones(1, 1, 4))",
    ),
}  # fmt: skip


def _inner(width: int, hidden: int) -> Hand:
    return Hand(lambda m, x: x + m.b(F.relu(m.a(x))), a=nn.Linear(width, hidden), b=nn.Linear(hidden, width))


def _only(**parts: tuple[int, int]) -> Hand:
    return Hand(lambda m, x: x, **{name: nn.Linear(*sizes) for name, sizes in parts.items()})


def _record(m: Any, x: Tensor) -> dict[str, Tensor]:
    h = F.relu(m.head.conv(x))
    score, box = m.head.cls(h), m.head.reg(h)
    return {"score": score, "both": torch.cat([score, box], dim=1)}


@pytest.mark.parametrize("name", CASES)
def test_the_module_is_the_one_written_by_hand(name: str) -> None:
    case = CASES[name]
    module = examine(graph_of(case.spec))
    by_hand = case.by_hand().eval()
    assert set(module.state_dict()) == set(by_hand.state_dict())
    module.load_state_dict(by_hand.state_dict())
    inputs = [torch.randn(shape) for shape in case.shapes]
    with torch.no_grad():
        torch.testing.assert_close(module(*inputs), by_hand(*inputs))


@pytest.mark.parametrize("name", CASES)
def test_the_text_says_it_as_one_would(name: str) -> None:
    case = CASES[name]
    text = lower(graph_of(case.spec)).source
    for said in case.says:
        assert said in text, text


def test_a_comment_cannot_end_the_docstring() -> None:
    spec = "network n {\n  input x: float32[N, 2]\n  output y = x -> fc: linear(2)\n}\n"
    comment = '# Ends """ here, \\N{DIGIT ONE} and with a quote"\n'
    module = module_of(lower(graph_of(comment + spec)))
    assert "Ends ''' here" in str(module.N.__doc__)


def test_strings_reach_a_module_of_the_user_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn, "Labelled", Labelled, raising=False)
    spec = """\
foreign labelled(text = "plain") = "torch.nn:Labelled" takes [N, C] gives [N, C]
network n {
  input x: float32[N, 2]
  output y = x -> a: labelled(text="say \\"hi\\" to {x}, \\\\n") -> b: labelled
}
"""
    module = module_of(lower(graph_of(spec))).build()
    assert module.a.text == 'say "hi" to {x}, \\n'
    assert module.b.text == "plain"


class Labelled(nn.Identity):
    """What a user may have written: a module with a text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text = text


@pytest.mark.parametrize("reserved", ["forward", "training", "lambda", "state_dict", "parameters"])
def test_a_label_that_python_or_torch_reserves_never_reaches_the_text(reserved: str) -> None:
    from dlspec.diagnostics.record import SpecError

    with pytest.raises(SpecError):
        graph_of(f"network n {{\n  input x: float32[N, 2]\n  output y = x -> {reserved}: linear(2)\n}}\n")


LENGTHS = """
block unit(x, width, kernel, padding = 0) { x -> conv: conv2d(width, kernel, padding=padding, bias=false) -> relu }
network n {
  input image: float32[N, 3, H, W]
  output y = image -> a: unit(4, 3, padding=1) -> b: unit(6, [1, 7], padding=[0, 3]) -> c: unit(6, [7, 1], padding=[3, 0])
    -> d: unit(5, 1)
}
"""


def test_lengths_that_are_one_number_here_and_two_there_are_one_argument() -> None:
    graph = graph_of(LENGTHS)
    examine(graph)
    written = lower(graph).source
    assert written.count("nn.Conv2d(") == 1
    assert "kernel: int | list[int], padding: int | list[int] = 0" in " ".join(written.split())
