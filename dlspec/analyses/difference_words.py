"""A difference in words, line by line: what terminal and Markdown both show."""

from __future__ import annotations

from dlspec.analyses.likeness import title
from dlspec.analyses.words import (
    bytes_words,
    count_words,
    listed,
    multiples,
    operator_words,
    part_words,
    requirements_words,
)
from dlspec.graph import Application
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import evaluated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dlspec.analyses.carried import Carried
    from dlspec.analyses.consequences import Consequence
    from dlspec.analyses.difference import Difference, Total
    from dlspec.analyses.edits import Change, Edit
    from dlspec.analyses.likeness import Step

SIGNS = {"added": "+", "wrapped": "+", "removed": "-", "unwrapped": "-"}
GLUE = "\u00a0"
"""A blank at which no line is broken."""
NAMED = 3
"""Names that a line lists before it says how many more there are."""
BYTES = ("weight_bytes", "activation_bytes", "peak_bytes")
TITLES = {
    "layers": "layers",
    "parameters": "parameters",
    "trainable_parameters": "of them trained",
    "macs": "MACs",
    "weight_bytes": "weights",
    "activation_bytes": "kept for backward",
    "peak_bytes": "peak in inference",
}


# Edits


def edit_line(edit: Edit) -> tuple[str, str, str]:
    """The sign of an edit, `+`, `-` or `~`; the part; and what was done to it."""
    sign = SIGNS.get(edit.kinds[0], "~")
    said = ", ".join([*_what(edit), *(change_words(change) for change in edit.changes)])
    return sign, _where(edit), f"{_operator(edit)}{said}{_again(edit)}"


def _operator(edit: Edit) -> str:
    """The operator or block before the arguments that changed."""
    part = edit.new
    is_argument = "changed" in edit.kinds and bool(edit.changes) and edit.changes[0].name != ""
    return f"{title(part)}: " if part is not None and part.path and is_argument else ""


def _where(edit: Edit) -> str:
    old, new = (None if part is None else part.path or "network" for part in (edit.old, edit.new))
    if old is None or new is None or not {"moved", "renamed"} & set(edit.kinds):
        return new or old or ""
    return f"{old} → {new}" if old != new else new


def _what(edit: Edit) -> list[str]:
    words = [kind for kind in edit.kinds if kind in ("moved", "renamed")]
    if "replaced" in edit.kinds and edit.old is not None and edit.new is not None:
        words.append(f"{call_words(edit.old)} → {call_words(edit.new)}")
    part = edit.new if edit.new is not None else edit.old
    if edit.kinds[0] in SIGNS and part is not None:
        words.append(call_words(part))
        if edit.kinds[0] in ("wrapped", "unwrapped") and isinstance(part, Application):
            count = sum(1 for _ in part.nodes())
            words[-1] += f" around {count} layers" if edit.kinds[0] == "wrapped" else f" taken from {count} layers"
    return words


def call_words(part: Step) -> str:
    """A part as a spec spells it, with the number of layers in it where there are several."""
    if not isinstance(part, Application):
        return operator_words(part.op)
    return part_words(part) or part.kind


def change_words(change: Change) -> str:
    """`kernel_size 5 → 3`; what was not there before, or is not now, is said so."""
    name = f"{change.name} " if change.name else ""
    if not change.old:
        return f"{name}{change.new} added"
    return f"{name}{change.old}{GLUE}→{GLUE}{change.new}" if change.new else f"{name}{change.old} removed"


def _again(edit: Edit) -> str:
    """The other places where one line of a block shows."""
    paths = [part.path for pair in edit.again for part in (pair[1] or pair[0],) if part is not None]
    if not paths:
        return ""
    if len(paths) <= NAMED - 1:
        return f"; also {' and '.join(paths)}"
    return f"; in all at {edit.count} places, to {paths[-1]}"


# Consequences


def consequence_line(one: Consequence) -> tuple[str, str]:
    """The facet, and in how many layers which value became which: `46 layers: height H/16 → H/32`."""
    said = dict.fromkeys(f"{old}{GLUE}→{GLUE}{new}" for _, old, new in one.layers)
    values = next(iter(said)) if len(said) == 1 else f"{_ends(one.first)} … {_ends(one.last)}"
    if one.total is not None and len(said) > 1:
        values = f"{count_words(one.total[0])}{GLUE}→{GLUE}{count_words(one.total[1])} in all"
    paths = [path for path, _, _ in one.layers]
    count = f"{len(paths)} layers" if len(paths) > 1 else "1 layer"
    where = listed(paths) if len(paths) < 3 else f"{paths[0]} … {paths[-1]}"
    facet = {"path": "found under"}.get(one.facet, one.facet)
    what = f"{one.what} " if one.what else ""
    return facet, f"{count}, {where}: {what}{values}"


