"""Overrides from the command line: `--set optimizer.lr=0.01` as an edit of the plan's tree."""

from __future__ import annotations

from dlspec.diagnostics.record import SpecError, problem
from dlspec.plan import keys
from dlspec.plan.facts import Facts, annotation, fields
from dlspec.plan.reading import CATALOGUES, SECTIONS, unknown_key, unknown_parameter
from dlspec.record import TYPE_CHECKING, Record
from dlspec.syntax import tree

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.source import Span


class Step(Record):
    """One name of a dotted key, and where it stands."""

    name: str
    span: Span


def override(section: tree.Section, key: str, value: tree.Expr, *, at: Span | None = None) -> tree.Section:
    """The plan's section with the value at a dotted key replaced, or added.

    The key goes through sections (`data.split.seed`) and into the parameters of what is applied
    (`optimizer.lr`, `loss.label_smoothing`). Raises SpecError with the place of the key in `value`'s source, or `at`.
    """
    return _in_section(keys.ResolvedPlan, section, _steps(key, value.span, at), value, "a plan")


def _steps(key: str, span: Span, at: Span | None) -> list[Step]:
    """The names of a key with their places, where its text stands before the value's, as in `key=value`."""
    written = at is None and span.source.text.startswith(key)
    steps, start = [], 0
    for name in key.split("."):
        steps.append(Step(name, span.source.span(start, start + len(name)) if written else at or span))
        start += len(name) + 1
    return steps


def _in_section(
    facts: type[Facts], section: tree.Section, path: list[Step], value: tree.Expr, owner: str
) -> tree.Section:
    step, *rest = path
    if step.name not in fields(facts):
        found = unknown_key(facts, step.name, step.span, owner)
        if facts is keys.ResolvedPlan and not rest and not found.fixes:
            found.notes = [_meant(step.name), *found.notes]
        raise SpecError([found])
    entry = section.get(step.name)
    replaced = _inside(facts, path, entry, value) if rest else value
    return _with_entry(section, step, replaced)


def _meant(name: str) -> str:
    """Where a key of that name is, further down; else it may be a parameter of the network."""
    inner = [*_in_sections(keys.ResolvedPlan, name)] or [*_in_applications(keys.ResolvedPlan, name)]
    if inner:
        return f"there is {' and '.join(f'`{key}`' for key in inner[:3])}"
    return f"a parameter of the network is set by `network.{name}`"


def _in_sections(facts: type[Facts], name: str) -> Iterator[str]:
    """The paths through sections that end with a name."""
    for key in fields(facts):
        nested = SECTIONS.get(annotation(facts, key).removesuffix(" | None"))
        if nested is not None:
            yield from [f"{key}.{name}"] if name in fields(nested[0]) else []
            yield from (f"{key}.{path}" for path in _in_sections(nested[0], name))


def _in_applications(facts: type[Facts], name: str) -> Iterator[str]:
    """The keys whose value may be something that takes an argument of that name."""
    for key in fields(facts):
        wanted = annotation(facts, key).removesuffix(" | None")
        catalogue = CATALOGUES.get("Loss" if wanted == "tuple[Term, ...]" else wanted)
        if catalogue is not None and any(name in fields(member) for member in catalogue.family.members.values()):
            yield f"{key}.{name}"


def _with_entry(section: tree.Section, step: Step, value: tree.Expr | tree.Section) -> tree.Section:
    """The section with one entry put in the place of the old one, or at the end."""
    old = section.get(step.name)
    span, key_span = (old.span, old.key_span) if old is not None else (step.span, step.span)
    made = tree.Entry(span=span, key=step.name, key_span=key_span, value=value)
    kept = tuple(made if one is old else one for one in section.entries)
    return tree.Section(span=section.span, entries=kept if old is not None else (*kept, made))


def _inside(
    facts: type[Facts], path: list[Step], entry: tree.Entry | None, value: tree.Expr
) -> tree.Expr | tree.Section:
    """What the first step of a path holds, after the rest of the path was followed into it."""
    (step, *rest), written = path, entry.value if entry is not None else None
    wanted = annotation(facts, step.name).removesuffix(" | None")
    section = written if isinstance(written, tree.Section) else tree.Section(span=value.span, entries=())
    if wanted in SECTIONS:
        nested, owner = SECTIONS[wanted]
        return _in_section(nested, section, rest, value, owner)
    if wanted == "dict[str, str]" and len(rest) == 1:
        return _with_entry(section, rest[0], value)
    catalogue = CATALOGUES.get("Loss" if wanted == "tuple[Term, ...]" else wanted)
    if catalogue is None or len(rest) != 1:
        message = f"`{step.name}` has no keys inside it"
        raise SpecError([problem("E0105", message, rest[0].span, f"goes into `{step.name}`")])
    return _with_argument(step.name, written, catalogue.family.members, rest[0], value)


def _with_argument(
    key: str,
    applied: tree.Expr | tree.Section | None,
    members: dict[str, type[Facts]],
    step: Step,
    value: tree.Expr,
) -> tree.Call:
    """The application with one argument put in the place of the old one, or added by name."""
    function, args = (applied.function, applied.args) if isinstance(applied, tree.Call) else (applied, ())
    if not isinstance(function, tree.Name) or function.name not in members:
        message = f"`{key}` is not one thing whose `{step.name}` can be set"
        raise SpecError([problem("E0105", message, step.span, f"goes into `{key}`")])
    takes = fields(members[function.name])
    if step.name not in takes:
        arg = tree.Arg(span=step.span, name=step.name, value=value)
        raise SpecError([unknown_parameter(members[function.name], step.name, arg)])
    named = [arg.name or (takes[place] if place < len(takes) else "") for place, arg in enumerate(args)]
    if step.name not in named:
        args = (*args, tree.Arg(span=value.span, name=step.name, value=value))
    else:
        at = named.index(step.name)
        args = (*args[:at], tree.Arg(span=value.span, name=args[at].name, value=value), *args[at + 1 :])
    return tree.Call(span=function.span, function=function, args=args)
