"""What a plan asks of the layers of its network, and a schedule against the length of the run."""

from __future__ import annotations

import pytest
import torch
from plans import only, pointed_at, problems_of

from dlspec.checking import Spec, check_spec
from dlspec.diagnostics.record import Diagnostic
from dlspec.plan.schedule_checks import train_count
from dlspec.source import Source


def found(layers: str, keys: str = "", data: str = "") -> list[Diagnostic]:
    """What is said of a plan for digits on a network of these layers."""
    text = f"""network digits {{
  input image: float32[N, 1, 8, 8]
  output logits = image -> {layers}
}}
plan p {{
  data {{ source = digits {data} }}, loss = cross_entropy, optimizer = sgd(lr=0.1), epochs = 5 {keys}
}}
"""
    return check_spec(Spec(Source("spec.dls", text), None))


POOLED = "adaptive_avg_pool2d(1) -> flatten -> fc: linear(10)"


# W0703: batch norm of one sample


@pytest.mark.parametrize(
    ("layers", "says"),
    [
        (f"conv2d(8, 3, bias=false) -> batch_norm2d -> relu -> {POOLED}", "each image is normalized by itself"),
        ("flatten -> linear(16, bias=false) -> batch_norm1d -> relu -> linear(10)", "PyTorch refuses to train so"),
    ],
)
def test_a_batch_norm_with_batches_of_one_is_found(layers: str, says: str) -> None:
    diagnostic = only(found(layers, ", batch_size = 1"))
    assert diagnostic.code == "W0703"
    assert says in diagnostic.notes[0]
    assert pointed_at(diagnostic) == "1"
    assert found(layers, ", batch_size = 2") == []


def test_torch_refuses_one_value_of_each_channel() -> None:
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        torch.nn.BatchNorm1d(16)(torch.rand(1, 16))


def test_norms_that_need_no_batch_are_silent() -> None:
    assert found(f"conv2d(8, 3) -> group_norm(4) -> relu -> {POOLED}", ", batch_size = 1") == []


# W0704: objects that are larger than the field


def test_a_field_smaller_than_an_object_is_found_at_the_last_map() -> None:
    layers = f"a: conv2d(8, 3, padding=1) -> relu -> b: conv2d(8, 3, padding=1) -> relu -> {POOLED}"
    diagnostic = only(found(layers, data=", object_size = 6"))
    assert diagnostic.code == "W0704"
    assert "sees 5×5" in [label.text for label in diagnostic.labels]
    assert diagnostic.notes == ["a further 3×3 convolution here widens it by 2: 1 of them would do"]
    assert found(layers, data=", object_size = 5") == []


@pytest.mark.parametrize(
    "layers",
    [
        "a: conv2d(8, 3) -> relu -> flatten -> fc: linear(10)",
        f"a: conv2d(8, 3, padding=1) -> relu -> b: conv2d(8, 3, padding=1) -> relu -> c: conv2d(8, 3) -> {POOLED}",
    ],
)
def test_what_sees_a_whole_object_is_silent(layers: str) -> None:
    assert found(layers, data=", object_size = 7") == []


def test_without_a_size_of_objects_nothing_is_said() -> None:
    assert found(f"a: conv2d(8, 1) -> relu -> {POOLED}") == []


def test_height_and_width_of_objects_may_differ() -> None:
    layers = f"a: conv2d(8, [3, 5], padding=[1, 2]) -> relu -> {POOLED}"
    assert found(layers, data=", object_size = [3, 5]") == []
    assert only(found(layers, data=", object_size = [5, 3]")).code == "W0704"


def test_the_objects_of_a_source_have_a_size_that_need_not_be_said() -> None:
    text = """network small {
  input image: float32[N, 1, 128, 128]
  output logits = image -> a: conv2d(8, 3, padding=1) -> relu -> b: conv2d(11, 3, padding=1)
}
plan p {
  data { source = digit_scenes }, loss = cross_entropy(logits, class_map), optimizer = adamw, epochs = 5
}
"""
    diagnostic = only(check_spec(Spec(Source("spec.dls", text), None)))
    assert diagnostic.code == "W0704"
    assert pointed_at(diagnostic) == "digit_scenes"
    assert "has objects of up to 32×32" in [label.text for label in diagnostic.labels]
    assert (
        check_spec(Spec(Source("spec.dls", text.replace("digit_scenes ", "digit_scenes, object_size = 5 ")), None))
        == []
    )


# W0702: schedules that are too long or too short


@pytest.mark.parametrize(
    ("schedule", "epochs", "silent"),
    [
        ("step(10)", "100", False),
        ("step(10)", "60", True),
        ("step(30)", "90", True),
        ("exponential(0.5)", "100", False),
        ("exponential(0.95)", "100", True),
        ("multi_step([30, 60, 80])", "100", True),
        ("multi_step([10, 20], gamma=0.001)", "100", False),
        ("cosine", "1000", True),
        ("cosine(warmup_steps=100000)", "30", False),
        ("cosine(warmup_steps=100)", "30", True),
    ],
)
def test_a_schedule_is_as_long_as_the_run(schedule: str, epochs: str, silent: bool) -> None:
    assert [one.code for one in problems_of(schedule=schedule, epochs=epochs)] == ([] if silent else ["W0702"])


def test_the_rate_is_gone_where_torch_s_is() -> None:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 10)
    rates = []
    for _ in range(100):
        rates.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    gone = next(epoch for epoch, rate in enumerate(rates) if rate < 1.001e-6)
    diagnostic = only(problems_of(schedule="step(10)", epochs="100"))
    assert diagnostic.message == f"the learning rate is gone after epoch {gone}"


def test_steps_count_as_epochs_where_the_samples_are_counted() -> None:
    long = problems_of(schedule="multi_step([50])", epochs=None, steps="400")
    assert only(long).code == "W0702"
    assert problems_of(schedule="multi_step([5])", epochs=None, steps="400") == []


def test_the_samples_that_are_trained_on_are_scikit_learn_s() -> None:
    from plans import DIGITS, parsed, written
    from sklearn.model_selection import train_test_split

    from dlspec.plan.read import read_plan

    plan, _ = read_plan(parsed(written(DIGITS)))
    assert plan is not None
    rows, _ = train_test_split(range(1797), test_size=0.3)
    assert train_count(plan) == len(rows)


def test_a_lint_of_the_plan_may_be_allowed() -> None:
    layers = f"conv2d(8, 3, bias=false) -> batch_norm2d -> relu -> {POOLED}"
    assert found(layers, ', batch_size = 1, allow { batch_of_one = "shows what happens" }') == []
