"""Pictures in files: looked at before a run, decoded when they are needed.

What cannot be read is told by name. A JPEG that is to shrink to half or less is decoded at a lower resolution, which
is several times quicker and is what `predict` does too.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dlspec.plan.keys import ResolvedPlan
from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError, UnreadableError
from dlspec.training.stored import Ahead, Stored

if TYPE_CHECKING:
    from typing import Any

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

IN_MEMORY = 1 << 30
"""Bytes of decoded pictures up to which all are read at the start."""

NAMED = 5
"""Broken pictures that a message names."""

Pixels = NDArray[np.uint8]


def decoded(file: Path | io.BytesIO, channels: int, size: tuple[int, int] | None) -> Pixels:
    """The pixels (H, W, channels) of a picture, on white where it is transparent, at a size where one is given.

    Raises OSError, ValueError or SyntaxError where the file is no picture or is cut short.
    """
    from PIL import Image

    with Image.open(file) as image:
        mode = "L" if channels == 1 else "RGB"
        if size is not None:
            image.draft(mode, (2 * size[1], 2 * size[0]))
        picture = on_white(image).convert(mode)
        if size is not None and picture.size != (size[1], size[0]):
            picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR, reducing_gap=None)
        pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[:, :, None] if channels == 1 else pixels


def on_white(image: Any) -> Any:
    """What is transparent shows white paper."""
    from PIL import Image

    if "A" not in image.getbands() and "transparency" not in image.info:
        return image
    layered = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layered.size, "white"), layered)


class Pictures(Record):
    """Pictures that are not read yet: what each is called, and how it is opened."""

    names: list[str]
    open: Callable[[int], Path | io.BytesIO]
    channels: int
    shape: tuple[int, ...] = ()
    size: tuple[int, int] | None = None
    blocks: list[int] | None = None
    """For each the number of the file that it lies in with others, to be read together."""

    def __len__(self) -> int:
        return len(self.names)

    def pixels(self, row: int) -> Pixels:
        """One picture; raises UnreadableError by its name."""
        try:
            return decoded(self.open(row), self.channels, self.size)
        except (OSError, ValueError, SyntaxError) as error:
            raise UnreadableError(_unreadable(self.names[row], error), "take it out, or say `broken=skip`") from None

    def read(self, rows: list[int]) -> Tensor:
        """Pictures (rows, channels, H, W) in 0..1."""
        stacked = np.stack([self.pixels(row) for row in rows])
        return torch.from_numpy(stacked).permute(0, 3, 1, 2).to(torch.float32) / 255

    def kept(self, rows: Sequence[int]) -> Pictures:
        """Some of them."""
        names = [self.names[row] for row in rows]
        blocks = None if self.blocks is None else [self.blocks[row] for row in rows]
        return Pictures(names, _Some(self.open, list(rows)), self.channels, self.shape, self.size, blocks)


class _Some(Record):
    """How some of the pictures are opened; an object, since workers may be sent a copy of it."""

    open: Callable[[int], Path | io.BytesIO]
    rows: list[int]

    def __call__(self, row: int) -> Path | io.BytesIO:
        return self.open(self.rows[row])


def _unreadable(name: str, error: Exception) -> str:
    said = str(error).replace(f" '{name}'", "") or type(error).__name__
    return f"`{name}` cannot be read as a picture: {said}"


class Loaded(Record):
    """Inputs in memory or in files, the rows that could be read, and what is said of the others."""

    inputs: Tensor | Stored
    rows: list[int]
    notes: tuple[str, ...]


def loaded(pictures: Pictures, plan: ResolvedPlan, broken: str, where: str) -> Loaded:
    """Pictures as inputs, all of one size; `broken` is what is done about those that cannot be read.

    Raises UnreadableError where one is broken and is not to be skipped, RunError where sizes differ.
    """
    resize, data = plan.data.resize, plan.data
    pictures.size = (resize, resize) if isinstance(resize, int) else resize
    problems = _looked_at(pictures, data.workers)
    if pictures.size is None:
        pictures.size = _one_size(pictures, problems)
    pictures.shape = (pictures.channels, *pictures.size)
    room = 4 * len(pictures) * int(np.prod(pictures.shape))
    at_once = room <= IN_MEMORY if data.in_memory is None else data.in_memory
    decoded_all: dict[int, Pixels] = {}
    if at_once or broken == "skip":
        decoded_all = _decoded_all(pictures, problems, data.workers, keep=at_once)
    rows = [row for row in range(len(pictures)) if row not in problems]
    notes = _told(pictures, problems, broken, where)
    if not rows:
        raise UnreadableError(f"no picture of `{where}` can be read", problems[0])
    if not at_once:
        return Loaded(Stored(pictures.kept(rows), Ahead(data.workers, data.prefetch)), rows, notes)
    stacked = torch.from_numpy(np.stack([decoded_all[row] for row in rows]))
    return Loaded(stacked.permute(0, 3, 1, 2).to(torch.float32).div_(255).contiguous(), rows, notes)


def _looked_at(pictures: Pictures, threads: int) -> dict[int, str]:
    """What is wrong with files by their headers alone, which takes 30 µs each."""
    from PIL import Image

    def look(row: int) -> str:
        try:
            with Image.open(pictures.open(row)):
                return ""
        except (OSError, ValueError, SyntaxError) as error:
            return _unreadable(pictures.names[row], error)

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        return {row: said for row, said in enumerate(pool.map(look, range(len(pictures)))) if said}


def _decoded_all(pictures: Pictures, problems: dict[int, str], threads: int, *, keep: bool) -> dict[int, Pixels]:
    """Every picture that can be decoded; the others go to the problems. Pillow decodes without Python's lock."""
    found: dict[int, Pixels] = {}

    def decode(row: int) -> None:
        try:
            pixels = pictures.pixels(row)
        except UnreadableError as error:
            problems[row] = error.message
        else:
            if keep:
                found[row] = pixels

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        list(pool.map(decode, [row for row in range(len(pictures)) if row not in problems]))
    return found


def _one_size(pictures: Pictures, problems: dict[int, str]) -> tuple[int, int]:
    """The size that all pictures have; raises RunError where two differ."""
    from PIL import Image

    first: tuple[int, int] | None = None
    first_name = ""
    for row in range(len(pictures)):
        if row in problems:
            continue
        with Image.open(pictures.open(row)) as image:
            size = (image.height, image.width)
        if first is None:
            first, first_name = size, pictures.names[row]
        elif size != first:
            said = f"`{first_name}` is {first[0]} x {first[1]}, `{pictures.names[row]}` {size[0]} x {size[1]}"
            hint = "say which size they are brought to: `resize = 64` in `data`"
            raise RunError(f"pictures differ in size: {said}", hint)
    return first or (1, 1)


def _told(pictures: Pictures, problems: dict[int, str], broken: str, where: str) -> tuple[str, ...]:
    """A note about what is skipped; raises UnreadableError where nothing is to be."""
    if not problems:
        return ()
    order = sorted(problems)
    if broken == "refuse":
        more = f"; so are {len(order) - 1} more" if len(order) > 1 else ""
        hint = "take it out, or leave all such out with `broken=skip`"
        raise UnreadableError(f"{problems[order[0]]}{more}", hint)
    named = ", ".join(f"`{pictures.names[row]}`" for row in order[:NAMED]) + (", ..." if len(order) > NAMED else "")
    return (f"{len(order):,} of {len(pictures):,} pictures of `{where}` cannot be read and are left out: {named}",)
