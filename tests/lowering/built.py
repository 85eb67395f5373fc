"""Generated modules under examination: made from a spec, run, and held against the graph they were made from."""

from __future__ import annotations

import builtins
import linecache
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from dlspec.checking import Spec
from dlspec.graph import Graph
from dlspec.lowering import Lowered, lower
from dlspec.source import Source

torch.set_num_threads(1)


def graph_of(text: str, network: str | None = None, suffix: str = ".dls") -> Graph:
    """The graph of a network of a spec without mistakes."""
    return Spec(Source(f"spec{suffix}", text), Path(f"spec{suffix}").resolve()).graph(network)


def module_of(lowered: Lowered, name: str = "generated") -> ModuleType:
    """The generated file as a module; its text is found by tracebacks."""
    module = ModuleType(name)
    file = f"<{name}>"
    linecache.cache[file] = (len(lowered.source), None, lowered.source.splitlines(True), file)
    exec(compile(lowered.source, file, "exec"), module.__dict__)  # noqa: S102 — the text is ours
    return module


def built(graph: Graph) -> nn.Module:
    """The network that the generated file builds, in evaluation mode."""
    torch.manual_seed(0)
    return module_of(lower(graph)).build().eval()


def examine(graph: Graph) -> nn.Module:
    """Hold everything that is promised of a generated file against the graph."""
    lowered = lower(graph)
    assert lowered.source == lower(graph).source
    assert len(lowered.places.lines) == len(lowered.source.splitlines())
    model = built(graph)
    _same_weights(graph, model)
    _same_paths(graph, model)
    _same_values(graph, model)
    return model


def _same_weights(graph: Graph, model: nn.Module) -> None:
    """The keys of `state_dict` are module path and weight name, with the shapes of the graph."""
    found = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    wanted: dict[str, tuple[int, ...]] = {}
    for modules in (graph.modules, graph.training.modules if graph.training else {}):
        for path, module in modules.items():
            if module.op.family == "foreign":
                wanted |= {name: shape for name, shape in found.items() if name.startswith(f"{path}.")}
            for name, shape, *_ in (*module.weights, *module.buffers):
                wanted[f"{path}.{name}" if name else path] = tuple(shape)
    assert found == wanted


def _same_paths(graph: Graph, model: nn.Module) -> None:
    """Every module of the graph is a submodule at its path, and nothing else is."""
    names = dict(model.named_modules())
    for path, module in graph.modules.items():
        if module.op.family == "parameter":
            owner, _, name = path.rpartition(".")
            assert hasattr(names[owner], name)
        else:
            assert path in names, f"{path} among {sorted(names)}"


def sizes_for(graph: Graph) -> dict[str, int]:
    """Numbers for the open sizes that satisfy all that the network asks."""
    open_ = sorted({s for t in graph.inputs.values() for size in t.shape for s in getattr(size, "symbols", ())})
    asked = [(r.relation, r.left, r.right) for r in graph.requirements] + list(graph.declared)
    for side in (8, 12, 16, 32, 33, 48, 64, 96, 128, 188, 224):
        sizes = {name: 2 if name == "N" else side for name in open_}
        if all(_holds(relation, _number(a, sizes), _number(b, sizes)) for relation, a, b in asked):
            return sizes
    raise AssertionError(f"no sizes found for {open_}")


def _holds(relation: str, left: int, right: int) -> bool:
    return left == right if relation == "==" else left >= right


def _number(size: Any, sizes: dict[str, int]) -> int:
    return size if isinstance(size, int) else size.evaluate(sizes)


def example_inputs(graph: Graph, sizes: dict[str, int]) -> dict[str, Tensor]:
    """Random inputs; whole numbers are small enough to index any table."""
    torch.manual_seed(1)
    found = {}
    for name, tensor in graph.inputs.items():
        shape = [_number(size, sizes) for size in tensor.shape]
        dtype = getattr(torch, tensor.dtype)
        found[name] = torch.rand(shape).to(dtype) if dtype.is_floating_point else torch.randint(0, 2, shape).to(dtype)
    return found


