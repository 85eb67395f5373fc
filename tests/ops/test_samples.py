"""Every sample of every operator against torch: shape, weights, buffers, multiply-adds, what backward keeps."""

from __future__ import annotations

import warnings
from math import prod

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlspec.ops.op import BYTES, REFUSED_BEYOND_TORCH, At, Mistake, Wrong
from tests.ops.applied import (
    BEYOND_TORCH,
    CATALOGUE,
    MISTAKES,
    REGIONS,
    SAMPLES,
    Applied,
    accepted,
    applied,
    called,
    claimed,
    evaluated,
    facts_of,
    parsed,
    tensor,
)

NOT_ON_META = {"float32[2, 3, 5] -> batch_norm1d(momentum=null)"}
"""Its running statistics ask the number of batches for its value."""
UNCOUNTED = {"float32[3, 4], float32[4] -> matmul", "float32[4], float32[4] -> matmul"}
"""torch.utils.flop_counter does not count products with a vector."""
KEPT_TWICE = {
    "float32[6, 1, 3, 4], float32[7, 4, 5] -> matmul",
    "float32[2, 5, 4], float32[2, 7, 4], float32[2, 7, 6] -> scaled_dot_product_attention(is_causal=true)",
    "float32[2, 5, 4], float32[2, 7, 4], float32[2, 7, 4], bool[5, 7] -> scaled_dot_product_attention",
}
"""Counted as kept although torch keeps only a copy of it."""
OURS = {
    "float32[2, 3], float32[2, 3] -> add(1)",
    "float32[2, 3] -> frozen_batch_norm2d",
    *(text for text, _ in MISTAKES if "crop" in text or CATALOGUE[called(text)].family == "detection"),
}
"""Mistakes in what dlspec alone has."""

CASES = {text: applied(text) for text in SAMPLES}
FORMS = [
    *((text, "module") for text, case in CASES.items() if case.module_text),
    *((text, "function") for text, case in CASES.items() if case.function_text and text not in REGIONS),
]


@pytest.mark.parametrize(("text", "which"), FORMS)
def test_a_sample_gives_the_shape_and_the_multiply_adds_that_torch_gives(text: str, which: str) -> None:
    case = applied(text)
    device = "cpu" if text in NOT_ON_META else "meta"
    module = case.module(device) if which == "module" else None
    with FlopCounterMode(display=False) as counter:
        made = case.run(case.tensors(device), module)
    assert facts_of(made) == claimed(case.outputs)
    if text not in UNCOUNTED:
        assert counter.get_total_flops() == 2 * case.op.macs(case.at, case.outputs)


@pytest.mark.parametrize("text", sorted(UNCOUNTED))
def test_products_with_a_vector_are_counted_though_torch_does_not(text: str) -> None:
    case = applied(text)
    rows, columns = case.at.inputs[0].shape, case.outputs[0].shape
    assert case.op.macs(case.at, case.outputs) == rows[-1] * prod(columns)


@pytest.mark.parametrize("text", SAMPLES)
def test_a_sample_has_the_weights_and_buffers_of_its_module(text: str) -> None:
    case = applied(text)
    if not case.module_text:
        assert not dict(case.op.weights(case.at))
        return
    module = case.module()
    weights = {name: tuple(weight.shape) for name, weight in module.named_parameters()}
    buffers = {name: (tuple(b.shape), str(b.dtype).removeprefix("torch.")) for name, b in module.named_buffers()}
    assert dict(case.op.weights(case.at)) == weights
    assert {name: (shape, dtype) for name, shape, dtype in case.op.buffers(case.at)} == buffers


@pytest.mark.parametrize(("text", "which"), FORMS)
def test_backward_keeps_what_the_operator_says(text: str, which: str) -> None:
    case = applied(text)
    module = case.module("cpu") if which == "module" else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kept, own = kept_by_torch(case, module)
    claimed_own = sum(prod(fact.shape) * BYTES[fact.dtype] for fact in case.op.saved(case.at, case.outputs))
    assert own == claimed_own
    if text in KEPT_TWICE:
        assert kept < set(case.op.keeps)
    else:
        assert kept == set(case.op.keeps)


