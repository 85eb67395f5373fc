"""What a plan takes: the keys of each section, the members of its catalogues, and the sentences under them."""

from __future__ import annotations

from dlspec.plan.facts import annotation, fields, has_default, kind, listed_in, sentences
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.reading import CATALOGUES, SECTIONS
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.plan.facts import Facts, Family


def section(keys: list[str]) -> type[Facts] | None:
    """The facts of the section that lies under some keys; None where there is none."""
    found: type[Facts] = ResolvedPlan
    for key in keys:
        if key not in fields(found):
            return None
        wanted = annotation(found, key).removesuffix(" | None")
        if wanted not in SECTIONS:
            return None
        found = SECTIONS[wanted][0]
    return found


def members(keys: list[str]) -> dict[str, type[Facts]]:
    """The members of the catalogue that a key takes, as losses; empty where it takes a plain value."""
    parent = section(keys[:-1])
    if parent is None or not keys or keys[-1] not in fields(parent):
        return {}
    family = _family(annotation(parent, keys[-1]))
    return dict(family.members) if family is not None else {}


def _family(text: str) -> type[Family] | None:
    wanted = text.removesuffix(" | None")
    wanted = listed_in(wanted) or wanted
    if wanted == "Term":
        wanted = "Loss"
    return CATALOGUES[wanted].family if wanted in CATALOGUES else None


def words(keys: list[str]) -> tuple[str, ...]:
    """The words that a key may be: `true` and `false`, or those of a `Literal`."""
    parent = section(keys[:-1])
    if parent is None or not keys or keys[-1] not in fields(parent):
        return ()
    found = kind(parent, keys[-1])
    if found is None:
        return ()
    kinds = (found, *found.either)
    flags = ("true", "false") if any(bool in one.types for one in kinds) else ()
    return tuple(word for one in kinds for word in one.words) + flags


def described(keys: list[str], member: str | None) -> list[str]:
    """What is to be said of a key, or of a member of the catalogue that it takes."""
    if member is not None:
        found = members(keys).get(member)
        return [signature(found), sentence(found), _listed(found)] if found is not None else []
    parent = section(keys[:-1])
    if parent is None or keys[-1] not in fields(parent):
        return []
    own = section(keys)
    choices = ", ".join(f"`{name}`" for name in members(keys)) or ", ".join(f"`{word}`" for word in words(keys))
    about = [f"`{'.'.join(keys)}`", sentences(parent)[keys[-1]]]
    return [*about, *([f"one of {choices}"] if choices else []), *([_listed(own)] if own is not None else [])]


def parameter(keys: list[str], member: str, name: str) -> list[str]:
    """What is to be said of a parameter of a member: of `label_smoothing` of `cross_entropy`."""
    found = members(keys).get(member)
    if found is None or name not in fields(found):
        return []
    default = f", by default `{_spelt(found._defaults[name])}`" if has_default(found, name) else ""
    return [f"`{name}` of `{member}`{default}", sentences(found)[name]]


def _spelt(value: object) -> str:
    """A value as a spec writes it."""
    words = {"True": "true", "False": "false", "None": "null"}
    return words.get(str(value), f'"{value}"' if isinstance(value, str) else str(value))


def sentence(facts: type[Facts]) -> str:
    """What a member of a catalogue is, in a sentence."""
    return " ".join((facts.__doc__ or "").split("\n\n")[0].split())


def signature(facts: type[Facts]) -> str:
    """How a member is written, in a fence."""
    parts = [
        name if not has_default(facts, name) else f"{name}={_spelt(facts._defaults[name])}" for name in fields(facts)
    ]
    return f"```dls\n{facts.name}({', '.join(parts)})\n```" if parts else f"```dls\n{facts.name}\n```"


def _listed(facts: type[Facts]) -> str:
    told = sentences(facts)
    return "\n".join(f"- `{name}`: {told[name]}" for name in fields(facts))
