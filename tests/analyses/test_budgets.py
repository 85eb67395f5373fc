"""Limits are held against what a network costs, for every size it declares, and name what costs most."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from dlspec.checking import Spec, check_spec
from dlspec.diagnostics.record import Diagnostic, SpecError
from dlspec.running import checked_plan
from dlspec.source import Source
from dlspec.syntax.literals import number

CONV = "output map = image -> c1: conv2d(16, 3, padding=1) -> relu -> c2: conv2d(32, 3, padding=1)"


def found(limits: str, declared: str = "float32[N, 3, 32, 32]", name: str = "spec.dls") -> list[Diagnostic]:
    text = f"network n {{\n  input image: {declared}\n  limits {{ {limits} }}\n  {CONV}\n}}\n"
    return check_spec(Spec(Source(name, text), None))


def torch_macs(size: int) -> int:
    layers = nn.Sequential(nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1)).to("meta")
    with FlopCounterMode(display=False) as counter:
        layers(torch.empty(1, 3, size, size, device="meta"))
    return counter.get_total_flops() // 2


PARAMETERS = sum(p.numel() for p in nn.Sequential(nn.Conv2d(3, 16, 3), nn.Conv2d(16, 32, 3)).parameters())


@pytest.mark.parametrize(
    ("name", "exact"),
    [
        ("parameters", PARAMETERS),
        ("weight_bytes", 4 * PARAMETERS),
        ("macs", torch_macs(32)),
        ("activation_bytes", 4 * 32 * 32 * (3 + 16)),
        ("peak_bytes", 4 * 32 * 32 * (3 + 16 + 32)),
    ],
)
def test_a_limit_is_kept_to_the_last_number_and_no_further(name: str, exact: int) -> None:
    assert found(f"{name} = {exact}") == []
    (diagnostic,) = found(f"{name} = {exact - 1}")
    assert diagnostic.code == "E0221"
    assert diagnostic.primary is not None
    assert diagnostic.primary.span.text == str(exact - 1)


def test_the_largest_contributors_are_named_largest_first() -> None:
    (diagnostic,) = found("parameters = 1k")
    others = [label.text for label in diagnostic.labels if not label.primary]
    assert others == ["`c2` has 4,640 parameters", "`c1` has 448 parameters"]


def test_open_sizes_count_as_the_largest_that_is_declared() -> None:
    declared = "float32[N, 3, H, W] where H in 1..64, W in 1..64"
    assert found(f"macs = {torch_macs(64)}", declared) == []
    (diagnostic,) = found(f"macs = {torch_macs(64) - 1}", declared)
    assert diagnostic.code == "E0221"
    assert diagnostic.notes == ["for N = 1, H = 64, W = 64"]


def test_without_a_largest_size_it_is_said_how_far_the_limit_is_kept() -> None:
    (diagnostic,) = found("macs = 1G", "float32[N, 3, H, W]")
    assert diagnostic.code == "W0425"
    size = next(size for size in range(1, 2000) if torch_macs(size + 1) > 10**9)
    assert diagnostic.notes[1] == f"the limit is kept up to H = W = {size}"


def test_what_even_the_smallest_size_exceeds_is_an_error() -> None:
    (diagnostic,) = found("macs = 1k", "float32[N, 3, H, W]")
    assert diagnostic.code == "E0221"


def test_an_undecided_limit_may_be_allowed() -> None:
    text = f"""network n {{
      input image: float32[N, 3, H, W]
      allow undecided_limit: "pictures of any size"
      limits {{ macs = 1G, parameters = 1M }}
      {CONV}
    }}"""
    assert check_spec(Spec(Source("spec.dls", text), None)) == []


@pytest.mark.parametrize(
    ("limits", "code"),
    [("parameter = 3", "E0105"), ("macs = -1", "E0614"), ('macs = "much"', "E0106"), ("macs = 1.5", "E0106")],
)
def test_a_limit_that_is_none_is_told(limits: str, code: str) -> None:
    assert [diagnostic.code for diagnostic in found(limits)] == [code]


def test_yaml_has_the_same_limits() -> None:
    text = """
network:
  name: n
  inputs: {x: "float32[N, 100]"}
  limits: {parameters: 1k, weight_bytes: 4Ki}
  layers: [fc: linear(10)]
  outputs: [fc]
"""
    said = check_spec(Spec(Source("spec.dlspec.yaml", text), None))
    assert [diagnostic.message for diagnostic in said] == [
        "`n` has 1,010 parameters, more than its limit of 1,000 parameters"
    ]
    assert check_spec(Spec(Source("spec.dlspec.yaml", text.replace("1k", "1Ki")), None)) == []


def test_the_limits_of_a_file_hold_for_its_networks() -> None:
    text = "limits { parameters = 10 }\nnetwork n {\n  input x: float32[N, 4]\n  output y = x -> fc: linear(4)\n}\n"
    assert [one.code for one in check_spec(Spec(Source("spec.dls", text), None))] == ["E0221"]


def test_a_network_beyond_its_limits_is_not_trained() -> None:
    text = """network n {
  input image: float32[N, 1, 8, 8]
  limits { parameters = 100 }
  output logits = image -> flatten -> fc: linear(10)
}
plan p { data { source = digits }, loss = cross_entropy, optimizer = sgd(lr=0.1), epochs = 5 }
"""
    with pytest.raises(SpecError, match="E0221: `n` has 650 parameters"):
        checked_plan(Spec(Source("spec.dls", text), None), None, {}, {})


def test_a_plan_counts_its_batch_and_the_sizes_of_its_samples() -> None:
    text = """network n {{
  input image: float32[N, 1, H, W]
  output logits = image -> conv: conv2d(8, 3) -> relu -> adaptive_avg_pool2d(1) -> flatten -> fc: linear(10)
}}
plan p {{
  data {{ source = digits }}, loss = cross_entropy, optimizer = sgd(lr=0.1), epochs = 5, batch_size = 32
  limits {{ peak_bytes = {0}, macs = {1} }}
}}
"""
    peak = 4 * 32 * (64 + 8 * 36 + 8 * 36)
    macs = 36 * 8 * 9 + 8 * 10
    assert check_spec(Spec(Source("spec.dls", text.format(peak, macs)), None)) == []
    over = check_spec(Spec(Source("spec.dls", text.format(peak - 1, macs - 1)), None))
    assert [one.code for one in over] == ["E0221", "E0221"]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8Gi", 8 * 2**30),
        ("1.5Ki", 1536),
        ("3Mi", 3 * 2**20),
        ("2Ti", 2**41),
        ("3k", 3000),
        ("1.5M", 1_500_000),
        ("7", 7),
    ],
)
def test_numbers_take_units_of_a_thousand_and_of_1024(text: str, value: int) -> None:
    assert number(text) == value
