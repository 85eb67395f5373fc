"""Laws of the answers: any name can have another, any text can be asked of, what is wanted is told from the text before."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlspec
from dlspec.editor.calls import evaluated_arguments, reached_arguments
from dlspec.editor.code_lens import code_lens, lenses
from dlspec.editor.completion import completion
from dlspec.editor.context import context
from dlspec.editor.definition import definition
from dlspec.editor.diagnostics import diagnostics
from dlspec.editor.document import Document
from dlspec.editor.formatting import formatting
from dlspec.editor.hover import hover
from dlspec.editor.inlay_hints import Hint, hints, moved
from dlspec.editor.plain_rename import is_plain
from dlspec.editor.positions import Positions
from dlspec.editor.quick_fixes import code_actions
from dlspec.editor.references import mentions, references
from dlspec.editor.rename import rename
from dlspec.editor.symbols import document_symbols
from dlspec.editor.yaml_context import yaml_context
from dlspec.places import ZOO
from dlspec.source import Source

ARCHITECTURES = Path(__file__).parents[1] / "architectures"
SPECS = [
    ARCHITECTURES / "siamese.dls",
    ARCHITECTURES / "siamese.dlspec.yaml",
    ZOO / "unet.dls",
    ZOO / "lenet.dlspec.yaml",
]
TEXTS = [path.read_text(encoding="utf-8") for path in (*SPECS, ZOO / "vit.dls")]


def document(path: Path, text: str | None = None) -> Document:
    path = path.resolve()
    return Document(path.as_uri(), path.read_text(encoding="utf-8") if text is None else text, 1, path)


# Names


@pytest.mark.parametrize("path", SPECS, ids=lambda path: path.name)
def test_every_name_can_have_another_and_the_network_stays_what_it_is(path: Path) -> None:
    own = document(path)
    first = {one.symbol.key: one for one in own.names.occurrences if one.span.source is own.source}
    before = dlspec.summarize(own.text).to_json()
    for occurrence in first.values():
        if occurrence.symbol.file.source is not own.source:
            continue
        ((_, edits),) = (rename(own, occurrence.span.start, "another", [own]).changes or {}).items()
        text = own.text
        for edit in reversed(edits):
            start, end = own.positions.offset(edit.range.start), own.positions.offset(edit.range.end)
            text = text[:start] + edit.new_text + text[end:]
        after = dlspec.summarize(text).to_json()
        assert after["totals"]["parameters"] == before["totals"]["parameters"], occurrence.symbol
        if occurrence.symbol.kind != "size":
            assert after["totals"] == before["totals"], occurrence.symbol
        assert len(after["layers"]) == len(before["layers"])


# Texts


@settings(max_examples=25, deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_whatever_stands_in_a_text_can_be_asked_of(text: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(text)))
    put = data.draw(st.sampled_from(["", "(", ")", "{", "}", "->", ":", "\n", '"', "#", "𝔸", "relu(", "x.", ", "]))
    is_yaml = not text.startswith("#") or "network:" in text
    text = text[:cut] + put + (text[cut + data.draw(st.integers(0, 9)) :] if data.draw(st.booleans()) else "")
    name = "spec.dlspec.yaml" if is_yaml else "spec.dls"
    own = Document(f"file:///{name}", text, 1, None, shown=name)
    diagnostics(own)
    code_actions(own, own.positions.whole(), None)
    document_symbols(own)
    code_lens(own, lenses(own))
    hints(own)
    formatting(own)
    for offset in {cut, min(cut + 1, len(text)), len(text)}:
        hover(own, offset)
        completion(own, offset, snippets=True)
        definition(own, offset)
        references(own, offset, [own], declaration=True)


@given(st.text(alphabet="aß𝔸\r\n→ "), st.sampled_from(["utf-8", "utf-16", "utf-32"]))
def test_positions_lead_back_to_their_offsets(text: str, encoding: str) -> None:
    positions = Positions(Source("t", text), encoding)
    for offset in range(len(text) + 1):
        if text[max(0, offset - 1) : offset + 1] != "\r\n":
            assert positions.offset(positions.position(offset)) == offset


def test_hints_move_with_their_text_and_those_of_the_changed_stretch_go() -> None:
    found = moved([Hint(2, "a", ""), Hint(8, "b", ""), Hint(12, "c", "")], "one two three", "one twenty-two three")
    assert [(hint.offset, hint.text) for hint in found] == [(2, "a"), (15, "b"), (19, "c")]
    assert [hint.text for hint in moved([Hint(5, "b", "")], "one two three", "one 2 three")] == []


def test_a_network_that_would_keep_an_editor_waiting_is_left_to_the_check() -> None:
    text = "network n {\n  input x: float32[N, 8]\n  output y = x -> body: { linear(8) } * 900000\n}\n"
    (problem,) = document(ZOO / "n.dls", text).problems
    assert problem.code == "E0209"
    assert problem.notes == ["an editor makes no more of it; `dlspec check` does"]


# What is wanted at the cursor

BODY = "block f(x, w) {\n  y = x -> conv2d(3, 1)\n  "


@pytest.mark.parametrize(("text", "wants", "more"), [
    ("", "item", {}),
    ('import a from "bl', "file", {"prefix": "bl"}),
    ("network n {\n  inp", "statement", {"prefix": "inp"}),
    ("network n {\n  input x: fl", "type", {}),
    (BODY, "statement", {}),
    (BODY + "z = y ->\n    ", "stage", {}),
    (BODY + "z = y -> a: co", "stage", {"prefix": "co"}),
    (BODY + "z = y -> conv2d(64, ke", "argument", {"callee": "conv2d", "given": ("",)}),
    (BODY + "z = y -> conv2d(64, padding=", "value", {"key": "padding"}),
    (BODY + 'z = y -> conv2d(64, padding_mode="ze', "text", {"key": "padding_mode", "prefix": "ze"}),
    (BODY + "z = resnet50.la", "part", {"callee": "resnet50", "prefix": "la"}),
    (BODY + "z = y -> { relu -> ", "stage", {}),
    (BODY + "allow do", "lint", {}),
    (BODY + "# con", "nothing", {}),
    ("plan p {\n  data { so", "key", {"keys": ("data",)}),
    ("plan p {\n  data { source = di", "key value", {"keys": ("data", "source")}),
    ("plan p {\n  metrics = [acc", "key value", {"keys": ("metrics",)}),
    ("plan p {\n  loss = cross_entropy(", "argument", {"keys": ("plan", "loss")}),
    ("plan p { network = a  data { source = digits }  ", "key", {"keys": ()}),
])  # fmt: skip
def test_the_text_before_the_cursor_tells_what_is_wanted(text: str, wants: str, more: dict[str, object]) -> None:
    found = context(text)
    assert found.wants == wants
    assert {name: getattr(found, name) for name in more} == more


LAYERS = "network:\n  name: n\n  inputs:\n    image: float32[N, 1, 28, 28]\n  layers:\n    - features:\n        - conv2d(6, 5)\n"


@pytest.mark.parametrize(("text", "keys", "wants"), [
    ("net", (), None),
    ("network:\n  la", ("network",), None),
    (LAYERS + "    - ", ("network", "layers", "-"), "stage"),
    (LAYERS + "        - co", ("network", "layers", "-", "features", "-"), "stage"),
    (LAYERS + "    - fc: {op: linear, ", ("network", "layers", "-", "fc"), "argument"),
    (LAYERS + "    - let:\n        y: im", ("network", "layers", "-", "let", "y"), "value"),
    (LAYERS + "  outputs: [lo", ("network", "outputs"), "value"),
    ("network:\n  inputs:\n    image: flo", ("network", "inputs", "image"), "type"),
    ("plan:\n  data: {source: digits, split: {tr", ("plan", "data", "split"), "key"),
    ("plan:\n  augment:\n    - ro", ("plan", "augment", "-"), "key value"),
    ("plan:\n  loss: cross_entropy(lo", ("plan", "loss"), "argument"),
    ("imports:\n- from: re", ("imports", "-", "from"), "file"),
])  # fmt: skip
def test_indentation_and_braces_tell_where_in_yaml_the_cursor_is(
    text: str, keys: tuple[str, ...], wants: str | None
) -> None:
    found = yaml_context(text)
    assert found.keys == keys
    assert (found.leaf.wants if found.leaf is not None else None) == wants


# Names that stand for blocks

PASSED_ON = ["resnet.dls", "mobilenet_v3.dls", "densenet.dls", "googlenet.dls", "fcn_resnet50.dls", "yolov1.dls"]


@pytest.mark.parametrize("name", PASSED_ON)
def test_where_a_call_reaches_is_found_without_evaluating_what_evaluation_finds(name: str) -> None:
    own = document(ZOO / name)
    places = [{(one.span.start, one.symbol.key) for one in found}
              for found in (reached_arguments(own), evaluated_arguments(own))]  # fmt: skip
    assert places[0] >= places[1]


def test_blocks_out_of_a_list_are_followed_by_evaluating() -> None:
    text = """\
