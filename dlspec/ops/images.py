"""Operators between images of several sizes and a batch: resizing, padding, and the way back."""

from __future__ import annotations

from dlspec.ops.region import Region
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import Window, evaluated, symbols_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dlspec.ops.fact import At, Fact
    from dlspec.ops.kinds import Count, Numbers
    from dlspec.ops.op import Limit
    from dlspec.ops.spread import Seen
    from dlspec.sizes import Dim


class BatchImages(Region):
    """Bring images of several sizes into one batch: each scaled until it fits, then all padded to one size.

    The shorter side becomes `min_size`, unless the longer one then exceeded `max_size`. Height and width of the batch
    are multiples of `size_divisible`, so that every stride of a network divides them.
    """

    axes = "C h w -> N C H W, N 2, N 2"
    inputs = ("images",)
    lists = ("images",)
    results = ("batch", "sizes", "originals")
    result_dtypes = ("float32", "int64", "int64")
    samples = (
        "list[float32[3, 40, 60]] -> batch_images(20, 64, size_divisible=16)",
        "list[float32[1, 30, 20]] -> batch_images(image_mean=[0.5], image_std=[0.25])",
    )
    mistakes = (
        ("float32[2, 3, 40, 60] -> batch_images", "E0325"),
        ("list[float32[3, 40, 60]] -> batch_images(64, 32)", "E0202"),
        ("list[float32[1, 40, 60]] -> batch_images(image_mean=[0.5, 0.5, 0.5])", "E0302"),
    )

    min_size: Count = 800
    """What the shorter side of an image becomes."""
    max_size: Count = 1333
    """What the longer side may become at most."""
    image_mean: Numbers | None = None
    """What is taken from each channel before; nothing unless said."""
    image_std: Numbers | None = None
    """What each channel is divided by before."""
    size_divisible: Count = 32
    """What the height and the width of the batch are multiples of."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield (
            self.max_size >= self.min_size, "max_size",
            f"the longer side may be {self.max_size} at most, the shorter one is to be {self.min_size}",
        )  # fmt: skip
        for name in ("image_mean", "image_std"):
            given = getattr(self, name)
            yield (
                given is None or len(given) == at["C"], name,
                f"`{name}` has {len(given or ())} numbers, the images have {at['C']} channels", "E0302",
            )  # fmt: skip

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        sides = at["h"], at["w"]
        if all(isinstance(side, int) for side in sides):
            at["H"], at["W"] = (_padded(side, self.size_divisible) for side in self.scaled(*sides))
        else:
            most = _padded(self.max_size, self.size_divisible)
            for axis in ("H", "W"):
                at[axis] = at.only_a_run_knows(axis, least=self.size_divisible, most=most, multiple=self.size_divisible)
        return facts

    def scaled(self, height: int, width: int) -> tuple[int, int]:
        """The sides of an image once scaled, rounded down as PyTorch rounds them."""
        scale = min(self.min_size / min(height, width), self.max_size / max(height, width))
        return int(height * scale), int(width * scale)

    def likely(self, at: At, sizes: Mapping[str, int]) -> Iterator[tuple[Dim, int]]:
        sides = at["h"], at["w"]
        if all(symbols_of(side) <= {*sizes} for side in sides):
            known = [evaluated(side, sizes) for side in sides]
            scaled = self.scaled(known[0], known[1])
            yield from ((at[axis], _padded(side, self.size_divisible)) for axis, side in zip(("H", "W"), scaled))

    def size_words(self, at: At, outputs: Sequence[Fact]) -> Iterator[str]:
        yield f"the shorter side becomes {self.min_size}, the longer one {self.max_size} at most; both are padded"
        yield f"to multiples of {self.size_divisible}, those of the largest image: {at['H']} × {at['W']}"

    def spread(self, at: At, outputs: Sequence[Fact], port: int = 0) -> tuple[Seen, ...]:
        """What follows sees so many pixels of the batch: how many of an image these are depends on its size."""
        return (1, Window()), (2, Window()), (3, Window())


def _padded(side: int, multiple: int) -> int:
    return -(-side // multiple) * multiple


class ImageSizes(Region):
    """The sizes of the images of a batch that is not padded: height and width, as many times as there are images."""

    axes = "N C H W -> N 2"
    inputs = ("images",)
    unread = ("images",)
    result_dtypes = ("int64",)
    is_bookkeeping = True
    samples = ("float32[2, 3, 40, 60] -> image_sizes",)
    mistakes = (("float32[2, 3] -> image_sizes", "E0301"),)


class _Scaled(Region, abstract=True):
    """Something in pixels of images that are scaled."""

    is_bookkeeping = True
    dtypes = ("float32", "int64", "int64")


class ResizeBoxes(_Scaled):
    """Move boxes along when their images are scaled: true boxes into the pixels of the batch."""

    axes = "M 4, N 2, N 2 -> M 4"
    inputs = ("boxes", "old_sizes", "new_sizes")
    lists = ("boxes",)
    given_lists = ("resize_boxes",)
    samples = ("list[float32[5, 4]], int64[2, 2], int64[2, 2] -> resize_boxes",)
    mistakes = (
        ("list[float32[5, 5]], int64[2, 2], int64[2, 2] -> resize_boxes", "E0320"),
        ("float32[5, 4], int64[2, 2], int64[2, 2] -> resize_boxes", "E0325"),
    )


class ResizeRois(_Scaled):
    """Move regions along when their images are scaled: detections back into the pixels of the images as given."""

    axes = "R 5, N 2, N 2 -> R 5"
    inputs = ("rois", "old_sizes", "new_sizes")
    samples = ("float32[7, 5], int64[2, 2], int64[2, 2] -> resize_rois",)
    mistakes = (("float32[7, 4], int64[2, 2], int64[2, 2] -> resize_rois", "E0320"),)


class ResizeMasks(Region):
    """Scale the masks of objects along with their images, by the nearest pixel."""

    is_bookkeeping = True
    axes = "M h w, N 2 -> M H W"
    inputs = ("masks", "sizes")
    lists = ("masks",)
    dtypes = ("uint8", "int64")
    result_dtypes = ("uint8",)
    given_lists = ("resize_masks",)
    samples = ("list[uint8[5, 40, 60]], int64[2, 2] -> resize_masks",)
    mistakes = (("list[float32[5, 40, 60]], int64[2, 2] -> resize_masks", "E0304"),)

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield from (("H", None), ("W", None))


class PerImage(Region):
    """Part what belongs to regions into a list with a tensor per image, as a detector gives it."""

    axes = "R *S, R 5, N 2 -> d *S"
    inputs = ("x", "rois", "sizes")
    dtypes = ("", "float32", "int64")
    result_dtypes = ("",)
    given_lists = ("per_image",)
    is_bookkeeping = True
    samples = (
        "float32[7, 4], float32[7, 5], int64[2, 2] -> per_image",
        "int64[7], float32[7, 5], int64[2, 2] -> per_image",
    )
    mistakes = (
        ("float32[6, 4], float32[7, 5], int64[2, 2] -> per_image", "E0302"),
        ("float32[7, 4], float32[7, 4], int64[2, 2] -> per_image", "E0320"),
    )

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        at["d"] = at.share_of(at["R"])
        return facts
