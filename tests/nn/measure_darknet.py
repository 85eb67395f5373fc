"""Measures the gradients of the first YOLO's loss in darknet, its authors' own program, for `darknet_yolo.json`.

    python tests/nn/measure_darknet.py FOLDER    # of a checkout of darknet, with a C compiler

Its detection layer gives what each number of a prediction should move by: half the gradient of the paper's loss, with
the other sign. Predictions and objects are drawn by numpy's PCG64, so that the file keeps neither.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

GRID, BOXES_PER_CELL, CLASSES, IMAGES = 5, 2, 4, 3
HEIGHT, WIDTH = 80, 100
OUT = Path(__file__).parent / "darknet_yolo.json"
HARNESS = """
#include <stdio.h>
#include <stdlib.h>
#include "detection_layer.h"

int main() {
  int batch, boxes, side, classes;
  scanf("%d %d %d %d", &batch, &boxes, &side, &classes);
  int inputs = side * side * (5 * boxes + classes);
  detection_layer layer = make_detection_layer(batch, inputs, boxes, side, classes, 4, 1);
  layer.sqrt = 1, layer.coord_scale = 5, layer.noobject_scale = .5, layer.object_scale = 1, layer.class_scale = 1;
  network net = {0};
  net.train = 1;
  net.input = calloc(batch * inputs, sizeof(float));
  net.truth = calloc(batch * layer.truths, sizeof(float));
  for (int i = 0; i < batch * inputs; ++i) scanf("%f", net.input + i);
  for (int i = 0; i < batch * layer.truths; ++i) scanf("%f", net.truth + i);
  forward_detection_layer(layer, net);
  for (int i = 0; i < batch * inputs; ++i) fprintf(stderr, "%.8g\\n", layer.delta[i]);
}
"""
PARTS = ("detection_layer", "box", "blas", "utils", "activations", "list")

Floats = NDArray[np.float64]


def prediction() -> Floats:
    """(IMAGES, GRID, GRID, 5 · BOXES_PER_CELL + CLASSES) between 0 and 1; the boxes of the first image are small."""
    drawn = np.random.Generator(np.random.PCG64(5)).uniform(
        0.05, 0.95, (IMAGES, GRID, GRID, 5 * BOXES_PER_CELL + CLASSES)
    )
    drawn[0, ..., [2, 3, 7, 8]] *= 0.2
    return drawn.astype(np.float32).astype(np.float64)


def objects() -> list[tuple[Floats, list[int]]]:
    """Boxes and labels of each image, no two in one cell; those of the first overlap no box of theirs."""
    chance = np.random.Generator(np.random.PCG64(6))
    found = []
    for image in range(IMAGES):
        cells = chance.permutation(GRID * GRID)[: 2 + image]
        place = np.stack([cells % GRID, cells // GRID], axis=1) + chance.uniform(0.1, 0.9, (len(cells), 2))
        sides = chance.uniform(0.02, 0.03, (len(cells), 2)) if image == 0 else chance.uniform(0.1, 0.6, (len(cells), 2))
        corner = place / GRID - sides / 2
        boxes = np.concatenate([corner, corner + sides], axis=1) * [WIDTH, HEIGHT, WIDTH, HEIGHT]
        found.append(
            (boxes.astype(np.float32).astype(np.float64), chance.integers(1, CLASSES + 1, len(cells)).tolist())
        )
    return found


def as_darknet(values: Floats) -> Floats:
    """A prediction in darknet's order: of an image all chances, then all confidences, then all boxes."""
    five, chances = np.split(values, [5 * BOXES_PER_CELL], axis=-1)
    five = five.reshape(*values.shape[:3], BOXES_PER_CELL, 5)
    parts = (chances, five[..., 4], five[..., :4])
    return np.concatenate([part.reshape(len(values), -1) for part in parts], axis=1)


def from_darknet(values: Floats) -> Floats:
    cells = GRID * GRID
    chances, confidence, boxes = np.split(values, [cells * CLASSES, cells * (CLASSES + BOXES_PER_CELL)], axis=1)
    five = np.concatenate(
        [boxes.reshape(-1, cells, BOXES_PER_CELL, 4), confidence.reshape(-1, cells, BOXES_PER_CELL, 1)], axis=-1
    )
    rows = np.concatenate([five.reshape(-1, cells, 5 * BOXES_PER_CELL), chances.reshape(-1, cells, CLASSES)], axis=-1)
    return rows.reshape(-1, GRID, GRID, 5 * BOXES_PER_CELL + CLASSES)


def truth() -> Floats:
    """Of each cell whether an object is there, which, its centre in the cell, and its sides as shares of the image."""
    told = np.zeros((IMAGES, GRID, GRID, 1 + CLASSES + 4))
    for image, (boxes, labels) in enumerate(objects()):
        for box, label in zip(boxes / [WIDTH, HEIGHT, WIDTH, HEIGHT], labels, strict=True):
            x, y = (box[:2] + box[2:]) / 2 * GRID
            row = told[image, int(y), int(x)]
            row[0] = row[label] = 1
            row[-4:] = [x - int(x), y - int(y), *(box[2:] - box[:2])]
    return told


def main() -> None:
    source = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        harness, program = Path(folder, "harness.c"), Path(folder, "harness")
        harness.write_text(HARNESS, encoding="utf-8")
        files = [str(source / "src" / f"{part}.c") for part in PARTS]
        headers = [f"-I{source / 'include'}", f"-I{source / 'src'}"]
        subprocess.run(["cc", "-O1", "-w", *headers, str(harness), *files, "-lm", "-o", str(program)], check=True)
        given: list[Any] = [IMAGES, BOXES_PER_CELL, GRID, CLASSES]
        given += [*as_darknet(prediction()).ravel(), *truth().ravel()]
        ran = subprocess.run(
            [str(program)], input=" ".join(map(str, given)), capture_output=True, text=True, check=True
        )
    numbers = [float(line) for line in ran.stderr.split() if line[-1].isdigit()]
    delta = from_darknet(np.array(numbers).reshape(IMAGES, -1))
    rows = [[float(f"{value:.7g}") for value in row] for row in delta.reshape(-1, delta.shape[-1])]
    text = ",\n".join(json.dumps(row) for row in rows)
    OUT.write_text(f'{{"made": "darknet f6afaab, forward_detection_layer", "delta": [\n{text}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
