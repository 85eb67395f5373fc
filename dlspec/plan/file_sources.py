"""Data sources in files beside the spec: tables, arrays, pictures, and the formats of well-known data sets."""

from __future__ import annotations

from dlspec.plan.kinds import Count, Flag, Text
from dlspec.plan.sources import Source, several
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal


def numbered(count: int | None) -> tuple[str, ...] | None:
    """Classes that have no names but their numbers."""
    return None if count is None else tuple(str(number) for number in range(count))


class Parquet(Source):
    """A table in a Parquet file; needs `pyarrow`."""

    files = ("path",)
    grouped_by = "column"

    path: Text
    """The file, from the folder of the spec."""
    target: tuple[Text, ...] | Text
    """The column that is to be predicted; several columns of numbers at once are a list."""
    features: tuple[Text, ...] | None = None
    """The columns that are read; all others where left out."""
    categories: tuple[Text, ...] = ()
    """Columns that hold names rather than numbers; each name becomes an input that is 0 or 1."""
    missing: Literal["refuse", "drop", "mean"] = "refuse"
    """What is done where a value is missing: `drop` leaves the row out, `mean` takes the mean of `train`."""

    @property
    def task(self) -> str | None:  # type: ignore[override]  # of others it is a fact of the class
        return "numbers" if isinstance(self.target, tuple) else None

    @property
    def shape(self) -> tuple[int, ...] | None:
        return None if self.features is None or self.categories else (len(self.features),)

    @property
    def target_name(self) -> str:
        return ", ".join(self.target_names)

    @property
    def target_names(self) -> tuple[str, ...]:
        return several(self.target)


class Safetensors(Source):
    """Arrays in a safetensors file: one of inputs and one of targets, a row for each sample."""

    input = "x"
    files = ("path",)
    grouped_by = "array"

    path: Text
    """The file, from the folder of the spec."""
    x: Text = "x"
    """The array of inputs; whole numbers from 0 to 255 become 0 to 1."""
    y: Text = "y"
    """The array of targets."""
    classes: Count | None = None
    """How many classes the targets number, from 0; where left out, the network says."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return numbered(self.classes)

    @property
    def target_name(self) -> str:
        return self.y


class ImageFolder(Source):
    """Pictures in a folder for each class, `cats/1.jpg` and `dogs/2.png`, as torchvision's `ImageFolder` reads them."""

    task = "classes"
    input = "image"
    files = ("path",)
    grouped_by = "pattern of paths"

    path: Text
    """The folder that holds one for each class, from the folder of the spec."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    classes: tuple[Text, ...] | None = None
    """The folders that are read, as classes 0, 1, ...; all by the alphabet where left out."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about pictures that cannot be read: `skip` leaves them out and names them."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return self.classes


class Idx(Source):
    """Pictures and labels in the IDX format of MNIST (LeCun, Cortes, Burges), also compressed with gzip."""

    task = "classes"
    input = "image"
    files = ("images", "labels")

    images: Text
    """The file of pictures, such as `train-images-idx3-ubyte.gz`, from the folder of the spec."""
    labels: Text
    """The file of labels, such as `train-labels-idx1-ubyte.gz`."""
    classes: Count = 10
    """How many classes the labels number, from 0."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return numbered(self.classes)


class Cifar10(Source):
    """Pictures of ten classes in the binary format of CIFAR-10 (Krizhevsky 2009), 3 x 32 x 32."""

    task = "classes"
    input = "image"
    files = ("path",)

    path: Text
    """A file such as `data_batch_1.bin`, or the folder, of which `data_batch_1.bin` to `data_batch_5.bin` are read."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


class Cifar100(Source):
    """Pictures in the binary format of CIFAR-100 (Krizhevsky 2009), 3 x 32 x 32."""

    task = "classes"
    input = "image"
    files = ("path",)

    path: Text
    """A file such as `train.bin`, or the folder, of which `train.bin` is read."""
    labels: Literal["fine", "coarse"] = "fine"
    """The 100 classes, or the 20 groups of them."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (3, 32, 32)

    @property
    def class_names(self) -> tuple[str, ...]:
        return numbered(100 if self.labels == "fine" else 20) or ()


class Hub(Source):
    """A data set of the Hugging Face Hub, or one that `datasets` saved on disk; needs `datasets`."""

    input = "x"
    grouped_by = "column"

    dataset: Text
    """Its name, such as `ylecun/mnist`, or a folder, from the folder of the spec."""
    x: tuple[Text, ...] | Text = "image"
    """The column of inputs: pictures, or numbers; several columns of numbers stand beside each other."""
    y: tuple[Text, ...] | Text = "label"
    """The column of targets; several columns of numbers at once are a list."""
    part: Text = "train"
    """The part of it that is read."""
    revision: Text | None = None
    """The commit that is read; the newest where left out, which may be another tomorrow."""
    offline: Flag = False
    """Whether only what was downloaded before is used, and no network is asked."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about pictures that cannot be read: `skip` leaves them out and names them."""

    @property
    def task(self) -> str | None:  # type: ignore[override]  # of others it is a fact of the class
        return "numbers" if isinstance(self.y, tuple) else None

    @property
    def target_name(self) -> str:
        return ", ".join(self.target_names)

    @property
    def target_names(self) -> tuple[str, ...]:
        return several(self.y)

    def anchored(self, folder: str) -> Hub:
        """The same from any folder, where it is one on disk."""
        from os.path import isdir, join

        path = join(folder, self.dataset)
        return self.with_files(dataset=path) if isdir(path) else self


class Shards(Source):
    """Pictures in tar files, as `webdataset` writes them: `7.jpg` and `7.cls` are one sample. For what fits no memory.

    Where they stay in files, an epoch goes through four files at a time, which and in what order is random, and mixes
    the samples of the four.
    """

    task = "classes"
    input = "image"
    files = ("path",)
    grouped_by = "ending of names, or field of `json`"

    path: Text
    """The files, from the folder of the spec: `train-{000..099}.tar`, or a pattern such as `train-*.tar`."""
    image: tuple[Text, ...] = ("jpg", "jpeg", "png", "webp")
    """What names of pictures end in."""
    target: Text = "cls"
    """What names of labels end in: `cls` is a number; `json` an object whose `label` is one."""
    classes: Count | None = None
    """How many classes the labels number, from 0; where left out, the network says."""
    channels: Literal["rgb", "grey"] = "rgb"
    """What pictures are turned into: three channels, or one."""
    broken: Literal["refuse", "skip"] = "refuse"
    """What is done about samples that cannot be read or lack a part: `skip` leaves them out and names them."""

    @property
    def class_names(self) -> tuple[str, ...] | None:
        return numbered(self.classes)