def kept_by_torch(case: Applied, module: nn.Module | None) -> tuple[set[str], int]:
    """Which of inputs and output autograd keeps, and the bytes of what it keeps beside them and the weights."""
    inputs = [tensor(fact, "cpu") for fact in case.at.inputs]
    for given in inputs:
        given.requires_grad_(given.is_floating_point())
    kept: list[torch.Tensor] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (kept.append(t), t)[1], lambda t: t):
        outputs = case.run(inputs, module)

    def storages(tensors: object) -> set[int]:
        return {t.untyped_storage().data_ptr() for t in tensors}  # type: ignore[attr-defined]

    weights = storages([*module.parameters(), *module.buffers()]) if module else set()
    given, made = storages(inputs), storages(outputs)
    found, own = set(), {}
    for one in kept:
        where = one.untyped_storage().data_ptr()
        if where in given:
            found.add("x")
        elif where in made:
            found.add("y")
        elif where not in weights:
            own[where] = one.untyped_storage().nbytes()
    return found, sum(own.values())


@pytest.mark.parametrize(
    "text", [text for text, which in FORMS if which == "function" and not CASES[text].op.training_only]
)
def test_a_view_shares_the_memory_of_its_input_and_nothing_else_does(text: str) -> None:
    case = applied(text)
    given = case.tensors("cpu")
    shared = {t.untyped_storage().data_ptr() for t in case.run(given)} & {t.untyped_storage().data_ptr() for t in given}
    assert bool(shared) == bool(case.op.shares)


def said(text: str) -> str:
    """The code that an application meets."""
    try:
        applied(text)
    except (Mistake, Wrong) as problem:
        return problem.code
    return "nothing"


@pytest.mark.parametrize(("text", "code"), MISTAKES)
def test_a_mistake_meets_its_code_and_torch_refuses_it_too(text: str, code: str) -> None:
    assert said(text) == code
    assert text in OURS or not torch_runs(text)


@pytest.mark.parametrize(("text", "code"), BEYOND_TORCH)
@pytest.mark.filterwarnings("ignore:dropout")
def test_what_is_refused_beyond_torch_runs_in_torch(text: str, code: str) -> None:
    assert said(text) == code
    assert torch_runs(text)


def torch_runs(text: str) -> bool:
    """Whether torch runs an application that we refuse, so far as its code can be written at all."""
    cls, facts, given = parsed(text)
    try:
        op = cls({name: cls.read(name, value) for name, value in given.items()})
    except Wrong:
        return False
    case = Applied.__new__(Applied)
    case.op, case.at, case.names = op, At(facts), [f"x{index}" for index in range(len(facts))]
    try:
        op.result(case.at)
    except Mistake:
        # What the compiler infers is read off the shape as it is, where the operator stopped before that.
        shape = facts[0].shape or (1,)
        unbatched = len(shape) < len(op.axes.split("->")[0].split(",")[0].split())
        inferred = {"C": shape[0 if unbatched or len(shape) < 2 else 1], "I": shape[-1], "E": shape[-1]}
        case.at.update({name: size for name, size in inferred.items() if name not in case.at})

    def run() -> object:
        module = case.module("cpu") if case.op.torch and not case.op.function else None
        return case.run(case.tensors("cpu"), module)

    try:
        return accepted(run) is not None
    except Mistake:  # its code cannot even be written: an index of an axis that is not there
        return False


def test_every_reason_to_refuse_more_than_torch_is_a_sentence() -> None:
    assert all(" " in reason and not reason.endswith(".") for reason in REFUSED_BEYOND_TORCH.values())


def test_every_operator_has_samples_and_every_code_is_known() -> None:
    from dlspec.diagnostics.codes import CODES

    assert all(op.samples for op in CATALOGUE.values())
    assert {code for _, code in [*MISTAKES, *BEYOND_TORCH]} <= set(CODES)


def test_evaluating_generated_text_sees_torch_and_nothing_of_the_test() -> None:
    with pytest.raises(NameError):
        evaluated("case")
