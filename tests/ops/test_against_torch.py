"""Random applications: the operator accepts exactly what torch runs, and gives the same shapes.

The calls of torch are made here, from the same random values, and not from the operator's own text.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dlspec.ops.op import Fact, Mistake, Wrong
from tests.ops.applied import CATALOGUE, accepted, apply, claimed, facts_of, tensor

LAX_ON_META = {"softmax", "scaled_dot_product_attention"}
"""What the meta device lets pass and no kernel runs; see `REFUSED_BEYOND_TORCH`."""
Case = tuple[Sequence[tuple[int, ...]], dict[str, Any]]
small = st.integers(1, 4)


def checked(name: str, shapes: Sequence[tuple[int, ...]], values: dict[str, Any], run: Callable[..., Any]) -> None:
    """The operator accepts the application where torch runs it, on both devices, and gives the same."""
    facts = [Fact("float32", shape) for shape in shapes]
    try:
        ours = claimed(apply(name, facts, **values).outputs)
    except (Mistake, Wrong):
        ours = None
    assert ours == by_torch(run, facts, "cpu")
    if name not in LAX_ON_META:
        assert ours == by_torch(run, facts, "meta")


def by_torch(run: Callable[..., Any], facts: Sequence[Fact], device: str) -> Any:
    """What torch gives; None where it refuses, or where nothing is left."""
    with warnings.catch_warnings(), torch.device(device), torch.no_grad():
        warnings.simplefilter("ignore")
        made = accepted(lambda: run(*(tensor(fact, device) for fact in facts)))
    if made is None:
        return None
    outputs = facts_of([made] if isinstance(made, Tensor) else made)
    return None if any(0 in shape for _, shape in outputs) else outputs


def pairs(rank: int, values: st.SearchStrategy[int]) -> st.SearchStrategy[Any]:
    """One number for every axis, or a list."""
    return values | st.lists(values, min_size=rank, max_size=rank)


def tupled(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def some(required: dict[str, Any], optional: dict[str, Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries(required, optional=optional)


def shapes(low: int = 0, high: int = 4, most: int = 4) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(st.integers(1, most), min_size=low, max_size=high).map(tuple)


def axes(rank: int = 4) -> st.SearchStrategy[int]:
    return st.integers(-rank, rank - 1)


EXAMPLES = int(os.environ.get("DLSPEC_EXAMPLES", "60"))
"""Applications drawn for each test; thousands were, when the operators were written."""
examples = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))


# Windows


def module_of(name: str) -> type[nn.Module]:
    return getattr(nn, CATALOGUE[name].torch.partition("(")[0].removeprefix("nn."))


@pytest.mark.parametrize("rank", [1, 2, 3])
@examples
@given(data=st.data())
def test_convolutions_accept_and_give_what_torch_does(rank: int, data: st.DataObject) -> None:
    name = f"conv{rank}d"
    shape = data.draw(st.tuples(small, st.integers(1, 6), *[st.integers(1, 9)] * rank))
    padding = pairs(rank, st.integers(0, 3)) | st.sampled_from(["same", "valid"])
    values = data.draw(some(
        {"out_channels": st.integers(1, 6), "kernel_size": pairs(rank, small)},
        {
            "stride": pairs(rank, st.integers(1, 3)), "padding": padding, "dilation": pairs(rank, st.integers(1, 3)),
            "groups": st.integers(1, 3), "bias": st.booleans(),
            "padding_mode": st.sampled_from(["zeros", "reflect", "replicate", "circular"]),
        },
    ))  # fmt: skip
    checked(name, [shape], values, lambda x: module_of(name)(shape[1], **tupled(values))(x))


@pytest.mark.parametrize("rank", [1, 2, 3])
@examples
@given(data=st.data())
def test_transposed_convolutions_accept_and_give_what_torch_does(rank: int, data: st.DataObject) -> None:
    name = f"conv_transpose{rank}d"
    shape = data.draw(st.tuples(small, st.integers(1, 6), *[st.integers(1, 5)] * rank))
    values = data.draw(some(
        {"out_channels": st.integers(1, 6), "kernel_size": pairs(rank, small)},
        {
            "stride": pairs(rank, st.integers(1, 3)), "padding": pairs(rank, st.integers(0, 3)),
            "output_padding": pairs(rank, st.integers(0, 3)), "groups": st.integers(1, 3), "bias": st.booleans(),
            "dilation": pairs(rank, st.integers(1, 3)),
        },
    ))  # fmt: skip
    facts = [Fact("float32", shape)]
    run = lambda x: module_of(name)(shape[1], **tupled(values))(x)  # noqa: E731  # a case, used twice
    try:
        ours = claimed(apply(name, facts, **values).outputs)
    except (Mistake, Wrong):
        ours = None
    # The meta device does not look at the output padding, which kernels do.
    assert ours == by_torch(run, facts, "cpu")


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max", "avg"])
@examples
@given(data=st.data())
def test_poolings_accept_and_give_what_torch_does(kind: str, rank: int, data: st.DataObject) -> None:
    name = f"{kind}_pool{rank}d"
    shape = data.draw(st.tuples(small, small, *[st.integers(1, 9)] * rank))
    more = {"dilation": pairs(rank, st.integers(1, 3))} if kind == "max" else {"count_include_pad": st.booleans()}
    values = data.draw(some(
        {"kernel_size": pairs(rank, st.integers(1, 5))},
        {
            "stride": pairs(rank, st.integers(1, 4)), "padding": pairs(rank, st.integers(0, 2)),
            "ceil_mode": st.booleans(), **more,
        },
    ))  # fmt: skip
    checked(name, [shape], values, lambda x: module_of(name)(**tupled(values))(x))


@pytest.mark.parametrize("name", [name for name in CATALOGUE if name.startswith("adaptive")])
@examples
@given(data=st.data())
def test_adaptive_poolings_accept_and_give_what_torch_does(name: str, data: st.DataObject) -> None:
    rank = int(name[-2])
    shape = data.draw(st.tuples(small, small, *[st.integers(1, 9)] * rank))
    wanted = data.draw(pairs(rank, st.none() | st.integers(1, 9)))
    if rank == 1 and wanted in (None, [None]):
        return  # torch's module in one dimension takes no None
    values = {"output_size": wanted}
    checked(name, [shape], values, lambda x: module_of(name)(**tupled(values))(x))


# Normalization and activations


@examples
@given(data=st.data())
def test_normalizations_accept_and_give_what_torch_does(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from([
        "batch_norm1d", "batch_norm2d", "batch_norm3d", "instance_norm1d", "instance_norm2d", "layer_norm", "rms_norm",
        "group_norm", "local_response_norm",
    ]))  # fmt: skip
    shape = data.draw(shapes(1, 5, 4))
    unbatched = {"instance_norm1d": 2, "instance_norm2d": 3}
    if unbatched.get(name) == len(shape):
        return
    channels = shape[1] if len(shape) > 1 else 1
    match name:
        case "layer_norm" | "rms_norm":
            wanted = data.draw(st.none() | st.lists(small, min_size=1, max_size=3) | st.just(list(shape[-2:])))
            values = {} if wanted is None else {"normalized_shape": wanted}
            run = lambda x: module_of(name)(wanted or x.shape[-1])(x)  # noqa: E731  # one of a few cases
        case "group_norm":
            values = {"num_groups": data.draw(small)}
            run = lambda x: nn.GroupNorm(values["num_groups"], channels)(x)  # noqa: E731
        case "local_response_norm":
            values = {"size": data.draw(small)}
            run = lambda x: nn.LocalResponseNorm(**values)(x)  # noqa: E731
        case _:
            values = data.draw(some({}, {"affine": st.booleans(), "track_running_stats": st.booleans()}))
            run = lambda x: module_of(name)(channels, **values).eval()(x)  # noqa: E731
    checked(name, [shape], values, run)


@examples
@given(shapes(), axes(), st.sampled_from(["softmax", "log_softmax", "glu"]))
def test_functions_along_an_axis_accept_and_give_what_torch_does(shape: tuple[int, ...], dim: int, name: str) -> None:
    checked(name, [shape], {"dim": dim}, lambda x: getattr(F, name)(x, dim=dim))


@examples
@given(shapes(), small)
def test_prelu_accepts_and_gives_what_torch_does(shape: tuple[int, ...], count: int) -> None:
    checked("prelu", [shape], {"num_parameters": count}, lambda x: nn.PReLU(count)(x))


# Shapes


@examples
@given(shapes(), axes(), axes())
def test_flatten_and_transpose_accept_and_give_what_torch_does(shape: tuple[int, ...], first: int, second: int) -> None:
    checked("flatten", [shape], {"start_dim": first, "end_dim": second}, lambda x: x.flatten(first, second))
    checked("transpose", [shape], {"dim0": first, "dim1": second}, lambda x: x.transpose(first, second))


@examples
@given(shapes(), st.lists(st.sampled_from([-1, -1, 1, 2, 3, 4, 6, 8, 12]), min_size=1, max_size=4), axes())
def test_reshape_unflatten_and_expand_accept_and_give_what_torch_does(
    shape: tuple[int, ...], sizes: list[int], dim: int
) -> None:
    checked("reshape", [shape], {"shape": sizes}, lambda x: x.reshape(*sizes))
    checked("unflatten", [shape], {"dim": dim, "unflattened_size": sizes}, lambda x: x.unflatten(dim, sizes))
    checked("expand", [shape], {"sizes": sizes}, lambda x: x.expand(*sizes))


@examples
@given(shapes(high=3), st.permutations([0, 1, 2]) | st.lists(axes(3), min_size=1, max_size=3))
def test_permute_and_flip_accept_and_give_what_torch_does(shape: tuple[int, ...], dims: list[int]) -> None:
    checked("permute", [shape], {"dims": dims}, lambda x: x.permute(*dims))
    checked("flip", [shape], {"dims": dims}, lambda x: x.flip(*dims))


@examples
@given(shapes(high=4, most=2), st.none() | st.lists(axes(), min_size=1, max_size=3), axes(5))
def test_squeeze_and_unsqueeze_accept_and_give_what_torch_does(
    shape: tuple[int, ...], dims: list[int] | None, new: int
) -> None:
    checked("squeeze", [shape], {"dim": dims}, lambda x: x.squeeze() if dims is None else x.squeeze(tuple(dims)))
    checked("unsqueeze", [shape], {"dim": new}, lambda x: x.unsqueeze(new))


@examples
@given(shapes(0, 5, 6), st.lists(st.integers(1, 3), min_size=1, max_size=4), small)
def test_repeat_and_channel_shuffle_accept_and_give_what_torch_does(
    shape: tuple[int, ...], counts: list[int], groups: int
) -> None:
    checked("repeat", [shape], {"repeats": counts}, lambda x: x.repeat(*counts))
    checked("channel_shuffle", [shape], {"groups": groups}, lambda x: nn.ChannelShuffle(groups)(x))


@examples
@given(shapes(), st.lists(st.integers(-3, 3), min_size=1, max_size=2), st.lists(axes(), min_size=1, max_size=2))
def test_roll_accepts_and_gives_what_torch_does(shape: tuple[int, ...], shifts: list[int], dims: list[int]) -> None:
    checked("roll", [shape], {"shifts": shifts, "dims": dims}, lambda x: x.roll(tuple(shifts), tuple(dims)))


# Parts


@examples
@given(shapes(1, most=8), st.data())
def test_slice_and_select_accept_and_give_what_torch_does(shape: tuple[int, ...], data: st.DataObject) -> None:
    dim = data.draw(st.integers(0, len(shape) - 1))
    before = (slice(None),) * dim
    start, end = data.draw(st.integers(-9, 9)), data.draw(st.none() | st.integers(-9, 9))
    step, index = data.draw(small), data.draw(st.integers(-9, 9))
    values = {"dim": dim, "start": start, "end": end, "step": step}
    checked("slice", [shape], values, lambda x: x[(*before, slice(start, end, step))])
    checked("select", [shape], {"dim": dim - len(shape), "index": index}, lambda x: x[(*before, index)])


@examples
@given(shapes(most=8), axes(), small | st.lists(st.integers(1, 5), min_size=1, max_size=3), st.integers(1, 5))
def test_split_and_chunk_accept_and_give_what_torch_does(
    shape: tuple[int, ...], dim: int, lengths: int | list[int], count: int
) -> None:
    values = {"split_size_or_sections": lengths, "dim": dim}
    checked("split", [shape], values, lambda x: x.split(lengths, dim))
    checked("chunk", [shape], {"chunks": count, "dim": dim}, lambda x: x.chunk(count, dim))


@examples
@given(
    shapes(1, 5, 6), st.lists(st.integers(-2, 5), min_size=1, max_size=6),
    st.sampled_from(["constant", "reflect", "replicate", "circular"]), st.none() | st.just(0.5),
)  # fmt: skip
def test_pad_accepts_and_gives_what_torch_does(
    shape: tuple[int, ...], margins: list[int], mode: str, value: float | None
) -> None:
    if mode != "constant":
        margins = [abs(margin) for margin in margins]
    values = {"pad": margins, "mode": mode, "value": value}
    checked("pad", [shape], values, lambda x: F.pad(x, margins, mode, value))


# Resolution


@examples
@given(data=st.data())
def test_interpolate_accepts_and_gives_what_torch_does(data: st.DataObject) -> None:
    shape = data.draw(shapes(3, 5, 9))
    rank = len(shape) - 2
    values = data.draw(some(
        {"mode": st.sampled_from(["nearest", "linear", "bilinear", "bicubic", "trilinear", "area", "nearest-exact"])},
        {
            "size": pairs(data.draw(st.integers(1, 3)), st.integers(1, 9)),
            "scale_factor": pairs(rank, st.sampled_from([0.1, 0.3, 1 / 3, 0.5, 1.0, 1.5, 2, 2.7, 3])),
            "align_corners": st.none() | st.booleans(), "antialias": st.booleans(),
        },
    ))  # fmt: skip
    checked("interpolate", [shape], values, lambda x: F.interpolate(x, **tupled(values)))


@examples
@given(shapes(2, 5, 9), small)
def test_pixel_shuffling_accepts_and_gives_what_torch_does(shape: tuple[int, ...], factor: int) -> None:
    checked("pixel_shuffle", [shape], {"upscale_factor": factor}, lambda x: F.pixel_shuffle(x, factor))
    checked("pixel_unshuffle", [shape], {"downscale_factor": factor}, lambda x: F.pixel_unshuffle(x, factor))


# Several tensors


def related(count: int) -> st.SearchStrategy[list[tuple[int, ...]]]:
    """Shapes that differ in a place or two, if at all."""
    base = shapes(0, 4, 3)
    change = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3)), max_size=1)
    drop = st.integers(0, 1)

    def made(drawn: tuple[tuple[int, ...], list[tuple[list[tuple[int, int]], int]]]) -> list[tuple[int, ...]]:
        shape, edits = drawn
        out = []
        for places, left in edits:
            sizes = list(shape)
            for place, size in places:
                if place < len(sizes):
                    sizes[place] = size
            out.append(tuple(sizes[left:]))
        return out

    return st.tuples(base, st.lists(st.tuples(change, drop), min_size=count, max_size=count)).map(made)


@examples
@given(st.integers(1, 3).flatmap(related), axes())
def test_joins_accept_and_give_what_torch_does(several: list[tuple[int, ...]], dim: int) -> None:
    checked("concat", several, {"dim": dim}, lambda *xs: torch.cat(xs, dim))
    checked("stack", several, {"dim": dim}, lambda *xs: torch.stack(xs, dim))


@examples
@given(related(2))
def test_arithmetic_stretches_as_torch_does(both: list[tuple[int, ...]]) -> None:
    for name in ("add", "sub", "mul", "div", "pow", "maximum", "minimum"):
        checked(name, both, {}, getattr(torch, name))


@examples
@given(related(2), axes(), st.booleans())
def test_distances_accept_and_give_what_torch_does(both: list[tuple[int, ...]], dim: int, keepdim: bool) -> None:
    checked("cosine_similarity", both, {"dim": dim}, lambda x, y: F.cosine_similarity(x, y, dim))
    checked(
        "pairwise_distance",
        both,
        {"keepdim": keepdim},
        lambda x, y: F.pairwise_distance(x, y, keepdim=keepdim),
    )


@examples
@given(shapes(0, 4, 3), shapes(0, 4, 3), st.booleans())
def test_matmul_accepts_and_gives_what_torch_does(left: tuple[int, ...], right: tuple[int, ...], fitted: bool) -> None:
    if fitted and left and right:
        place = -2 if len(right) > 1 else -1
        right = (*right[:place], left[-1], *right[place:][1:])
    checked("matmul", [left, right], {}, torch.matmul)


@examples
@given(shapes(), st.none() | st.lists(axes(), min_size=1, max_size=2), st.booleans())
def test_reductions_accept_and_give_what_torch_does(
    shape: tuple[int, ...], dims: list[int] | None, keepdim: bool
) -> None:
    values = {"dim": dims, "keepdim": keepdim}
    taken = None if dims is None else tuple(dims)
    for name in ("mean", "sum", "var", "std"):
        checked(name, [shape], values, lambda x, name=name: getattr(x, name)(dim=taken, keepdim=keepdim))
    for name in ("max", "min"):
        # torch.amax means all axes by an empty tuple.
        checked(
            name,
            [shape],
            values,
            lambda x, name=name: getattr(x, f"a{name}")(dim=taken or (), keepdim=keepdim),
        )
    one = None if dims is None else dims[0]
    checked("argmax", [shape], {"dim": one, "keepdim": keepdim}, lambda x: x.argmax(dim=one, keepdim=keepdim))


# Attention


@examples
@given(data=st.data())
def test_attention_accepts_and_gives_what_torch_does(data: st.DataObject) -> None:
    batch = data.draw(shapes(0, 2, 2))
    queries, keys, width, values = (data.draw(small) for _ in range(4))
    given_shapes = [(*batch, queries, width), (*batch, keys, width), (*batch, keys, values)]
    if data.draw(st.booleans()):
        # A value too many or too few is not noticed by torch's fused kernel, so it is not tried.
        place, axis = data.draw(st.sampled_from([(1, -1), (2, -1)]))
        changed = list(given_shapes[place])
        changed[axis] += 1
        given_shapes[place] = tuple(changed)
    if data.draw(st.booleans()):
        given_shapes.append(
            data.draw(shapes(0, 3, 3)) + data.draw(st.sampled_from([(queries, keys), (1, keys), (keys,)]))
        )
    causal = len(given_shapes) == 3 and data.draw(st.booleans())
    checked(
        "scaled_dot_product_attention", given_shapes, {"is_causal": causal},
        lambda *xs: F.scaled_dot_product_attention(*xs, is_causal=causal),
    )  # fmt: skip


@examples
@given(data=st.data())
def test_multihead_attention_accepts_and_gives_what_torch_does(data: st.DataObject) -> None:
    batch, queries, keys = (data.draw(small) for _ in range(3))
    width, key, value = (data.draw(st.sampled_from([2, 4, 6])) for _ in range(3))
    values = data.draw(
        some(
            {"num_heads": small},
            {"bias": st.booleans(), "add_bias_kv": st.booleans(), "add_zero_attn": st.booleans()},
        )
    )
    shapes_ = [
        (batch, queries, width),
        (batch, keys, key),
        (batch + data.draw(st.integers(0, 1)), keys, value),
    ]

    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        module = nn.MultiheadAttention(width, kdim=key, vdim=value, batch_first=True, **values)
        return module(q, k, v, need_weights=False)[0]

    checked("multihead_attention", shapes_, values, run)
