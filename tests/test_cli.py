"""The command line as it is promised: every command, its exit codes, what goes to which stream, what programs read."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import jsonschema
import pytest

from dlspec.cli import COMMANDS, main

CLEAN = """\
network clean {
  input image: float32[N, 3, H, W]
  image -> conv2d(4, 3) -> relu -> adaptive_avg_pool2d(1) -> flatten -> logits: linear(2)
  output logits
}
"""
WARNED = """\
network warned {
  input image: float32[N, 1, H, W]
  image -> conv2d(4, 3) -> logits: conv2d(2, 3)
  output logits
}
"""
BROKEN = """\
network broken {
  input image: float32[N, 1, 8, 8]
  image -> conv2d(4, kernel=3) -> reul -> logits: conv2d(2, 3)
  output logits
}
"""
LAYERS = """\
network halves {
  input image: float32[N, 3, H, W]
  image -> a: conv2d(4, 3, stride=2, padding=1) -> relu -> b: conv_transpose2d(3, 2, stride=2)
  logits: add(image, b)
  output logits
}
"""


class Ran(NamedTuple):
    """What a command did."""

    code: int
    out: str
    err: str


class Line:
    """The command line, called in process with a folder of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.capsys, self.monkeypatch = folder, capsys, monkeypatch

    def __call__(self, *words: str, stdin: str = "") -> Ran:
        self.monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin.encode()), "utf-8"))
        self.capsys.readouterr()
        try:
            code = main(words)
        except SystemExit as stop:  # argparse's own way out
            code = int(stop.code or 0)
        return Ran(code, *self.capsys.readouterr())

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text(encoding="utf-8")


@pytest.fixture
def dlspec(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "FORCE_COLOR", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    line = Line(tmp_path, capsys, monkeypatch)
    for name, text in (("clean", CLEAN), ("warned", WARNED), ("broken", BROKEN), ("halves", LAYERS)):
        line.write(f"{name}.dls", text)
    return line


# The program


def test_help_names_every_command_and_goes_to_standard_output(dlspec: Line) -> None:
    ran = dlspec("--help")
    assert (ran.code, ran.err) == (0, "")
    assert all(f"  {name}" in ran.out for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(dlspec: Line, command: str) -> None:
    ran = dlspec(command, "--help")
    assert ran.code == 0
    assert f"usage: dlspec {command}" in ran.out


@pytest.mark.parametrize("words", [[], ["chek", "a.dls"], ["check"], ["check", "--format", "xml", "clean.dls"]])
def test_wrong_usage_ends_with_2(dlspec: Line, words: list[str]) -> None:
    assert dlspec(*words).code == 2


def test_a_mistyped_command_is_told_the_nearest(dlspec: Line) -> None:
    ran = dlspec("sumary", "clean.dls")
    assert (ran.code, ran.out) == (2, "")
    assert "`summary`" in ran.err


# Check: exit codes


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["clean.dls"], 0),
        (["warned.dls"], 0),
        (["warned.dls", "--strict"], 1),
        (["clean.dls", "--strict"], 0),
        (["broken.dls"], 1),
        (["clean.dls", "broken.dls"], 1),
        (["broken.dls", "missing.dls"], 2),
        (["lenet"], 0),
        (["resnet50"], 0),
    ],
)
@pytest.mark.parametrize("format", ["full", "concise", "json", "sarif", "github"])
def test_the_exit_code_of_a_check_tells_what_was_found(dlspec: Line, words: list[str], code: int, format: str) -> None:
    assert dlspec("check", *words, "--format", format).code == code


def test_findings_go_to_standard_output_and_every_mistake_is_there_once(dlspec: Line) -> None:
    ran = dlspec("check", "broken.dls")
    assert ran.err == ""
    assert ran.out.count("error[") == 2
    assert "`kernel`" in ran.out
    assert "`reul`" in ran.out
    assert ran.out.rstrip().endswith("2 errors")


