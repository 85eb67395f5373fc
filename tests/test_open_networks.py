"""Known networks with open sizes: what they ask of a picture is what torch asks, for every size up to a few hundred."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from test_open_graphs import asks, opened
from torch import Tensor

from dlspec.sizes import evaluated

UNET = """
block double(x, width) { x -> conv1: conv2d(width, 3, padding=1) -> relu -> conv2: conv2d(width, 3, padding=1) -> relu }
network open {
  input image: float32[1, 3, H, W]
  e1 = image -> enc1: double(4)
  e2 = e1 -> max_pool2d(2) -> enc2: double(8)
  e3 = e2 -> max_pool2d(2) -> enc3: double(16)
  e4 = e3 -> max_pool2d(2) -> enc4: double(32)
  x = e4 -> max_pool2d(2) -> bottom: double(64)
  skips = [e4, e3, e2, e1]
  for i, skip in enumerate(skips) {
    up = x -> up{i}: conv_transpose2d(skip.channels, 2, stride=2)
    x = concat([skip, up]) -> dec{i}: double(skip.channels)
  }
  output y = x -> head: conv2d(2, 1)
}
"""


def unet(x: Tensor) -> Tensor:
    skips = []
    for _ in range(4):
        skips.append(x)
        x = F.max_pool2d(x, 2)
    for skip in reversed(skips):
        x = torch.cat([skip, F.conv_transpose2d(x, _weight(x, 2, out=2), stride=2)], 1)
    return x[:, :2]


VALID_UNET = """
block double(x, width) { x -> conv1: conv2d(width, 3) -> relu -> conv2: conv2d(width, 3) -> relu }
network open {
  input image: float32[1, 3, H, W]
  e1 = image -> enc1: double(4)
  e2 = e1 -> pixel_unshuffle(2) -> enc2: double(8)
  e3 = e2 -> pixel_unshuffle(2) -> enc3: double(16)
  e4 = e3 -> pixel_unshuffle(2) -> enc4: double(32)
  x = e4 -> pixel_unshuffle(2) -> bottom: double(64)
  skips = [e4, e3, e2, e1]
  for i, skip in enumerate(skips) {
    up = x -> up{i}: conv_transpose2d(skip.channels, 2, stride=2)
    x = concat([crop(skip, up), up]) -> dec{i}: double(skip.channels)
  }
  output y = x -> head: conv2d(2, 1)
}
"""
"""Ronneberger's, where every size that is halved must be even."""


def valid_unet(x: Tensor) -> Tensor:
    skips = []
    for _ in range(4):
        x = _double(x)
        skips.append(x)
        x = F.pixel_unshuffle(x, 2)[:, :3]
    x = _double(x)
    for skip in reversed(skips):
        up = F.conv_transpose2d(x, _weight(x, 2), stride=2)
        x = _double(torch.cat([_cropped(skip, up), up], 1))
    return x[:, :2]


def _double(x: Tensor) -> Tensor:
    for _ in range(2):
        x = F.conv2d(x, _weight(x, 3).transpose(0, 1))
    return x


FCN8S = """
network open {
  input image: float32[1, 3, H, W]
  p1 = image -> conv1: conv2d(4, 3, padding=100) -> relu -> max_pool2d(2, ceil_mode=true)
  p2 = p1 -> conv2: conv2d(4, 3, padding=1) -> relu -> max_pool2d(2, ceil_mode=true)
  p3 = p2 -> conv3: conv2d(4, 3, padding=1) -> relu -> max_pool2d(2, ceil_mode=true)
  p4 = p3 -> conv4: conv2d(4, 3, padding=1) -> relu -> max_pool2d(2, ceil_mode=true)
  p5 = p4 -> conv5: conv2d(4, 3, padding=1) -> relu -> max_pool2d(2, ceil_mode=true)
  up2 = p5 -> fc6: conv2d(4, 7) -> score: conv2d(2, 1) -> upscore2: conv_transpose2d(2, 4, stride=2)
  fuse4 = up2 + crop(p4 -> score4: conv2d(2, 1), up2, offset=5)
  up4 = fuse4 -> upscore4: conv_transpose2d(2, 4, stride=2)
  fuse3 = up4 + crop(p3 -> score3: conv2d(2, 1), up4, offset=9)
  up8 = fuse3 -> upscore8: conv_transpose2d(2, 16, stride=8)
  output y = crop(up8, image, offset=31)
}
"""


def fcn8s(x: Tensor) -> Tensor:
    image, pools = x, []
    x = F.pad(x, [99] * 4)
    for _ in range(5):
        x = F.max_pool2d(x, 2, ceil_mode=True)
        pools.append(x)
    x = F.conv2d(x, _weight(x, 7).transpose(0, 1))
    x = F.conv_transpose2d(x, _weight(x, 4), stride=2)
    x = x + _cropped(pools[3], x, 5)
    x = F.conv_transpose2d(x, _weight(x, 4), stride=2)
    x = x + _cropped(pools[2], x, 9)
    x = F.conv_transpose2d(x, _weight(x, 16), stride=8)
    return _cropped(x, image, 31)[:, :2]


HOURGLASS = """
block residual(x) { x + (x -> conv1: conv2d(4, 1) -> relu -> conv2: conv2d(4, 3, padding=1)) }
network open {
  input image: float32[1, 3, H, W]
  x = image -> stem: conv2d(4, 7, stride=2, padding=3) -> relu -> max_pool2d(2)
  skips = []
  for i in range(4) {
    skips = [x -> skip{i}: residual] + skips
    x = x -> max_pool2d(2) -> down{i}: residual
  }
  for i, skip in enumerate(skips) {
    x = skip + (x -> up{i}: residual -> interpolate(scale_factor=2))
  }
  output y = x -> heads: conv2d(2, 1)
}
"""
"""Newell's: four poolings below a quarter of the picture, and nearest neighbours on the way up."""


