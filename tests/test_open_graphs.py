"""With open sizes the checker says for every size what torch's meta device says: whether it runs, and with which shapes.

`python tests/test_open_graphs.py --cases 5000 [--first 0]` runs more of the same than the test does.
"""

from __future__ import annotations

import argparse
import random
import re
import sys
from typing import Any

import pytest
import torch
from open_graph import CHANNELS, OpenGraph

from dlspec.elaborate.files import Files
from dlspec.elaborate.network import elaborate
from dlspec.sizes import Condition, evaluated
from dlspec.source import Source

CASES = 300
GROUPS = 10
LARGEST = 44


def opened(text: str, name: str = "open", **inputs: tuple[int, ...]) -> tuple[Any, list[Any]]:
    """The graph, None where it is refused, and all that was said of it."""
    files = Files(None)
    scope = files.load(Source("open.dls", text), None)
    closed = {key: ("x".join(map(str, sizes)), sizes) for key, sizes in inputs.items()}
    graph, problems = elaborate(scope, name, inputs=closed)
    said = [*files.problems, *problems]
    return (None if any(p.severity == "error" for p in said) else graph), said


def points(graph: OpenGraph, seed: int) -> list[tuple[int, int]]:
    """Every height beside the guiding width, every width beside the guiding height, and some of both."""
    height, width = graph.guide
    draw = random.Random(seed)
    sides = range(1, LARGEST + 1)
    pairs = [(draw.randint(1, LARGEST), draw.randint(1, LARGEST)) for _ in range(12)]
    return [*((h, width) for h in sides), *((height, w) for w in sides), *((s, s) for s in sides[::5]), *pairs]


def asks(requires: list[str], sizes: dict[str, int]) -> bool:
    """Whether sizes satisfy what `summary --json` prints under `requires`."""
    for text in requires:
        python = re.sub(r"(\d+)\.\.(\d+)", r"range(\1, \2 + 1)", text)
        if not eval(python, {"range": range, "min": min, "max": max}, dict(sizes)):
            return False
    return True


class Tally:
    """What the cases came to."""

    def __init__(self) -> None:
        self.cases = self.refused = self.always = self.conditional = self.undecided = self.points = 0

    def __str__(self) -> str:
        return (
            f"{self.cases} networks at {self.points} sizes: {self.refused} refused, {self.always} run always, "
            f"{self.conditional} under conditions, {self.undecided} not decided in words"
        )


def disagreement(seed: int, tally: Tally) -> str | None:
    """What differs from torch in the network of a seed, or None."""
    case = OpenGraph(seed)
    found, said = opened(case.text)
    tally.cases += 1
    undecided = any(p.code == "W0416" for p in said)
    tally.undecided += undecided
    tally.refused += found is None
    tally.always += found is not None and not found.requirements
    tally.conditional += found is not None and bool(found.requires)
    conditions = [] if found is None else [Condition(r.relation, r.left, r.right) for r in found.requirements]
    for height, width in filter(lambda size: case.is_declared(*size), points(case, seed)):
        tally.points += 1
        sizes = {"H": height, "W": width}
        wanted = case.shapes(height, width)
        holds = found is not None and all(condition.holds(sizes) for condition in conditions)
        if holds != (wanted is not None):
            words = "refused" if found is None else f"asks {found.requires}, {list(map(str, conditions))}"
            codes = [f"{p.code} {p.message}" for p in said]
            return f"seed {seed} at {sizes}: torch {'runs' if wanted else 'does not'}, {words}\n{codes}\n{case.text}"
        if found is None:
            continue
        if not undecided and asks(found.requires, sizes) != holds:
            return f"seed {seed} at {sizes}: {holds} by conditions, not by words {found.requires}\n{case.text}"
        shapes = [tuple(evaluated(size, sizes) for size in tensor.shape) for tensor in found.outputs.values()]
        if wanted is not None and shapes != (wanted or [(2, CHANNELS, height, width)]):
            return f"seed {seed} at {sizes}: shapes {shapes}, in torch {wanted}\n{case.text}"
    return _closed(seed, case)


def _closed(seed: int, case: OpenGraph) -> str | None:
    """What differs where the sizes are given beforehand, as by `--input`."""
    for height, width in filter(lambda size: case.is_declared(*size), (case.guide, (13, 22), (16, 16))):
        made, said = opened(case.text, x=(2, CHANNELS, height, width))
        shapes = made and [tensor.shape for tensor in made.outputs.values()]
        wanted = case.shapes(height, width, is_closed=True)
        if shapes != ([(2, CHANNELS, height, width)] if wanted == [] else wanted):
            codes = [f"{p.code} {p.message}" for p in said]
            return f"seed {seed} closed at {height}x{width}: {shapes}, in torch {wanted}\n{codes}\n{case.text}"
    return None


@pytest.mark.parametrize("group", range(GROUPS))
def test_conditions_on_open_sizes_hold_exactly_where_torch_runs(group: int) -> None:
    torch.set_num_threads(1)
    tally = Tally()
    wrong = [disagreement(seed, tally) for seed in range(group, CASES, GROUPS)]
    assert not any(wrong), "\n\n".join(filter(None, wrong))[:4000]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=5000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)
    tally, wrong = Tally(), 0
    for seed in range(given.first, given.first + given.cases):
        found = disagreement(seed, tally)
        if found is not None:
            wrong += 1
            print(found)
    print(tally)
    print(f"{wrong} disagree with torch")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
