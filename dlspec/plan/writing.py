"""A resolved plan written out: as a tree, as YAML, and as plain data that JSON can hold."""

from __future__ import annotations

from collections.abc import Iterator
from os.path import join

from dlspec.plan import keys
from dlspec.plan.facts import Facts, Family, annotation, fields, kind, listed_in
from dlspec.plan.losses import Output
from dlspec.plan.plugins import member_of
from dlspec.plan.reading import CATALOGUES, SECTIONS
from dlspec.plan.values import quoted, text_of
from dlspec.plan.weights import Load
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

Written = dict[str, "str | list[str] | Written"]
"""A section as text: expressions, lists of expressions, and sections."""


def written(facts: Facts) -> Written:
    """The keys of a plan or section, values as expressions and reasons as they are; `null` is left out."""
    result: Written = {}
    for field, value in facts.values():
        if value is None or value == {}:
            continue
        if isinstance(value, Facts) and not isinstance(value, Family):
            result[field] = written(value)
        elif isinstance(value, dict):
            result[field] = dict(value)
        elif field == "loss":
            result[field] = " + ".join(_term(term) for term in value)
        elif isinstance(value, tuple) and kind(type(facts), field) is None:
            result[field] = [expression(item) for item in value]
        elif isinstance(value, Family):
            result[field] = expression(value)
        else:
            result[field] = _argument(facts, field, value)
    return result


def _term(term: keys.Term) -> str:
    factor = "" if term.factor == 1 else f"{text_of(term.factor)} * "
    return factor + (str(term.loss.output) if isinstance(term.loss, Output) else expression(term.loss))


def expression(member: Facts) -> str:
    """A member of a catalogue with all its parameters: `sgd(lr=0.1, momentum=0.9, ...)`."""
    args = (f"{field}={_argument(member, field, value)}" for field, value in member.values() if value is not None)
    inner = ", ".join(args)
    return f"{member.name}({inner})" if inner else member.name


def _argument(member: Facts, field: str, value: Any) -> str:
    """Names and applications stand bare; a text (a path, a column, a pattern) is quoted."""
    if annotation(type(member), field).startswith("Application"):
        return str(value)
    if value is None or "Text" not in annotation(type(member), field):
        return text_of(value)
    return f"[{', '.join(quoted(item) for item in value)}]" if isinstance(value, tuple) else quoted(value)


def to_yaml(plan: keys.ResolvedPlan, *, key: str = "plan") -> str:
    """The plan as a section of a YAML spec, with the whole paths of files, so that it trains anywhere."""
    section = written(_anchored(plan))
    return "\n".join((f"{key}:", *_yaml_lines(section, "  "))) + "\n"


def _anchored(plan: keys.ResolvedPlan) -> keys.ResolvedPlan:
    """The plan with the whole paths of its files."""
    copy = from_data(to_data(plan))
    data = copy.data
    data.source = data.source.anchored(plan.folder)
    data.val = data.val and data.val.anchored(plan.folder)
    data.test = data.test and data.test.anchored(plan.folder)
    for file in copy.weights:
        if isinstance(file, Load):
            file.path = join(plan.folder, file.path)
    return copy


def _yaml_lines(section: Written, indent: str) -> Iterator[str]:
    for key, value in section.items():
        if key == "allow" and isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from (f"{indent}  {lint}: {_quoted_scalar(str(reason))}" for lint, reason in value.items())
        elif isinstance(value, dict):
            yield f"{indent}{key}:"
            yield from _yaml_lines(value, indent + "  ")
        elif isinstance(value, list):
            yield f"{indent}{key}:" if value else f"{indent}{key}: []"
            yield from (f"{indent}  - {_scalar(item)}" for item in value)
        else:
            yield f"{indent}{key}: {_scalar(value)}"


def _scalar(text: str) -> str:
    """An expression as a YAML scalar: plain where YAML reads it as itself, else between single quotes."""
    unsafe = text[:1] in "\"'*&!%@`|>{#-?:,[]" or ": " in text or " #" in text or text.endswith(":")
    if text[:1] == '"' or (unsafe and not _is_list_or_number(text)):
        return _quoted_scalar(text)
    return text


def _quoted_scalar(text: str) -> str:
    """A YAML scalar on one line, whatever the text holds."""
    if text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return quoted(text)


def _is_list_or_number(text: str) -> bool:
    """Whether YAML's own reading of `[1, 2]` or `-0.5` is the value itself."""
    if text == "[]":
        return True
    numbers = text[1:-1].split(",") if text.startswith("[") and text.endswith("]") else [text]
    return all(number.strip().replace(".", "").lstrip("-").isdigit() for number in numbers)


def to_data(facts: Facts) -> dict[str, Any]:
    """Facts as plain data; a member of a catalogue carries its name under `op`."""
    data: dict[str, Any] = {"op": facts.name} if isinstance(facts, Family) else {}
    for field, value in facts.values():
        data[field] = _plain(value)
    if isinstance(facts, keys.ResolvedPlan):
        data |= {"title": facts.title, "folder": facts.folder}
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, Facts):
        return to_data(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value


def from_data(data: dict[str, Any]) -> keys.ResolvedPlan:
    """The plan that `to_data` took apart.

    Raises KeyError or TypeError where the data is not such a plan.
    """
    plan = _restored(keys.ResolvedPlan, data)
    assert isinstance(plan, keys.ResolvedPlan)
    plan.title, plan.folder = data["title"], data["folder"]
    return plan


def _restored(facts: type[Facts], data: dict[str, Any]) -> Facts:
    return facts(**{field: _value(annotation(facts, field), data[field]) for field in fields(facts) if field in data})


def _value(wanted: str, value: Any) -> Any:
    wanted = wanted.removesuffix(" | None")
    if value is None or wanted == "dict[str, str]":
        return value
    if isinstance(value, list):
        return tuple(_value(listed_in(wanted) or "", item) for item in value)
    if wanted in CATALOGUES:
        member = member_of(CATALOGUES[wanted].family, value["op"])
        assert member is not None, value["op"]
        return _restored(member, value)
    if wanted == "Term":
        return _restored(keys.Term, value)
    if wanted in SECTIONS:
        return _restored(SECTIONS[wanted][0], value)
    return value
