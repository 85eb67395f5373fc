"""Pictures in files: looked at before a run, decoded when they are needed.

What cannot be read is told by name. A JPEG that is to shrink to half or less is decoded at a lower resolution, which
is several times quicker and is what `predict` does too. A picture stands upright, as viewers show it, where its camera
noted how it was held (EXIF); one whose annotations were made of its pixels as they lie is left so.
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
from dlspec.training.ragged import OPEN, Images, Ragged, Size
from dlspec.training.stored import Ahead, Stored

if TYPE_CHECKING:
    from typing import Any

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".pgm", ".ppm")

IN_MEMORY = 1 << 30
"""Bytes of decoded pictures up to which all are read at the start."""

NAMED = 5
"""Broken pictures that a message names."""

Pixels = NDArray[np.uint8]


def decoded(file: Path | io.BytesIO, channels: int, size: Size | None, *, upright: bool = True) -> Pixels:
    """The pixels (H, W, channels) of a picture, on white where it is transparent, at a size where one is given.

    Where it is not to stand upright its pixels stay as they lie in the file. Raises OSError, ValueError or SyntaxError
    where the file is no picture or is cut short.
    """
    from PIL import Image

    with Image.open(file) as image:
        mode, turn = "L" if channels == 1 else "RGB", _orientation(image) if upright else AS_IT_LIES
        if size is not None:
            wide, high = reversed(size) if turn not in ON_ITS_SIDE else size
            image.draft(mode, (2 * wide, 2 * high))
        picture = on_white(in_bytes(image)).convert(mode)
        if turn in TURNS:
            picture = picture.transpose(Image.Transpose[TURNS[turn]])
        if size is not None and picture.size != (size[1], size[0]):
            picture = picture.resize((size[1], size[0]), Image.Resampling.BILINEAR, reducing_gap=None)
        pixels = np.asarray(picture, dtype=np.uint8)
    return pixels[:, :, None] if channels == 1 else pixels


AS_IT_LIES, ON_ITS_SIDE = 1, (5, 6, 7, 8)
"""EXIF's numbers of how a camera was held."""

TURNS = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE", 6: "ROTATE_270", 7: "TRANSVERSE",
    8: "ROTATE_90",
}  # fmt: skip
"""What makes a picture stand upright, by EXIF's numbers."""


def _orientation(image: Any) -> int:
    """How the camera was held; what Pillow turns by itself counts as lying right."""
    if "exif" not in image.info or image.format == "TIFF":
        return AS_IT_LIES
    return int(image.getexif().get(0x0112, AS_IT_LIES))


def in_bytes(image: Any) -> Any:
    """Grey values of 16 bits as bytes of 8, which Pillow would cut off at 255; raises ValueError for other numbers."""
    from PIL import Image

    if not image.mode.startswith(("I", "F")):
        return image
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ValueError("its pixels are numbers of 32 bits, and no scale says which of them is white")
    return Image.fromarray((values.astype(np.float32) / 257).round().astype(np.uint8))


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
    size: Size | None = None
    """Height and width that all are brought to; None where each keeps its own."""
    blocks: list[int] | None = None
    """For each the number of the file that it lies in with others, to be read together."""
    sizes: list[Size] = []
    """Height and width of each, as far as headers were looked at."""
    annotated: list[Size] = []
    """The size that annotations say each has, where there are any."""
    lying: list[bool] = []
    """Whether each is annotated as its pixels lie, and not as it stands upright."""

    def __len__(self) -> int:
        return len(self.names)

    def pixels(self, row: int) -> Pixels:
        """One picture; raises UnreadableError by its name."""
        try:
            upright = not (self.lying and self.lying[row])
            return decoded(self.open(row), self.channels, self.size, upright=upright)
        except (OSError, ValueError, SyntaxError) as error:
            raise UnreadableError(_unreadable(self.names[row], error), "take it out, or say `broken=skip`") from None

    def read(self, rows: list[int]) -> Images:
        """Pictures (rows, channels, H, W) in 0..1, or ragged."""
        if self.size is None:
            return Ragged([as_image(self.pixels(row)) for row in rows])
        stacked = np.stack([self.pixels(row) for row in rows])
        return torch.from_numpy(stacked).permute(0, 3, 1, 2).to(torch.float32) / 255

    def kept(self, rows: Sequence[int]) -> Pictures:
        """Some of them."""
        names = [self.names[row] for row in rows]
        blocks = None if self.blocks is None else [self.blocks[row] for row in rows]
        made = Pictures(names, _Some(self.open, list(rows)), self.channels, self.shape, self.size, blocks)
        made.sizes, made.lying = [self.sizes[row] for row in rows], [self.lying[row] for row in rows]
        return made


