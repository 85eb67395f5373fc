"""The Python front door, used as a library user would: from a file, from text, from a name of the zoo."""

from __future__ import annotations

import doctest
import html
import importlib.util
import re
import subprocess
import sys
import traceback
from pathlib import Path
from types import ModuleType

import pytest
import torch

import dlspec

torch.set_num_threads(1)

TEXT = """\
network tiny(width = 8, classes = 10) {
  input image: float32[N, 1, H, W]
  image -> conv2d(width, 3) -> relu -> adaptive_avg_pool2d(2) -> flatten -> logits: linear(classes)
  output logits
}

plan short {
  network = tiny
  data { source = digits split { train = 0.2 val = 0.1 test = 0.7 } }
  loss = cross_entropy
  optimizer = adam(lr=0.01)
  epochs = 2
  batch_size = 50
  device = cpu
}
"""
BROKEN = TEXT.replace("conv2d(width, 3)", "conv2d(width, kernel=3)").replace("relu", "reul")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.dls"
    path.write_text(TEXT, encoding="utf-8")
    return path


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def parameters(spec: str | Path | dlspec.Network) -> int:
    count = dlspec.summarize(spec).to_json()["totals"]["parameters"]
    assert isinstance(count, int)
    return count


# Where a spec comes from

COUNT = (8 * 9 + 8) + (8 * 4 * 10 + 10)


def test_a_file_its_text_and_a_loaded_spec_are_the_same_to_every_function(file: Path) -> None:
    for spec in (file, str(file), TEXT, dlspec.load(file), dlspec.load(TEXT)):
        assert dlspec.check(spec).ok
        assert parameters(spec) == COUNT
        assert dlspec.compile(spec).count("\n") == dlspec.compile(file).count("\n")


def test_text_may_be_in_either_spelling() -> None:
    yaml = "network:\n  name: line\n  inputs: {x: 'float32[N, 4]'}\n  layers:\n    - y: linear(2)\n  outputs: [y]\n"
    assert parameters(yaml) == 4 * 2 + 2
    assert parameters("# a comment\n\n" + yaml) == 4 * 2 + 2


def test_the_zoo_is_known_by_name() -> None:
    assert parameters("resnet50") == 25_557_032
    assert parameters(dlspec.load("resnet", network="resnet18")) == 11_689_512
    assert "resnet34" in dlspec.load("resnet").networks


@pytest.mark.parametrize(("name", "words"), [("lenett", "`lenet`"), ("no/such.dls", "no file"), (".", "folder")])
def test_what_cannot_be_read_raises_with_a_diagnostic(name: str, words: str) -> None:
    with pytest.raises(dlspec.SpecError) as raised:
        dlspec.load(name)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.code == "E0101"
    assert words in " ".join([diagnostic.message, *diagnostic.notes])


# Settings and sizes


def test_parameters_are_set_by_name(file: Path) -> None:
    small = dlspec.load(file, set={"width": 2, "network.classes": 3})
    assert parameters(small) == (2 * 9 + 2) + (2 * 4 * 3 + 3)


def test_lists_and_truths_are_written_in_the_language() -> None:
    text = """\
network stack(sizes = [1], bias = true) {
  input x: float32[N, 4]
  y = x
  for i, size in enumerate(sizes) { y = y -> fc_{i}: linear(size, bias=bias) -> relu }
  output y
}
"""
    assert parameters(dlspec.load(text, set={"sizes": [3, 2], "bias": False})) == 4 * 3 + 3 * 2


def test_inputs_close_open_sizes(file: Path) -> None:
    opened, closed = dlspec.load(file), dlspec.load(file, inputs={"image": (1, 1, 8, 8)})
    assert isinstance(dlspec.summarize(opened).to_json()["totals"]["macs"], str)
    assert dlspec.summarize(closed).to_json()["totals"]["macs"] == 8 * 9 * 6 * 6 + 8 * 4 * 10


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"set": {"widht": 2}}, "E0112"),
        ({"set": {"width": 0}}, "E0202"),
        ({"inputs": {"picture": (1, 1, 8, 8)}}, "E0110"),
        ({"inputs": {"image": (1, 8, 8)}}, "E0301"),
        ({"inputs": {"image": (1, 1, 2, 8)}}, "E0307"),
        ({"network": "tinny"}, "E0118"),
    ],
)
def test_a_wrong_setting_raises_where_the_network_is_made(file: Path, given: dict[str, object], code: str) -> None:
    with pytest.raises(dlspec.SpecError) as raised:
        dlspec.summarize(dlspec.load(file, **given))  # type: ignore[arg-type]
    assert [diagnostic.code for diagnostic in raised.value.diagnostics] == [code]


