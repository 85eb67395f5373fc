"""What is exported computes what the module does, at sizes that it was not traced with."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import nn

import dlspec
from dlspec.exporting import export_run
from dlspec.front import load
from dlspec.lowering.open_axes import OpenAxis, open_axes
from dlspec.places import ZOO
from dlspec.training import module_file
from dlspec.training.errors import RunError
from dlspec.training.export import InUnits, export_program
from dlspec.training.fitted import Scale
from dlspec.training.predicting import load_run
from dlspec.training.whole_file import write_whole

torch.set_num_threads(1)
pytest.importorskip("onnxruntime")

RESIDUAL = """
block unit(x, width) { relu(x + (x -> conv: conv2d(width, 3, padding=1, bias=false) -> bn: batch_norm2d)) }
network n {
  input image: float32[N, 3, H, W]
  output logits = image -> stem: conv2d(4, 3, stride=2, padding=1) -> body: unit(4) * 2
    -> max_pool2d(2, ceil_mode=true) -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(5)
}
"""
HOURGLASS = """
network n {
  input image: float32[N, 3, H, W]
  a = image -> down: conv2d(4, 3, stride=2, padding=1)
  b = a -> deeper: conv2d(8, 3, stride=2, padding=1) -> up: conv_transpose2d(4, 2, stride=2)
  output map = [a, b] -> concat -> top: conv_transpose2d(2, 2, stride=2)
}
"""
VALID = """
network n {
  input image: float32[N, 1, H, W]
  skip = image -> left: conv2d(2, 3)
  up = skip -> max_pool2d(2) -> deep: conv2d(4, 3) -> right: conv_transpose2d(2, 2, stride=2)
  output y = [crop(skip, up), up] -> concat -> head: conv2d(2, 1)
}
"""
CASES = {
    "residual": (RESIDUAL, (2, 3, 17, 20)),
    "hourglass": (HOURGLASS, (2, 3, 32, 64)),
    "valid": (VALID, (2, 1, 20, 28)),
}


def built(spec: Path) -> nn.Module:
    scope: dict[str, object] = {}
    exec(compile(dlspec.compile(spec), "model.py", "exec"), scope)  # noqa: S102  # our own source
    torch.manual_seed(0)
    network = scope["build"]()  # type: ignore[operator]
    assert isinstance(network, nn.Module)
    return network.eval()


@pytest.mark.parametrize("form", ["pt2", "onnx"])
@pytest.mark.parametrize("case", CASES)
def test_open_sizes_stay_open(case: str, form: str, tmp_path: Path) -> None:
    text, sizes = CASES[case]
    (tmp_path / "n.dls").write_text(text)
    (axes,) = open_axes(load(tmp_path / "n.dls").graph).values()
    done = export_program(built(tmp_path / "n.dls"), form, tmp_path / f"n.{form}", "image", axes, sizes, torch.float32)
    first, second = done.sizes
    assert all(a < b or isinstance(axis, int) for a, b, axis in zip(first, second, axes, strict=True))
    assert done.difference is not None
    assert done.difference < 1e-5


def test_what_the_network_requires_becomes_the_step_of_an_axis(tmp_path: Path) -> None:
    (tmp_path / "n.dls").write_text(HOURGLASS)
    (axes,) = open_axes(load(tmp_path / "n.dls").graph).values()
    assert axes == [
        OpenAxis("N", 1, 1, None), 3, OpenAxis("H", 4, 4, None), OpenAxis("W", 4, 4, None),
    ]  # fmt: skip


def test_what_an_input_declares_bounds_an_axis(tmp_path: Path) -> None:
    (tmp_path / "n.dls").write_text(HOURGLASS.replace("[N, 3, H, W]", "[N, 3, H, W] where H in 64..129, W == 32"))
    (axes,) = open_axes(load(tmp_path / "n.dls").graph).values()
    assert axes[2:] == [OpenAxis("H", 4, 64, 128), OpenAxis("W", 1, 32, 32)]


def test_a_program_that_computes_something_else_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "n.dls").write_text(RESIDUAL)
    (tmp_path / "n.pt2").touch()
    monkeypatch.setattr("dlspec.training.export._write_pt2", lambda *_: [{"output": torch.zeros(2, 5)}] * 2)
    axes = [2, 3, 16, 16]
    with pytest.raises(RunError, match="does not compute what the network does"):
        export_program(built(tmp_path / "n.dls"), "pt2", tmp_path / "n.pt2", "image", axes, axes, torch.float32)
    assert not (tmp_path / "n.pt2").exists()


def test_scales_go_into_the_program() -> None:
    values, targets = torch.randn(50, 3).double() * 4 + 2, torch.randn(50, 1).double() * 9
    line = nn.Linear(3, 1, dtype=torch.float64)
    inputs, target = Scale.of(values, (0,)), Scale.of(targets, (0,))
    whole = InUnits(line, inputs, target, torch.float64)
    torch.testing.assert_close(whole(values), target.undone(line(inputs.applied(values))))


def test_what_stands_in_for_missing_values_goes_into_the_program() -> None:
    line, gaps = nn.Linear(2, 1, dtype=torch.float64), torch.tensor([[3.0, 4.0]], dtype=torch.float64)
    whole = InUnits(line, None, None, torch.float64, gaps)
    given = torch.tensor([[1.0, torch.nan]], dtype=torch.float64)
    torch.testing.assert_close(whole(given), line(torch.tensor([[1.0, 4.0]], dtype=torch.float64)))


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "run"
    dlspec.train("linear_regression", out=folder, set={"epochs": 3})
    return folder


@pytest.mark.parametrize("form", ["pt2", "onnx"])
def test_an_exported_run_predicts_what_the_run_predicts(form: str, run_folder: Path, tmp_path: Path) -> None:
    done = export_run(run_folder, form, tmp_path / f"m.{form}")
    inputs = torch.rand(7, 10)
    wanted = load_run(run_folder).predict(inputs).numbers
    if form == "pt2":
        got = torch.export.load(done.out).module()(inputs)
    else:
        import onnxruntime

        got = torch.from_numpy(onnxruntime.InferenceSession(done.out).run(None, {"features": inputs.numpy()})[0])
    torch.testing.assert_close(got.double(), wanted, rtol=1e-5, atol=1e-3)


def test_exported_weights_carry_their_scales(run_folder: Path, tmp_path: Path) -> None:
    done = export_run(run_folder, "safetensors", tmp_path / "m.safetensors")
    with safe_open(done.out, "pt") as file:
        assert set(file.keys()) == set(load_run(run_folder).module.state_dict())
        assert set(json.loads(file.metadata()["fitted"])) == {"inputs", "target"}


def test_a_run_is_exported_for_inference_with_its_batch_norms_folded(tmp_path: Path) -> None:
    dlspec.train("digits_cnn", out=tmp_path / "run", set={"epochs": 1})
    done = export_run(tmp_path / "run", "safetensors", tmp_path / "m.safetensors", for_inference=True)
    module = module_file.build(tmp_path / "m.py")
    module.load_state_dict(load_file(done.out), strict=True)
    run = load_run(tmp_path / "run")
    image = torch.rand(4, *run.sample)
    torch.testing.assert_close(module(image), run.module(image), rtol=1e-4, atol=1e-4)
    program = export_run(tmp_path / "run", "pt2", tmp_path / "m.pt2", for_inference=True)
    targets = {str(node.target) for node in torch.export.load(program.out).graph.nodes}
    assert not any("batch_norm" in target or "dropout" in target for target in targets)
    assert program.difference is not None
    assert program.difference < 1e-5


def test_a_folder_that_is_no_run_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a run"):
        export_run(tmp_path, "pt2")


def test_a_run_whose_spec_is_damaged_is_told(run_folder: Path, tmp_path: Path) -> None:
    from dlspec.diagnostics.record import SpecError

    write_whole(tmp_path / "spec.dlspec.yaml", "network: [")
    with pytest.raises(SpecError):
        export_run(tmp_path, "pt2")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["pt2", "onnx"])
def test_fcn8s_takes_images_of_any_size_but_where_a_map_has_one_row(form: str, tmp_path: Path) -> None:
    """torch makes no program for both one row of scores and several: it is told from which size on there are several."""
    text = (ZOO / "fcn.dls").read_text(encoding="utf-8")
    (tmp_path / "n.dls").write_text(re.sub(r"conv2d\((\d+),", lambda found: f"conv2d({int(found[1]) // 32},", text))
    graph = load(tmp_path / "n.dls").graph
    (axes,), (roomy,) = open_axes(graph).values(), open_axes(graph, least=2).values()
    assert roomy[2:] == [OpenAxis("H", 1, 27, None), OpenAxis("W", 1, 27, None)]
    module, sizes = built(tmp_path / "n.dls"), (2, 3, 40, 53)
    done = export_program(module, form, tmp_path / f"n.{form}", "image", axes, sizes, torch.float32, roomy=roomy)
    assert done.inputs == {"image": "N 3 H W with H ≥ 27, W ≥ 27"}
    assert done.difference is not None
    assert done.difference < 1e-5
