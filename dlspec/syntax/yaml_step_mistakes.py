"""Steps in YAML that are written as other formats write layers, and what they are here."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.yaml_fields import Field, Fields
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode

if TYPE_CHECKING:
    from dlspec.source import Span

NAMES_OF_OP = ("type", "layer", "operator", "kind", "class", "module")
"""Keys by which other formats name the operator."""

DATA = re.compile(r"-?[0-9][\w.]*|[Tt]rue|[Ff]alse|null|None")


class StepMistakes(Fields):
    """What is said of steps that are not spelt so."""

    def not_a_step(self, node: YamlNode, fields: list[Field]) -> None:
        """`{linear: 84}` or `{type: linear, out_features: 84}`: parameters where no operator is."""
        wrong = next(filter(is_data, fields))
        named = next((field.key for field in fields if field.key.text in NAMES_OF_OP), None)
        fixes = [Fix("name the operator with `op:`", [Edit(named.span(self.source), "op")], "safe")] if named else []
        if not named:
            fixes = [Fix("name the operator with `op:`, `{op: linear, out_features: 84}`", safety="placeholder")]
            fixes = self._as_call(wrong) if len(fields) == 1 else fixes
        what = f"`{wrong.key.text}` is given a value, and is no parameter of an operator here"
        self.problems.append(problem("E0106", what, self.first_line(node), "no operator", fixes=fixes))

    def not_a_call(self, field: Field) -> None:
        """`linear: {out_features: 84}`: the parameters of an operator below its name, as below a label."""
        says = "write the operator as a call, `name: linear(84)`, or as `name: {op: linear, out_features: 84}`"
        fixes = self._as_call(field) or [Fix(says, safety="placeholder")]
        self.problems.append(
            problem("E0106", f"`{field.key.text}` is a label here, and below it stand values, not a step",
                    field.key.span(self.source), "read as a label", fixes=fixes)
        )  # fmt: skip

    def label_in_call(self, field: Field) -> tree.Broken:
        """`{name: conv1, op: conv2d}`: the name of a step is the key that it stands under."""
        label = self.source.text[field.value.start : field.value.end]
        says = f"write the step under its name, `{label}: {{op: …}}`"
        fixes = [Fix(says, safety="placeholder")]
        span = field.key.span(self.source)
        self.problems.append(
            problem("E0106", "a step is named by a label before it", span, "no parameter", fixes=fixes)
        )
        return tree.Broken(span)

    def _as_call(self, field: Field) -> list[Fix]:
        """`conv2d: {out_channels: 16}` and `conv2d: [16, 3]` as calls, in the spelling that operators have."""
        given = _arguments(field.value)
        if given is None:
            return []
        name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", field.key.text).lower()
        call = f"{name}({', '.join(given)})"
        return [Fix(f"write `{call}`", [Edit(self.source.span(field.key.start, field.value.end), call)], "unsafe")]

    def colon_for_equals(self, key: Scalar) -> None:
        """`conv2d(6, 5, padding: 2)`, which YAML takes for a key and its value."""
        self.problems.append(
            problem("E0106", "a parameter is given with `=`", key.span(self.source), "YAML takes this for a key",
                    fixes=[Fix("write `=` for `:`", [Edit(self._colon(key), "=")], "safe")])
        )  # fmt: skip

    def _colon(self, key: Scalar) -> Span:
        found = re.compile(r"\s*:\s*").match(self.source.text, key.end)
        return self.source.span(key.end, found.end() if found else key.end)


def is_data(field: Field) -> bool:
    """Whether a number, a truth value or a list of such stands where a step should."""
    node = field.value
    parts = node.items if isinstance(node, Sequence) else [node]
    return bool(parts) and all(
        isinstance(part, Scalar) and part.style is None and DATA.fullmatch(part.text) for part in parts
    )


def holds_parameters(node: Mapping) -> bool:
    """Whether a mapping holds parameters of an operator and not a step."""
    keys = {key.text for key, _ in node.pairs if isinstance(key, Scalar)}
    fields = [Field(key, value) for key, value in node.pairs if isinstance(key, Scalar)]
    return not keys & {"op", "repeat", *NAMES_OF_OP} and bool(fields) and all(map(is_data, fields))


def _arguments(node: YamlNode) -> list[str] | None:
    """What stands between the parentheses of a call with these values; None where some are no plain data."""
    pairs: list[tuple[str, YamlNode]] = []
    if isinstance(node, Scalar):
        pairs = [("", node)]
    elif isinstance(node, Sequence):
        pairs = [("", item) for item in node.items]
    elif isinstance(node, Mapping):
        pairs = [(f"{key.text}=", value) for key, value in node.pairs if isinstance(key, Scalar)]
    texts = [_plain_text(value) for _, value in pairs]
    known = [name + text for (name, _), text in zip(pairs, texts) if text]
    return known if pairs and len(known) == len(pairs) else None


def _plain_text(node: YamlNode) -> str:
    """A number, a truth or a list of numbers, as the language spells it; empty for anything else."""
    if isinstance(node, Sequence):
        items = [_plain_text(item) for item in node.items]
        return f"[{', '.join(items)}]" if all(items) else ""
    if not isinstance(node, Scalar):
        return ""
    text = {"True": "true", "False": "false", "None": "null"}.get(node.text, node.text)
    return text if DATA.fullmatch(text) else ""
