"""The tables of the zoo in `zoo.md`: each network with its spec and figures, beside those that torchvision publishes.

`python docs/zoo_table.py` writes them anew, each between the comments that name it.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dlspec
from dlspec.places import ZOO

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = Path(__file__).parent / "zoo.md"
TABLE = re.compile(r"(<!-- (\w+) -->\n).*?(<!-- end -->)", re.S)
OPEN = {"N": 1, "H": 224, "W": 224, "h": 800, "w": 800}
"""The sizes at which networks with open sizes are counted, as torchvision counts its own."""
SCENE = (1, 1, 128, 128)
OTHERWISE = {
    "unet_2015": (1, 1, 572, 572),
    "fcn_digits": SCENE, "sliding_window_fcn": SCENE, "sliding_window_coarse": SCENE,
}  # fmt: skip
TORCHVISION: dict[str, tuple[int, float]] = {
    "alexnet": (61_100_840, 0.714),
    "densenet121": (7_978_856, 2.834), "densenet161": (28_681_000, 7.728), "densenet169": (14_149_480, 3.360),
    "densenet201": (20_013_928, 4.291),
    "googlenet": (6_624_904, 1.498),
    "mobilenet_v2": (3_504_872, 0.301), "mobilenet_v3_large": (5_483_032, 0.217),
    "mobilenet_v3_small": (2_542_856, 0.057),
    "resnet18": (11_689_512, 1.814), "resnet34": (21_797_672, 3.664), "resnet50": (25_557_032, 4.089),
    "resnet101": (44_549_160, 7.801), "resnet152": (60_192_808, 11.514),
    "vgg11": (132_863_336, 7.609), "vgg13": (133_047_848, 11.308), "vgg16": (138_357_544, 15.470),
    "vgg19": (143_667_240, 19.632),
    "vgg11_bn": (132_868_840, 7.609), "vgg13_bn": (133_053_736, 11.308), "vgg16_bn": (138_365_992, 15.470),
    "vgg19_bn": (143_678_248, 19.632),
    "vit_b_16": (86_567_656, 17.564), "vit_b_32": (88_224_232, 4.409), "vit_l_16": (304_326_632, 61.555),
}  # fmt: skip
"""Parameters and GMACs in torchvision's documentation of its weights (`num_params` and `_ops`), version 0.28."""


class Entry:
    """A network of the zoo, measured."""

    def __init__(self, file: Path, name: str) -> None:
        self.file, self.name = file, name
        declared = dlspec.load(file, network=name).graph.inputs
        sizes = {key: [OPEN.get(str(size), size) for size in tensor.full_shape] for key, tensor in declared.items()}
        known = {key: shape for key, shape in sizes.items() if all(str(size).isdigit() for size in shape)}
        closed = {key: tuple(int(str(size)) for size in shape) for key, shape in known.items()}
        if name in OTHERWISE:
            closed = dict.fromkeys(closed, OTHERWISE[name])
        self.input = next(iter(closed.values()))[1:]
        self.facts: dict[str, Any] = dlspec.summarize(dlspec.load(file, network=name, inputs=closed)).to_json()

    @property
    def parameters(self) -> int:
        return int(self.facts["totals"]["parameters"])

    @property
    def macs(self) -> int | None:
        """Multiply-adds for one sample; None where they depend on how many regions a run finds."""
        macs = self.facts["totals"]["macs"]
        return macs if isinstance(macs, int) else None

    @property
    def is_small(self) -> bool:
        return max(self.input) <= 128

    @property
    def field(self) -> str:
        """What a unit of the last map sees, before the map is gathered into a row of numbers."""
        maps = [layer["receptive_field"] for layer in self.facts["layers"] if _is_map(layer)]
        if not maps:
            return ""
        return str(maps[-1]["size"][0]) if isinstance(maps[-1], dict) else "all"

    @property
    def data(self) -> str:
        """What the spec's plan trains it on, where it has one."""
        found = re.search(r"\bsource\s*[=:]\s*\"?(\w+)", self.file.read_text(encoding="utf-8"))
        return found[1] if found else ""


def _is_map(layer: dict[str, Any]) -> bool:
    """A feature map of more than one position, or a row of tokens that have looked at each other."""
    shape = layer["output_shape"]
    sides = [side for side in shape[2:] if isinstance(side, int)]
    return layer["op"] == "multihead_attention" or (len(shape) == 4 and max(sides, default=1) > 1)


def entries() -> Iterator[Entry]:
    """All networks that can be made as they stand, file by file."""
    for file in sorted(ZOO.iterdir()):
        for name in dlspec.load(file).networks:
            yield Entry(file, name)


def tables() -> dict[str, str]:
    """The text of each table of the page."""
    known = list(entries())
    large = [entry for entry in known if not entry.is_small]
    small = [entry for entry in known if entry.is_small]
    head = "| network | spec | lines | parameters | GMACs | field | torchvision: parameters | GMACs |\n"
    rows = (_large_row(entry, first=_begins(entry, large)) for entry in large)
    published = head + "|:--|:--|--:|--:|--:|--:|--:|--:|\n" + "".join(rows)
    head = "| network | spec | lines | input | parameters | MACs | field | trains on |\n"
    rows = (_small_row(entry, first=_begins(entry, small)) for entry in small)
    return {"published": published, "small": head + "|:--|:--|--:|--:|--:|--:|--:|:--|\n" + "".join(rows)}


def _begins(entry: Entry, table: list[Entry]) -> bool:
    """Whether it is the first network of its file, where the file is named."""
    return next(one for one in table if one.file == entry.file) is entry


def _large_row(entry: Entry, *, first: bool) -> str:
    count, gmacs = TORCHVISION.get(entry.name, (None, None))
    theirs = [f"{count:,}" if count else "", f"{gmacs:.3f}" if gmacs else ""]
    cells = [
        *_named(entry, first=first),
        f"{entry.parameters:,}",
        f"{entry.macs / 1e9:.3f}" if entry.macs else "by regions",
        entry.field,
        *theirs,
    ]
    return f"| {' | '.join(cells)} |\n"


def _small_row(entry: Entry, *, first: bool) -> str:
    size = " × ".join(map(str, entry.input))
    cells = [
        *_named(entry, first=first),
        size,
        f"{entry.parameters:,}",
        f"{entry.macs:,}" if entry.macs else "by regions",
        entry.field,
        entry.data,
    ]
    return f"| {' | '.join(cells)} |\n"


def _named(entry: Entry, *, first: bool) -> list[str]:
    if not first:
        return [f"`{entry.name}`", "", ""]
    return [f"`{entry.name}`", f"[{entry.file.name}](../specs/{entry.file.name})", str(lines(entry.file))]


def lines(file: Path) -> int:
    """Lines that say something: neither empty nor comments, and none of a plan, which stands last."""
    texts = file.read_text(encoding="utf-8").splitlines()
    ends = (place for place, text in enumerate(texts) if re.match(r"plan\b", text))
    return sum(1 for text in texts[: next(ends, None)] if text.strip() and not text.lstrip().startswith("#"))


def page(text: str) -> str:
    """The page with its tables as they are today."""
    made = tables()
    return TABLE.sub(lambda found: f"{found[1]}{made[found[2]]}{found[3]}", text)


def write() -> None:
    """Write the tables into the page."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    write()
