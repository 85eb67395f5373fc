"""Anchors and levels that no object of the image's size can use: parts of a detector that learn or tell nothing.

After the rules of "Feature Pyramid Networks" (Lin et al., 2017, equation 1) for the level of a region, and of "Faster
R-CNN" (Ren et al., 2015, section 3.1.2) for the anchor of an object.
"""

from __future__ import annotations

from math import sqrt

from dlspec.diagnostics.record import Diagnostic, Fix, problem
from dlspec.ops.proposal import AnchorBoxes, MatchAnchors, stride
from dlspec.ops.roi import MultiScaleRoiAlign, RoiAlign, RoiPool
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dlspec.analyses.lints.uses import Uses
    from dlspec.graph import Node


def regions(uses: Uses) -> Iterator[Diagnostic]:
    """W0430 to W0433, of every operator that makes anchors or reads regions."""
    for node in uses.graph.nodes:
        if isinstance(node.op, MultiScaleRoiAlign):
            yield from _levels_never_read(node, node.op)
        if isinstance(node.op, (MultiScaleRoiAlign, RoiAlign, RoiPool)):
            yield from _cells_finer_than_map(node, node.op)
        if isinstance(node.op, AnchorBoxes):
            yield from _anchors_beyond_image(node, node.op, _matched_from(uses, node))
            yield from _anchors_under_stride(node, node.op)


def _levels_never_read(node: Node, op: MultiScaleRoiAlign) -> Iterator[Diagnostic]:
    """W0430: no region inside the image is so large that a coarse level is its own."""
    height, width = node.at["H"], node.at["W"]
    if not isinstance(height, int) or not isinstance(width, int):
        return
    steps = op.strides(node.at)
    largest = sqrt(height * width)
    needs = [op.canonical_scale * 2.0 ** (step.bit_length() - 1 - op.canonical_level) for step in steps]
    unread = [(step, need) for step, need in zip(steps[1:], needs[1:]) if need > largest]
    if not unread:
        return
    step, need = unread[0]
    top = steps[-1].bit_length() - 1
    yield problem(
        "W0430", f"`{node.path}` never reads the level of stride {step}", node.span,
        f"takes from it what has {need:g} pixels a side or more",
        also=[(node.inputs[steps.index(step)].node.span, "is read by no region")],
        notes=[
            f"a region of w × h pixels is of level ⌊{op.canonical_level} + log2(√(w·h)/{op.canonical_scale})⌋; "
            f"images are {height} × {width}, so regions have at most {largest:.4g} a side"
        ],
        fixes=[Fix(f"say which size the coarsest level is for: `canonical_level={top}, canonical_scale=…`, less than "
                   f"{largest:.4g}", safety="placeholder")],
    )  # fmt: skip


def _cells_finer_than_map(node: Node, op: MultiScaleRoiAlign | RoiAlign | RoiPool) -> Iterator[Diagnostic]:
    """W0431: even a region as large as the image has fewer positions than cells."""
    cells, sides = op.output_size, node.inputs[0].shape[2:]
    for count, side, name in zip(cells, sides, ("rows", "columns")):
        if isinstance(side, int) and count > side:
            yield problem(
                "W0431", f"`{node.path}` cuts regions into more {name} than they have", node.span,
                f"makes {count} {name} of each region",
                also=[(node.inputs[0].node.span, f"has {side} {name} for the whole image")],
                notes=["what lies between positions is interpolated or repeated: it tells nothing new"],
                fixes=[Fix(f"take {side} {name} or fewer, or a finer map", safety="placeholder")],
            )  # fmt: skip
            return


def _matched_from(uses: Uses, node: Node) -> float | None:
    """The overlap from which on one of these anchors is of an object; None where none is matched."""
    for tensor in node.outputs:
        for reader in uses.readers.get(tensor, ()):
            if isinstance(reader.op, MatchAnchors):
                return reader.op.fg_iou_thresh
    return None


def _anchors_beyond_image(node: Node, op: AnchorBoxes, needed: float | None) -> Iterator[Diagnostic]:
    """W0432: anchors of a size overlap no object by enough, as all objects lie within the image."""
    height, width = node.at["H"], node.at["W"]
    if needed is None or not isinstance(height, int) or not isinstance(width, int):
        return
    for sizes, ratios in zip(op.sizes, op.ratios(op.levels(node.at))):
        for size in sizes:
            most = max(_largest_overlap(size, ratio, height, width) for ratio in ratios)
            if most < needed:
                yield problem(
                    "W0432", f"anchors of {size:g} pixels match no object", node.span,
                    f"has anchors of {size:g} pixels a side",
                    notes=[
                        f"images are {height} × {width}, and what lies within overlaps such an anchor by {most:.0%} "
                        f"at most; to be of an object takes {needed:.0%}"
                    ],
                    fixes=[Fix("take sizes of the objects that there are", safety="placeholder")],
                )  # fmt: skip
                return


def _largest_overlap(size: float, ratio: float, height: int, width: int) -> float:
    """The most that the intersection over union of an anchor with a box inside the image can be."""
    rows, columns = size * sqrt(ratio), size / sqrt(ratio)
    return min(rows, height) * min(columns, width) / (rows * columns)


def _anchors_under_stride(node: Node, op: AnchorBoxes) -> Iterator[Diagnostic]:
    """W0433: between two positions of a level an object as large as its anchors overlaps neither of theirs by much."""
    levels = [given for given in op.placed(node.at) if given.level is not None]
    for given, sizes in zip(levels, op.sizes):
        step = min(stride(op, node.at, given))
        largest = max(sizes)
        if largest < step:
            yield problem(
                "W0433", f"anchors of level {given.level} lie farther apart than they are large", node.span,
                f"has anchors of {largest:g} pixels a side at most",
                also=[(node.inputs[given.position].node.span, f"has a stride of {step:g} pixels")],
                notes=[
                    f"an object of {largest:g} pixels between positions overlaps the next anchor by "
                    f"{_between(largest, step):.0%}"
                ],
                fixes=[Fix("take larger anchors here, or put the small ones on a finer level", safety="placeholder")],
            )  # fmt: skip


def _between(size: float, step: float) -> float:
    """The overlap of an anchor with an object as large, half a stride off along both axes."""
    common = max(size - step / 2, 0) ** 2
    return common / (2 * size**2 - common)
