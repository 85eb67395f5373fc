"""Operators of a region proposal network: anchors, what of them is proposed, and how it learns.

After "Faster R-CNN: Towards Real-Time Object Detection with Region Proposal Networks" (Ren, He, Girshick, Sun; 2015).
"""

from __future__ import annotations

from dlspec.ops.fact import At, Fact, Mistake, shown
from dlspec.ops.region import Region
from dlspec.record import TYPE_CHECKING
from dlspec.sizes import exact_quotient

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from dlspec.ops.kinds import Count, Fraction, Number, PerLevel
    from dlspec.ops.op import Limit
    from dlspec.ops.region import Given
    from dlspec.ops.text import Writer
    from dlspec.sizes import Dim


class AnchorBoxes(Region):
    """Boxes of every size and aspect ratio around every position; gives a list with a tensor for each level.

    They are centred where the positions lie in the image, so neighbouring anchors are a stride of the level apart.
    """

    axes = "N C_ H_ W_, N C H W -> S_ 4"
    inputs = ("*levels", "image")
    unread = ("levels", "image")
    several = True
    samples = (
        "float32[1, 16, 16, 24], float32[1, 16, 8, 12], float32[1, 3, 64, 96] -> anchor_boxes([8, 16], [0.5, 1, 2])",
        "float32[1, 16, 3, 5], float32[1, 3, 48, 80] -> anchor_boxes([[32, 64, 128]], [[1]])",
    )
    mistakes = (
        ("float32[1, 16, 16, 24], float32[1, 3, 64, 96] -> anchor_boxes([8, 16])", "E0322"),
        ("float32[1, 16, 16, 24], float32[1, 3, 64, 96] -> anchor_boxes([8], [[0.5, 1], [2]])", "E0322"),
        ("float32[1, 16, 16, 24], float32[1, 3, 8, 8] -> anchor_boxes([8])", "E0324"),
    )

    sizes: PerLevel
    """For each level the sides of its anchors, in pixels: of those that are not square, of a square as large."""
    aspect_ratios: PerLevel = ((0.5, 1.0, 2.0),)
    """Heights divided by widths, a list for each level; one list is for all levels."""

    def limits(self, at: At) -> Iterator[Limit]:
        levels = self.levels(at)
        yield (
            len(self.sizes) == levels, "sizes",
            f"anchors have sizes for {levels_text(len(self.sizes))}, there are {levels}", "E0322",
        )  # fmt: skip
        ratios = len(self.ratios(levels))
        yield (
            ratios == levels, "aspect_ratios",
            f"anchors have aspect ratios for {levels_text(ratios)}, there are {levels}", "E0322",
        )  # fmt: skip

    def ratios(self, levels: int) -> tuple[tuple[float, ...], ...]:
        """The aspect ratios of each level; numbers that are not in lists of their own are for all levels."""
        given = self.aspect_ratios
        if len(given) == 1:
            return given * levels
        if all(len(each) == 1 for each in given):
            return (tuple(ratio for (ratio,) in given),) * levels
        return given

    def counted(self, levels: int) -> list[int]:
        """The anchors around a position, for each level."""
        return [len(sizes) * len(ratios) for sizes, ratios in zip(self.sizes, self.ratios(levels))]

    def size_words(self, at: At, outputs: Sequence[Fact]) -> Iterator[str]:
        given = [given for given in self.placed(at) if given.level is not None]
        levels = zip(self.sizes, self.ratios(len(given)), given, outputs)
        for level, (sizes, ratios, one, fact) in enumerate(levels):
            each = f"{len(sizes)} size{'s' * (len(sizes) > 1)} × {len(ratios)} aspect ratio{'s' * (len(ratios) > 1)}"
            apart = " × ".join(f"{step:g}" for step in dict.fromkeys(stride(self, at, one)))
            total = f", {fact.shape[0]:,} in all" if isinstance(fact.shape[0], int) else ""
            yield f"level {level}: {each} = {len(sizes) * len(ratios)} a position, {apart} pixels apart{total}"

    def expression(self, write: Writer) -> str:
        levels, image = self.grouped(write)
        ratios = self.ratios(self.levels(write.at))
        same = ratios[0] if len(set(ratios)) == 1 else ratios
        given = write.tuple(self.sizes), write.tuple(same)
        return f"dlspec.nn.anchor_boxes({levels}, {image}, sizes={given[0]}, aspect_ratios={given[1]})"

    def result(self, at: At) -> tuple[Fact, ...]:
        self.bind(at)
        levels = self.levels(at)
        for given in self.placed(at):
            if given.level is not None:
                stride(self, at, given)
        counts = enumerate(self.counted(levels))
        return tuple(Fact("float32", (at[f"H_{level}"] * at[f"W_{level}"] * count, 4)) for level, count in counts)


