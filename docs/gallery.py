"""Draw the gallery: the figure of every network of the zoo, and the page that shows them.

`python docs/gallery.py` writes `docs/gallery.md` and `docs/images/gallery/`.
"""

from __future__ import annotations

from pathlib import Path

import dlspec

DOCS = Path(__file__).parent
PICTURES = DOCS / "images" / "gallery"
CHAPTERS = {
    "First networks": ["linear_regression", "linear_classifier", "perceptron", "mlp", "lenet", "lenet5"],
    "Image classification": [
        "alexnet", "alexnet_2012", "vgg16", "googlenet", "resnet18", "resnet50", "resnet152", "plain34",
        "densenet121", "mobilenet_v2", "mobilenet_v3_large", "vit_b_16",
    ],
    "Segmentation": ["unet", "fcn32s", "fcn8s", "fcn_resnet50"],
    "Detection": ["fasterrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn", "yolov1"],
    "Small networks that train here": [
        "alexnet_small", "resnet_digits", "digits_cnn", "sliding_window", "fcn_digits", "rcnn", "fast_rcnn",
        "fasterrcnn_digits", "maskrcnn_digits", "yolo_digits",
    ],
}  # fmt: skip
"""One of each family: `resnet34` is drawn as `resnet18` is."""


def page() -> str:
    """The page, as Markdown."""
    lines = [
        "# Gallery",
        "",
        "The figure of every family of networks in `specs/`, as `dlspec draw NAME -o NAME.svg` draws it: nothing",
        "in them was placed by hand. A slab is as high as its map (areas tell) and as thick as its channels, one for",
        "each repeat of a block; red marks what sees more than the whole input.",
    ]
    for chapter, names in CHAPTERS.items():
        lines += ["", f"## {chapter}"]
        for name in names:
            lines += ["", f"### {name}", "", f"![The figure of {name}](images/gallery/{name}.svg)"]
    return "\n".join([*lines, ""])


def names() -> list[str]:
    return [name for chapter in CHAPTERS.values() for name in chapter]


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name in names():
        dlspec.draw(name, PICTURES / f"{name}.svg")
    (DOCS / "gallery.md").write_text(page(), encoding="utf-8")
    print(f"{len(names())} figures in {PICTURES.relative_to(DOCS.parent)}")


if __name__ == "__main__":
    main()
