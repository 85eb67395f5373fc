"""The catalogue as a whole: found by name, loaded by family, documented in full."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlspec.ops import catalogue, lookup, operator_names
from dlspec.ops.op import Mistake, Op, Wrong, snake
from dlspec.ops.page import FAMILIES, index, page, reference, sentences, signature, spelt
from dlspec.ops.sample import Sample
from tests.ops.applied import MISTAKES, SAMPLES, applied, claimed, parsed

ROOT = Path(__file__).parents[2]


def test_every_operator_is_found_by_its_name_and_nothing_else_is() -> None:
    found = catalogue()
    assert list(found) == operator_names()
    assert all(lookup(name) is op and op.name == name for name, op in found.items())
    for other in (
        "conv",
        "Conv2d",
        "convolution",
        "op",
        "at",
        "mistake",
        "_pooling",
        "",
        "stretch",
        "writer",
    ):
        assert lookup(other) is None


def test_a_class_name_reads_in_snake_case() -> None:
    assert [snake(name) for name in ("Conv2d", "MaxPool2d", "Relu6", "LogSoftmax")] == [
        "conv2d", "max_pool2d", "relu6", "log_softmax",
    ]  # fmt: skip


def test_looking_one_operator_up_loads_its_file_alone() -> None:
    program = (
        "import sys; from dlspec.ops import lookup; lookup('conv2d'); "
        "print(sorted(m for m in sys.modules if m.startswith('dlspec.ops.')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    loaded = set(ast_list(done.stdout))
    assert "dlspec.ops.convolution" in loaded
    assert not loaded & {"dlspec.ops.pooling", "dlspec.ops.attention", "dlspec.ops.page", "dlspec.ops.text"}


def ast_list(text: str) -> list[str]:
    import ast

    return ast.literal_eval(text)


def test_a_name_that_is_defined_enters_the_catalogue_and_an_abstract_class_does_not() -> None:
    from dlspec.ops.op import CATALOGUE

    class _Family(Op, abstract=True):
        pass

    class TestOnlyIdentity(_Family):
        axes = "*S -> *S"

    try:
        assert CATALOGUE["test_only_identity"] is TestOnlyIdentity
        assert not any("family" in name for name in CATALOGUE)
    finally:
        del CATALOGUE["test_only_identity"]


def test_every_parameter_has_a_sentence() -> None:
    for op in catalogue().values():
        told = sentences(op)
        assert set(told) == set(op.fields), op.name
        assert all(sentence[0].isupper() and sentence.endswith(".") for sentence in told.values()), op.name


def test_every_operator_has_a_family_and_a_sentence() -> None:
    for op in catalogue().values():
        assert op.family in FAMILIES
        assert op.__doc__
        assert op.__doc__.partition("\n")[0].endswith(".")


def test_every_default_is_a_value_that_its_kind_reads() -> None:
    for op in catalogue().values():
        for field in op.fields.values():
            if not field.required:
                assert op.read(field.name, field.default) == field.default


def test_a_sample_means_the_same_in_the_language_and_on_the_page() -> None:
    for text in [*SAMPLES, *(text for text, _ in MISTAKES)]:
        op, facts, given = parsed(text)
        sample = Sample(text)
        assert (sample.op, sample.given) == (op, given)
        assert claimed(sample.at.inputs) == claimed(facts)


def test_a_text_that_is_no_sample_is_said_to_be_none() -> None:
    for text in ("conv2d(3)", "float32[2] -> banana", "float32[2] -> 1 + 2"):
        with pytest.raises(ValueError, match=r"sample|operator"):
            Sample(text)


def test_a_page_has_signature_parameters_examples_and_mistakes() -> None:
    shown = page("max_pool2d")
    assert shown is not None
    assert "x -> max_pool2d(kernel_size, stride=null, padding=0, dilation=1, ceil_mode=false)" in shown
    assert "| `ceil_mode` | `true` or `false` | `false` |" in shown
    assert "`float32[2, 3, 4, 4]`" in shown
    assert "E0307" in shown
    assert "nn.MaxPool2d" in shown
    assert page("max_pool") is None


def test_a_page_says_where_a_default_is_not_torchs() -> None:
    assert "differs from PyTorch's default" in (page("concat") or "")


def test_signatures_spell_values_as_specs_do() -> None:
    assert signature(lookup("relu")) == "x -> relu"  # type: ignore[arg-type]
    assert signature(lookup("concat")).startswith("xs… -> concat(dim=1)")  # type: ignore[arg-type]
    assert [spelt(value) for value in (True, None, (1, 1), (1, 2), "zeros", 1e-5, 0.5)] == [
        "true", "null", "1", "[1, 2]", '"zeros"', "1e-5", "0.5",
    ]  # fmt: skip


def test_the_index_names_every_operator_once() -> None:
    listed = [line.split("`")[1] for line in index().splitlines() if line.startswith("- ")]
    assert sorted(listed) == operator_names()


def test_the_reference_is_as_the_classes_say() -> None:
    written = (ROOT / "docs" / "operators.md").read_text(encoding="utf-8")
    assert written == reference(), "run `python -m dlspec.ops.page > docs/operators.md`"


def test_words_of_mistakes_follow_the_voice_of_diagnostics() -> None:
    for text, _ in MISTAKES:
        mistake = caught(text)
        if mistake is None:
            continue
        for words in (mistake.message, mistake.label, mistake.help or "", *mistake.notes):
            assert not words.endswith("."), words
            assert not any(word in words.lower() for word in ("illegal", "invalid", "please", "did you mean"))
        assert mistake.message[0] == "`" or mistake.message[0].islower() or mistake.message[0].isdigit()
        assert mistake.parameter is None or mistake.parameter in Sample(text).op.fields


def caught(text: str) -> Mistake | None:
    """What an application meets; None where already a value is not read."""
    try:
        applied(text)
    except Mistake as mistake:
        return mistake
    except Wrong:
        return None
    raise AssertionError(f"{text} is accepted")