def test_a_clean_file_is_named_with_what_it_holds(dlspec: Line) -> None:
    assert dlspec("check", "clean.dls").out == "clean.dls: 1 network, no problems\n"
    assert "network `resnet18`" in dlspec("check", "resnet", "--network", "resnet18").out


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("missing.dls", "no file `missing.dls`"),
        ("folder", "is a folder"),
        ("latin.dls", "not UTF-8"),
        ("clea.dls", "`clean.dls`"),
        ("lenett", "`lenet`"),
        ("resnet5", "`resnet50`"),
    ],
)
@pytest.mark.parametrize("command", ["check", "summary", "explain", "fmt"])
def test_a_file_that_cannot_be_read_is_said_with_2(dlspec: Line, command: str, name: str, words: str) -> None:
    (dlspec.folder / "folder").mkdir()
    (dlspec.folder / "latin.dls").write_bytes("network café {".encode("latin-1"))
    ran = dlspec(command, name)
    assert ran.code == 2
    assert "error[E0101]" in ran.out + ran.err
    assert words in ran.out + ran.err


def test_standard_input_that_is_no_text_is_said_with_2() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "dlspec", "check", "-"], input=b"\xff\xfe\x00", capture_output=True, check=False
    )
    assert done.returncode == 2
    assert b"`<stdin>` is not UTF-8" in done.stdout
    assert done.stderr == b""


def test_an_empty_file_defines_nothing_which_is_a_finding(dlspec: Line) -> None:
    ran = dlspec("check", dlspec.write("empty.dls", ""))
    assert ran.code == 1
    assert "E0218" in ran.out


def test_a_spec_can_come_from_standard_input(dlspec: Line) -> None:
    assert dlspec("check", "-", stdin=CLEAN).code == 0
    ran = dlspec("check", "-", stdin=BROKEN)
    assert ran.code == 1
    assert "<stdin>:3:" in ran.out
    assert dlspec("summary", "-", stdin=CLEAN).out == dlspec("summary", "clean.dls").out


def test_yaml_can_come_from_standard_input(dlspec: Line) -> None:
    dlspec("convert", "clean.dls", "-o", "clean.dlspec.yaml")
    assert dlspec("check", "-", stdin=dlspec.read("clean.dlspec.yaml")).code == 0


# Check: what programs read

PLACE = {
    "file": {"type": ["string", "null"]},
    **{key: {"type": ["integer", "null"], "minimum": 1} for key in ("line", "column", "end_line", "end_column")},
}
DIAGNOSTIC = {
    "type": "object",
    "required": ["code", "name", "severity", "message", *PLACE, "labels", "notes", "fixes"],
    "properties": {
        "code": {"pattern": "^[EW][0-9]{4}$"},
        "name": {"pattern": "^[a-z0-9-]+$"},
        "severity": {"enum": ["error", "warning"]},
        "message": {"type": "string"},
        **PLACE,
        "labels": {"type": "array", "items": {"type": "object", "required": [*PLACE, "text"]}},
        "notes": {"type": "array", "items": {"type": "string"}},
        "fixes": {"type": "array", "items": {"type": "object", "required": ["message", "safety", "edits"]}},
    },
}


@pytest.mark.parametrize("name", ["broken.dls", "warned.dls", "missing.dls"])
def test_json_is_an_object_a_line_with_the_fixed_keys(dlspec: Line, name: str) -> None:
    lines = dlspec("check", name, "--format", "json").out.splitlines()
    assert lines
    for line in lines:
        jsonschema.validate(json.loads(line), DIAGNOSTIC)


def test_a_clean_file_gives_no_json_line(dlspec: Line) -> None:
    assert dlspec("check", "clean.dls", "--format", "json").out == ""


def test_concise_is_a_line_for_each_that_editors_can_follow(dlspec: Line) -> None:
    for line in dlspec("check", "broken.dls", "--format", "concise").out.splitlines():
        assert line.startswith("broken.dls:3:")


def test_github_gets_workflow_commands(dlspec: Line) -> None:
    lines = dlspec("check", "broken.dls", "warned.dls", "--format", "github").out.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::error", "::warning"]
    assert all("file=" in line and ",line=3," in line for line in lines)


