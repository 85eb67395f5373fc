"""The comparison of two specs as printed: a heading for each network and plan that differs."""

from __future__ import annotations

from dlspec.analyses.table import wrapped
from dlspec.diagnostics.render.ink import Ink
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.comparing import Comparison, PlanDifference


def text(found: Comparison, *, width: int = 100, colour: bool = False) -> str:
    """For a terminal of `width` columns."""
    from dlspec.analyses.difference_text import text as network_text

    ink = Ink(colour)
    parts = [f"{ink('dim', f'{found.old} → {found.new}')}"]
    for name, difference in found.differing.items():
        title = _title(difference.old.graph.name, name)
        head = "" if title == f"{found.old} → {found.new}" else ink("bold", title) + "\n\n"
        parts.append(head + network_text(difference, width=width, colour=colour))
    for plan in found.plans:
        parts += _plan_text(plan, width, ink)
    parts += [f"{ink(style, line)}" for style, line in _alone(found)]
    if found.is_empty:
        parts.append("no difference")
    elif len(found.networks) > len(found.differing):
        alike = [name for name in found.networks if name not in found.differing]
        parts.append(ink("dim", f"alike: {', '.join(alike)}"))
    return "\n\n".join(parts)


def _title(old: str, new: str) -> str:
    return new if old == new else f"{old} → {new}"


def _plan_text(plan: PlanDifference, width: int, ink: Ink) -> list[str]:
    if plan.unread:
        return [f"{ink('bold', plan.name)}\n  not compared: {plan.unread}"]
    if not plan.changes:
        return []
    wide = max(len(change.name) for change in plan.changes)
    head = "plan" if plan.name == "plan" else f"plan {plan.name}"
    lines = []
    for change in plan.changes:
        pieces = wrapped(f"{change.old or 'none'} → {change.new or 'none'}", width - wide - 8)
        lines.append(f"  {ink('warning', f'~ {change.name:{wide}}')}  {pieces[0]}")
        lines += [" " * (wide + 8) + piece for piece in pieces[1:]]
    return ["\n".join([ink("bold", head), *lines])]


def _alone(found: Comparison) -> list[tuple[str, str]]:
    """Networks and plans that only one side has."""
    return [
        *(("added", f"+ network {name}") for name in found.networks_added),
        *(("removed", f"- network {name}") for name in found.networks_removed),
        *(("added", f"+ plan {name}") for name in found.plans_added),
        *(("removed", f"- plan {name}") for name in found.plans_removed),
    ]


def markdown(found: Comparison) -> str:
    """For a comment of a pull request."""
    from dlspec.analyses.difference_markdown import code
    from dlspec.analyses.difference_markdown import markdown as network_markdown

    if found.is_empty:
        return f"No difference between {code(found.old)} and {code(found.new)}."
    parts = [f"{code(found.old)} → {code(found.new)}"]
    for name, difference in found.differing.items():
        title = _title(difference.old.graph.name, name)
        parts += [] if title == f"{found.old} → {found.new}" else [f"### {code(title)}"]
        parts.append(network_markdown(difference))
    for plan in found.plans:
        parts += _plan_markdown(plan)
    alone = [line for _, line in _alone(found)]
    if alone:
        parts.append("\n".join(["```diff", *alone, "```"]))
    return "\n\n".join(parts)


def _plan_markdown(plan: PlanDifference) -> list[str]:
    from dlspec.analyses.difference_markdown import code

    if plan.unread:
        return [f"### {code(plan.name)}", f"Not compared: {code(plan.unread)}."]
    if not plan.changes:
        return []
    rows = [
        f"| {code(change.name)} | {code(change.old or 'none')} | {code(change.new or 'none')} |"
        for change in plan.changes
    ]
    head = "plan" if plan.name == "plan" else f"plan {plan.name}"
    return [f"### {code(head)}", "\n".join(["| | before | after |", "|:--|:--|:--|", *rows])]