def _same_values(graph: Graph, model: nn.Module) -> None:
    """Outputs, and what goes through every module, are those of the graph run node by node."""
    sizes = sizes_for(graph)
    inputs = example_inputs(graph, sizes)
    calls: Counter[str] = Counter()
    names = {module: name for name, module in model.named_modules()}
    handles = [
        module.register_forward_hook(lambda module, _, __: calls.update([names[module]])) for module in model.modules()
    ]
    with torch.no_grad():
        torch.manual_seed(2)
        given = model(*inputs.values())
        for handle in handles:
            handle.remove()
        torch.manual_seed(2)
        wanted = _by_hand(graph, model, inputs, sizes)
    _compare(graph.root.result, given, wanted, sizes)
    ran = Counter(n.module.path for n in needed(graph) if n.module is not None and n.op.family != "parameter")
    assert {path: calls[path] for path in ran} == dict(ran)


def needed(graph: Graph) -> list[Any]:
    """The nodes that the outputs depend on."""
    found: dict[Any, None] = {}
    stack = [tensor.node for tensor in graph.outputs.values()]
    while stack:
        node = stack.pop()
        if node not in found:
            found[node] = None
            stack += [tensor.node for tensor in node.inputs]
    return list(found)


def _by_hand(graph: Graph, model: nn.Module, inputs: dict[str, Tensor], sizes: dict[str, int]) -> dict[Any, Tensor]:
    """Every tensor of the graph, each node run on its own with the weights of the model."""
    values: dict[Any, Tensor] = {}
    wanted = set(needed(graph))
    for node in graph.nodes:
        if node not in wanted:
            continue
        if node.op.family == "input":
            outputs: Any = inputs[node.path]
        elif node.op.family == "parameter":
            outputs = _attribute(model, node.module.path)
        elif node.module is not None:
            text = node.op.applied_text("m", [f"v[{i}]" for i in range(len(node.inputs))])
            space = {"m": model.get_submodule(node.module.path), "v": [values[t] for t in node.inputs]}
            outputs = builtins.eval(text, space)
        else:
            text = node.op.function_text(
                node.at, [f"v[{i}]" for i in range(len(node.inputs))], lambda s: str(_literal(s, sizes))
            )
            space = {
                "torch": torch,
                "F": nn.functional,
                "nn": nn,
                "self": model,
                "v": [values[t] for t in node.inputs],
            }
            outputs = builtins.eval(text, space)
        several = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
        for tensor, value in zip(node.outputs, several):
            assert tuple(value.shape) == tuple(_number(s, sizes) for s in tensor.shape), node.path
            values[tensor] = value
    return values


def _literal(value: Any, sizes: dict[str, int]) -> Any:
    from dlspec.ops.text import literal

    return _number(value, sizes) if type(value).__name__ == "Size" else literal(value)


def _attribute(model: nn.Module, path: str) -> Tensor:
    owner, _, name = path.rpartition(".")
    return getattr(model.get_submodule(owner), name)


def _compare(result: dict[str, Any], given: Any, wanted: dict[Any, Tensor], sizes: dict[str, int]) -> None:
    if len(result) == 1:
        given = {next(iter(result)): given}
    assert list(given) == list(result)
    for name, value in result.items():
        _compare_value(value, given[name], wanted, name)


def _compare_value(value: Any, given: Any, wanted: dict[Any, Tensor], name: str) -> None:
    if isinstance(value, (list, tuple)):
        assert len(value) == len(given)
        for item, other in zip(value, given):
            _compare_value(item, other, wanted, name)
    elif isinstance(value, dict):
        assert list(value) == list(given)
        for key, item in value.items():
            _compare_value(item, given[key], wanted, name)
    else:
        torch.testing.assert_close(given, wanted[value], msg=lambda text: f"{name}: {text}")