REGION = {
    "type": "object",
    "required": ["startLine", "startColumn", "endLine", "endColumn"],
    "additionalProperties": {"type": "integer", "minimum": 1},
}
LOCATION = {
    "type": "object",
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation", "region"],
            "properties": {
                "artifactLocation": {"type": "object", "required": ["uri"]},
                "region": REGION,
            },
        }
    },
}
MESSAGE = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
SARIF = {
    "type": "object",
    "required": ["$schema", "version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["ruleId", "level", "message", "locations"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": MESSAGE,
                                "locations": {"type": "array", "items": LOCATION},
                                "relatedLocations": {"type": "array", "items": LOCATION},
                            },
                        },
                    },
                },
            },
        },
    },
}
"""What SARIF 2.1.0 asks of the parts that are used here (sections 3.13, 3.14, 3.27 to 3.30 of the standard)."""


@pytest.mark.parametrize("name", ["clean.dls", "warned.dls", "broken.dls", "missing.dls"])
def test_sarif_is_of_the_form_that_the_standard_asks(dlspec: Line, name: str) -> None:
    jsonschema.validate(json.loads(dlspec("check", name, "--format", "sarif").out), SARIF)


@pytest.mark.parametrize("name", ["clean.dls", "broken.dls"])
def test_sarif_names_the_rule_the_file_and_the_place(dlspec: Line, name: str) -> None:
    (run,) = json.loads(dlspec("check", name, "--format", "sarif").out)["runs"]
    assert run["tool"]["driver"]["name"] == "dlspec"
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    for result in run["results"]:
        assert result["ruleId"] in rules
        place = result["locations"][0]["physicalLocation"]
        assert place["artifactLocation"]["uri"] == name
        assert place["region"]["startLine"] == 3
    assert len(run["results"]) == (2 if name == "broken.dls" else 0)


# Check: repairs


def test_fix_makes_the_safe_repairs_and_checks_what_then_stands(dlspec: Line) -> None:
    ran = dlspec("check", "broken.dls", "--fix")
    assert ran.code == 0, ran.out
    assert "2 repairs made in broken.dls" in ran.err
    assert "conv2d(4, kernel_size=3) -> relu" in dlspec.read("broken.dls")


def test_fix_leaves_the_model_as_it_is_unless_told(dlspec: Line) -> None:
    dlspec("check", "warned.dls", "--fix")
    assert dlspec.read("warned.dls") == WARNED
    assert "0" not in dlspec("check", "warned.dls", "--fix", "--unsafe", "--strict").err.split()
    assert "-> relu ->" in dlspec.read("warned.dls")


def test_fix_cannot_repair_standard_input_and_does_not_say_that_it_did(dlspec: Line) -> None:
    ran = dlspec("check", "-", "--fix", stdin=BROKEN)
    assert (ran.code, ran.err) == (1, "")


# --set, --input, --network


@pytest.mark.parametrize("command", ["check", "summary", "explain", "compile"])
@pytest.mark.parametrize(
    ("setting", "code", "words"),
    [
        ("network.classes=10", 0, ""),
        ("epochs=5", 0, ""),
        ("optimizer.lr=0.1", 0, ""),
        ("network.clases=3", 2, "`classes`"),
        ("network.classes=0", 1, "`out_features`"),
        ("network.classes=[", 2, ""),
        ("network.classes=", 2, ""),
        ("classes", 2, "`key=value`"),
        ("epoch=5", 2, "`epoch`"),
        ("optimizer.learning=5", 2, "`learning`"),
    ],
)
def test_settings_are_checked_wherever_they_are_given(
    dlspec: Line, command: str, setting: str, code: int, words: str
) -> None:
    ran = dlspec(command, "mlp", "--set", setting)
    assert ran.code == code, ran
    assert words in ran.out + ran.err


def test_a_key_of_a_plan_is_checked_against_its_limits(dlspec: Line) -> None:
    ran = dlspec("check", "mlp", "--set", "epochs=-5")
    assert ran.code == 1
    assert "E0614" in ran.out


def test_a_key_of_a_plan_needs_a_plan(dlspec: Line) -> None:
    ran = dlspec("summary", "clean.dls", "--set", "epochs=5")
    assert ran.code == 2
    assert "no plan in which to set `epochs`" in ran.err


