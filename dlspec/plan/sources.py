"""Data sources: the shape of a sample, the classes, and what a label depends on; no data is read here."""

from __future__ import annotations

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Count, NonNegative, Text, Whole
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, ClassVar, Literal, Self


OPEN = 0
"""Height and width in the shape of images of several sizes."""


class Source(Family):
    """Where samples come from: an input and a target for each."""

    task: ClassVar[str | None] = None
    """`classes` or `numbers`; None where only the file says."""
    input: ClassVar[str] = "features"
    samples: ClassVar[int | None] = None
    upright: ClassVar[str | None] = None
    """Why its pictures must not be mirrored; None where they may be."""
    files: ClassVar[tuple[str, ...]] = ()
    """Fields that name files, from the folder of the spec."""
    grouped_by: ClassVar[str | None] = None
    """What `groups` of a split names: a `column`, an `array`; None where samples have no groups."""
    targets: ClassVar[tuple[str, ...]] = ()
    """What a sample has beside its input where that is more than one thing: `boxes`, `labels`, `masks`, `class_map`."""
    object_sides: ClassVar[tuple[int, int] | None] = None
    """The sides of the smallest and of the largest object of an image, in pixels; None where not known."""

    @property
    def shares(self) -> dict[str, float] | None:
        """What of its samples is train, val and test where the source itself says so; None where the plan does."""
        return None

    @property
    def shape(self) -> tuple[int, ...] | None:
        """The axes of one sample's input, 0 for sides that differ; None where only the file says."""
        return None

    @property
    def class_names(self) -> tuple[str, ...] | None:
        """The classes in the order of their numbers; None where there are none or only the file says."""
        return None

    @property
    def target_name(self) -> str:
        """The name of what is to be predicted."""
        return "label" if self.task == "classes" else "target"

    @property
    def target_names(self) -> tuple[str, ...]:
        """The name of each number that is to be predicted of a sample."""
        return (self.target_name,)

    def load(self, folder: str) -> dict[str, Any]:
        """The samples, by a source of another package; `folder` is that of the spec.

        `inputs` (N, ...) and `targets`, whole numbers (N) for classes or numbers with a point (N, targets), as arrays;
        in place of an array of inputs something with `shape` (of one sample), `__len__` and `read(rows)`, which gives
        a float32 tensor (rows, ...), is read by the batch. `classes` and `features` are names, where there are any.
        """
        raise NotImplementedError(f"`{self.name}` is loaded by the runner")

    def anchored(self, folder: str) -> Self:
        """The same with the whole paths of its files."""
        from os.path import join

        return self.with_files(**{field: join(folder, getattr(self, field)) for field in self.files})

    def with_files(self, **paths: str) -> Self:
        """The same with other files."""
        return type(self)(**dict(self.values()) | paths)


class Digits(Source):
    """1797 handwritten digits of 8 x 8 pixels, from scikit-learn (UCI, Alpaydin and Kaynak)."""

    task = "classes"
    input = "image"
    samples = 1797
    upright = "mirrored digits are other signs, or none: a mirrored 2 reads as a 5, a 6 upside down is a 9"

    classes: tuple[Whole, ...] | None = None
    """The digits that are kept, as classes 0, 1, ...; all ten where left out."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (1, 8, 8)

    @property
    def class_names(self) -> tuple[str, ...]:
        return tuple(str(digit) for digit in (self.classes or range(10)))


class Iris(Source):
    """150 flowers of three species by the length and width of sepals and petals (Fisher 1936)."""

    task = "classes"
    samples = 150

    classes: tuple[Whole, ...] | None = None
    """The species that are kept, as classes 0, 1, ...; all three where left out."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (4,)

    @property
    def class_names(self) -> tuple[str, ...]:
        return _kept(("setosa", "versicolor", "virginica"), self.classes)


class Wine(Source):
    """178 wines of three growers by 13 chemical measures (UCI, Aeberhard and Forina)."""

    task = "classes"
    samples = 178

    classes: tuple[Whole, ...] | None = None
    """The growers that are kept, as classes 0, 1, ...; all three where left out."""

    @property
    def shape(self) -> tuple[int, ...]:
        return (13,)

    @property
    def class_names(self) -> tuple[str, ...]:
        return _kept(("class_0", "class_1", "class_2"), self.classes)


class BreastCancer(Source):
    """569 tumours, malignant or benign, by 30 measures of their cells (UCI, Wolberg et al.)."""

    task = "classes"
    samples = 569

    @property
    def shape(self) -> tuple[int, ...]:
        return (30,)

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("malignant", "benign")


class Diabetes(Source):
    """442 patients: ten measures, and how far the disease went within a year (Efron et al. 2004)."""

    task = "numbers"
    samples = 442

    @property
    def shape(self) -> tuple[int, ...]:
        return (10,)


class Xor(Source):
    """Points in four clouds at the corners of a square; those at opposite corners are of one class: exclusive or."""

    task = "classes"
    input = "point"

    count: Count = 600
    """How many points."""
    noise: NonNegative = 0.25
    """Deviation of a point from its corner, (±1, ±1), along each axis."""
    seed: Whole = 0
    """Of the draw."""

    @property
    def samples(self) -> int:  # type: ignore[override]  # of others it is a fact of the class
        return self.count

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("0", "1")


class Rings(Source):
    """Points on two rings around the origin; class 1 is the inner one, of half the radius."""

    task = "classes"
    input = "point"

    count: Count = 600
    """How many points."""
    noise: NonNegative = 0.1
    """Deviation of a point from its ring, of radius 1 or 0.5, along each axis."""
    seed: Whole = 0
    """Of the draw."""

    @property
    def samples(self) -> int:  # type: ignore[override]  # of others it is a fact of the class
        return self.count

    @property
    def shape(self) -> tuple[int, ...]:
        return (2,)

    @property
    def class_names(self) -> tuple[str, ...]:
        return ("0", "1")


class Csv(Source):
    """A table in a text file; its first line names the columns."""

    files = ("path",)
    grouped_by = "column"

    path: Text
    """The file, from the folder of the spec."""
    target: tuple[Text, ...] | Text
    """The column that is to be predicted; several columns of numbers at once are a list."""
    features: tuple[Text, ...] | None = None
    """The columns that are read; all others where left out."""
    delimiter: Text = ","
    """What stands between two values."""
    decimal: Literal["point", "comma"] = "point"
    """What stands before the decimals of a number; where it is a comma, a point groups thousands."""
    encoding: Text = "utf-8"
    """How characters are written, as Python calls it: `utf-8`, `utf-16`, `latin-1`."""
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


class Npz(Source):
    """Arrays in a file of NumPy's: one of inputs and one of targets, a row for each sample."""

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
        return None if self.classes is None else tuple(str(number) for number in range(self.classes))

    @property
    def target_name(self) -> str:
        return self.y


def several(names: tuple[str, ...] | str) -> tuple[str, ...]:
    """Names, of which one may stand alone."""
    return (names,) if isinstance(names, str) else names


def _kept(names: tuple[str, ...], chosen: tuple[int, ...] | None) -> tuple[str, ...]:
    return names if chosen is None else tuple(names[number] for number in chosen if number < len(names))
