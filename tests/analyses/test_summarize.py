"""The summary as JSON is the object that is promised, and as text a table that fits 100 columns."""

from __future__ import annotations

import doctest
import json
import re

import pytest
from spec_graphs import RESNET, graph_of

from dlspec.analyses import words
from dlspec.analyses.summary import summarize
from dlspec.diagnostics.render.display import width as cells

SMALL = """\
block unit(x, width) { x -> conv2d(width, 3, padding=1, bias=false) -> batch_norm2d -> relu }
network small {
  input image: float32[N, 1, H, W]
  output logits = image -> stem: unit(4) -> body: { unit(4) * 3 } -> max_pool2d(2)
                        -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(10)
}
"""


def test_the_object_has_just_the_promised_keys() -> None:
    found = summarize(graph_of(SMALL)).to_json()
    assert list(found) == ["schema_version", "network", "inputs", "outputs", "requires", "totals", "layers"]
    assert list(found["totals"]) == [
        "parameters", "trainable_parameters", "buffers", "macs", "weight_bytes", "activation_bytes", "peak_bytes"
    ]  # fmt: skip
    keys = [
        "path",
        "op",
        "inputs",
        "output_shape",
        "parameters",
        "macs",
        "receptive_field",
        "file",
        "line",
        "column",
    ]
    assert all(list(layer) == keys for layer in found["layers"])
    assert json.loads(json.dumps(found)) == found


def test_open_sizes_are_texts_and_the_rest_numbers() -> None:
    found = summarize(graph_of(SMALL)).to_json()
    assert found["schema_version"] == 1
    assert found["inputs"] == {"image": {"dtype": "float32", "shape": ["N", 1, "H", "W"]}}
    assert found["outputs"] == {"logits": {"dtype": "float32", "shape": ["N", 10]}}
    assert found["requires"] == ["H >= 2", "W >= 2"]
    by_path = {layer["path"]: layer for layer in found["layers"]}
    assert "image" not in by_path
    assert by_path["stem.0"] == {
        "path": "stem.0", "op": "conv2d", "inputs": ["image"], "output_shape": ["N", 4, "H", "W"], "parameters": 36,
        "macs": "36*N*H*W", "receptive_field": {"size": [3, 3], "stride": [1, 1], "padding": [1, 1]},
        "file": "spec.dls", "line": 1, "column": 29,
    }  # fmt: skip
    assert by_path["max_pool2d"]["output_shape"] == ["N", 4, "H//2", "W//2"]
    assert by_path["fc"]["receptive_field"] == "whole"
    assert (by_path["fc"]["line"], by_path["fc"]["column"]) == (5, 69)


@pytest.mark.parametrize("sizes", [(1, 1, 8, 8), (4, 1, 9, 30)])
def test_texts_evaluate_to_the_numbers_of_closed_sizes(sizes: tuple[int, ...]) -> None:
    values = dict(zip("NHW", (sizes[0], sizes[2], sizes[3])), max=max)
    open_, closed = (summarize(graph_of(SMALL, **given)).to_json() for given in ({}, {"image": sizes}))
    for name, value in open_["totals"].items():
        assert value == closed["totals"][name] or eval(value, {"__builtins__": {}}, values) == closed["totals"][name]
    for one, other in zip(open_["layers"], closed["layers"]):
        shape = [
            size if isinstance(size, int) else eval(size, {"__builtins__": {}}, values) for size in one["output_shape"]
        ]
        assert shape == other["output_shape"]


def test_closed_totals_are_numbers() -> None:
    totals = summarize(graph_of(RESNET, "resnet18", image=(1, 3, 224, 224))).to_json()["totals"]
    assert all(isinstance(value, int) for value in totals.values())
    assert totals["macs"] == 1814073344
    assert totals["weight_bytes"] == 4 * 11689512 + 4 * 9600 + 8 * 20