def test_a_broken_file_is_told_of_before_its_missing_plan(dlspec: Line) -> None:
    ran = dlspec("check", dlspec.write("torn.dls", "network torn {\n  input\n"), "--set", "epochs=5")
    assert "E0102" in ran.out
    assert "no plan" not in ran.out


def test_a_setting_changes_the_network(dlspec: Line) -> None:
    shape = json.loads(dlspec("summary", "mlp", "--json", "--set", "network.classes=7").out)["outputs"]["logits"]
    assert shape["shape"] == ["N", 7]


@pytest.mark.parametrize("command", ["summary", "explain", "draw"])
@pytest.mark.parametrize(
    ("sizes", "code", "words"),
    [
        ("image=1x3x8x8", 0, ""),
        ("image=1x3x7x8", 1, "H"),
        ("image=3x8x8", 1, "4 axes"),
        ("image=1x1x8x8", 1, "1x1x8x8"),
        ("picture=1x3x8x8", 2, "no input `picture`"),
        ("image", 2, "does not give sizes"),
        ("image=1x3xHxW", 2, "does not give sizes"),
        ("image=1x3x0x8", 2, "does not give sizes"),
        ("image=", 2, "does not give sizes"),
    ],
)
def test_input_sizes_are_checked_wherever_they_are_given(
    dlspec: Line, command: str, sizes: str, code: int, words: str
) -> None:
    out = ["-o", "out.dot"] if command == "draw" else []
    ran = dlspec(command, "halves.dls", "--input", sizes, *out)
    assert ran.code == code, ran
    assert words in ran.out + ran.err


@pytest.mark.parametrize("command", ["check", "summary", "compile", "explain"])
def test_a_network_that_is_not_there_is_told_the_nearest(dlspec: Line, command: str) -> None:
    ran = dlspec(command, "resnet", "--network", "resnet51")
    assert ran.code == 2
    assert "`resnet50`" in ran.out + ran.err


# Summary

EXPRESSION = {"type": ["integer", "string"]}
SHAPE = {"type": "array", "items": EXPRESSION}
TENSOR = {
    "type": "object",
    "required": ["dtype", "shape"],
    "properties": {"dtype": {"type": "string"}, "shape": SHAPE},
}
PAIR = {"type": "array", "items": EXPRESSION, "minItems": 1}
FIELD = {
    "anyOf": [
        {"enum": ["whole", "data", None]},
        {
            "type": "object",
            "required": ["size", "stride", "padding"],
            "properties": {"size": PAIR, "stride": PAIR, "padding": PAIR},
        },
    ]
}
LAYER = {
    "type": "object",
    "required": [
        "path", "op", "inputs", "output_shape", "parameters", "macs", "receptive_field", "file", "line", "column",
    ],
    "properties": {
        "path": {"type": "string"},
        "op": {"type": "string"},
        "inputs": {"type": "array", "items": {"type": "string"}},
        "output_shape": SHAPE,
        "parameters": {"type": "integer"},
        "macs": EXPRESSION,
        "receptive_field": FIELD,
        "file": {"type": "string"},
        "line": {"type": "integer", "minimum": 1},
        "column": {"type": "integer", "minimum": 1},
    },
}  # fmt: skip
INTEGERS = ("parameters", "trainable_parameters", "buffers", "weight_bytes")
COUNTS = ("macs", "activation_bytes", "peak_bytes")
SUMMARY = {
    "type": "object",
    "required": ["schema_version", "network", "inputs", "outputs", "requires", "totals", "layers"],
    "properties": {
        "schema_version": {"const": 1},
        "network": {"type": "string"},
        "inputs": {"type": "object", "additionalProperties": TENSOR},
        "outputs": {"type": "object", "additionalProperties": TENSOR},
        "requires": {"type": "array", "items": {"type": "string"}},
        "totals": {
            "type": "object",
            "required": [*INTEGERS, *COUNTS],
            "properties": {
                **{key: {"type": "integer"} for key in INTEGERS},
                **dict.fromkeys(COUNTS, EXPRESSION),
            },
        },
        "layers": {"type": "array", "items": LAYER},
    },
}


