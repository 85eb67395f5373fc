"""Bytes agree with what torch holds: tensors saved for the backward pass, and storages alive in inference.

The networks are written twice, as specs and by hand in torch, as an engineer would write them.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from spec_graphs import RESNET, graph_of
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from dlspec.analyses.memory import Largest, is_at_least, memory
from dlspec.sizes import evaluated, symbol

torch.set_num_threads(1)


def kept_bytes(model: nn.Module, *inputs: Tensor) -> int:
    """Bytes of the storages that autograd saves in a training step, weights and buffers left out."""
    own = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
    saved: dict[int, int] = {}
    held: list[Tensor] = []

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            held.append(tensor)  # so that no address is used twice
            saved[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        model.train()(*inputs)
    return sum(saved.values())


class Live(TorchDispatchMode):
    """Adds up the bytes of all storages that are alive, after every operation."""

    def __init__(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        super().__init__()
        self.known = {tensor.untyped_storage().data_ptr() for tensor in (*model.parameters(), *model.buffers())}
        self.now = self.peak = 0
        for tensor in inputs:
            self.note(tensor)

    def note(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        place = storage.data_ptr()
        if place in self.known or not storage.nbytes():
            return
        self.known.add(place)
        self.now += storage.nbytes()
        weakref.finalize(storage, self.free, place, storage.nbytes())

    def free(self, place: int, size: int) -> None:
        self.known.discard(place)
        self.now -= size

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor):
                self.note(tensor)
        self.peak = max(self.peak, self.now)
        return out


def peak_bytes(model: nn.Module, *inputs: Tensor) -> int:
    """The most bytes of activations that are alive in inference."""
    model.eval()
    with torch.no_grad(), Live(model, inputs) as live:
        model(*inputs)
    return live.peak


class Basic(nn.Module):
    def __init__(self, channels: int, width: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = None
        if stride != 1 or channels != width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride=stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + shortcut)


class ResNet18(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, stride=2, padding=3, bias=False), nn.BatchNorm2d(64)
        widths = [64, 64, 128, 256, 512]
        self.layers = nn.ModuleList(
            nn.Sequential(Basic(a, b, 1 if a == b else 2), Basic(b, b)) for a, b in zip(widths, widths[1:])
        )
        self.fc = nn.Linear(512, 1000)

    def forward(self, image: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(image)))
        x = F.max_pool2d(x, 3, stride=2, padding=1)
        for layer in self.layers:
            x = layer(x)
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Encoder(nn.Module):
    def __init__(self, dim: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.mlp = nn.Sequential(nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(0.1), nn.Linear(hidden, dim))

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.ln_1(x)).chunk(3, dim=-1)
        weights = (q @ k.transpose(1, 2)).softmax(-1)
        y = x + self.out(weights @ v)
        return y + self.mlp(self.ln_2(y))


ENCODER = """
network encoder {
  input x: float32[2, 49, 64]
  q, k, v = x -> ln_1: layer_norm -> qkv: linear(192) -> chunk(3, dim=2)
  weights = matmul(q, k -> transpose(1, 2)) -> softmax(dim=2)
  y = x + (matmul(weights, v) -> out: linear(64))
  output z = y + (y -> ln_2: layer_norm -> mlp: {linear(256) -> gelu -> dropout(0.1) -> linear(64)})
}
"""


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.down3 = self.double(1, 8), self.double(8, 16), self.double(16, 32)
        self.up2, self.up1 = nn.ConvTranspose2d(32, 16, 2, stride=2), nn.ConvTranspose2d(16, 8, 2, stride=2)
        self.dec2, self.dec1 = self.double(32, 16), self.double(16, 8)
        self.head = nn.Conv2d(8, 2, 1)

    def double(self, channels: int, width: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
        )

    def forward(self, image: Tensor) -> Tensor:
        c1 = self.down1(image)
        c2 = self.down2(F.max_pool2d(c1, 2))
        x = self.down3(F.max_pool2d(c2, 2))
        x = self.dec2(torch.cat([self.up2(x), c2], dim=1))
        x = self.dec1(torch.cat([self.up1(x), c1], dim=1))
        return self.head(x)


UNET = """
block double(x, width) { x -> conv2d(width, 3, padding=1) -> relu -> conv2d(width, 3, padding=1) -> relu }
network unet {
  input image: float32[2, 1, 64, 64]
  c1 = image -> down1: double(8)
  c2 = c1 -> max_pool2d(2) -> down2: double(16)
  x = c2 -> max_pool2d(2) -> down3: double(32)
  x = concat(x -> up2: conv_transpose2d(16, 2, stride=2), c2) -> dec2: double(16)
  x = concat(x -> up1: conv_transpose2d(8, 2, stride=2), c1) -> dec1: double(8)
  output mask = x -> head: conv2d(2, 1)
}
"""


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Dropout(0.2), nn.Linear(256, 128), nn.Tanh(),
            nn.Linear(128, 10),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        return self.layers(image)


MLP = """
network mlp {
  input image: float32[32, 1, 28, 28]
  output logits = image -> layers: {
    flatten -> linear(256) -> relu -> dropout(0.2) -> linear(128) -> tanh -> linear(10)
  }
}
"""

PAIRS: dict[str, tuple[str, Callable[[], nn.Module], str, tuple[int, ...]]] = {
    "resnet18": (RESNET, ResNet18, "image", (2, 3, 96, 96)),
    "encoder": (ENCODER, lambda: Encoder(64, 1, 256), "x", (2, 49, 64)),
    "unet": (UNET, UNet, "image", (2, 1, 64, 64)),
    "mlp": (MLP, Mlp, "image", (32, 1, 28, 28)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_activation_bytes_are_those_that_autograd_saves(name: str) -> None:
    text, model, input_name, shape = PAIRS[name]
    found = memory(graph_of(text, name, **{input_name: shape})).activation_bytes
    held = kept_bytes(model(), torch.zeros(shape))
    assert abs(found - held) <= held // 10, (found, held)


@pytest.mark.parametrize("name", PAIRS)
def test_peak_bytes_are_those_that_are_alive_in_inference(name: str) -> None:
    text, model, input_name, shape = PAIRS[name]
    found = memory(graph_of(text, name, **{input_name: shape})).peak_bytes
    held = peak_bytes(model(), torch.zeros(shape))
    assert isinstance(found, int)
    assert abs(found - held) <= held // 10, (found, held)


@pytest.mark.parametrize("name", ["resnet18"])
def test_open_sizes_give_the_bytes_of_every_size(name: str) -> None:
    text, _, input_name, _ = PAIRS[name]
    open_ = memory(graph_of(text, name))
    for height, width in ((1, 1), (33, 40), (224, 224), (512, 96)):
        closed = memory(graph_of(text, name, **{input_name: (3, 3, height, width)}))
        values = {"N": 3, "H": height, "W": width}
        assert evaluated(open_.activation_bytes, values) == closed.activation_bytes
        assert isinstance(open_.peak_bytes, Largest)
        assert open_.peak_bytes.evaluate(values) == closed.peak_bytes


def test_frozen_layers_before_the_first_trained_one_keep_nothing() -> None:
    text = """
    network n {{
      input x: float32[4, 8]
      output y = x -> a: {} -> relu -> b: linear(8)
    }}
    """
    kept = [memory(graph_of(text.format(a))).activation_bytes for a in ("linear(8)", "freeze(linear(8))")]
    number = 4 * 8 * 4
    # Trained: what `a` reads and what the activation gives, which `b` reads; frozen: the latter alone.
    assert kept == [2 * number, number]


def test_what_is_covered_term_by_term_is_smaller_for_every_size() -> None:
    H, W, N = symbol("H"), symbol("W"), symbol("N")
    half, quarter = (H + 1) // 2, (H + 3) // 4
    assert is_at_least(64 * N * half, 32 * N * quarter)
    assert is_at_least(N * H * W + 5, N * H)
    assert not is_at_least(64 * N * quarter, 64 * N * half)
    assert not is_at_least(N * H, N * W)
    assert not is_at_least(2 * N * quarter, N * half + N)
