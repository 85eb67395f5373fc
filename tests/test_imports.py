"""Specs made of several files, parameters set from outside, open sizes closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from dlspec.checking import check_spec, open_spec, parsed_input, parsed_setting
from dlspec.diagnostics.record import SpecError
from dlspec.elaborate.files import zoo_names
from dlspec.ops.op import spaced

BLOCKS = "block unit(x, width) { x -> fc: linear(width) -> relu }\nwidths = [4, 8]\n"
USER = """\
import unit, widths from "parts/blocks.dls"
network n(classes = 3) {
  input x: float32[N, 16]
  output y = x -> a: unit(widths[1]) -> head: linear(classes)
}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "blocks.dls").write_text(BLOCKS)
    (tmp_path / "user.dls").write_text(USER)
    return tmp_path


def codes(path: Path) -> list[str]:
    return [d.code for d in check_spec(open_spec(path))]


def test_names_are_imported_from_another_file(folder: Path) -> None:
    assert codes(folder / "user.dls") == []
    assert "a.fc" in open_spec(folder / "user.dls").graph().modules


def test_both_spellings_import_each_other(folder: Path) -> None:
    (folder / "user.dlspec.yaml").write_text(
        "imports:\n  - {from: parts/blocks.dls, names: [unit]}\nnetwork:\n  name: n\n  inputs: {x: 'float32[N, 16]'}\n"
        "  layers:\n    - a: unit(4)\n  outputs: {y: a}\n"
    )
    assert codes(folder / "user.dlspec.yaml") == []


def test_a_name_that_is_not_there_offers_the_nearest(folder: Path) -> None:
    (folder / "user.dls").write_text(USER.replace("import unit,", "import unt,").replace("unit(widths", "unt(widths"))
    (problem,) = check_spec(open_spec(folder / "user.dls"))
    assert problem.code == "E0110"
    assert problem.fixes[0].message == "there is `unit`"


def test_an_import_that_does_not_exist_offers_the_nearest_file(folder: Path) -> None:
    (folder / "user.dls").write_text(USER.replace("blocks.dls", "block.dls"))
    (problem,) = check_spec(open_spec(folder / "user.dls"))
    assert problem.code == "E0115"
    assert "parts/blocks.dls" in problem.fixes[0].edits[0].text


def test_an_import_does_not_leave_the_folder(folder: Path) -> None:
    (folder / "parts" / "inner.dls").write_text('import n from "../user.dls"\nnetwork m = n()\n')
    assert codes(folder / "parts" / "inner.dls") == ["E0116"]


def test_a_circle_of_imports_is_named(folder: Path) -> None:
    (folder / "a.dls").write_text('import g from "b.dls"\nblock f(x) { g(x) }\n')
    (folder / "b.dls").write_text('import f from "a.dls"\nblock g(x) { f(x) }\n')
    assert codes(folder / "a.dls") == ["E0117"]


def test_the_zoo_is_imported_by_name(folder: Path) -> None:
    (folder / "tuned.dls").write_text(
        'import resnet18 from "resnet18"\nnetwork tuned {\n  input image: float32[N, 3, 64, 64]\n'
        "  output y = image -> body: freeze(resnet18.layer4) -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(5)\n}\n"
    )
    assert codes(folder / "tuned.dls") == []
    graph = open_spec(folder / "tuned.dls").graph()
    assert "body.layer4.1.bn2" in graph.modules
    assert "body.fc" not in graph.modules
    assert graph.modules["body.conv1"].frozen
    assert not graph.modules["fc"].frozen


def test_a_parameter_is_set_from_outside(folder: Path) -> None:
    key, value = parsed_setting("classes=7")
    graph = open_spec(folder / "user.dls").graph(settings={key: value})
    assert spaced(graph.outputs["y"].shape) == "N 7"


def test_an_unknown_parameter_from_outside_offers_the_nearest(folder: Path) -> None:
    key, value = parsed_setting("clases=7")
    with pytest.raises(SpecError) as error:
        open_spec(folder / "user.dls").graph(settings={key: value})
    assert error.value.diagnostics[0].code == "E0112"
    assert "classes" in error.value.diagnostics[0].notes[0]


def test_open_sizes_are_closed_by_an_input() -> None:
    graph = open_spec("resnet18").graph(inputs=dict([parsed_input("image=2x3x224x224")]))
    assert graph.node("layer4.1.relu_1").outputs[0].shape == (2, 512, 7, 7)  # type: ignore[union-attr]
    assert graph.outputs["logits"].shape == (2, 1000)


def test_an_input_that_contradicts_the_declaration_is_refused() -> None:
    with pytest.raises(SpecError) as error:
        open_spec("resnet18").graph(inputs=dict([parsed_input("image=2x4x224x224")]))
    assert error.value.diagnostics[0].code == "E0312"


def test_equal_names_of_open_sizes_are_equal_sizes(folder: Path) -> None:
    (folder / "two.dls").write_text(
        "network n {\n  input a: float32[N, 3, H, H]\n  input b: float32[N, 3, H, 8]\n  output y = a + b\n}\n"
    )
    assert open_spec(folder / "two.dls").graph().requires == ["H == 8"]


def test_every_network_that_the_zoo_names_can_be_asked_for() -> None:
    for name in zoo_names():
        assert open_spec(name).default_network()