block one(x, size) { x -> fc: linear(size) }
block two(x, size) { x -> fc: linear(size) -> relu }
network n { input x: float32[N, 8]
  both = [one, two]
  output y = x -> a: both[0](size=4) -> b: both[1](size=4) }
"""
    own = document(ZOO / "n.dls", text)
    assert {one.symbol.owner.name for one in own.reached if one.symbol.owner is not None} == {"one", "two"}
    assert len(references(own, text.index("size"), [own], declaration=True)) == 3


def test_a_block_that_no_network_uses_is_followed_too() -> None:
    text = "block one(x, size) { x -> fc: linear(size) }\nblock pair(x, unit) { x -> a: unit(size=4) }\n" + (
        "block both(x) { x -> p: pair(one) }\n"
    )
    own = document(ZOO / "n.dls", text)
    assert len(references(own, text.index("size"), [own], declaration=True)) == 3


@pytest.mark.parametrize("path", [*SPECS, ZOO / "resnet_digits.dls"], ids=lambda path: path.name)
def test_a_rename_that_is_not_tried_is_one_that_a_trial_allows(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = document(path)
    symbols = {one.symbol for one in own.names.occurrences}
    assert any(is_plain(symbol, "another", mentions(symbol, [own]), [own]) for symbol in symbols)
    first = {one.symbol.key: one for one in own.names.occurrences if one.symbol.file.source is own.source}
    starts = [one.span.start for one in first.values()]
    quick = [rename(own, start, "another", [own]) for start in starts]
    monkeypatch.setattr("dlspec.editor.rename.is_plain", lambda *given: False)
    assert quick == [rename(own, start, "another", [own]) for start in starts]


@pytest.mark.parametrize(("text", "old", "new"), [
    ("network n { input x: float32[N, 4]\n  output y = x -> fc: linear(4) }", "fc", "relu"),
    ("network n { input x: float32[N, 4]\n  output y = x -> fc: linear(4) }", "fc", "forward"),
    ("network n { input x: float32[N, 4]\n  output y = x -> fc: linear(4) }", "N", "B"),
    ("network n { input x: float32[N, 4]\n  output y = x -> fc: linear(4) -> a_{1}: relu }", "fc", "a_1"),
    ("block f(x, w) { {w, v = x} }\nnetwork n { input x: float32[N, 4]\n  output y = f(x, 3).v }", "w", "wide"),
])  # fmt: skip
def test_a_rename_of_which_something_hangs_on_the_spelling_is_tried(text: str, old: str, new: str) -> None:
    own = document(ZOO / "n.dls", text)
    found = own.names.named(old)
    assert found
    assert not is_plain(found[0].symbol, new, mentions(found[0].symbol, [own]), [own])
