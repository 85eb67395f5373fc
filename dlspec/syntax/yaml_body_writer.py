"""Bodies of blocks and networks as YAML lines: what the mapping of `yaml_bodies` reads, written."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree
from dlspec.syntax.dsl_expressions import OR
from dlspec.syntax.yaml_bodies import KEYWORDS
from dlspec.syntax.yaml_scalars import expression_scalar, is_plain, text_scalar
from dlspec.syntax.yaml_value_writer import ValueWriter

if TYPE_CHECKING:
    from collections.abc import Sequence


class BodyWriter(ValueWriter):
    """Lines of statements."""

    def body_lines(self, item: tree.Block | tree.Network, indent: int) -> list[str]:
        """The keys of a block or network."""
        pad = " " * indent
        rest = list(item.body)
        head, rest = _budgets(rest)
        lines: list[str] = []
        for key, found in head:
            lines += self._budget(key, found, indent)
        if isinstance(item, tree.Block):
            inputs, params = _split(item)
            source = item.params[0].name if item.params else None
            declared = self._block_inputs(inputs, indent)
            result, rest = _result(rest, source)
            last = self._result_lines(result, indent)
        else:
            params = item.params
            given, rest = _leading_inputs(rest)
            source = given[0].name if given else None
            declared = self._mapping("inputs", given, indent)
            outputs, rest = _trailing_outputs(rest)
            last = self._output_lines(outputs, indent)
        layers = self.layers(rest, source, indent) if rest else []
        order = [*declared, *self.params(params, indent)] if isinstance(item, tree.Block) else [*self.params(params, indent), *declared]
        return [*order, *lines, *layers, *last] if False else [*lines, *order, *layers, *last]