def hourglass(x: Tensor) -> Tensor:
    x = F.max_pool2d(F.conv2d(x, _weight(x, 7).transpose(0, 1), stride=2, padding=3), 2)
    skips = []
    for _ in range(4):
        skips.append(x)
        x = F.max_pool2d(x, 2)
    for skip in reversed(skips):
        up = F.interpolate(x, scale_factor=2.0)
        if up.shape != skip.shape:
            raise ValueError("an open size is stretched")
        x = skip + up
    return x[:, :2]


PYRAMID = """
network open {
  input image: float32[1, 3, H, W]WHERE
  c2 = image -> conv1: conv2d(4, 7, stride=2, padding=3) -> max_pool2d(3, stride=2, padding=1)
  c3 = c2 -> conv3: conv2d(4, 3, stride=2, padding=1)
  c4 = c3 -> conv4: conv2d(4, 3, stride=2, padding=1)
  c5 = c4 -> conv5: conv2d(4, 3, stride=2, padding=1)
  p4 = (c4 -> lateral4: conv2d(4, 1)) + (c5 -> interpolate(scale_factor=2))
  p3 = (c3 -> lateral3: conv2d(4, 1)) + (p4 -> interpolate(scale_factor=2))
  output y = (c2 -> lateral2: conv2d(4, 1)) + (p3 -> interpolate(scale_factor=2)) -> (head: conv2d(2, 1))
}
"""


def pyramid(x: Tensor) -> Tensor:
    x = F.conv2d(x, _weight(x, 7).transpose(0, 1), stride=2, padding=3)
    levels = [F.max_pool2d(x, 3, 2, 1)]
    for _ in range(3):
        levels.append(F.conv2d(levels[-1], _weight(x, 3).transpose(0, 1), stride=2, padding=1))
    x = levels.pop()
    for level in reversed(levels):
        up = F.interpolate(x, scale_factor=2.0)
        if up.shape != level.shape:
            raise ValueError("an open size is stretched")
        x = level + up
    return x[:, :2]


def _weight(x: Tensor, kernel: int, out: int = 3) -> Tensor:
    """The weight of a transposed convolution, for channels that torch's way keeps at three."""
    return torch.empty(x.shape[1], out, kernel, kernel, device="meta")


def _cropped(x: Tensor, like: Tensor, offset: int | None = None) -> Tensor:
    for axis in (2, 3):
        length = like.shape[axis]
        x = x.narrow(axis, (x.shape[axis] - length) // 2 if offset is None else offset, length)
    return x


NETWORKS: dict[str, tuple[str, Callable[[Tensor], Tensor], list[str]]] = {
    "unet": (UNET, unet, ["H % 16 == 0", "W % 16 == 0"]),
    "valid_unet": (VALID_UNET, valid_unet, ["H % 16 == 12", "H >= 188", "W % 16 == 12", "W >= 188"]),
    "fcn8s": (FCN8S, fcn8s, []),
    "hourglass": (HOURGLASS, hourglass, ["H % 64 in {0, 1, 2, 63}", "H >= 63", "W % 64 in {0, 1, 2, 63}", "W >= 63"]),
    "pyramid": (PYRAMID.replace("WHERE", ""), pyramid, ["H % 32 in {0, 29, 30, 31}", "W % 32 in {0, 29, 30, 31}"]),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_asks_is_what_torch_asks(name: str) -> None:
    text, run, requires = NETWORKS[name]
    graph, problems = opened(text)
    assert graph is not None, problems
    assert graph.requires == requires
    fitting = 256 if name != "valid_unet" else 188
    for side in range(1, 210, 3 if name == "fcn8s" else 1):
        for height, width in ((side, fitting), (fitting, side))[: 1 + (side % 8 == 4)]:
            sizes = {"H": height, "W": width}
            try:
                wanted = tuple(run(torch.empty(1, 3, height, width, device="meta")).shape)
            except (RuntimeError, ValueError, IndexError):
                assert not asks(graph.requires, sizes), sizes
                continue
            assert asks(graph.requires, sizes), sizes
            assert tuple(evaluated(size, sizes) for size in graph.outputs["y"].shape) == wanted


def test_a_pyramid_is_accepted_for_every_multiple_of_32_and_asks_nothing_more() -> None:
    graph, problems = opened(PYRAMID.replace("WHERE", " where H % 32 == 0, W % 32 == 0"))
    assert not problems
    assert graph.requires == []


SMALL = "network open {\n  input x: float32[1, 3, H, W]\n  output y = x -> c: conv2d(8, 7)\n}\n"


def test_a_window_larger_than_the_map_is_refused_and_no_size_is_negative() -> None:
    graph, problems = opened(SMALL, x=(1, 3, 2, 2))
    assert graph is None
    assert [problem.code for problem in problems] == ["E0307"]
    assert opened(SMALL)[0].requires == ["H >= 7", "W >= 7"]


def test_sizes_that_would_do_are_named_where_a_declared_size_does_not() -> None:
    graph, problems = opened(PYRAMID.replace("WHERE", " where H % 32 == 16, W % 32 == 0"))
    assert graph is None
    assert problems[0].notes[-1] == "declared sizes rule this out; it fits where (H + 15) % 32 <= 15"
