"""Deep specs: the processor time of a check against the number of nodes, which should be a straight line.

Two kinds of depth are generated: `repeated` is one line, `unit(8) * n`, so that elaboration and the analyses
are what grows; `written` has a line for every node, so that reading grows too.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from measure import DLSPEC, cpu_seconds, machine, medians

NODES_OF_A_UNIT = 5
HEAD = "network deep {\n  input image: float32[N, 8, H, W]\n"


def repeated(nodes: int) -> str:
    """A residual unit of five nodes, as often as it takes."""
    unit = (
        "block unit(x, width) {\n"
        "  y = x -> conv1: conv2d(width, 3, padding=1, bias=false) -> bn1: batch_norm2d -> relu\n"
        "        -> conv2: conv2d(width, 3, padding=1)\n"
        "  y + x\n"
        "}\n\n"
    )
    return f"{unit}{HEAD}  output features = image -> body: {{ unit(8) * {nodes // NODES_OF_A_UNIT} }}\n}}\n"


def written(nodes: int) -> str:
    """A chain of convolutions and activations, a line for each."""
    steps = (f"    -> conv{i}: conv2d(8, 3, padding=1)" if i % 2 == 0 else f"    -> act{i}: relu" for i in range(nodes))
    return f"{HEAD}  output features = image\n" + "\n".join(steps) + "\n}\n"


KINDS = {"repeated": repeated, "written": written}


def curve(kind: str, counts: list[int], folder: Path, rounds: int) -> None:
    """Print a line for each number of nodes, with the time above that of an empty spec."""
    base = folder / "base.dls"
    base.write_text(KINDS[kind](NODES_OF_A_UNIT))
    start = medians({"base": [str(DLSPEC), "check", str(base)]}, rounds)["base"]
    for nodes in counts:
        spec = folder / f"{kind}_{nodes}.dls"
        spec.write_text(KINDS[kind](nodes))
        command = [str(DLSPEC), "check", str(spec)]
        seconds = cpu_seconds(command) if nodes > 20_000 else medians({"": command}, rounds)[""]
        each = (seconds - start) / nodes
        print(f"{kind:10} {nodes:>9,} {seconds:>9.3f} {each * 1e6:>12.1f}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print(machine())
    print(f"{'spec':10} {'nodes':>9} {'seconds':>9} {'µs per node':>12}   (above start-up)")
    with tempfile.TemporaryDirectory() as folder:
        for kind in arguments.kinds:
            curve(kind, arguments.nodes, Path(folder), arguments.rounds)


if __name__ == "__main__":
    main()
