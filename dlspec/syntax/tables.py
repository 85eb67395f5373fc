"""The grammar made into tables: `python -m dlspec.syntax.tables` after a change of `grammar/dlspec.lark`.

lark reads the grammar and builds the LALR(1) automaton; what is kept of it is plain tuples that
`parser` walks. So a check pays neither for importing lark (55 ms) nor for building the automaton.
"""

from __future__ import annotations

from pathlib import Path

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

STARTS = ("start", "expression", "leaf_type", "leaf_learned", "leaf_loop")
TABLES = Path(__file__).with_name("_tables.py")


def grammar_text() -> str:
    """The grammar, from the checkout or from the installed wheel."""
    from dlspec.places import GRAMMAR

    return (GRAMMAR / "dlspec.lark").read_text(encoding="utf-8")


def automaton(text: str) -> Any:
    """lark's own parser of the language."""
    import lark

    return lark.Lark(text, parser="lalr", start=list(STARTS), maybe_placeholders=True)


def _picks(rule: Any) -> tuple[int, ...]:
    """Which values of a reduction become children: i takes value i, -1 is a `None`, -2 - i splices value i."""
    empties = rule.options.empty_indices or (False,) * len(rule.expansion)
    picks: list[int] = []
    position = 0
    for empty in empties:
        if empty:
            picks.append(-1)
            continue
        symbol = rule.expansion[position]
        if not (symbol.is_term and symbol.filter_out):
            spliced = not symbol.is_term and symbol.name.startswith("_")
            picks.append(-2 - position if spliced else position)
        position += 1
    return tuple(picks)


def _rule_row(rule: Any) -> tuple[str, int, str | None, bool, tuple[int, ...]]:
    name = rule.alias or rule.origin.name
    inline = rule.origin.name.startswith("_") and not rule.alias
    expand = bool(rule.options.expand1) and not rule.alias
    return str(rule.origin.name), len(rule.expansion), None if inline else str(name), expand, _picks(rule)


def _reached(table: Any) -> list[Any]:
    """The states in the order that a walk from the starts meets them, the same in every process."""
    order = [table.start_states[start] for start in STARTS]
    seen = set(order)
    for state in order:
        for _, (action, argument) in sorted(table.states[state].items()):
            if action.name == "Shift" and argument not in seen:
                seen.add(argument)
                order.append(argument)
    return order


def tables(text: str) -> dict[str, Any]:
    """The automaton as data: rules, actions by state, starts and ends, terminals."""
    parser = automaton(text)
    table = parser.parser.parser._parse_table
    rules: dict[Any, int] = {}
    states: list[dict[str, int]] = []
    order = _reached(table)
    numbers = {state: index for index, state in enumerate(order)}
    for state in order:
        actions: dict[str, int] = {}
        for symbol, (action, argument) in sorted(table.states[state].items()):
            if action.name == "Shift":
                actions[str(symbol)] = numbers[argument]
            else:
                actions[str(symbol)] = -1 - rules.setdefault(argument, len(rules))
        states.append(actions)
    terminals = sorted(parser.terminals, key=lambda t: (-t.priority, -len(t.pattern.value), t.name))
    return {
        "RULES": tuple(_rule_row(rule) for rule in rules),
        "STATES": tuple(states),
        "STARTS": {start: numbers[state] for start, state in sorted(table.start_states.items())},
        "ENDS": {start: numbers[state] for start, state in sorted(table.end_states.items())},
        "WORDS": {t.pattern.value: str(t.name) for t in terminals if t.pattern.type == "str"},
        "PATTERNS": tuple((str(t.name), t.pattern.value) for t in terminals if t.pattern.type == "re"),
    }


def tables_source(text: str) -> str:
    """The text of `_tables.py` for a grammar."""
    lines = ['"""Made from `grammar/dlspec.lark` by `python -m dlspec.syntax.tables`; not edited."""', ""]
    for name, value in tables(text).items():
        kind = ": tuple[dict[str, int], ...]" if name == "STATES" else ""
        lines.append(f"{name}{kind} = {value!r}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    TABLES.write_text(tables_source(grammar_text()), encoding="utf-8")
