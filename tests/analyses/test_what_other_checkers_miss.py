"""Three specs that the nearest checker of shapes, Pyrefly 1.4.1, judges wrongly: each is judged right, and torch agrees."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import dlspec

PYRAMID = """
block halves(x) { x -> conv2d(8, 3, stride=2, padding=1) -> relu }
network pyramid {
  input image: float32[N, 3, SIZES]
  c4 = image -> a: halves -> b: halves -> c: halves -> d: halves
  c5 = c4 -> e: halves
  output p4 = c4 + interpolate(c5, scale_factor=2)
}
"""
WINDOW = """
network small {
  input image: float32[1, 3, HEIGHT, 2]
  output y = image -> conv: conv2d(4, 7)
}
"""


def written(folder: Path, text: str) -> Path:
    spec = folder / "spec.dls"
    spec.write_text(text, encoding="utf-8")
    return spec


def module(spec: Path) -> nn.Module:
    names: dict[str, object] = {}
    exec(dlspec.compile(dlspec.load(spec)), names)  # noqa: S102  # our own generated code
    made: nn.Module = names["build"]()  # type: ignore[operator]  # a function
    return made.eval()


def runs(built: nn.Module, height: int, width: int) -> bool:
    try:
        with torch.no_grad():
            built(torch.zeros(1, 3, height, width))
    except RuntimeError:
        return False
    return True


def test_an_addition_that_fits_every_multiple_of_32_is_accepted(tmp_path: Path) -> None:
    spec = written(tmp_path, PYRAMID.replace("SIZES", "32 * k, 32 * m"))
    assert list(dlspec.check(spec)) == []
    assert dlspec.summarize(dlspec.load(spec)).to_json()["requires"] == []
    built = module(spec)
    assert all(runs(built, 32 * k, 32 * m) for k in (1, 2, 3) for m in (1, 5))


def test_a_window_of_7_on_2_positions_is_an_error_and_not_a_size_of_minus_4(tmp_path: Path) -> None:
    (found,) = dlspec.check(written(tmp_path, WINDOW.replace("HEIGHT", "2")))
    assert found.code == "E0307"
    with pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        nn.Conv2d(3, 4, 7)(torch.zeros(1, 3, 2, 2))


def test_it_is_said_which_sizes_would_do(tmp_path: Path) -> None:
    spec = written(tmp_path, PYRAMID.replace("SIZES", "H, W"))
    asked = dlspec.summarize(dlspec.load(spec)).to_json()["requires"]
    assert set(asked) == {"(H + 15) % 32 <= 15", "(W + 15) % 32 <= 15"}
    built = module(spec)
    for height in range(17, 100):  # up to 16 the finer map is one row, which torch stretches and a checker should not
        assert runs(built, height, 32) == ((height + 15) % 32 <= 15), height
