"""Data sources as tensors in memory: inputs, targets, and the names of features and classes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan import sources as named
from dlspec.plan.keys import ResolvedPlan
from dlspec.training import points
from dlspec.training.errors import RunError, UnknownLabel
from dlspec.training.joining import add_role
from dlspec.training.maps import Maps
from dlspec.training.nearest import nearest
from dlspec.training.objects import Objects, scaled
from dlspec.training.proposals import proposals
from dlspec.training.ragged import Images, sizes_of
from dlspec.training.samples import Dataset, Samples, loader_of, loads
from dlspec.training.stored import Stored

# isort: split
# These register those who load.
from dlspec.training import (  # noqa: F401
    arrays,
    coco_files,
    hub,
    image_folders,
    known_formats,
    mask_files,
    patch_data,
    scene_data,
    shards,
    tables,
    voc_files,
)


def load(plan: ResolvedPlan) -> Dataset:
    """The plan's source, its images resized; raises RunError for a file that does not hold what it should."""
    dataset = _loaded(plan.data.source, plan)
    for role in ("val", "test"):
        own: named.Source | None = getattr(plan.data, role)
        if own is not None:
            add_role(dataset, role, _loaded(own, plan))
    return dataset


def _loaded(source: named.Source, plan: ResolvedPlan) -> Dataset:
    try:
        dataset = loader_of(source)(source, plan)
    except RunError as error:
        groups = plan.data.split.at("groups") if error.field == "groups" else None
        error.span = error.span or groups or source.at(_asked(source, error))
        error.code = error.code or "E0705"
        raise
    inputs = dataset.samples.inputs
    if plan.data.resize is not None and dataset.has_images and not isinstance(inputs, Stored):
        _resize(dataset.samples, inputs, plan.data.resize)
    if plan.data.proposals is not None and isinstance(dataset.samples.targets, Objects):
        dataset.samples.targets.proposals = proposals(dataset.samples.images, plan.data.proposals)
    return dataset


def _asked(source: named.Source, error: RunError) -> str:
    """The parameter that asks for what cannot be had: one that the error names, if it is written, else the file."""
    field = "classes" if isinstance(error, UnknownLabel) else error.field
    return field if field and field in (source.spans or {}) else next(iter(source.files), "")


def _resize(samples: Samples, images: Images, size: int | tuple[int, int]) -> None:
    """Bring images in memory to one size, and their boxes, masks and class maps with them."""
    before = sizes_of(images)
    if isinstance(images, Tensor):
        brought = resized(images, size)
        if brought is not images:  # files are decoded in the size that is wanted
            samples.inputs, samples.targets = brought, scaled(samples.targets, brought.shape[-2:], before)
        return
    samples.inputs = brought = torch.cat([resized(one[None], size) for one in images])
    wanted = (brought.shape[-2], brought.shape[-1])
    if isinstance(samples.targets, Maps):
        samples.targets = torch.stack([nearest(one.decoded()[None], wanted)[0] for one in samples.targets.maps])
    else:
        samples.targets = scaled(samples.targets, wanted, before)


def resized(images: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Images (N, C, H, W) at another height and width, bilinear, smoothed where they shrink."""
    height, width = (size, size) if isinstance(size, int) else size
    if tuple(images.shape[-2:]) == (height, width):
        return images
    return F.interpolate(images, size=(height, width), mode="bilinear", antialias=True, align_corners=False)


@loads(named.Digits)
def _digits(source: named.Digits, plan: ResolvedPlan) -> Dataset:
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images = torch.from_numpy(bunch.images / 16.0).to(torch.float32)[:, None]
    return _classes_kept(Samples(images, torch.from_numpy(bunch.target).to(torch.int64)), source)


@loads(named.Iris, named.Wine, named.BreastCancer)
def _bundled(source: named.Iris | named.Wine | named.BreastCancer, plan: ResolvedPlan) -> Dataset:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{source.name}")()
    inputs = torch.from_numpy(bunch.data).to(torch.float32)
    dataset = _classes_kept(Samples(inputs, torch.from_numpy(bunch.target).to(torch.int64)), source)
    dataset.features = tuple(str(name) for name in bunch.feature_names)
    return dataset


def _classes_kept(samples: Samples, source: named.Source) -> Dataset:
    """The samples of the chosen classes, which then count from 0."""
    chosen = getattr(source, "classes", None)
    if chosen is not None:
        samples = samples.at(torch.isin(samples.truth, torch.tensor(chosen)).nonzero()[:, 0])
        number = torch.full((max(chosen) + 1,), -1).scatter(0, torch.tensor(chosen), torch.arange(len(chosen)))
        samples.targets = number[samples.truth]
    return Dataset(samples, source.class_names or ())


@loads(named.Diabetes)
def _diabetes(source: named.Diabetes, plan: ResolvedPlan) -> Dataset:
    from sklearn.datasets import load_diabetes

    bunch = load_diabetes()
    targets = torch.from_numpy(bunch.target).to(torch.float32)[:, None]
    inputs = torch.from_numpy(bunch.data).to(torch.float32)
    return Dataset(Samples(inputs, targets), features=tuple(bunch.feature_names))


@loads(named.Xor)
def _xor(source: named.Xor, plan: ResolvedPlan) -> Dataset:
    return Dataset(points.xor(source), source.class_names)


@loads(named.Rings)
def _rings(source: named.Rings, plan: ResolvedPlan) -> Dataset:
    return Dataset(points.rings(source), source.class_names)
