"""The questions that known networks ask of their input sizes, answered exactly."""

from __future__ import annotations

from itertools import pairwise

from dlspec.sizes import (
    Condition,
    Dim,
    Domain,
    Size,
    Verdict,
    Window,
    ceil_div,
    compare,
    decide,
    solve,
    symbol,
    transposed_size,
)

H, W, N = symbol("H"), symbol("W"), symbol("N")
FREE = Domain()


def unet(size: Dim) -> list[Condition]:
    """Four poolings, same padding: what is concatenated must agree."""
    skips, conditions = [], []
    for _ in range(4):
        skips.append(size)
        size = Window.of(2, 2).size(size)
        conditions.append(compare(size, ">=", 1))
    for skip in reversed(skips):
        size = transposed_size(size, 2, stride=2)
        conditions.append(compare(size, "==", skip))
    return conditions


def valid_unet(size: Dim) -> list[Condition]:
    """The original: 3×3 convolutions without padding, every pooling even, skips cropped to what comes up."""
    pair = Window.of(3).then(Window.of(3))
    skips, conditions = [], []
    for _ in range(4):
        size = pair.size(size)
        skips.append(size)
        conditions.append(compare(size % 2, "==", 0))
        size = Window.of(2, 2).size(size)
    size = pair.size(size)
    conditions.append(compare(size, ">=", 1))
    for skip in reversed(skips):
        size = transposed_size(size, 2, stride=2)
        conditions.append(compare(skip, ">=", size))
        size = pair.size(size)
        conditions.append(compare(size, ">=", 1))
    return conditions


def fcn8s(size: Dim) -> list[Condition]:
    """The crops of voc-fcn8s: 100 pixels of padding, poolings rounded up, offsets 5, 9 and 31."""
    pool = Window.of(2, 2).rounded_up()
    x = Window.of(3, padding=100).size(size)
    pooled = []
    for _ in range(5):
        x = pool.size(x)
        pooled.append(x)
    score = Window.of(7).size(x)
    up2 = transposed_size(score, 4, stride=2)
    up4 = transposed_size(up2, 4, stride=2)
    up8 = transposed_size(up4, 16, stride=8)
    inside = [(up2 + 5, pooled[3]), (up4 + 9, pooled[2]), (size + 31, up8)]
    return [compare(score, ">=", 1), *(compare(crop, "<=", whole) for crop, whole in inside)]


def pyramid(size: Dim) -> list[Condition]:
    """Additions of a level doubled and the level below, all sizes halved rounding up."""
    levels = [ceil_div(size, stride) for stride in (4, 8, 16, 32)]
    return [compare(2 * deep, "==", shallow) for shallow, deep in pairwise(levels)]


def swin(height: Dim, width: Dim) -> list[Condition]:
    """Windows of 7 × 7 tokens at four strides: what is cut into windows must be all there is."""
    conditions = []
    for stride in (4, 8, 16, 32):
        rows, columns = height // stride, width // stride
        conditions += [compare(rows, ">=", 1), compare(columns, ">=", 1)]
        conditions.append(compare(N * rows * columns, "==", 49 * N * (rows // 7) * (columns // 7)))
    return conditions


def test_unet_asks_for_multiples_of_16() -> None:
    answer = solve([*unet(H), *unet(W)], FREE)
    assert answer.verdict is Verdict.SOMETIMES
    assert answer.texts == ["H % 16 == 0", "W % 16 == 0"]


def test_unet_asks_nothing_where_multiples_are_declared() -> None:
    declared = Domain([compare(H % 16, "==", 0), compare(W % 32, "==", 0)])
    assert solve([*unet(H), *unet(W)], declared).verdict is Verdict.ALWAYS


def test_unet_refuses_a_declared_size_that_does_not_divide() -> None:
    answer = solve(unet(H), Domain([compare(H, "==", 100)]))
    assert answer.verdict is Verdict.NEVER
    assert len(answer.unsatisfiable) == 1


def test_the_original_unet_asks_for_12_modulo_16_from_188_on() -> None:
    assert solve(valid_unet(H), FREE).texts == ["H % 16 == 12", "H >= 188"]
    assert solve(valid_unet(572), FREE).verdict is Verdict.ALWAYS


def test_fcn8s_crops_fit_every_picture() -> None:
    assert solve(fcn8s(H), FREE).verdict is Verdict.ALWAYS


def test_a_feature_pyramid_takes_multiples_of_32_and_a_little_less() -> None:
    assert solve(pyramid(H), FREE).texts == ["H % 32 in {0, 29, 30, 31}"]
    assert solve(pyramid(H), Domain([compare(H % 32, "==", 0)])).verdict is Verdict.ALWAYS


def test_the_last_stage_of_resnet_is_a_32nd_rounded_up() -> None:
    size: Dim = H
    for kernel in (7, 3, 3, 3, 3):
        size = Window.of(kernel, 2, kernel // 2).size(size)
    assert decide(compare(size, "==", ceil_div(H, 32)), FREE) is Verdict.ALWAYS
    assert size == ceil_div(H, 32)


def test_a_shortcut_around_a_stride_holds_for_one_pixel_only() -> None:
    assert solve([compare(H, "==", Window.of(3, 2, 1).size(H))], FREE).texts == ["H == 1"]
    assert decide(compare(H, "==", Window.of(3, 2, 0).size(H)), FREE) is Verdict.NEVER
    at_least_two = Domain([compare(H, ">=", 2)])
    assert decide(compare(H, "==", Window.of(3, 2, 1).size(H)), at_least_two) is Verdict.NEVER


def test_window_attention_splits_by_axis() -> None:
    texts = solve(swin(H, W), FREE).texts
    assert texts == ["H % 224 in {0, 1, 2, 3}", "H >= 224", "W % 224 in {0, 1, 2, 3}", "W >= 224"]
    assert solve(swin(H, W), Domain([compare(H % 224, "==", 0), compare(W, "==", H)])).verdict is Verdict.ALWAYS


def test_two_pictures_of_one_network_must_agree() -> None:
    other: Size = symbol("H2")
    answer = solve([*unet(H), *unet(other), compare(other, "==", H)], FREE)
    assert answer.texts == ["H % 16 == 0", "H == H2"]
