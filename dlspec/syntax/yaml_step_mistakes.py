"""Steps in YAML that are written as other formats write layers, and what they are here."""

from __future__ import annotations

import re

from dlspec.diagnostics.record import Edit, Fix, problem
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.yaml_fields import Field, Fields
from dlspec.syntax.yaml_nodes import Mapping, Scalar, Sequence, YamlNode

if TYPE_CHECKING:
    from dlspec.source import Span

NAMES_OF_OP = ("type", "layer", "operator", "kind", "class", "module")
"""Keys by which other formats name the operator."""

DATA = re.compile(r"-?[0-9][\w.]*|true|false|null")


class StepMistakes(Fields):
    """What is said of steps that are not spelt so."""

    def not_a_step(self, node: YamlNode, fields: list[Field]) -> None:
        """`{linear: 84}` or `{type: linear, out_features: 84}`: parameters where no operator is."""
        wrong = next(filter(is_data, fields))
        named = next((field.key for field in fields if field.key.text in NAMES_OF_OP), None)
        fixes = [Fix("name the operator with `op:`", [Edit(named.span(self.source), "op")], "safe")] if named else []
        if not named:
            value = self.source.text[wrong.value.start : wrong.value.end]
            says = "name the operator with `op:`, `{op: linear, out_features: 84}`"
            says = f"write `{wrong.key.text}({value})`" if len(fields) == 1 and len(value) < 20 else says
            fixes = [Fix(says, safety="placeholder")]
        what = f"`{wrong.key.text}` is given a value, and is no parameter of an operator here"
        self.problems.append(problem("E0106", what, self.first_line(node), "no operator", fixes=fixes))

    def not_a_call(self, field: Field) -> None:
        """`linear: {out_features: 84}`: the parameters of an operator below its name, as below a label."""
        fix = Fix(
            "write the operator as a call, `name: linear(84)`, or as `name: {op: linear, out_features: 84}`",
            safety="placeholder",
        )
        self.problems.append(
            problem("E0106", f"`{field.key.text}` is a label here, and below it stand values, not a step",
                    field.key.span(self.source), "read as a label", fixes=[fix])
        )  # fmt: skip

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