def test_learned_tensors_are_layers() -> None:
    text = "network n {\n  input x: float32[2, 3]\n  parameter p: [2, 3] = zeros\n  buffer b: [1] = ones\n  output y = x * p + b\n}\n"
    layers = summarize(graph_of(text)).to_json()["layers"]
    assert [(layer["path"], layer["op"], layer["parameters"]) for layer in layers[:2]] == [
        ("p", "parameter", 6),
        ("b", "buffer", 0),
    ]
    assert layers[0]["receptive_field"] is None


# The table


def test_the_table_of_a_small_network() -> None:
    text = summarize(graph_of(SMALL, image=(1, 1, 28, 28))).to_text()
    assert (
        text
        == """\
small   image: float32 1 1 28 28 → logits: float32 1 10

layer                operator                             output     parameters     MACs  field
───────────────────────────────────────────────────────────────────────────────────────────────
image                input                                1 1 28 28
stem                 unit(4)                              1 4 28 28          44   28,224      3
├ 0                  conv2d(4, 3, padding=1, bias=false)  1 4 28 28          36   28,224      3
├ 1                  batch_norm2d                         1 4 28 28           8               3
└ 2                  relu                                 1 4 28 28                           3
body                                                      1 4 28 28         456  338,688      9
└ 0–2                3 × unit(4)                          1 4 28 28         456  338,688      9
  ├ 0                conv2d(4, 3, padding=1, bias=false)  1 4 28 28         144  112,896      5
  ├ 1                batch_norm2d                         1 4 28 28           8               5
  └ 2                relu                                 1 4 28 28                           5
max_pool2d           max_pool2d(2)                        1 4 14 14                          10
adaptive_avg_pool2d  adaptive_avg_pool2d(1)               1 4 1 1                         whole
flatten                                                   1 4                             whole
fc                   linear(10)                           1 10               50       40  whole
───────────────────────────────────────────────────────────────────────────────────────────────
parameters         550
buffers            36 numbers
weights            2.36 kB
MACs               366,952
kept for backward  110 kB
peak in inference  53.3 kB beside the weights, at `body.1.1`
n ×                equal copies: the row has their sum, the rows under it are of one"""
    )


def test_open_sizes_and_requirements_stand_in_words() -> None:
    text = summarize(graph_of(SMALL)).to_text()
    assert "requires           H and W are at least 2" in text
    assert "366,912·NHW" not in text
    assert re.search(r"^MACs +468·NHW \+ 40·N$", text, re.MULTILINE)
    assert "`--input image=1x1x224x224`" in text


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("given", [{}, {"image": (1, 3, 224, 224)}])
def test_every_line_fits(width: int, given: dict[str, tuple[int, ...]]) -> None:
    text = summarize(graph_of(RESNET, "resnet152", **given)).to_text(width=width)
    if width >= 80:
        assert max(sum(map(cells, line)) for line in text.splitlines()) <= width
    assert all(line == line.rstrip() for line in text.splitlines())


def test_wide_characters_keep_the_columns_in_place() -> None:
    graph = graph_of(SMALL, image=(1, 1, 28, 28))
    next(step for step in graph.root.steps if step.path == "stem").path = "干流"
    lines = summarize(graph).to_text().splitlines()
    row, other = (next(line for line in lines if line.startswith(name)) for name in ("干流", "body"))
    assert cells_before(row, "1 4 28 28") == cells_before(other, "1 4 28 28")


def cells_before(line: str, part: str) -> int:
    return sum(map(cells, line[: line.index(part)]))


def test_colour_changes_no_letter() -> None:
    summary = summarize(graph_of(SMALL))
    assert re.sub(r"\x1b\[[0-9;]*m", "", summary.to_text(colour=True)) == summary.to_text()


# Words


def test_sizes_and_counts_read_as_written() -> None:
    assert doctest.testmod(words).failed == 0


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (999, "999 bytes"),
        (46796608, "46.8 MB"),
        (1536, "1.54 kB"),
        (999_900, "1 MB"),
        (5 * 10**15, "5,000 TB"),
    ],
)
def test_bytes_have_a_unit_that_suits_them(count: int, text: str) -> None:
    assert words.bytes_words(count) == text
