"""`--set` of a key that stands elsewhere is told where, and what is wrong with a network is told alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlspec.checking import check_text
from dlspec.cli import main

SPEC = """\
network small(units = 4, classes = 10) {
  input image: float32[N, 1, 8, 8]
  output logits = image -> flatten -> hidden: linear(units) -> relu -> scores: linear(classes)
}

plan short {
  data { source = digits }
  loss = cross_entropy, optimizer = sgd(lr=0.1), epochs = 1, batch_size = 32
}
"""


@pytest.fixture
def spec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.dls").write_text(SPEC)
    return "small.dls"


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lr", "optimizer.lr"), ("momentum", "optimizer.momentum"), ("standardize", "data.standardize"),
        ("train", "data.split.train"), ("folds", "data.split.folds"), ("units", "network.units"),
    ],
)  # fmt: skip
def test_a_key_that_stands_further_down_is_found(
    key: str, meant: str, spec: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", spec, "--set", f"{key}=1"]) == 2
    said = "".join(capsys.readouterr())
    assert f"a plan has no key `{key}`" in said
    assert f"`{meant}`" in said


def test_a_network_that_is_set_keeps_its_name(spec: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("torch")
    assert main(["train", spec, "--set", "network.classes=2", "--out", "run"]) == 1
    assert "`small` gives 2 scores, and `digits` has 10 classes" in capsys.readouterr().err


@pytest.mark.parametrize(
    "mistake", [("linear(units)", "linear"), ("flatten", "flaten"), ("image ->", "picture ->"), ("units)", "unit)")]
)
def test_a_mistake_of_the_network_is_not_told_again_as_one_of_the_plan(mistake: tuple[str, str]) -> None:
    found = [one.code for one in check_text(SPEC.replace(*mistake, 1)) if one.severity == "error"]
    assert len(found) == 1, found
    assert not found[0].startswith("E06")


@pytest.mark.parametrize("where", ["network", "plan"])
def test_what_a_plan_makes_of_a_network_may_be_allowed_in_either(where: str) -> None:
    text = SPEC.replace("linear(classes)", "linear(classes) -> softmax(dim=1)")
    assert [one.name for one in check_text(text)] == ["double-softmax"]
    if where == "network":
        allowed = text.replace("\n}\n\nplan", '\n  allow double_softmax: "distilling"\n}\n\nplan')
    else:
        allowed = text.replace("\n}\n", '\n  allow { double_softmax = "distilling" }\n}\n').replace(
            '\n  allow { double_softmax = "distilling" }\n}\n\nplan', "\n}\n\nplan"
        )
    assert check_text(allowed) == []
