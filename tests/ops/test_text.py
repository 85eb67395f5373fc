"""The Python that an operator stands for: what is left out is torch's own default, and formatters agree."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dlspec.ops.op import At, Fact
from dlspec.ops.text import Writer, held, imports, literal, unqualified
from dlspec.sizes import symbol
from tests.ops.applied import CATALOGUE, REGIONS, SAMPLES, Training, applied, apply, evaluated


def targets(name: str) -> list[Any]:
    """What an operator is written as, so far as its signature can be read."""
    op, found = CATALOGUE[name], []
    for template in (op.torch, op.function):
        if not template or template.startswith(("{x}", "dlspec")):
            continue
        target = evaluated(template.partition("(")[0])
        try:
            found.append(inspect.signature(target.__init__ if isinstance(target, type) else target))
        except ValueError:
            continue
    return [signature for signature in found if "args" not in signature.parameters]


@pytest.mark.parametrize("name", CATALOGUE)
def test_parameters_have_torchs_names_order_and_defaults(name: str) -> None:
    op = CATALOGUE[name]
    for signature in targets(name):
        known = [parameter for parameter in signature.parameters if parameter in op.fields]
        assert known == [field for field in op.fields if field in known]
        for field in known:
            theirs, ours = signature.parameters[field].default, op.fields[field]
            if theirs is inspect.Parameter.empty:
                assert ours.required or field in op.differs
            elif field not in op.differs:
                assert not ours.required
                assert ours.default == read_default(op, field, theirs)
            else:
                assert ours.default != theirs


def read_default(op: Any, field: str, value: Any) -> Any:
    return None if value is None else op.read(field, value)


@pytest.mark.parametrize("name", [name for name in CATALOGUE if targets(name)])
def test_every_parameter_is_one_of_torchs_or_said_to_be_added(name: str) -> None:
    known = {parameter for signature in targets(name) for parameter in signature.parameters}
    assert {*CATALOGUE[name].fields} - known == {*CATALOGUE[name].added}


class Explicit(Writer):
    """Writes every parameter, also those with their default."""

    def elided(self, name: str) -> bool:
        return False


@pytest.mark.parametrize("text", [text for text in SAMPLES if text not in REGIONS])
def test_leaving_out_a_default_changes_nothing(text: str) -> None:
    case = applied(text)
    names = {"self": Training(), **dict(zip(case.names, case.tensors("cpu"), strict=True))}
    if template := case.op.module_template(case.at):
        short, long = (writer(case.op, case.at).call(template) for writer in (Writer, Explicit))
        modules = []
        for written in (short, long):
            torch.manual_seed(0)
            modules.append(evaluated(written))
        assert repr(modules[0]) == repr(modules[1])
    if case.function_text:
        results = []
        for writer in (Writer, Explicit):
            torch.manual_seed(0)
            made = evaluated(case.op.expression(writer(case.op, case.at, case.names)), **names)
            results.append(made if isinstance(made, tuple) else (made,))
        assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


def test_generated_calls_are_as_formatters_write_them() -> None:
    lines = []
    for text in SAMPLES:
        case = applied(text)
        lines += [written for written in (case.module_text, case.function_text) if written]
    source = "\n".join(f"y = {line}" for line in lines) + "\n"
    command = [sys.executable, "-m", "ruff", "format", "--line-length=320", "--stdin-filename=x.py", "-"]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=True)
    assert done.stdout == source


def test_a_generated_class_puts_its_own_words_for_values_and_axes() -> None:
    case = apply("conv2d", [Fact("float32", (1, 3, 8, 8))], out_channels=64, kernel_size=3, stride=2)
    words = {"C": "channels", "out_channels": "width", "bias": "with_bias"}
    assert case.op.module_text(case.at, words=words) == (
        "nn.Conv2d(channels, width, kernel_size=3, stride=2, bias=with_bias)"
    )


def test_an_open_size_has_the_words_that_it_is_given() -> None:
    height = symbol("H")
    case = apply("reshape", [Fact("float32", (2, 8, height))], shape=[2, height, 8])
    assert case.op.function_text(case.at, ["x"]) == "x.reshape(2, H, 8)"
    words = {height: "x.shape[2]"}
    text = case.op.function_text(case.at, ["x"], text_of=lambda value: words.get(value) or literal(value))
    assert text == "x.reshape(2, x.shape[2], 8)"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "1e-5"),
        (1e-12, "1e-12"),
        (0.5, "0.5"),
        (2.0, "2.0"),
        (True, "True"),
        (None, "None"),
        ('a"b\\', r'"a\"b\\"'),
    ],
)
def test_a_value_is_written_as_python_reads_it(value: Any, text: str) -> None:
    assert literal(value) == text
    assert ast.literal_eval(text) == value


EXPRESSIONS = st.recursive(
    st.sampled_from(["a", "b", "f(a + b)", "a.t()", "c[0, 1]", "1e-5", "2", "-a"]),
    lambda inner: st.tuples(st.sampled_from(["add", "sub", "mul", "div", "matmul", "neg"]), inner, inner),
    max_leaves=6,
)


def composed(expression: Any) -> tuple[str, str]:
    """The text by the operators, and the text with every bracket."""
    if isinstance(expression, str):
        return expression, f"({expression})"
    name, left, right = expression
    (short, full), (other_short, other_full) = composed(left), composed(right)
    facts = [Fact("float32", (2, 2))] * (1 if name == "neg" else 2)
    op = CATALOGUE[name]({})
    if name == "neg":
        return op.function_text(At(facts), [short]), f"(-{full})"
    sign = {"add": "+", "sub": "-", "mul": "*", "div": "/", "matmul": "@"}[name]
    return op.function_text(At(facts), [short, other_short]), f"({full} {sign} {other_full})"


@given(EXPRESSIONS)
def test_brackets_stand_where_python_needs_them(expression: Any) -> None:
    short, full = composed(expression)
    assert ast.dump(ast.parse(short)) == ast.dump(ast.parse(full))


def test_brackets_stand_nowhere_else() -> None:
    assert composed(("add", ("add", "a", "b"), ("mul", "a", "b")))[0] == "a + b + a * b"
    assert composed(("sub", "a", ("sub", "a", "b")))[0] == "a - (a - b)"
    assert held("a.flatten(1)") == "a.flatten(1)"
    assert held("a + b") == "(a + b)"
    assert held('f("a + b")') == 'f("a + b")'


def test_what_is_asked_of_a_sum_is_asked_of_all_of_it() -> None:
    case = applied("float32[2, 3, 4] -> flatten")
    assert case.op.function_text(case.at, ["x + y"]) == "(x + y).flatten(1)"
    case = applied("float32[2, 3] -> pow(2)")
    assert case.op.function_text(case.at, ["x"]) == "x**2"
    assert case.op.function_text(case.at, ["f(x)"]) == "f(x) ** 2"


def test_imports_are_those_of_the_names_used() -> None:
    assert set(imports("F.relu(nn.Conv2d(3, 4, kernel_size=1)(x))")) == {
        "import torch.nn.functional as F", "from torch import nn",
    }  # fmt: skip
    assert set(imports("torch.cat([x, y], dim=1)")) == {"import torch"}
    assert set(imports("self.nn.x + my_torch.y")) == set()
    text = "dlspec.nn.crop(x, y.shape[2:])"
    assert set(imports(text)) == {"from dlspec.nn import crop"}
    assert unqualified(text) == "crop(x, y.shape[2:])"


def test_attention_is_called_for_the_attended_tensor_alone() -> None:
    case = applied("float32[2, 5, 8], float32[2, 7, 8] -> multihead_attention(4)")
    assert case.op.applied_text("self.attn", ["x", "y"]) == "self.attn(x, y, y, need_weights=False)[0]"


def test_dropout_in_attention_rests_in_evaluation() -> None:
    given_shapes = "float32[1, 1, 5, 8], float32[1, 1, 7, 8], float32[1, 1, 7, 8]"
    case = applied(f"{given_shapes} -> scaled_dot_product_attention(0.1)")
    assert "dropout_p=0.1 if self.training else 0.0" in case.function_text
