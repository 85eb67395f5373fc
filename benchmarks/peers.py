"""ResNet-50 from a cold start, by dlspec and by the tools that tell something of the same: processor time, interleaved.

Each peer runs in an environment of its own, made below `.venv-peers/` at the first run (`--install`).
The torch-based ones read the module that `dlspec compile resnet50` writes, on the meta device where they can, so none
of them loads weights or computes; MLnode reads the same graph in its own JSON; Keras has its own ResNet-50; Pyrefly
checks the types of the generated module, in which no sizes are written: what it needs at least.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from measure import DLSPEC, ROOT, machine, medians

from dlspec.front import load
from dlspec.graph import Node

ENVIRONMENTS = ROOT / ".venv-peers"
PACKAGES = {
    "torch": ["torch", "torchinfo", "fvcore", "numpy"],
    "mlnode": ["torch", "numpy", "mlnode"],
    "keras": ["keras", "jax"],
    "pyrefly": ["pyrefly"],
}
AIM = 20
"""How many times less processor time dlspec should need than any tool that runs on torch."""

SIZE = "1, 3, 224, 224"
ON_META = "import torch, resnet50\nwith torch.device('meta'): net = resnet50.build().eval()\n"
PROGRAMS = {
    "torchinfo, meta": ("torch", f"{ON_META}import torchinfo; print(torchinfo.summary(net, ({SIZE}), device='meta'))"),
    "flop_counter, meta": (
        "torch",
        f"{ON_META}from torch.utils.flop_counter import FlopCounterMode\n"
        f"with FlopCounterMode(depth=9), torch.no_grad(): net(torch.empty({SIZE}, device='meta'))",
    ),
    "fvcore, cpu": (
        "torch",
        f"import torch, resnet50; from fvcore.nn import FlopCountAnalysis, flop_count_table\n"
        f"print(flop_count_table(FlopCountAnalysis(resnet50.build().eval(), torch.zeros({SIZE}))))",
    ),
    "MLnode, validate": (
        "mlnode",
        "from mlnode import MLnodeModel; r = MLnodeModel.load('resnet50.json').validate(); assert r.valid, r.errors\n"
        "print(r.node_shapes)",
    ),
    "Keras, numpy": (
        "keras",
        "import os; os.environ['KERAS_BACKEND'] = 'numpy'; import keras\n"
        "keras.applications.ResNet50(weights=None).summary()",
    ),
}
MLNODE = {
    "conv2d": "Conv2d", "batch_norm2d": "BatchNorm2d", "relu": "ReLU", "max_pool2d": "MaxPool2d",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2d", "flatten": "Flatten", "linear": "Linear",
}  # fmt: skip


def python(environment: str) -> Path:
    return ENVIRONMENTS / environment / "bin" / "python"


def install() -> None:
    """Make the environments that are not there yet."""
    for name, packages in PACKAGES.items():
        if not python(name).exists():
            print(f"making {python(name).parents[1].relative_to(ROOT)} with {', '.join(packages)}", flush=True)
            subprocess.run([sys.executable, "-m", "venv", str(ENVIRONMENTS / name)], check=True)
            pip = [str(python(name)), "-m", "pip", "install", "-qq", "-c", str(ROOT / "constraints.txt")]
            subprocess.run([*pip, *packages], check=True)


def as_mlnode() -> str:
    """ResNet-50 in MLnode's JSON: the nodes of our graph; where it adds, the reader adds its inputs."""
    graph = load("resnet50").graph
    nodes: list[dict[str, object]] = [{"id": "input", "type": "Input", "params": {}}]
    edges: list[dict[str, str]] = []
    sources = {node: [tensor.node for tensor in node.inputs] for node in graph.nodes}
    added = {node for node in graph.nodes if node.op.name == "add"}
    for node in graph.nodes:
        if node.op.name not in MLNODE:
            continue
        given = {key: value for key, value in node.op.given.items() if value is not None}
        name = node.path.replace(".", "/")
        record: dict[str, object] = {"id": name, "type": MLNODE[node.op.name], "params": _arguments(node, given)}
        read = [one for source in sources[node] for one in (sources[source] if source in added else [source])]
        if len(read) > 1:
            record["reduction"] = "add"
        nodes.append(record)
        edges += [
            {"source": "input" if s.op.family == "input" else s.path.replace(".", "/"), "target": name} for s in read
        ]
    last = nodes[-1]["id"]
    shape = ["B", 3, 224, 224]
    return json.dumps(
        {"mlnode_schema_version": "1.0", "input_shape": shape, "output_node": last, "nodes": nodes, "edges": edges}
    )


def _arguments(node: Node, given: dict[str, object]) -> dict[str, object]:
    channels = node.inputs[0].shape[1]
    match node.op.name:
        case "conv2d":
            return {"in_channels": channels, **given}
        case "linear":
            return {"in_features": channels, **given}
        case "batch_norm2d":
            return {"num_features": channels}
    return given


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--install", action="store_true", help="make the environments of the peers that are missing")
    arguments = parser.parse_args()
    if arguments.install:
        install()
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([str(DLSPEC), "compile", "resnet50", "-o", f"{folder}/resnet50.py"], check=True)
        Path(folder, "resnet50.json").write_text(as_mlnode())
        commands = {
            "dlspec summary": [str(DLSPEC), "summary", "resnet50", "--json"],
            "dlspec summary, 224": [str(DLSPEC), "summary", "resnet50", "--json", "--input", "image=1x3x224x224"],
        }
        for name, (environment, program) in PROGRAMS.items():
            if python(environment).exists():
                program = f"import os, sys; os.chdir({folder!r}); sys.path.insert(0, {folder!r})\n{program}"
                commands[name] = [str(python(environment)), "-c", program]
        pyrefly = ENVIRONMENTS / "pyrefly" / "bin" / "pyrefly"
        if pyrefly.exists():
            torch = f"{python('torch').parents[1]}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
            commands["Pyrefly, types"] = [str(pyrefly), "check", f"{folder}/resnet50.py", "--search-path", torch]
        missing = [name for name, (environment, _) in PROGRAMS.items() if not python(environment).exists()]
        report(medians(commands, arguments.rounds), missing)


def report(seconds: dict[str, float], missing: list[str]) -> None:
    """A line for each tool, with how many times dlspec's time it takes."""
    ours = seconds["dlspec summary"]
    print(machine())
    print(f"{'':22} {'CPU s':>7} {'× dlspec':>9}")
    for name, value in seconds.items():
        print(f"{name:22} {value:>7.3f} {value / ours:>9.1f}")
    slowest = [value for name, value in seconds.items() if PROGRAMS.get(name, ("",))[0] == "torch"]
    if slowest:
        ratio = min(slowest) / ours
        verdict = "met" if ratio >= AIM else "MISSED"
        print(f"the quickest on torch takes {ratio:.1f} times as long; the aim of {AIM} is {verdict}")
    for name in missing:
        print(f"{name} is not installed: run with --install")


if __name__ == "__main__":
    main()
