"""The module written for a random network agrees with its analyses: what a gradient reaches, and what torch counts.

`python tests/test_lowered_graphs.py --cases 1000 [--first 0]` runs more of the same than the test does.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from open_graph import CHANNELS, OpenGraph
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dlspec.analyses.cost import cost
from dlspec.analyses.reach import Reach
from dlspec.analyses.receptive_field import receptive_fields
from dlspec.checking import Spec
from dlspec.lowering import lower
from dlspec.source import Source

CASES = 120
GROUPS = 6
SIDE = 61


class Tally:
    """What was compared: networks, gradients, and how many of those equal the field to the position."""

    def __init__(self) -> None:
        self.networks = self.probes = self.exact = self.bounds = self.whole = 0

    def __str__(self) -> str:
        return (
            f"{self.networks} networks, {self.probes} axes probed: {self.exact} equal to the position, "
            f"{self.bounds} within a bound or at an edge, {self.whole} seen whole"
        )


def closed_graph(seed: int) -> Any:
    """The network of a seed at one size; None where it does not run there. Means take the place of maxima."""
    case = OpenGraph(seed)
    text = case.text.replace("max_pool2d", "avg_pool2d")
    text = re.sub("reflect|replicate", "constant", text)  # these see the picture where the field lies outside of it
    if not case.is_declared(SIDE, SIDE) or case.shapes(SIDE, SIDE, is_closed=True) is None:
        return None
    sizes = (2, CHANNELS, SIDE, SIDE)
    spec = Spec(Source("random.dls", text), Path("random.dls").resolve())
    return spec.graph("open", inputs={"x": ("x".join(map(str, sizes)), sizes)})


def module_of(graph: Any) -> nn.Module:
    """The generated module in evaluation mode, with positive weights, so that no two paths cancel."""
    names: dict[str, Any] = {}
    exec(compile(lower(graph).source, "random.py", "exec"), names)  # noqa: S102 — our own generated code
    module: nn.Module = names["build"]().double().eval()
    with torch.no_grad():
        for weight in module.parameters():
            weight.uniform_(0.1, 0.2)
    return module


def disagreement(seed: int, tally: Tally) -> str | None:
    """What differs from torch in the network of a seed, or None."""
    graph = closed_graph(seed)
    if graph is None:
        return None
    tally.networks += 1
    module = module_of(graph)
    x = torch.rand(2, CHANNELS, SIDE, SIDE, dtype=torch.float64, requires_grad=True)
    made = module(x)
    with FlopCounterMode(display=False) as counter:  # on the meta device, whose attention it knows
        module_of(graph).to("meta")(x.to("meta"))
    outputs: dict[str, Tensor] = made if isinstance(made, dict) else {next(iter(graph.outputs)): made}
    if counter.get_total_flops() != 2 * cost(graph).macs:
        return f"seed {seed}: {cost(graph).macs} MACs, in torch {counter.get_total_flops() / 2}\n{OpenGraph(seed).text}"
    fields = receptive_fields(graph)
    for name, tensor in graph.outputs.items():
        if tuple(outputs[name].shape) != tensor.shape:
            return f"seed {seed}: {name} is {tensor.shape}, in torch {tuple(outputs[name].shape)}"
        field = fields.of(tensor.node)
        if len(tensor.shape) == 4 and field is not None:
            wrong = _probed(field, outputs[name], x, tally)
            if wrong:
                return f"seed {seed}: {name} {wrong}\n{OpenGraph(seed).text}"
    return None


def _probed(field: Any, output: Tensor, x: Tensor, tally: Tally) -> str | None:
    """Hold the field against the positions with a gradient, for units in the middle and at the corners."""
    rows, columns = output.shape[2:]
    for unit in ((rows // 2, columns // 2), (0, 0), (rows - 1, columns - 1)):
        (gradient,) = torch.autograd.grad(output[0, :, unit[0], unit[1]].sum(), x, retain_graph=True)
        seen = gradient[0].abs().sum(0).nonzero()
        for axis in (0, 1):
            tally.probes += 1
            sight = field.sights[axis]
            found = set(seen[:, axis].tolist())
            if not isinstance(sight, Reach):
                tally.whole += 1
                continue
            first, last = sight.ends(unit[axis])
            predicted = positions(sight, unit[axis])
            if not found <= predicted:
                return f"unit {unit} axis {axis} sees {min(found)}..{max(found)}, not within {first}..{last}"
            inside = first >= SIDE // 4 and last < SIDE - SIDE // 4
            if sight.is_bound or not inside or unit == (0, 0) or unit == (rows - 1, columns - 1):
                tally.bounds += 1
            elif found != predicted:
                return f"unit {unit} axis {axis} sees {sorted(found)}, not {sorted(predicted)}"
            else:
                tally.exact += 1
    return None


def positions(sight: Reach, unit: int) -> set[int]:
    """The positions that a unit sees, those outside the picture too."""
    first, last = sight.ends(unit)
    if sight.mask is None:
        return set(range(first, last + 1))
    return {first + index for index in range(sight.span) if sight.mask >> index & 1}


@pytest.mark.parametrize("group", range(GROUPS))
def test_gradients_and_flops_of_generated_modules_agree_with_the_analyses(group: int) -> None:
    torch.set_num_threads(1)
    tally = Tally()
    wrong = [disagreement(seed, tally) for seed in range(group, CASES, GROUPS)]
    assert not any(wrong), "\n\n".join(filter(None, wrong))[:4000]
    assert tally.exact


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=1000)
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
