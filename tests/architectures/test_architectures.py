"""What the language was proved on, in both spellings: a feature pyramid with a shared head and a siamese pair.

Both spellings are one tree; paths are torchvision's; the generated modules run.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import dlspec
from dlspec.checking import check_spec, open_spec
from dlspec.source import Source
from dlspec.syntax.read import read

FOLDER = Path(__file__).parent
NAMES = ["detector", "siamese"]
SPELLINGS = (".dls", ".dlspec.yaml")


def built(name: str, **sizes: Any) -> nn.Module:
    names: dict[str, Any] = {}
    source = dlspec.compile(dlspec.load(FOLDER / f"{name}.dls", set=sizes))
    exec(compile(source, f"{name}.py", "exec"), names)  # noqa: S102  # our own generated code
    module: nn.Module = names["build"]()
    return module.eval()


@pytest.mark.parametrize("name", NAMES)
def test_both_spellings_are_one_tree(name: str) -> None:
    dsl, yaml = (read(Source.read(FOLDER / f"{name}{suffix}")) for suffix in SPELLINGS)
    assert dsl == (yaml[0], [])
    assert yaml[1] == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("suffix", SPELLINGS)
def test_nothing_is_wrong_with_it(name: str, suffix: str) -> None:
    assert check_spec(open_spec(FOLDER / f"{name}{suffix}")) == []


def test_a_feature_pyramid_has_the_names_of_torchvision() -> None:
    with torch.device("meta"):
        keys = set(built("detector").state_dict())
    assert {f"fpn.inner_blocks.{i}.0.weight" for i in range(4)} <= keys
    assert {f"fpn.layer_blocks.{i}.0.bias" for i in range(4)} <= keys
    assert "body.layer4.2.conv3.weight" in keys
    assert "body.fc.weight" not in keys


def test_a_head_over_all_levels_has_its_weights_once() -> None:
    graph = dlspec.load(FOLDER / "detector.dls").graph
    assert [node.path for node in graph.nodes if node.path.startswith("head.conv")] == [
        "head.conv", "head.conv#2", "head.conv#3", "head.conv#4", "head.conv#5",
    ]  # fmt: skip
    assert [path for path in graph.modules if path.startswith("head")] == [
        "head.conv", "head.cls_logits", "head.bbox_pred",
    ]  # fmt: skip


def test_a_pyramid_gives_a_score_for_every_level() -> None:
    with torch.no_grad():
        out = built("detector")(torch.zeros(1, 3, 64, 96))
    assert [tuple(level.shape) for level in out["objectness"]] == [
        (1, 3, 16, 24), (1, 3, 8, 12), (1, 3, 4, 6), (1, 3, 2, 3), (1, 3, 1, 2),
    ]  # fmt: skip


def test_a_siamese_pair_is_symmetric_and_zero_on_equal_inputs() -> None:
    module = built("siamese")
    a, b = torch.randn(3, 1, 28, 28), torch.randn(3, 1, 28, 28)
    assert torch.equal(module(a, a), torch.zeros(3))
    assert torch.allclose(module(a, b), module(b, a))
    assert len(list(module.parameters())) == 4