@pytest.mark.parametrize(
    "words",
    [["lenet"], ["resnet50"], ["vgg11_bn", "--input", "image=2x3x224x224"], ["clean.dls"], ["linear_regression"]],
    ids=" ".join,
)
def test_summary_as_json_is_one_object_of_the_fixed_form(dlspec: Line, words: list[str]) -> None:
    ran = dlspec("summary", *words, "--json")
    assert (ran.code, ran.err) == (0, "")
    jsonschema.validate(json.loads(ran.out), SUMMARY)


def test_input_closes_every_size_and_count(dlspec: Line) -> None:
    found = json.loads(dlspec("summary", "halves.dls", "--json", "--input", "image=1x3x8x8").out)
    assert found["requires"] == []
    assert all(type(found["totals"][key]) is int for key in COUNTS)
    assert found["outputs"]["logits"]["shape"] == [1, 3, 8, 8]
    opened = json.loads(dlspec("summary", "halves.dls", "--json").out)
    assert opened["requires"] == ["H % 2 == 0", "W % 2 == 0"]
    assert opened["totals"]["macs"] != found["totals"]["macs"]


def test_layers_name_the_layers_that_they_read_and_their_place(dlspec: Line) -> None:
    layers = json.loads(dlspec("summary", "halves.dls", "--json").out)["layers"]
    by_path = {layer["path"]: layer for layer in layers}
    assert sorted(by_path["logits"]["inputs"]) == ["b", "image"]
    assert (by_path["b"]["file"], by_path["b"]["line"]) == ("halves.dls", 3)
    assert by_path["b"]["column"] == 1 + LAYERS.splitlines()[2].index("conv_transpose2d")


SIAMESE = """\
block arm(x) { x -> c: conv2d(4, 3) -> relu -> adaptive_avg_pool2d(1) -> flatten }

network pair {
  input left: float32[N, 1, 8, 8]
  input right: float32[N, 1, 8, 8]
  module shared = arm
  d = shared(left) - shared(right)
  output distance = d * d -> sum(dim=1)
}
"""


@pytest.mark.parametrize("name", ["resnet50", "pair.dls"])
def test_every_layer_has_a_path_of_its_own_and_reads_what_stands_before_it(dlspec: Line, name: str) -> None:
    dlspec.write("pair.dls", SIAMESE)
    found = json.loads(dlspec("summary", name, "--json").out)
    known = set(found["inputs"])
    for layer in found["layers"]:
        assert layer["path"] not in known
        assert set(layer["inputs"]) <= known
        known.add(layer["path"])
    if name == "pair.dls":
        assert sum(layer["parameters"] for layer in found["layers"]) == found["totals"]["parameters"] == 40