def test_a_check_knows_what_is_set_of_network_and_plan(file: Path) -> None:
    assert dlspec.check(dlspec.load(file, set={"epochs": 5, "optimizer.lr": 0.1})).ok
    report = dlspec.check(dlspec.load(file, set={"epochs": -1, "classes": 7}))
    assert sorted(diagnostic.code for diagnostic in report) == ["E0603", "E0614"]


# Check


def test_a_report_holds_every_diagnostic_and_prints_as_the_command_does() -> None:
    report = dlspec.check(BROKEN)
    assert not report.ok
    assert len(report) == len(report.errors) == 2
    assert sorted(diagnostic.name for diagnostic in report) == ["unknown-operator", "unknown-parameter"]
    assert all(diagnostic.place is not None and diagnostic.place.line == 3 for diagnostic in report)
    assert repr(report) == str(report)
    assert "error[E0112]" in repr(report)
    assert " --> <text>:3:" in repr(report)


def test_warnings_leave_a_spec_in_order() -> None:
    report = dlspec.check(TEXT.replace("-> relu ->", "-> conv2d(4, 1) ->"))
    assert report.ok
    assert [diagnostic.code for diagnostic in report.warnings] == ["W0411"]


def test_a_clean_report_is_empty_and_says_so(file: Path) -> None:
    report = dlspec.check(file)
    assert list(report) == []
    assert repr(report) == "no problems"


# What shows itself


def test_a_network_tells_its_inputs_and_outputs(file: Path) -> None:
    assert repr(dlspec.load(file)) == "<network tiny: image N 1 H W → logits N 10>"
    assert "2 errors" in repr(dlspec.load(BROKEN))


def test_a_notebook_gets_table_and_figure_and_of_a_broken_spec_the_errors(file: Path) -> None:
    bundle = dlspec.load(file)._repr_mimebundle_()
    assert bundle["text/plain"] == str(dlspec.summarize(file))
    assert bundle["image/svg+xml"].startswith("<svg")
    assert bundle["text/html"].startswith('<img src="data:image/svg+xml;base64,')
    assert "parameters" in bundle["text/html"]
    broken = dlspec.load(BROKEN)._repr_mimebundle_()
    assert "error[E0112]" in broken["text/plain"]
    assert "error[E0112]</span>" in broken["text/html"]


def test_a_notebook_gets_the_diagnostics_of_a_report_in_colour() -> None:
    bundle = dlspec.check(BROKEN)._repr_mimebundle_()
    assert bundle["text/plain"] == str(dlspec.check(BROKEN))
    plain = re.sub(r"<[^>]+>", "", bundle["text/html"])
    assert html.unescape(plain) == bundle["text/plain"]


def test_a_network_that_fails_on_its_way_is_drawn_as_far_as_it_goes() -> None:
    text = "network n {\n  input x: float32[N, 3, 8, 8]\n  output y = x -> a: conv2d(8, 3) -> b: conv2d(8, 9)\n}\n"
    bundle = dlspec.load(text)._repr_mimebundle_()
    assert "error[E0307]" in bundle["text/plain"]
    assert bundle["image/svg+xml"].startswith("<svg")
    assert "<img" in bundle["text/html"]


def test_a_summary_shows_its_table(file: Path) -> None:
    summary = dlspec.summarize(file)
    assert repr(summary) == str(summary)
    assert max(map(len, str(summary).splitlines())) <= 100


def test_a_traceback_shows_the_diagnostics_in_full() -> None:
    with pytest.raises(dlspec.SpecError) as raised:
        dlspec.compile(BROKEN)
    assert len(raised.value.diagnostics) == 2
    raised.value.add_note("while testing")
    shown = "".join(traceback.format_exception(raised.value))
    assert "error[E0112]: `conv2d` has no parameter `kernel`" in shown
    assert "while testing" in shown


# Draw and compile


def test_drawing_writes_the_file_that_the_suffix_says(file: Path, tmp_path: Path) -> None:
    dlspec.draw(file, tmp_path / "tiny.mmd")
    assert "flowchart TB" in (tmp_path / "tiny.mmd").read_text(encoding="utf-8")
    with pytest.raises(dlspec.SpecError, match="E0501"):
        dlspec.draw(file, tmp_path / "tiny.gif")


