"""`docs/plans.md`: every key of a plan, from the catalogue by which plans are read; written anew by `make docs`."""

from __future__ import annotations

from pathlib import Path

from dlspec.plan.facts import Facts, Family, annotation, fields, has_default, kind, sentences
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.reading import CATALOGUES, SECTIONS
from dlspec.plan.values import text_of

PAGE = Path(__file__).with_name("plans.md")
TITLES = {
    "Source": "Data sources", "Loss": "Losses", "Optimizer": "Optimizers", "Schedule": "Schedules",
    "Metric": "Metrics", "Augmentation": "Augmentations", "Weights": "First weights",
    "ParameterGroup": "Parameter groups", "Proposer": "Proposals", "Stage": "Stages",
}  # fmt: skip


def page() -> str:
    """The page: keys of a plan, of its sections, and the members of every catalogue."""
    parts = [
        "# Plans, key by key",
        "What is trained, on what, how, and how it is judged. Each key stands with what it takes and with its value "
        "where it is left out. `dlspec check` says what does not fit before anything runs; `--set KEY=VALUE` sets any "
        "of them on the command line: `--set epochs=5`, `--set optimizer.lr=0.1`.",
        "## A plan",
        _table(ResolvedPlan),
    ]
    for facts, owner in SECTIONS.values():
        parts += [f"### {owner}", _about(facts), _table(facts)]
    for name, catalogue in CATALOGUES.items():
        parts.append(f"## {TITLES.get(name, name)}")
        for spelt, member in sorted(catalogue.family.members.items()):
            parts += [f"### `{spelt}`", _about(member)]
            if fields(member):
                parts.append(_table(member))
    return "\n\n".join(parts) + "\n"


def _about(facts: type[Facts]) -> str:
    return " ".join((facts.__doc__ or "").split())


def _table(facts: type[Facts]) -> str:
    says = sentences(facts)
    rows = [
        f"| `{field}` | {_takes(facts, field)} | {_default(facts, field)} | {says[field]} |" for field in fields(facts)
    ]
    return "\n".join(
        ["| key | takes | left out | |", "| --- | --- | --- | --- |", *(row.replace("\n", " ") for row in rows)]
    )


def _takes(facts: type[Facts], field: str) -> str:
    """What a field wants, in the words of the messages; for a section or a catalogue, a link to it."""
    written = annotation(facts, field).removesuffix(" | None")
    inner = written.removeprefix("tuple[").removesuffix(", ...]")
    if written in SECTIONS:
        return f"keys of [{SECTIONS[written][1]}](#{SECTIONS[written][1].strip('`')})"
    if inner in CATALOGUES:
        title = TITLES.get(inner, inner)
        return f"{'some of' if inner != written else 'one of'} [{title.lower()}](#{title.lower().replace(' ', '-')})"
    found = kind(facts, field)
    return found.says if found is not None else _other(written)


def _other(written: str) -> str:
    words = {
        "Application": "a network, or one with its parameters set",
        "Offers": "keys, each with values to try",
        "tuple[Term, ...]": "[losses](#losses), added, with factors",
        "dict[str, str]": "names, each with a reason",
    }
    return words[written]


def _default(facts: type[Facts], field: str) -> str:
    if not has_default(facts, field):
        return "must be given"
    value = facts._defaults[field]
    if value is None or value == () or value == {}:
        return ""
    if isinstance(value, Family):
        return f"`{value.name}`"
    return "" if isinstance(value, Facts) else f"`{text_of(value)}`"


def main() -> None:
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
