"""What `dlspec fmt` makes of a text: the layout of this repository's own specs, and every comment kept."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dlspec.places import ZOO
from dlspec.source import Source
from dlspec.syntax.convert import convert, fmt
from dlspec.syntax.read import read

ARCHITECTURES = Path(__file__).parent.parent / "architectures"
SPECS = sorted(
    path for folder in (ZOO, ARCHITECTURES) for path in folder.rglob("*") if path.suffix in (".dls", ".yaml")
)

CROWDED = """\
widths = [64, 128, 256]

block join(x, y, gate, width = 4) {
  chosen = x if gate == 1 else y if gate == 2 else x -> wide: { conv2d(width, 1) -> relu }
  both = concat([x, chosen], dim=1)
  picked = [x -> conv2d(w, 1) for w in widths if w > 64]
  if width > 4 { both -> relu } else { a = both + chosen * 2 - picked[0] }
  {first = both, second = x.{a, b}}
}

plan p { network = n  data { source = digits(classes=[0, 1]), resize = 28 } }
"""
TEXTS = [("crowded.dls", CROWDED), *((path.name, path.read_text(encoding="utf-8")) for path in SPECS)]

REFERENCE = (Path(__file__).parents[2] / "docs" / "language.md").read_text(encoding="utf-8")
SHOWN = re.findall(r"^```dls\n(.*?)^```", REFERENCE, re.S | re.M)


def formatted(text: str, name: str = "made.dls") -> str:
    return fmt(Source(name, text))


def body(lines: str) -> str:
    return "block f(x, norm, stride) {\n" + "".join(f"  {line}\n" for line in lines.splitlines()) + "}\n"


def plan(lines: str) -> str:
    return "plan:\n" + "".join(f"  {line}\n" for line in lines.splitlines())


@pytest.mark.parametrize("path", SPECS, ids=[path.name for path in SPECS])
def test_every_spec_of_this_repository_is_formatted(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(text, path.name) == text


@pytest.mark.parametrize("number", range(len(SHOWN)))
def test_the_language_reference_shows_the_layout_of_the_formatter(number: int) -> None:
    assert formatted(SHOWN[number]) == SHOWN[number]


@given(st.sampled_from(TEXTS), st.data())
def test_every_comment_survives_wherever_it_stands_and_the_tree_too(
    named: tuple[str, str], data: st.DataObject
) -> None:
    name, text = named
    gaps = [match.start() for match in re.finditer(r"(?<=[\s(\[{,])(?=\S)|(?<=\S)(?=[\s)\]},])", text)]
    for number, at in enumerate(
        sorted(data.draw(st.sets(st.sampled_from(gaps), min_size=1, max_size=4)), reverse=True)
    ):
        line_end = data.draw(st.booleans())
        indent = " " * data.draw(st.integers(0, 9))
        text = (
            text[:at]
            + (f" # note {number}\n{indent}" if line_end else f"\n{indent}# note {number}\n{indent}")
            + text[at:]
        )
    before, problems = read(Source(name, text))
    assume(not problems)
    once = formatted(text, name)
    after, problems = read(Source(name, once))
    assert (after, problems) == (before, [])
    assert Counter(one.text for one in after.comments) == Counter(one.text for one in before.comments)
    assert formatted(once, name) == once


def test_a_pipeline_before_an_if_stands_in_parentheses() -> None:
    kept = body("y = (x -> conv2d(8, 3) -> relu) if norm else x")
    assert formatted(kept) == kept
    assert formatted(body("y = x -> conv2d(8, 3) -> relu if norm else x -> relu")) == body(
        "y = (x -> conv2d(8, 3) -> relu) if norm else (x -> relu)"
    )


def test_a_pipeline_after_else_alone_needs_no_parentheses() -> None:
    kept = body("y = x if norm else x -> conv2d(8, 3) -> relu")
    assert formatted(kept) == kept


def test_else_stands_under_what_it_is_the_other_case_of() -> None:
    value = "conv2d(x, 8, 3, stride=stride, padding=1, bias=false, groups=1, dilation=1)"
    assert formatted(body(f"shortcut = {value} if stride == 1 else {value} if norm else x")) == body(
        f"shortcut = {value} if stride == 1\n           else {value} if norm\n           else x"
    )


def test_comments_of_the_cases_of_an_if_stay_with_them() -> None:
    kept = body(
        "y = x if stride == 1  # the same size\n"
        "    # A projection costs weights.\n"
        "    else x -> down: conv2d(8, 1)  # halved\n"
        "y"
    )
    assert formatted(kept) == kept


def test_a_list_that_ends_in_a_comma_keeps_an_item_a_line() -> None:
    kept = body("{\n  low = x,\n  high = relu(x),\n}")
    assert formatted(kept) == kept
    assert formatted(body("{low = x,\n high = relu(x)}")) == body("{low = x, high = relu(x)}")


def test_a_leaf_of_yaml_is_one_line_whatever_its_author_wrote() -> None:
    text = body("x -> conv: conv2d(\n  8,\n  3,\n) -> relu")
    made = convert(Source("n.dls", text), ".dlspec.yaml")
    assert "conv: conv2d(8, 3)\n" in made
    assert read(Source("n.dlspec.yaml", made)) == (read(Source("n.dls", text))[0], [])


@pytest.mark.parametrize(
    "lines",
    [
        'data: {source: "digits(classes=[0, 1])", stratify: true}',
        "data:\n  source: digits(classes=[0, 1])\n  stratify: true",
        "data:\n  source: digits",
        "augment: [rotate(8), translate(0.06)]",
        "augment:\n  - rotate(8)\n  - translate(0.06)",
        "augment:\n  - rotate(8)",
        'augment: ["shift(x=1, y=2)"]',
    ],
)
def test_yaml_keeps_the_style_that_its_author_chose(lines: str) -> None:
    assert formatted(plan(lines), "made.yaml") == plan(lines)


def test_yaml_that_no_longer_fits_its_line_gets_a_key_a_line() -> None:
    keys = {f"key_{number}": "value_that_is_long" for number in range(6)}
    flow = "data: {" + ", ".join(f"{key}: {value}" for key, value in keys.items()) + "}"
    block = "data:\n" + "".join(f"  {key}: {value}\n" for key, value in keys.items())
    assert formatted(plan(flow), "made.yaml") == plan(block)


NETWORK = """\
network:
  name: n
  params: {params}
  inputs:
    x: float32[N, 4]
  layers:
    - fc: linear(width)
  outputs: {outputs}
"""
BLOCK = """\
blocks:
  f:
    inputs:
      - x
      - y
    layers:
      - let:
          z: y -> relu
      - let: {w: x * z}
    outputs: w
"""


@pytest.mark.parametrize(
    "text",
    [
        NETWORK.format(params="{width: 4}", outputs="[fc]"),
        NETWORK.format(params="\n    width: 4", outputs="\n    - fc").replace(": \n", ":\n"),
        BLOCK,
        BLOCK.replace("\n      - x\n      - y", " [x, y]"),
    ],
)
def test_yaml_keeps_the_style_of_a_body(text: str) -> None:
    assert formatted(text, "made.yaml") == text
