"""A misspelt name brings up the one that was meant, and a foreign one brings up nothing."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlspec.diagnostics.near_names import near

NAMES = """
    adaptive_avg_pool2d add avg_pool2d batch_norm1d batch_norm2d concat conv1d conv2d conv3d conv_transpose2d
    dropout dropout2d elu embedding flatten gelu group_norm hardswish identity layer_norm leaky_relu linear
    log_softmax matmul max_pool1d max_pool2d mean multihead_attention pad permute prelu relu relu6 reshape
    sigmoid silu softmax split stack tanh transpose
"""
OPERATORS = NAMES.split()
PARAMETERS = ["out_channels", "kernel_size", "stride", "padding", "dilation", "groups", "bias"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("Conv2d", "conv2d"),
        ("conv2D", "conv2d"),
        ("cov2d", "conv2d"),
        ("cnov2d", "conv2d"),
        ("MaxPool2d", "max_pool2d"),
        ("maxpool", "max_pool2d"),
        ("BatchNorm2d", "batch_norm2d"),
        ("norm_batch2d", "batch_norm2d"),
        ("rleu", "relu"),
        ("Linear", "linear"),
        ("liner", "linear"),
        ("sofmax", "softmax"),
        ("log-softmax", "log_softmax"),
        ("multihead", "multihead_attention"),
    ],
)
def test_the_operator_that_was_meant_comes_first(written: str, meant: str) -> None:
    assert near(written, OPERATORS)[0] == meant


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("strides", "stride"),
        ("kernel", "kernel_size"),
        ("out", "out_channels"),
        ("pading", "padding"),
        ("BIAS", "bias"),
    ],
)
def test_the_parameter_that_was_meant_comes_first(written: str, meant: str) -> None:
    assert near(written, PARAMETERS)[0] == meant


@pytest.mark.parametrize("written", ["", "_", "transformer", "qq", "x", "resnet50", "Δ"])
def test_a_name_like_no_other_brings_up_none(written: str) -> None:
    assert near(written, OPERATORS) == []


def test_at_most_so_many_are_offered_whatever_the_order_of_the_candidates() -> None:
    assert near("conv4d", OPERATORS) == near("conv4d", OPERATORS[::-1]) == ["conv1d", "conv2d"]
    assert len(near("conv4d", OPERATORS, limit=3)) == 3


def test_the_name_itself_is_never_offered() -> None:
    assert near("relu", OPERATORS, limit=9) == ["relu6", "elu", "gelu", "prelu"]


@given(st.sampled_from([name for name in OPERATORS if len(name) >= 6]), st.data())
def test_one_slip_of_the_finger_is_always_understood(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 2))
    slips = [
        name[:place] + name[place + 1 :],
        name[:place] + "z" + name[place:],
        name[:place] + name[place + 1] + name[place] + name[place + 2 :],
    ]
    assert all(name in near(slip, OPERATORS, limit=4) for slip in slips if slip not in OPERATORS)


def test_many_names_and_long_ones_are_compared_in_a_moment() -> None:
    names = [f"layer_number_{i}_of_the_network" for i in range(10_000)]
    begun = time.process_time()
    assert near("layer_nmber_77_of_the_network", names)[0] == "layer_number_77_of_the_network"
    assert near("x" * 100_000, names) == []
    assert time.process_time() - begun < 1
