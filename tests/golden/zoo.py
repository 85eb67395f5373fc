"""Which networks have their generated module here: the name of each file, and the spec and network it comes from."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]

ZOO = [
    "alexnet", "lenet", "linear_classifier", "linear_regression", "mlp", "perceptron", "resnet18", "resnet50", "vgg11",
    "vgg16_bn",
]  # fmt: skip
DETECTORS = ["fasterrcnn_digits", "maskrcnn_resnet50_fpn"]
"""What runs the regions of `dlspec.nn` too."""
ARCHITECTURES = ["detector", "siamese"]

SPECS = {name: name for name in [*ZOO, *DETECTORS]} | {
    name: f"tests/architectures/{name}.dls" for name in ARCHITECTURES
}
"""A network of the zoo, or a path from the root of the project."""
