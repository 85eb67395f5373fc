"""What fails in a generated module is told of the place in the spec that it was written for."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch
from torch import nn

import dlspec
from dlspec.lowering import lower
from dlspec.lowering.traceback import Failure
from tests.lowering.built import graph_of, module_of

SPEC = """\
block unit(x, width) {
  y = x -> conv1: conv2d(width, 3, padding=1) -> relu -> conv2: conv2d(width, 3)
  relu(y)
}
network n {
  input image: float32[N, 3, 16, 16]
  output logits = image -> stem: unit(8) -> body: unit(16) -> flatten -> fc: linear(10)
}
"""


def failure(text: str, *inputs: torch.Tensor, spoil: str = "", way: object = None) -> Failure | None:
    """Where the network of a spec fails on inputs, after one of its modules was replaced."""
    lowered = lower(graph_of(text))
    network: nn.Module = module_of(lowered, "spoilt").build()
    if spoil:
        owner, _, name = spoil.rpartition(".")
        setattr(network.get_submodule(owner), name, way)
    paths = {id(module): path for path, module in network.named_modules()}
    with pytest.raises(Exception) as raised:  # whatever torch raises
        network(*inputs)
    return lowered.places.trace(raised.value, "<spoilt>", lambda found: paths.get(id(found)))


def test_a_module_that_fails_is_named_with_its_line_and_column() -> None:
    found = failure(SPEC, torch.zeros(2, 3, 16, 16), spoil="body.conv1", way=nn.Conv2d(5, 16, 3))
    assert found is not None
    assert found.path == "body.conv1"
    column = SPEC.splitlines()[1].index("conv2d(") + 1
    assert repr(found.span) == f"spec.dls:2:{column}"
    assert found.span.text == "conv2d(width, 3, padding=1)"


def test_a_step_of_a_sequence_is_found_though_no_line_of_forward_names_it() -> None:
    text = SPEC.replace("-> flatten -> fc: linear(10)", "-> head: { flatten -> linear(10) -> relu }")
    found = failure(text, torch.zeros(2, 3, 16, 16), spoil="head.1", way=nn.Linear(5, 10))
    assert found is not None
    assert (found.path, found.span.text) == ("head.1", "linear(10)")


def test_a_function_call_that_fails_is_found_by_its_line() -> None:
    text = """\
network n {
  input a: float32[N, 4]
  input b: float32[N, 4]
  output y = concat(a, b) -> linear(2)
}
"""
    found = failure(text, torch.zeros(2, 4), torch.zeros(3, 4))
    assert found is not None
    assert (found.path, found.span.text) == ("", "concat(a, b)")


def test_an_error_from_elsewhere_has_no_place() -> None:
    with pytest.raises(ValueError, match="elsewhere") as raised:
        raise ValueError("elsewhere")
    assert lower(graph_of(SPEC)).places.trace(raised.value, "<spoilt>", lambda _: None) is None


FAILING = """\
from torch import nn


class Picky(nn.Module):
    def forward(self, x):
        if self.training:
            raise ValueError("not in training")
        return x
"""

TRAINED = """\
foreign picky = "picky_module:Picky" takes [N, C] gives [N, C]

network n {
  input features: float32[N, 4]
  output logits = features -> linear(8) -> guard: picky -> linear(3)
}

plan p {
  data { source = iris split { train = 0.8 val = 0.1 test = 0.1 } }
  loss = cross_entropy
  optimizer = sgd(lr=0.1)
  epochs = 1
  device = cpu
}
"""


def test_a_run_that_fails_names_the_line_of_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("picky_module.py").write_text(FAILING)
    Path("n.dls").write_text(TRAINED)
    with pytest.raises(dlspec.RunError) as raised:
        dlspec.train("n.dls", out="run", allow_code=True, quiet=True)
    sys.modules.pop("picky_module", None)
    assert raised.value.message == "`guard` failed at n.dls:5:51, `picky`"
    assert raised.value.hint == "not in training"
    assert isinstance(raised.value.__cause__, ValueError)


def test_data_that_does_not_fit_names_the_line_of_the_spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data.csv").write_text("a,b,c,kind\n" + "1,2,3,x\n4,5,6,y\n" * 20)
    spec = TRAINED.replace("guard: picky -> ", "").replace("source = iris", 'source = csv("data.csv", target="kind")')
    Path("n.dls").write_text(spec.partition("\n\n")[2])
    with pytest.raises(dlspec.RunError, match="does not take samples of 3") as raised:
        dlspec.train("n.dls", out="run", quiet=True)
    assert "n.dls:3:31" in raised.value.hint
