"""Which weights of an old network a new one takes over by name, and which it only seems to."""

from __future__ import annotations

from dlspec.graph import Node
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from dlspec.analyses.alignment import Alignment

    Shape = tuple[object, ...]


class Carried(Record):
    """The tensors of two `state_dict`s, by what becomes of them when the old one is loaded into the new network."""

    loaded: list[str]
    """Names with the same shape in both, of the same layer."""
    strangers: list[tuple[str, str]]
    """Names with the same shape in both that stand for another layer now; with the old name of the one that is meant,
    or none."""
    reshaped: list[tuple[str, Shape, Shape]]
    """Names in both whose shapes differ."""
    missing: list[str]
    """Names of the new network that the old weights lack."""
    unexpected: list[str]
    """Names of the old weights that the new network lacks."""
    renamed: dict[str, str]
    """Old name to new name, where the same layer has the same shape under another name."""

    @property
    def is_whole(self) -> bool:
        """Whether `load_state_dict` takes the old weights as they are, each into its own layer."""
        return not (self.strangers or self.reshaped or self.missing or self.unexpected)

    @property
    def is_refused(self) -> bool:
        """Whether `load_state_dict` raises an error."""
        return bool(self.reshaped or self.missing or self.unexpected)


def carried(alignment: Alignment) -> Carried | None:
    """What becomes of the old weights; None where a module of the user holds some that only Python knows."""
    if alignment.old.has_foreign_modules or alignment.new.has_foreign_modules:
        return None
    old, new = alignment.old.state(), alignment.new.state()
    origin = _origins(alignment)
    found = Carried([], [], [], [], [name for name in old if name not in new], {})
    for name, shape in new.items():
        source = _old_name(name, origin)
        if name not in old:
            found.missing.append(name)
        elif old[name] != shape:
            found.reshaped.append((name, old[name], shape))
        elif source == name:
            found.loaded.append(name)
        else:
            found.strangers.append((name, source or ""))
        if source is not None and source != name and old.get(source) == shape:
            found.renamed[source] = name
    return found


def _origins(alignment: Alignment) -> dict[str, str]:
    """Path of each module in the new network to its path in the old one."""
    return {
        new.module.path: old.module.path
        for old, new in alignment.pairs()
        if isinstance(old, Node) and isinstance(new, Node) and old.module is not None and new.module is not None
    }


def _old_name(name: str, origin: dict[str, str]) -> str | None:
    """What a tensor of the new network was called; None where its layer is new. A learned tensor is a module itself."""
    if name in origin:
        return origin[name]
    path, _, tensor = name.rpartition(".")
    return f"{origin[path]}.{tensor}" if path in origin else None