def levels_text(count: int) -> str:
    """`1 level`, `5 levels`."""
    return f"{count} level{'s' * (count != 1)}"


def stride(op: Region, at: At, given: Given) -> tuple[float, float]:
    """Pixels of the image to a position of a level, along height and width, as the image grows; a mistake below 1."""
    from dlspec.ops.spread import ratio

    found = []
    for axis in ("H", "W"):
        whole, part = at[axis], at[f"{axis}_{given.level}"]
        steps = ratio(whole, part)
        if steps is None or steps[0] < steps[1]:
            raise Mistake(
                "E0324", f"level {given.level} is not smaller than the image: {part} positions of {whole} along {axis}",
                shown(given.fact), input=given.position,
                notes=["the stride of a level is the size of the image divided by that of the level"],
            )  # fmt: skip
        found.append(steps[0] / steps[1])
    return found[0], found[1]


class _Scored(Region, abstract=True):
    """What reads the two maps that a head gives at every level: scores of anchors, and their offsets."""

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        for given in self.placed(at):
            if given.name == "deltas":
                self._four_to_one(at, given)
        return facts

    def _four_to_one(self, at: At, given: Given) -> None:
        scores, offsets = at[f"A_{given.level}"], at[f"B_{given.level}"]
        at.equal(4 * scores, offsets, Mistake(
            "E0321", f"the head gives {scores} scores a position and {offsets} offsets, not {4 * scores}",
            shown(given.fact), input=given.position, notes=["each anchor has one score and four offsets"],
        ))  # fmt: skip

    def scored(self, at: At, level: int) -> Dim:
        """How many anchors of a level are scored."""
        anchors: Dim = at[f"A_{level}"] * at[f"H_{level}"] * at[f"W_{level}"]
        return anchors

    def same_anchors(self, at: At, scored: Dim, there: Dim, positions: Dim, given: Given) -> None:
        """The head scores every anchor; the words are about those of a position, where that is known."""
        here, wanted = exact_quotient(scored, positions), exact_quotient(there, positions)
        words = f"the head scores {scored} anchors, there are {there}"
        if here is not None and wanted is not None:
            words = f"the head scores {here} anchors a position, there are {wanted}"
        mistake = Mistake(
            "E0321", words, shown(given.fact), input=given.position,
            notes=["anchors a position are sizes times aspect ratios, and the head scores each"],
        )  # fmt: skip
        if here is not None and wanted is not None and here != wanted:
            raise mistake
        at.equal(scored, there, mistake)


class RegionProposals(_Scored):
    """The regions that most likely hold an object: the best anchors of each level moved by their offsets, no two alike.

    Of every level the anchors with the best scores are kept, moved, clipped to their image and freed of those that
    overlap a better one; no gradient flows through.
    """

    axes = "N A_ H_ W_, N B_ H_ W_, S_ 4, N 2 -> R 5"
    inputs = ("*objectness", "*deltas", "*anchors", "sizes")
    dtypes = ("float32", "float32", "float32", "int64")
    samples = (
        "float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[288, 4], int64[2, 2] -> region_proposals(100, 20)",
        "float32[1, 3, 8, 8], float32[1, 3, 4, 4], float32[1, 12, 8, 8], float32[1, 12, 4, 4], float32[192, 4], "
        "float32[48, 4], int64[1, 2] -> region_proposals",
    )
    mistakes = (
        ("float32[2, 3, 8, 12], float32[2, 9, 8, 12], float32[288, 4], int64[2, 2] -> region_proposals", "E0321"),
        ("float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[384, 4], int64[2, 2] -> region_proposals", "E0321"),
        ("float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[288, 5], int64[2, 2] -> region_proposals", "E0320"),
        ("float32[2, 3, 8, 12], float32[2, 12, 8, 12], int64[2, 2] -> region_proposals", "E0322"),
    )

    pre_nms_top_n: Count = 1000
    """Anchors of each level that are looked at."""
    post_nms_top_n: Count = 1000
    """Regions of an image that are kept."""
    nms_thresh: Fraction = 0.7
    """Of two anchors of a level whose intersection over union is larger, the better one is kept."""
    score_thresh: Fraction = 0.0
    """The least probability of an object."""
    min_size: Number = 1e-3
    """The least height and width of a region, in pixels."""

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        for given in self.placed(at):
            if given.name == "anchors":
                level = given.level or 0
                positions = at[f"H_{level}"] * at[f"W_{level}"]
                self.same_anchors(at, self.scored(at, level), at[f"S_{level}"], positions, given)
        return facts

    def counts(self, at: At) -> Iterator[tuple[str, Dim | None]]:
        yield "R", self.post_nms_top_n * at["N"]


