"""Runs and comparisons of runs as they are printed: tables for a terminal, objects for programs."""

from __future__ import annotations

import json

from dlspec.diagnostics.render.ink import Ink
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from dlspec.history import Comparison, Difference, PastRun

GAP = "  "
RIGHT = ("parameters", "epochs")
GIVING_WAY = (("network", 12), ("run", 24), ("data", 8), ("network", 8), ("run", 12), ("data", 0), ("when", 0))
"""What is cut, in this order and down to so many columns, until a table fits; down to none, it is left out."""


def list_as_json(runs: Sequence[PastRun]) -> str:
    """`{"schema_version": 1, "runs": [...]}`."""
    return json.dumps({"schema_version": 1, "runs": [_plain(one) for one in runs]}, ensure_ascii=False)


def comparison_as_json(found: Comparison) -> str:
    """`{"schema_version": 1, "old": {...}, "new": {...}, "plan": [...], ...}`."""
    return json.dumps({"schema_version": 1} | _plain(found), ensure_ascii=False)


def _plain(record: Any) -> Any:
    """Records as objects, however they are nested."""
    if isinstance(record, Record):
        return {field: _plain(getattr(record, field)) for field in record._fields}
    return [_plain(one) for one in record] if isinstance(record, list) else record


def list_as_text(runs: Sequence[PastRun], *, width: int = 100, colour: bool = False) -> str:
    """A line for each run in at most `width` columns; columns that no run fills are left out."""
    if not runs:
        return "no runs: `dlspec train FILE` makes one"
    ink = Ink(colour)
    rows = [_row(one) for one in runs]
    wide = _widths(rows, width)
    head = GAP.join(_cell(name, name, columns) for name, columns in wide.items())
    lines = [ink("bold", head.rstrip()), ink("dim", "─" * len(head))]
    for row, one in zip(rows, runs, strict=True):
        line = GAP.join(_cell(name, row[name], columns) for name, columns in wide.items()).rstrip()
        lines.append(ink("dim", line) if one.state == "unfinished" else line)
    return "\n".join(lines)


def _widths(rows: Sequence[dict[str, str]], width: int) -> dict[str, int]:
    """The columns that are shown, and how wide each is: first names are cut, then what tells least is left out."""
    filled = [name for name in rows[0] if any(row[name] for row in rows)]
    wide = {name: max(len(name), *(len(row[name]) for row in rows)) for name in filled}
    for name, least in GIVING_WAY:
        over = sum(wide.values()) + len(GAP) * (len(wide) - 1) - width
        if over > 0 and name in wide:
            wide[name] = max(wide[name] - over, min(least, wide[name]))
        if over > 0 and least == 0:
            wide.pop(name, None)
    return wide


def _cell(name: str, text: str, wide: int) -> str:
    """A text in its column; of a folder that is too long the end is kept, of another name the start."""
    if len(text) > wide:
        text = "…" + text[1 - wide :] if name == "run" else text[: wide - 1] + "…"
    return f"{text:>{wide}}" if name in RIGHT else f"{text:{wide}}"


def _row(one: PastRun) -> dict[str, str]:
    epochs = f"{one.best['epoch']}/{one.epochs}" if one.best is not None else f"{one.epochs:,}"
    val, test = _score(one, one.val), _score(one, one.test)
    return {
        "run": one.folder,
        "when": one.when[:16].replace("T", " "),
        "network": one.network,
        "data": one.source,
        "parameters": "" if one.parameters is None else f"{one.parameters:,}",
        "epochs": epochs,
        "val": val,
        "test": (test.split()[-1] if val and test else test) or ("" if one.state == "completed" else one.state),
    }


def _score(one: PastRun, scores: dict[str, float]) -> str:
    """The score that chose the weights, or else the first metric."""
    chosen = one.best["by"].partition(".")[2] if one.best is not None else ""
    name = chosen if chosen in scores else next((name for name in scores if name != "loss"), "loss")
    return f"{name} {scores[name]:.4f}" if name in scores else ""


def comparison_as_text(found: Comparison, *, width: int = 100, colour: bool = False) -> str:
    """Two runs side by side in at most `width` columns."""
    ink = Ink(colour)
    sides = [found.old.folder, found.new.folder]
    parts = [ink("bold", f"{sides[0]} → {sides[1]}")]
    plan = [(one.name, _said(one.old), _said(one.new), "") for one in found.plan]
    parts.append(_block("plan", plan, width, ink) or ink("dim", "the same plan"))
    if not found.same_network:
        parts.append(f"other networks: `dlspec diff {sides[0]}/spec.dlspec.yaml {sides[1]}/spec.dlspec.yaml` tells")
    parts.append(_block("curves at their ends", [_numbers(one) for one in found.curves], width, ink))
    parts.append(_block("scores of the weights kept", _scores(found), width, ink))
    made = [(one.name, _said(one.old), _said(one.new), "") for one in found.made_with]
    parts.append(_block("made with", made, width, ink))
    return "\n\n".join(part for part in parts if part)


def _scores(found: Comparison) -> list[tuple[str, str, str, str]]:
    rows = []
    for role in ("val", "test"):
        old, new = getattr(found.old, role), getattr(found.new, role)
        rows += [_pair(f"{role}.{name}", old.get(name), new.get(name)) for name in dict.fromkeys((*old, *new))]
    old_epoch, new_epoch = ((side.best or {}).get("epoch") for side in (found.old, found.new))
    rows.append(_pair("kept epoch", old_epoch, new_epoch, change=False))
    for name in ("epochs", "steps", "parameters"):
        rows.append(_pair(name, getattr(found.old, name), getattr(found.new, name), change=False))
    rows.append(("training", f"{found.old.seconds:.1f} s", f"{found.new.seconds:.1f} s", ""))
    return [row for row in rows if row[1] != "none" or row[2] != "none"]


def _numbers(one: Difference) -> tuple[str, str, str, str]:
    return _pair(one.name, one.old, one.new)


def _pair(name: str, old: Any, new: Any, *, change: bool = True) -> tuple[str, str, str, str]:
    """A row with how far a number has moved."""
    both = isinstance(old, int | float) and isinstance(new, int | float)
    moved = f"{new - old:+.4g}" if change and both and new != old else ""
    return name, _said(old), _said(new), moved


def _said(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:.4f}" if 1e-3 <= abs(value) < 1e4 or value == 0 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)


def _block(title: str, rows: Sequence[tuple[str, str, str, str]], width: int, ink: Ink) -> str:
    """A heading and rows of: name, old, new, change; a value that is too long goes on below."""
    if not rows:
        return ""
    from dlspec.analyses.table import wrapped

    wide = max(len(name) for name, *_ in rows)
    room = max((width - wide - 14) // 2, 16)
    column = min(max(len(old) for _, old, *_ in rows), room)
    lines = [ink("bold", title)]
    for name, old, new, moved in rows:
        olds, news = wrapped(old, column), wrapped(new, room)
        for place in range(max(len(olds), len(news))):
            left, right = (side[place] if place < len(side) else "" for side in (olds, news))
            end = f"   {moved}" if place == 0 and moved else ""
            arrow = "→" if place == 0 and old != new else " "
            lines.append(f"  {name if place == 0 else '':{wide}}  {left:{column}} {arrow} {right}{end}".rstrip())
    return "\n".join(lines)
