"""The Mermaid flowchart: well formed, folded, and safe for any name.

Mermaid itself needs a browser; these tests hold the text to the part of its grammar that is used.
"""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from dlspec.drawing import mermaid
from dlspec.drawing.scene import scene
from tests.drawing.pictures import SIAMESE, body, graph_of, random_specs, zoo

LABEL = r'"[^"\n]*"'
LINE = re.compile(
    rf"  +(?:(?P<card>n\d+)(?:\[{LABEL}\]|\(\[{LABEL}\]\))|subgraph (?P<box>box\d+)\[{LABEL}\]|(?P<end>end)"
    r"|(?P<tail>n\d+) (?:-->|-\.->) (?P<head>n\d+)"
    r"|classDef \w+ fill:#\w{6},stroke:#\w{6},color:#\w{6}"
    r"|class (?P<members>\w+(?:,\w+)*) \w+|linkStyle (?P<links>\d+(?:,\d+)*) stroke:#\w{6})"
)


def read(text: str) -> list[re.Match[str]]:
    """Every line after the head, as the grammar above reads it."""
    head, rest = text.split("flowchart TB\n")
    assert re.fullmatch(r'---\ntitle: "[^\n]*"\n---\n', head)
    found = [LINE.fullmatch(line) for line in rest.splitlines()]
    assert all(found), [line for line, match in zip(rest.splitlines(), found) if match is None]
    return [match for match in found if match is not None]


def check(text: str) -> list[re.Match[str]]:
    lines = read(text)
    cards = [m["card"] for m in lines if m["card"]]
    boxes = [m["box"] for m in lines if m["box"]]
    assert len({*cards, *boxes}) == len(cards) + len(boxes)
    assert len(boxes) == sum(m["end"] is not None for m in lines)
    ends = {end for m in lines if m["tail"] for end in (m["tail"], m["head"])}
    assert ends <= {*cards}
    assert {name for m in lines if m["members"] for name in m["members"].split(",")} == {*cards, *boxes}
    edges = sum(m["tail"] is not None for m in lines)
    assert all(int(link) < edges for m in lines if m["links"] for link in m["links"].split(","))
    return lines


@settings(max_examples=40)
@given(random_specs())
def test_every_flowchart_is_well_formed_and_shows_the_scene(spec: str) -> None:
    graph = graph_of(spec)
    made = scene(graph)
    lines = check(mermaid(graph))
    assert sum(m["card"] is not None for m in lines) == len(made.cards)
    assert sum(m["tail"] is not None for m in lines) == len(made.edges)


@settings(max_examples=30)
@given(
    st.text(max_size=30)
    | st.sampled_from(['"]', "<b>", "`x`", "end", "#quot;", "1. a", "\n", "a;b", "%%", "_a_", "[x](y)"])
)
def test_no_name_breaks_out_of_its_label(name: str) -> None:
    graph = body("y = x -> a: linear(8) -> g: { linear(4) -> linear(8) }")
    graph.name = graph.nodes[1].path = graph.root.steps[-1].path = name
    check(mermaid(graph))


def test_a_repeat_is_one_subgraph_with_its_count() -> None:
    text = mermaid(zoo("resnet34"))
    assert [*re.findall(r'subgraph box\d+\["([^"]*×\d)[^"]*"\]', text)] == [
        "0–2 ×3",
        "1–3 ×3",
        "1–5 ×5",
        "1–2 ×2",
    ]


def test_a_shared_module_says_so() -> None:
    assert mermaid(graph_of(SIAMESE)).count("shared") == 4


def test_it_stays_within_what_github_draws() -> None:
    steps = " -> ".join(f"a{i}: linear({8 + i % 2})" for i in range(3000))
    text = mermaid(body(f"y = x -> {steps}"), full=True)
    assert sum(m["tail"] is not None for m in check(text)) < 500
    assert len(text) < 50_000
    assert "2,762 of 3,001 parts are left out" in text.splitlines()[1]
