"""Members of catalogues that installed packages declare, as entry points, so that users add their own.

A package declares a data source in its `pyproject.toml`:

    [project.entry-points."dlspec.sources"]
    ultrasound = "clinic.sources:Ultrasound"

The class is a `Source` whose `load` gives the samples. It is imported only where a plan names it.
"""

from __future__ import annotations

from dlspec.plan.facts import Family, fields, kind
from dlspec.plan.sources import Source
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.plan.facts import Facts

GROUPS: dict[type[Family], str] = {Source: "dlspec.sources"}
"""The groups of entry points, by the catalogue that they add to."""


class Unusable(Exception):
    """A member that a package declares, and why it cannot be used."""


def member_of(family: type[Family], name: str) -> type[Facts] | None:
    """A member of a catalogue by its name, its own or a package's; None where there is none.

    Raises Unusable where a package declares it and it cannot be loaded.
    """
    if name in family.members or family not in GROUPS:
        return family.members.get(name)
    from importlib.metadata import entry_points  # 15 ms, for names that are not ours

    for declared in entry_points(group=GROUPS[family], name=name):
        return _loaded(family, name, declared)
    return None


def declared_names(family: type[Family]) -> tuple[str, ...]:
    """What packages add to a catalogue."""
    if family not in GROUPS:
        return ()
    from importlib.metadata import entry_points

    return tuple(sorted(one.name for one in entry_points(group=GROUPS[family])))


def _loaded(family: type[Family], name: str, declared: object) -> type[Facts]:
    from importlib.metadata import EntryPoint

    assert isinstance(declared, EntryPoint)
    where = f"`{declared.value}`" + (f" of {declared.dist.name}" if declared.dist is not None else "")
    try:
        member = declared.load()
    except Exception as error:  # whatever the package's own code raises
        raise Unusable(f"{where} cannot be imported: {error}") from error
    if not isinstance(member, type) or not issubclass(member, family):
        raise Unusable(f"{where} is no subclass of `{family.__module__}.{family.__name__}`")
    for field in fields(member):
        try:
            known = kind(member, field)
        except KeyError:
            known = None
        if known is None:
            says = "annotate it as a kind of `dlspec.plan.kinds`, under `from __future__ import annotations`"
            raise Unusable(f"the field `{field}` of {where} has no kind that a plan can hold: {says}")
    member.name = name
    family.members[name] = member
    return member
