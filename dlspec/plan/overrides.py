"""Overrides from the command line: `--set optimizer.lr=0.01` as an edit of the plan's tree."""

from __future__ import annotations

from dlspec.diagnostics.record import SpecError, problem
from dlspec.plan import keys
from dlspec.plan.facts import Facts, annotation, fields
from dlspec.plan.reading import CATALOGUES, SECTIONS, unknown_key, unknown_parameter
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.source import Span


def override(section: tree.Section, key: str, value: tree.Expr) -> tree.Section:
    """The plan's section with the value at a dotted key replaced, or added.

    The key goes through sections (`data.split.seed`) and into the parameters of what is applied
    (`optimizer.lr`, `loss.label_smoothing`). Raises SpecError with the place in `value`'s source.
    """
    return _in_section(keys.ResolvedPlan, section, key.split("."), value, "a plan")


def _in_section(
    facts: type[Facts], section: tree.Section, path: list[str], value: tree.Expr, owner: str
) -> tree.Section:
    key, *rest = path
    if key not in fields(facts):
        raise SpecError([unknown_key(facts, key, value.span, owner)])
    entry = section.get(key)
    replaced = _inside(facts, key, entry, rest, value) if rest else value
    made = _entry(key, entry, replaced, value.span)
    kept = tuple(made if one is entry else one for one in section.entries)
    return tree.Section(span=section.span, entries=kept if entry else (*kept, made))


def _inside(
    facts: type[Facts], key: str, entry: tree.Entry | None, rest: list[str], value: tree.Expr
) -> tree.Expr | tree.Section:
    wanted = annotation(facts, key).removesuffix(" | None")
    if wanted in SECTIONS:
        nested, owner = SECTIONS[wanted]
        inner = (
            entry.value
            if entry and isinstance(entry.value, tree.Section)
            else tree.Section(span=value.span, entries=())
        )
        return _in_section(nested, inner, rest, value, owner)
    if wanted == "dict[str, str]":
        inner = (
            entry.value
            if entry and isinstance(entry.value, tree.Section)
            else tree.Section(span=value.span, entries=())
        )
        (lint,) = rest
        return tree.Section(span=inner.span, entries=(*inner.entries, _entry(lint, None, value, value.span)))
    catalogue = CATALOGUES.get("Loss" if wanted == "tuple[Term, ...]" else wanted)
    if catalogue is None or len(rest) != 1:
        message = f"`{key}` has no keys inside it"
        raise SpecError([problem("E0105", message, value.span, f"`{'.'.join((key, *rest))}` is not a key")])
    return _with_argument(key, entry, catalogue.family.members, rest[0], value)


def _with_argument(
    key: str, entry: tree.Entry | None, members: dict[str, type[Facts]], field: str, value: tree.Expr
) -> tree.Call:
    applied = entry.value if entry is not None else None
    function, args = (applied.function, applied.args) if isinstance(applied, tree.Call) else (applied, ())
    if not isinstance(function, tree.Name) or function.name not in members:
        message = f"`{key}` is not one thing whose `{field}` can be set"
        raise SpecError([problem("E0105", message, value.span, f"sets `{key}.{field}`")])
    takes = fields(members[function.name])
    arg = tree.Arg(span=value.span, name=field, value=value)
    if field not in takes:
        raise SpecError([unknown_parameter(members[function.name], field, arg)])
    named = (
        one.name or (takes[position] if position < len(takes) else "") for position, one in enumerate(args)
    )
    at = next((position for position, name in enumerate(named) if name == field), None)
    if at is None:
        args = (*args, arg)
    else:
        arg = tree.Arg(span=value.span, name=args[at].name, value=value)
        args = (*args[:at], arg, *args[at + 1 :])
    return tree.Call(span=function.span, function=function, args=args)


def _entry(key: str, old: tree.Entry | None, value: tree.Expr | tree.Section, span: Span) -> tree.Entry:
    whole, key_span = (old.span, old.key_span) if old is not None else (span, span)
    return tree.Entry(span=whole, key=key, key_span=key_span, value=value)