def test_a_compiled_network_is_built_with_the_parameters_set(file: Path, tmp_path: Path) -> None:
    network = dlspec.load(file, set={"classes": 3})
    source = dlspec.compile(network, tmp_path / "tiny.py")
    assert source == (tmp_path / "tiny.py").read_text(encoding="utf-8")
    assert imported(tmp_path / "tiny.py").build()(torch.zeros(2, 1, 9, 9)).shape == (2, 3)


def test_what_cannot_be_written_raises_with_a_diagnostic(file: Path, tmp_path: Path) -> None:
    with pytest.raises(dlspec.SpecError, match="E0502"):
        dlspec.compile(file, tmp_path / "no" / "tiny.py")


# Train


def test_a_plan_is_trained_and_what_it_gave_predicts(file: Path, tmp_path: Path) -> None:
    from sklearn.datasets import load_digits

    report = dlspec.train(file, out=tmp_path / "run", set={"epochs": 4, "network.width": 16}, quiet=True)
    assert report.folder == tmp_path / "run"
    assert report.data["epochs"] == 4
    assert report.data["parameters"] == (16 * 9 + 16) + (16 * 4 * 10 + 10)
    assert 0.3 < report.test["accuracy"] <= 1
    assert "accuracy" in str(report)

    run = dlspec.load_run(report.folder)
    assert repr(run).endswith("N 1 8 8 → 10 classes>")
    digits = load_digits()
    predicted = run.predict(torch.from_numpy(digits.images / 16).float()[:, None])
    assert predicted.probabilities.shape == (len(digits.images), 10)
    assert torch.allclose(predicted.probabilities.sum(1), torch.ones(len(digits.images)), atol=1e-5)
    right = sum(label == str(digit) for label, digit in zip(predicted.labels, digits.target, strict=True))
    assert right / len(digits.images) == pytest.approx(report.test["accuracy"], abs=0.1)


def test_the_weights_of_a_run_load_into_the_compiled_module(file: Path, tmp_path: Path) -> None:
    dlspec.train(file, out=tmp_path / "run", set={"epochs": 1}, quiet=True)
    run = dlspec.load_run(tmp_path / "run")
    dlspec.compile(file, tmp_path / "tiny.py")
    module = imported(tmp_path / "tiny.py").build()
    module.load_state_dict(run.module.state_dict())


def test_what_is_loaded_with_settings_is_trained_with_them(file: Path, tmp_path: Path) -> None:
    network = dlspec.load(file, set={"epochs": 1, "width": 2})
    report = dlspec.train(network, out=tmp_path / "run", quiet=True)
    assert (report.data["epochs"], report.data["parameters"]) == (1, (2 * 9 + 2) + (2 * 4 * 10 + 10))


def test_what_a_run_meets_is_a_run_error_and_what_is_wrong_in_the_spec_a_spec_error(file: Path, tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(dlspec.RunError, match="already holds a run"):
        dlspec.train(file, out=tmp_path / "run", quiet=True)
    with pytest.raises(dlspec.RunError, match="not the folder of a run"):
        dlspec.load_run(tmp_path)
    with pytest.raises(dlspec.SpecError) as raised:
        dlspec.train(BROKEN, out=tmp_path / "other", quiet=True)
    assert len(raised.value.diagnostics) == 2
    assert not (tmp_path / "other").exists()


# The door itself


def test_everything_behind_the_door_is_named_and_documented() -> None:
    for name in dlspec.__all__:
        thing = getattr(dlspec, name)
        assert name.startswith("__") or len(thing.__doc__) > 40, name
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = dlspec.lode


def test_the_door_opens_without_torch() -> None:
    program = "import sys, dlspec; dlspec.check('lenet'); dlspec.RunError; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_the_examples_of_the_reference_page_give_what_it_shows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = Path(__file__).parents[1] / "docs" / "python.md"
    blocks = re.findall(r"^```pycon\n(.*?)^```$", page.read_text(encoding="utf-8"), re.M | re.S)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "tiny", raising=False)
    session = doctest.DocTestParser().get_doctest("\n".join(blocks), {}, page.name, str(page), 0)
    said: list[str] = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(session, out=said.append)
    assert not said, "".join(said)
    assert len(session.examples) > 20
