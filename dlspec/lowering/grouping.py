"""Which uses of blocks become one class: those of one definition, or of one shape, or of one path."""

from __future__ import annotations

from dlspec.lowering.merge import merged
from dlspec.lowering.units import kind
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from dlspec.graph import Tensor
    from dlspec.lowering.units import Unit
    from dlspec.lowering.uses import Survey, Use

    Key = tuple[Any, ...]


def units_of(surveys: list[Survey]) -> list[Unit]:
    """The units of all uses, innermost first; the last is the network."""
    units = [unit for uses in _grouped(surveys) for unit in _parted(uses, surveys)]
    for unit in units:
        for line in unit.lines:
            if line.unit is not None:
                line.unit.calls.append((unit, line))
    return units


def _grouped(surveys: list[Survey]) -> list[list[Use]]:
    """Uses by what defines them, what is used within before what uses it.

    A block that contains itself is told apart by how deep it does.
    """
    depths: dict[Use, dict[Key, int]] = {}
    keys: dict[Use, Key] = {}
    groups: dict[Key, list[Use]] = {}
    within: dict[Key, dict[Key, None]] = {}
    for survey in surveys:
        for use in survey.uses:
            inner = [step.use for step in use.steps if step.use is not None]
            nested: dict[Key, int] = {}
            for other in inner:
                for key, depth in depths[other].items():
                    nested[key] = max(depth, nested.get(key, 0))
            own = (use.application.kind if use.parent else "root", id(use.definition))
            nested[own] = nested.get(own, 0) + 1
            depths[use] = nested
            keys[use] = full = (*own, nested[own])
            groups.setdefault(full, []).append(use)
            within.setdefault(full, {}).update((keys[other], None) for other in inner)
    return [groups[key] for key in _innermost_first(within)]


def _innermost_first(within: dict[Key, dict[Key, None]]) -> list[Key]:
    done: dict[Key, None] = {}
    stack = [(key, iter(within[key])) for key in reversed(within)]
    while stack:
        key, rest = stack[-1]
        inner = next((k for k in rest if k not in done), None)
        if inner is None:
            done[key] = None
            stack.pop()
        else:
            stack.append((inner, iter(within[inner])))
    return list(done)


def _parted(uses: list[Use], surveys: list[Survey]) -> Iterator[Unit]:
    """One unit for all uses if they fit, else one for each shape they have, else one for each path."""
    made = merged(uses, surveys)
    if made is not None:
        yield made
        return
    by_path: dict[str, list[Use]] = {}
    for use in uses:
        by_path.setdefault(use.path, []).append(use)
    by_shape: dict[Any, list[list[Use]]] = {}
    for same in by_path.values():
        by_shape.setdefault(tuple(map(_shape, same)), []).append(same)
    for alike in by_shape.values():
        made = merged([use for same in alike for use in same], surveys)
        if made is not None:
            yield made
            continue
        for same in alike:
            made = merged(same, surveys)
            if made is None:
                raise NotImplementedError(f"the uses of the shared module {same[0].path!r} differ in structure")
            yield made


def _shape(use: Use) -> Key:
    """What a use does, its numbers aside."""
    places: dict[Tensor, Any] = {tensor: name for name, tensor in reversed(use.inputs.items())}
    found: list[Any] = []
    for index, step in enumerate(use.steps):
        refs = tuple(places.get(tensor) for tensor in step.operands)
        found.append((kind(step), step.path and step.path[len(use.path) :], refs))
        places.update((tensor, (index, port)) for port, tensor in enumerate(step.outputs))
    return (*found, tuple(places.get(tensor) for tensor in use.results))
