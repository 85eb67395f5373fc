"""The parts of a network that are frozen as a whole, by path."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.graph import Graph


def frozen_parts(graph: Graph) -> list[str]:
    """Paths under which every learned weight is frozen, none of them below another.

    What has no weights of its own belongs to whatever it lies in, so `freeze(backbone)` is one part.
    """
    trained: set[str] = set()
    frozen: dict[str, str] = {}
    learned = [module for module in graph.modules.values() if module.weights]
    for module in learned:
        if not module.frozen:
            trained.update(prefixes(module.path))
    for module in learned:
        if module.frozen:
            part = next(path for path in prefixes(module.path) if path not in trained)
            frozen[part] = part
    return list(frozen)


def prefixes(path: str) -> list[str]:
    """`a`, `a.b`, `a.b.c` of `a.b.c`."""
    parts = path.split(".")
    return [".".join(parts[: length + 1]) for length in range(len(parts))]
