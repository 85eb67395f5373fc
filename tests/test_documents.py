"""The language as documents: each spec in `tests/specs/*.md` does what the block behind it says.

Lines of an `expect` block: `clean`, `error E0302 4:12 words`, `warning W0402 4:3 words` (every diagnostic
must be named, in order; the words are part of the message), `path NAME`, `no path NAME`,
`shape NAME: N 64 H W`, `parameters 76`, `requires H % 4 == 0`, `requires nothing`, `network NAME`
(which one is looked at).
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dlspec.checking import Spec, check_spec
from dlspec.graph import Graph
from dlspec.ops.op import spaced
from dlspec.source import Source

FOLDER = Path(__file__).parent / "specs"
_CASE = re.compile(r"^## (?P<title>[^\n]+)\n(?P<body>.*?)(?=^## |\Z)", re.S | re.M)
_BLOCK = re.compile(r"^```(?P<kind>\w+)\n(?P<text>.*?)^```", re.S | re.M)


def cases() -> list[tuple[str, str, str, str]]:
    found = []
    for file in sorted(FOLDER.glob("*.md")):
        for case in _CASE.finditer(file.read_text(encoding="utf-8")):
            blocks = [(m["kind"], m["text"]) for m in _BLOCK.finditer(case["body"])]
            specs = [(kind, text) for kind, text in blocks if kind in ("dls", "yaml")]
            expected = [text for kind, text in blocks if kind == "expect"]
            assert specs, f"{file.name}: {case['title']} has no spec"
            assert len(specs) == len(expected) or len(expected) == 1, f"{file.name}: {case['title']}: expect blocks"
            for index, (kind, text) in enumerate(specs):
                found.append(
                    (
                        f"{file.stem}: {case['title']} ({kind})",
                        kind,
                        text,
                        expected[min(index, len(expected) - 1)],
                    )
                )
    return found


CASES = cases()


@pytest.mark.parametrize(("kind", "text", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_spec_does_what_the_document_says(kind: str, text: str, expected: str) -> None:
    name = "spec.dls" if kind == "dls" else "spec.dlspec.yaml"
    spec = Spec(Source(name, text), None)
    lines = [line.strip() for line in expected.splitlines() if line.strip()]
    said = [line for line in lines if line.split()[0] in ("clean", "error", "warning")]
    facts = [line for line in lines if line not in said]
    if said or not facts:
        _diagnostics(spec, said)
    else:
        assert not [d.message for d in check_spec(spec) if d.severity == "error"]
    if facts:
        chosen = next((line.split()[1] for line in facts if line.startswith("network ")), None)
        _facts(spec.graph(chosen), [line for line in facts if not line.startswith("network ")])


def _diagnostics(spec: Spec, said: list[str]) -> None:
    found = check_spec(spec)
    shown = [f"{d.severity} {d.code} {_place(d)} {d.message}" for d in found]
    if said == ["clean"]:
        assert shown == []
        return
    assert len(shown) == len(said), shown
    for line, wanted in zip(shown, said):
        severity, code, *rest = wanted.split(maxsplit=3)
        place = rest[0] if rest else ""
        words = rest[1] if len(rest) > 1 else ""
        assert line.startswith(f"{severity} {code} {place}".rstrip()), shown
        assert words in line, shown


def _place(d: object) -> str:
    primary = d.primary  # type: ignore[attr-defined]
    return f"{primary.span.line}:{primary.span.column}" if primary else "-"


def _facts(graph: Graph, facts: list[str]) -> None:
    paths = {node.path for node in graph.nodes} | set(graph.modules)
    for fact in facts:
        kind, _, rest = fact.partition(" ")
        if kind == "path":
            assert rest in paths, sorted(paths)
        elif kind == "no":
            assert rest.removeprefix("path ") not in paths
        elif kind == "shape":
            name, _, shape = rest.partition(": ")
            node = graph.node(name)
            tensor = node.outputs[0] if node else graph.outputs[name]
            assert spaced(tensor.shape) == shape
        elif kind == "parameters":
            assert _parameters(graph) == int(rest.replace(",", ""))
        elif kind == "requires":
            assert graph.requires == ([] if rest == "nothing" else rest.split(", "))
        else:
            raise AssertionError(f"not understood: {fact}")


def _parameters(graph: Graph) -> int:
    total = 0
    for module in graph.modules.values():
        for _, shape in module.weights:
            count = 1
            for size in shape:
                count *= size
            total += count
    return total