class MatchAnchors(Region):
    """Which anchors should find which object, for a region proposal network to learn from.

    An anchor is of an object that it overlaps by `fg_iou_thresh`, or that it overlaps as no other does; it is
    background where it overlaps none by `bg_iou_thresh`; of both some are drawn. Its label is 1 or 0, and -1 where it
    takes no part.
    """

    axes = "S_ 4, M 4 -> N S, N S 4"
    inputs = ("*anchors", "boxes")
    lists = ("boxes",)
    results = ("labels", "targets")
    samples = (
        "float32[192, 4], float32[48, 4], list[float32[5, 4]] -> match_anchors",
        "float32[192, 4], list[float32[5, 4]] -> match_anchors(0.5, 0.4, 64)",
    )
    mistakes = (
        ("float32[192, 4], list[float32[5, 4]] -> match_anchors(0.3, 0.7)", "E0202"),
        ("float32[192, 4], float32[5, 4] -> match_anchors", "E0325"),
        ("float32[192, 4], list[float32[5, 6]] -> match_anchors", "E0320"),
    )

    fg_iou_thresh: Fraction = 0.7
    """From which intersection over union on an anchor is of an object."""
    bg_iou_thresh: Fraction = 0.3
    """Below which it is background."""
    batch_size_per_image: Count = 256
    """Anchors of an image that are drawn to learn from."""
    positive_fraction: Fraction = 0.5
    """How many of these are of objects, at most."""

    def limits(self, at: At) -> Iterator[Limit]:
        yield thresholds(self.fg_iou_thresh, self.bg_iou_thresh)

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        at["S"] = sum(at[f"S_{level}"] for level in range(self.levels(at)))
        return facts


def thresholds(objects: float, background: float) -> Limit:
    """What is an object is none of the background."""
    words = f"what overlaps an object by {objects} would be an object, and below {background} background"
    return background <= objects, "bg_iou_thresh", words


class RpnLoss(_Scored):
    """How wrong a region proposal network is: its scores by cross-entropy, the offsets of objects by smooth L1."""

    axes = "N A_ H_ W_, N B_ H_ W_, N S, N S 4 -> , "
    inputs = ("*objectness", "*deltas", "labels", "targets")
    results = ("objectness", "box_reg")
    samples = (
        "float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[2, 288], float32[2, 288, 4] -> rpn_loss",
        "float32[1, 3, 8, 8], float32[1, 3, 4, 4], float32[1, 12, 8, 8], float32[1, 12, 4, 4], float32[1, 240], "
        "float32[1, 240, 4] -> rpn_loss",
    )
    mistakes = (
        ("float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[2, 384], float32[2, 384, 4] -> rpn_loss", "E0321"),
        ("float32[2, 3, 8, 12], float32[2, 3, 8, 12], float32[2, 288], float32[2, 288, 4] -> rpn_loss", "E0321"),
        ("float32[2, 3, 8, 12], float32[2, 12, 8, 12], float32[2, 288], float32[2, 288, 5] -> rpn_loss", "E0320"),
    )

    def bind(self, at: At) -> Sequence[Fact]:
        facts = super().bind(at)
        levels = range(self.levels(at))
        scored: Dim = sum(self.scored(at, level) for level in levels)
        positions: Dim = sum(at[f"H_{level}"] * at[f"W_{level}"] for level in levels)
        labels = next(given for given in self.placed(at) if given.name == "labels")
        self.same_anchors(at, scored, at["S"], positions, labels)
        return facts