def _ends(layer: tuple[str, str, str]) -> str:
    return f"{layer[1]}{GLUE}→{GLUE}{layer[2]}"


def requires_lines(difference: Difference) -> list[tuple[str, str]]:
    gone, come = difference.requires
    lines = [("-", words) for words in requirements_words(gone)]
    return lines + [("+", words) for words in requirements_words(come)]


# Totals


def total_row(difference: Difference, total: Total) -> tuple[str, str, str, str]:
    """Name, before, after, and by how much in percent."""
    words = bytes_words if total.name in BYTES else count_words
    return TITLES[total.name], words(total.old), words(total.new), percent(difference, total)


def shown_totals(difference: Difference) -> list[Total]:
    """The totals that differ, parameters and MACs in any case; trained ones where some are not."""
    return [
        total for total in difference.totals
        if total.name in ("parameters", "macs") or (total.old != total.new and not _is_repeated(difference, total))
    ]  # fmt: skip


def _is_repeated(difference: Difference, total: Total) -> bool:
    whole = next(one for one in difference.totals if one.name == "parameters")
    return total.name == "trainable_parameters" and (total.old, total.new) == (whole.old, whole.new)


def percent(difference: Difference, total: Total) -> str:
    """`+4.2 %`; with open sizes for one image of 224 or so."""
    sizes = _example(difference)
    try:
        old, new = evaluated(total.old, sizes), evaluated(total.new, sizes)
    except (KeyError, ValueError, ZeroDivisionError):
        return ""
    if old == new:
        return "same"
    if old <= 0:
        return ""
    ratio = 100 * (new - old) / old
    digits = f"{abs(ratio):.3g}" if abs(ratio) < 1000 else f"{abs(ratio):,.0f}"
    about = "" if isinstance(total.old, int) and isinstance(total.new, int) else "≈ "
    return f"{about}{'+' if ratio > 0 else '−'}{digits} %"


def _example(difference: Difference) -> dict[str, int]:
    parts = [multiples(side.graph) for side in (difference.old, difference.new)]
    sizes: dict[str, int] = {}
    for side in (difference.old, difference.new):
        for tensor in side.graph.inputs.values():
            for axis, size in enumerate(tensor.shape):
                for name in () if isinstance(size, int) else size.symbols:
                    part = max(one.get(name, 1) for one in parts)
                    sizes.setdefault(name, -(-224 // part) * part if axis else 1)
    return sizes


# Weights


def weight_lines(carried: Carried | None) -> list[str]:
    """Whether old weights load by name, and what becomes of those that do not."""
    if carried is None:
        return ["only Python knows the weights of the foreign modules in it"]
    whole = len(carried.loaded) + len(carried.strangers) + len(carried.reshaped) + len(carried.missing)
    if carried.is_whole:
        return [f"all {whole:,} tensors load by name" if whole else "there are none"]
    verdict = "load_state_dict refuses them" if carried.is_refused else "load_state_dict takes them"
    lines = [f"{len(carried.loaded):,} of {whole:,} tensors load by name; {verdict}"]
    if carried.strangers:
        lines.append(f"into another layer: {_names([name for name, _ in carried.strangers])}")
    if carried.reshaped:
        lines.append(f"other shape: {_names([_shapes(*one) for one in carried.reshaped])}")
    if carried.missing:
        lines.append(f"new: {_names(carried.missing)}")
    if carried.unexpected:
        lines.append(f"no longer there: {_names(carried.unexpected)}")
    if carried.renamed:
        pairs = [f"{old} → {new}" for old, new in carried.renamed.items()]
        lines.append(f"would fit under another name: {_names(pairs)}")
    return lines


def _shapes(name: str, old: Sequence[object], new: Sequence[object]) -> str:
    return f"{name} {'×'.join(map(str, old)) or '1'} → {'×'.join(map(str, new)) or '1'}"


def _names(names: Sequence[str]) -> str:
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {more:,} more" if more > 0 else "")