def as_image(pixels: Pixels) -> Tensor:
    """Pixels (H, W, C) of bytes as an image (C, H, W) in 0..1."""
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1).to(torch.float32).div_(255).contiguous()


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

    inputs: Images | Stored
    rows: list[int]
    notes: tuple[str, ...]
    sizes: list[Size]
    """Height and width of each, before it is brought to another size."""


def loaded(pictures: Pictures, plan: ResolvedPlan, broken: str, where: str, *, ragged: bool = False) -> Loaded:
    """Pictures as inputs, all of one size unless they may be `ragged`; `broken` is what is done about unreadable ones.

    Raises UnreadableError where one is broken and is not to be skipped, RunError where sizes differ and may not.
    """
    resize, data = plan.data.resize, plan.data
    pictures.size = (resize, resize) if isinstance(resize, int) else resize
    problems = _looked_at(pictures, data.workers)
    if pictures.size is None:
        pictures.size = _one_size(pictures, problems, ragged=ragged)
    pictures.shape = (pictures.channels, *(pictures.size or (OPEN, OPEN)))
    at_once = _bytes_decoded(pictures) <= IN_MEMORY if data.in_memory is None else data.in_memory
    decoded_all: dict[int, Pixels] = {}
    if at_once or broken == "skip":
        decoded_all = _decoded_all(pictures, problems, data.workers, keep=at_once)
    rows = [row for row in range(len(pictures)) if row not in problems]
    notes = _told(pictures, problems, broken, where)
    if not rows:
        raise UnreadableError(f"no picture of `{where}` can be read", problems[0])
    sizes = [pictures.sizes[row] for row in rows]
    if not at_once:
        return Loaded(Stored(pictures.kept(rows), Ahead(data.workers, data.prefetch)), rows, notes, sizes)
    if pictures.size is None:
        return Loaded(Ragged([as_image(decoded_all[row]) for row in rows]), rows, notes, sizes)
    stacked = torch.from_numpy(np.stack([decoded_all[row] for row in rows]))
    return Loaded(stacked.permute(0, 3, 1, 2).to(torch.float32).div_(255).contiguous(), rows, notes, sizes)


def _bytes_decoded(pictures: Pictures) -> int:
    """What all of them take in memory as images."""
    sizes = pictures.sizes if pictures.size is None else [pictures.size] * len(pictures)
    return 4 * pictures.channels * sum(high * wide for high, wide in sizes)


def _looked_at(pictures: Pictures, threads: int) -> dict[int, str]:
    """The sizes of files, and what is wrong with some, by their headers alone, which takes 30 µs each."""
    from PIL import Image

    def look(row: int) -> tuple[Size, bool, str]:
        try:
            with Image.open(pictures.open(row)) as image:
                lies, turn = (image.height, image.width), _orientation(image)
        except (OSError, ValueError, SyntaxError) as error:
            return (1, 1), False, _unreadable(pictures.names[row], error)
        stands = (lies[1], lies[0]) if turn in ON_ITS_SIDE else lies
        said = pictures.annotated[row] if pictures.annotated else stands
        if said in (stands, lies):
            return said, said != stands, ""
        about = f"`{pictures.names[row]}` is {stands[1]} x {stands[0]}, and its annotation says {said[1]} x {said[0]}"
        return stands, False, f"{about}, so that boxes are of other pixels"

    with ThreadPoolExecutor(max(threads, 1)) as pool:
        looks = list(pool.map(look, range(len(pictures))))
    pictures.sizes, pictures.lying = [size for size, _, _ in looks], [lying for _, lying, _ in looks]
    return {row: said for row, (_, _, said) in enumerate(looks) if said}


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


def _one_size(pictures: Pictures, problems: dict[int, str], *, ragged: bool) -> Size | None:
    """The size that all pictures have; None where two differ and may, else raises RunError."""
    known = [row for row in range(len(pictures)) if row not in problems]
    if not known:
        return (1, 1)
    first = pictures.sizes[known[0]]
    for row in known:
        size = pictures.sizes[row]
        if size != first and ragged:
            return None
        if size != first:
            one, other = pictures.names[known[0]], pictures.names[row]
            said = f"`{one}` is {first[0]} x {first[1]}, `{other}` {size[0]} x {size[1]}"
            hint = "say which size they are brought to: `resize = 64` in `data`"
            raise RunError(f"pictures differ in size: {said}", hint)
    return first


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