@pytest.mark.parametrize("name", ["lenet", "resnet50", "vgg19_bn", "halves.dls"])
@pytest.mark.parametrize("columns", ["80", "100"])
def test_a_summary_fits_the_columns_that_there_are(
    dlspec: Line, monkeypatch: pytest.MonkeyPatch, name: str, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    ran = dlspec("summary", name)
    assert max(map(len, ran.out.splitlines())) <= int(columns)


def test_without_a_terminal_a_summary_fits_100_columns(dlspec: Line) -> None:
    assert max(map(len, dlspec("summary", "resnet50").out.splitlines())) <= 100


# Explain, ops, schema


def test_a_layer_is_explained_with_its_own_numbers(dlspec: Line) -> None:
    out = dlspec("explain", "lenet:features.0").out
    assert "28 − 5 + 2·2 + 1 = 28" in out
    assert "156" in out


def test_a_part_that_is_not_there_is_told_the_nearest(dlspec: Line) -> None:
    ran = dlspec("explain", "lenet:feature.0")
    assert ran.code == 2
    assert "`features.0`" in ran.err


def test_a_code_is_explained_by_code_and_by_name(dlspec: Line) -> None:
    page = dlspec("explain", "E0302")
    assert page.code == 0
    assert page.out.startswith("# E0302")
    assert dlspec("explain", "shapes-differ").out == page.out


def test_a_code_that_is_not_there_ends_with_2(dlspec: Line) -> None:
    ran = dlspec("explain", "E9999")
    assert (ran.code, ran.out) == (2, "")
    assert "E9999" in ran.err
    assert "`E0302`" in dlspec("explain", "E030").err


def test_operators_are_listed_and_shown(dlspec: Line) -> None:
    assert "conv2d" in dlspec("ops").out
    assert "kernel_size" in dlspec("ops", "conv2d").out
    ran = dlspec("ops", "conv2")
    assert ran.code == 2
    assert "`conv2d`" in ran.err


def test_the_schema_accepts_a_spec_of_the_zoo(dlspec: Line) -> None:
    import yaml

    dlspec("convert", "lenet", "-o", "lenet.dlspec.yaml")
    schema = json.loads(dlspec("schema").out)
    jsonschema.validate(yaml.safe_load(dlspec.read("lenet.dlspec.yaml")), schema)


# Files that are written


@pytest.mark.parametrize("suffix", ["dot", "mmd", "svg", "png", "pdf"])
def test_the_suffix_says_what_is_drawn(dlspec: Line, suffix: str) -> None:
    starts = {"dot": b"digraph", "mmd": b"flowchart", "svg": b"<svg", "png": b"\x89PNG", "pdf": b"%PDF"}
    assert dlspec("draw", "clean.dls", "-o", f"out.{suffix}").code == 0
    assert starts[suffix] in (dlspec.folder / f"out.{suffix}").read_bytes()[:400]


@pytest.mark.parametrize(
    "words",
    [
        ["draw", "clean.dls", "-o", "out.gif"],
        ["draw", "clean.dls", "-o", "out"],
        ["draw", "clean.dls", "-o", "no/out.dot"],
        ["compile", "clean.dls", "-o", "no/out.py"],
        ["compile", "clean.dls", "-o", "folder"],
        ["convert", "clean.dls", "-o", "no/out.dls"],
        ["convert", "clean.dls", "-o", "out.txt"],
        ["convert", "clean.dls"],
        ["draw", "clean.dls"],
        ["draw", "clean.dls", "-o", "out.dot", "--depth", "-1"],
    ],
    ids=" ".join,
)
def test_what_cannot_be_written_is_said_with_2_and_nothing_is_left(dlspec: Line, words: list[str]) -> None:
    (dlspec.folder / "folder").mkdir()
    before = sorted(dlspec.folder.rglob("*"))
    ran = dlspec(*words)
    assert ran.code == 2
    assert ran.err.startswith(("error[", "usage:"))
    assert sorted(dlspec.folder.rglob("*")) == before


def test_a_broken_spec_is_not_drawn_nor_compiled(dlspec: Line) -> None:
    for words in (["draw", "broken.dls", "-o", "out.dot"], ["compile", "broken.dls", "-o", "out.py"]):
        ran = dlspec(*words)
        assert (ran.code, ran.out) == (1, "")
        assert ran.err.count("error[") == 2
    assert not list(dlspec.folder.glob("out.*"))


def test_compiling_writes_a_module_that_runs(dlspec: Line) -> None:
    import torch

    assert dlspec("compile", "clean.dls", "-o", "clean.py").code == 0
    spec = importlib.util.spec_from_file_location("clean", dlspec.folder / "clean.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.build()(torch.zeros(2, 3, 9, 9)).shape == (2, 2)
    assert dlspec("compile", "clean.dls").out == dlspec.read("clean.py")


def test_compiling_for_inference_folds_batch_norms_and_proves_it(dlspec: Line) -> None:
    dlspec.write(
        "norm.dls",
        "network n {\n  input x: float32[N, 3, H, W]\n"
        "  output y = x -> conv2d(4, 3, bias=false) -> batch_norm2d -> dropout(0.5)\n}\n",
    )
    ran = dlspec("compile", "norm.dls", "--for", "inference", "--prove", "-o", "norm.py")
    assert ran.code == 0
    assert "outputs differ from those of the network for training by at most" in ran.err
    written = dlspec.read("norm.py")
    assert "nn.BatchNorm2d" not in written
    assert "ropout" not in written
    assert "def fold(state: dict[str, Tensor]) -> dict[str, Tensor]:" in written
    assert dlspec("compile", "norm.dls", "--prove").code == 2


def test_a_failure_of_our_own_is_said_to_be_ours(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise KeyError("width")

    monkeypatch.setattr("dlspec.lowering.lower", broken)
    assert main(["compile", "lenet"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: writing the module of `lenet` failed: KeyError: 'width' (in ")
    assert "this is a mistake of dlspec, not of the spec; report it with the spec" in said
    assert "Traceback" not in said


FOREIGN = """\
foreign selu = "torch.nn:SELU" takes [N, C] gives [N, C]

network own {
  input x: float32[N, 4]
  x -> act: selu -> logits: linear(2)
  output logits
}
"""


def test_code_of_the_user_is_refused_without_the_flag(dlspec: Line) -> None:
    dlspec.write("foreign.dls", FOREIGN)
    refused = dlspec("compile", "foreign.dls", "-o", "foreign.py")
    assert refused.code == 1
    assert "E0217" in refused.err
    assert "--allow-code" in refused.err
    assert dlspec("compile", "foreign.dls", "-o", "foreign.py", "--allow-code").code == 0
    assert "SELU" in dlspec.read("foreign.py")


def test_a_spec_goes_to_the_other_spelling_and_back_as_it_was(dlspec: Line) -> None:
    assert dlspec("convert", "clean.dls", "-o", "there.dlspec.yaml").code == 0
    assert dlspec("convert", "there.dlspec.yaml", "-o", "back.dls").code == 0
    assert dlspec.read("back.dls") == CLEAN
    assert dlspec("check", "there.dlspec.yaml", "--strict").code == 0


def test_converting_replaces_a_file_and_leaves_it_where_the_spec_is_broken(dlspec: Line) -> None:
    dlspec.write("held.dlspec.yaml", "held: 1\n")
    dlspec.write("torn.dls", "network {")
    assert dlspec("convert", "torn.dls", "-o", "held.dlspec.yaml").code == 1
    assert dlspec.read("held.dlspec.yaml") == "held: 1\n"
    assert dlspec("convert", "clean.dls", "-o", "held.dlspec.yaml").code == 0
    assert dlspec.read("held.dlspec.yaml").startswith("network:")


def test_formatting_is_done_in_place_and_once(dlspec: Line) -> None:
    dlspec.write("loose.dls", CLEAN.replace("conv2d(4, 3)", "conv2d( 4,3 )  # four\n   "))
    assert dlspec("fmt", "--check", "loose.dls") == Ran(1, "would format loose.dls\n", "")
    assert dlspec("fmt", "loose.dls", "clean.dls") == Ran(0, "formatted loose.dls\n", "")
    assert "# four" in dlspec.read("loose.dls")
    assert dlspec.read("clean.dls") == CLEAN
    assert dlspec("fmt", "--check", "loose.dls") == Ran(0, "", "")


def test_formatting_standard_input_writes_standard_output(dlspec: Line) -> None:
    loose = CLEAN.replace("4, 3", "4,3")
    assert dlspec("fmt", "-", stdin=loose) == Ran(0, CLEAN, "")
    assert dlspec("fmt", "--check", "-", stdin=loose) == Ran(1, "would format -\n", "")


def test_a_mistake_in_one_file_does_not_spare_the_others_their_format(dlspec: Line) -> None:
    dlspec.write("loose.dls", CLEAN.replace("4, 3", "4,3"))
    torn = dlspec.write("torn.dls", "network {")
    ran = dlspec("fmt", torn, "missing.dls", "loose.dls")
    assert ran.code == 2
    assert dlspec.read("loose.dls") == CLEAN
    assert dlspec.read("torn.dls") == "network {"


# The process


def program(*words: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "dlspec", *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, **environment},
    )  # fmt: skip


def test_a_reader_that_leaves_a_pipe_meets_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "dlspec", "summary", "resnet152"],
        stdout=writing, stderr=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_terminal_without_the_signs_gets_what_it_can_show() -> None:
    for words in (["summary", "lenet"], ["explain", "lenet:features.0"], ["check", "lenet", "--strict"]):
        out, err = program(*words, PYTHONIOENCODING="ascii").communicate()
        assert out.isascii()
        assert err == ""


def test_without_torch_training_says_what_to_install(tmp_path: Path) -> None:
    code = "import sys; sys.modules['torch'] = None; from dlspec.cli import main; sys.exit(main(sys.argv[1:]))"
    words = [sys.executable, "-c", code, "train", "lenet", "--out", str(tmp_path / "run")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "pip install 'dlspec[train]'" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "run").exists()


WAITS = """
import sys
from dlspec.cli import main

print("ready", flush=True)
sys.exit(main(["check", "-"]))
"""


def test_ctrl_c_ends_with_130_and_no_traceback() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WAITS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.3)  # until it waits for standard input
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (130, "interrupted\n")


ESCAPE = "\x1b["


@pytest.mark.parametrize(
    "words", [["check", "broken.dls"], ["summary", "lenet"], ["explain", "lenet:features.0"], ["explain", "E0302"]]
)
def test_only_who_asks_or_sits_at_a_terminal_gets_colour(
    dlspec: Line, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    plain = dlspec(*words).out
    assert ESCAPE not in plain
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    assert ESCAPE in dlspec(*words).out
    monkeypatch.setenv("NO_COLOR", "1")
    assert ESCAPE not in dlspec(*words).out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert ESCAPE in dlspec(*words).out


def test_at_a_terminal_notes_are_broken_between_words(dlspec: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    words = "no file `missing.dls`"
    whole = dlspec("check", "missing.dls").out
    assert max(map(len, whole.splitlines())) > 120
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "72")
    broken = dlspec("check", "missing.dls").out
    assert words in broken
    assert broken.split() == whole.split()
    assert max(len(line) for line in broken.splitlines()[1:]) <= 72


PAGES = [
    ["ops"],
    ["ops", "conv2d"],
    ["ops", "max_pool2d"],
    ["ops", "clamp"],
    ["explain", "W0410"],
    ["explain", "E0302"],
]


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
@pytest.mark.parametrize("columns", ["72", "100"])
def test_a_page_is_set_for_the_terminal_with_every_word_and_its_code_unbroken(
    dlspec: Line, monkeypatch: pytest.MonkeyPatch, words: list[str], columns: str
) -> None:
    written = dlspec(*words).out
    code = [line for block in re.findall(r"^```\w*\n(.*?)^```$", written, re.M | re.S) for line in block.splitlines()]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    shown = dlspec(*words).out.splitlines()
    assert [line for line in shown if len(line) > int(columns) and line[2:] not in code] == []
    assert {f"  {line}".rstrip() for line in code} <= {line.rstrip() for line in shown}
    letters = [re.sub(r"[^a-z]", "", text) for text in (re.sub(r"```\w*", "", written), "".join(shown))]
    assert sorted(letters[0]) == sorted(letters[1])
    assert not any(line.startswith("|") for line in shown)


@pytest.mark.parametrize("words", PAGES, ids=" ".join)
def test_colour_moves_nothing_in_a_table(dlspec: Line, monkeypatch: pytest.MonkeyPatch, words: list[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    coloured = re.sub(r"\x1b\[[0-9;]*m", "", dlspec(*words).out).splitlines()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = dlspec(*words).out.splitlines()
    assert len(coloured) == len(plain)
    marks = str.maketrans("", "", "`*# ")
    assert [line.translate(marks) for line in coloured] == [line.translate(marks) for line in plain]
    for one, other in zip(coloured, plain, strict=True):
        assert one == other or not re.search(r"\S {2,}\S", other), "a row of a table moved"


def test_the_examples_of_the_help_can_be_typed(dlspec: Line) -> None:
    examples = re.findall(r"^  dlspec (\S.*?)(?:  .*)?$", dlspec("--help").out, re.M)
    assert len(examples) == 3
    for example in examples:
        if "draw" not in example or shutil.which("dot"):
            assert dlspec(*example.split()).code == 0


def test_the_same_command_prints_the_same_bytes() -> None:
    runs = [program("summary", "resnet50", "--json", PYTHONHASHSEED=seed).communicate() for seed in ("1", "2")]
    assert runs[0] == runs[1]
    assert json.loads(runs[0][0])["totals"]["parameters"] == 25_557_032
