"""Boxes, masks and class maps go where their image goes: to the pixel where pixels stay pixels."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dlspec.plan import augmentations as named
from dlspec.plan.augmentations import Augmentation
from dlspec.training.augment import Augmenter
from dlspec.training.objects import Objects, boxes_around, class_map

SIZE = (24, 40)


def squares(boxes: list[list[int]]) -> Objects:
    """Objects that fill their boxes."""
    masks = torch.zeros(len(boxes), *SIZE, dtype=torch.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes, strict=True):
        mask[y1:y2, x1:x2] = 1
    return Objects([torch.tensor(boxes).float().view(-1, 4)], [torch.arange(1, len(boxes) + 1)], [masks])


def moved(objects: Objects, *changes: Augmentation, seed: int = 0, masks: bool = True) -> tuple[Tensor, Objects]:
    """An image with the objects' numbers as brightness, and the objects, after augmentation."""
    augmenter, rows = Augmenter(changes, seed), torch.tensor([0])
    image = class_map(objects.labels[0], objects.masks[0])[None, None].float()
    given = objects if masks else Objects(objects.boxes, objects.labels)
    found = augmenter.followed(given, rows, 0, SIZE)
    assert isinstance(found, Objects)
    return augmenter(image, rows, 0)[0, 0], found


def test_a_mirrored_half_open_box_holds_the_pixels_that_it_held() -> None:
    image, found = moved(squares([[2, 0, 5, 3]]), named.HorizontalFlip(p=1.0), masks=False)
    assert found.boxes[0].tolist() == [[35, 0, 38, 3]]
    assert (image[0:3, 35:38] > 0.999).all()
    assert (image > 0.001).sum() == 9


@settings(deadline=None, max_examples=40)
@given(
    corner=st.tuples(st.integers(0, 30), st.integers(0, 16)), sides=st.tuples(st.integers(3, 9), st.integers(3, 7)),
    seed=st.integers(0, 99), masks=st.booleans(),
)  # fmt: skip
def test_flips_and_crops_move_boxes_to_the_pixel(
    corner: tuple[int, int], sides: tuple[int, int], seed: int, masks: bool
) -> None:
    (x, y), (wide, high) = corner, sides
    objects = squares([[x, y, x + wide, y + high]])
    changes = (named.HorizontalFlip(), named.VerticalFlip(), named.Crop(padding=2))
    image, found = moved(objects, *changes, seed=seed, masks=masks)
    left = int((image > 0.5).sum())
    assert left / (wide * high) >= 0.25 - 1e-6 or not len(found.boxes[0])
    if len(found.boxes[0]):
        assert found.boxes[0].tolist() == boxes_around((image > 0.5)[None]).tolist()
    if masks and len(found.boxes[0]):
        assert torch.equal(found.masks[0][0], (image > 0.5).to(torch.uint8))


def test_what_leaves_the_image_is_clipped_and_dropped_where_too_little_is_left() -> None:
    objects = squares([[0, 4, 10, 12], [28, 4, 40, 12], [16, 4, 24, 12]])
    for masks in (True, False):
        for seed in range(20):
            _, found = moved(objects, named.Translate(fraction=0.6), seed=seed, masks=masks)
            boxes = found.boxes[0]
            assert (boxes >= 0).all()
            assert (boxes[:, 2] <= 40).all()
            assert (boxes[:, 3] <= 24).all()
            whole = {1: 80, 2: 96, 3: 64}
            areas = (boxes[:, 2:] - boxes[:, :2]).prod(1)
            for area, label in zip(areas.tolist(), found.labels[0].tolist(), strict=True):
                assert area >= 0.2 * whole[label]
    gone = [len(moved(objects, named.Translate(fraction=0.6), seed=seed)[1].boxes[0]) for seed in range(20)]
    assert min(gone) < 3


def test_a_turned_mask_has_a_tight_box_and_a_turned_box_a_hull() -> None:
    objects = squares([[15, 7, 25, 17]])
    _, tight = moved(objects, named.Rotate(degrees=40.0), seed=3)
    _, hull = moved(objects, named.Rotate(degrees=40.0), seed=3, masks=False)
    assert tight.boxes[0].tolist() == boxes_around(tight.masks[0]).tolist()
    assert (
        (hull.boxes[0][:, :2] <= tight.boxes[0][:, :2] + 1) & (hull.boxes[0][:, 2:] >= tight.boxes[0][:, 2:] - 1)
    ).all()


def test_a_class_map_follows_and_keeps_whole_classes() -> None:
    objects = squares([[2, 2, 9, 9], [20, 5, 33, 20]])
    maps = class_map(objects.labels[0], objects.masks[0])[None]
    augmenter, rows = Augmenter((named.Rotate(degrees=30.0), named.Scale(low=0.7, high=1.3)), 5), torch.tensor([0])
    found = augmenter.followed(maps, rows, 0, SIZE)
    assert isinstance(found, Tensor)
    assert found.dtype == torch.int64
    assert set(found.unique().tolist()) == {0, 1, 2}
    again = augmenter.followed(objects, rows, 0, SIZE)
    assert isinstance(again, Objects)
    assert torch.equal(found[0], class_map(again.labels[0], again.masks[0]))


def test_labels_of_whole_images_stay_as_they_are() -> None:
    labels = torch.tensor([3, 4])
    augmenter = Augmenter((named.HorizontalFlip(p=1.0),), 0)
    assert augmenter.followed(labels, torch.arange(2), 0, SIZE) is labels
