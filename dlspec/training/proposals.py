"""Regions that may hold an object, found in images before any network sees them, and kept for the next time.

Selective search takes a quarter of a second for a small image, so what it found is kept in the user's cache, by the
pixels and the settings that it was found with.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
import torch
from torch import Tensor

from dlspec.nn import rois_from_boxes
from dlspec.plan.proposers import Proposer, SelectiveSearch, SlidingWindows
from dlspec.training.errors import RunError
from dlspec.training.ragged import Images, Ragged

THREADS = os.cpu_count() or 1


def proposals(images: Images, proposer: Proposer) -> list[Tensor]:
    """Boxes (P, 4) of each image (N, C, H, W) in 0..1; raises RunError where a library is missing."""
    if isinstance(images, Ragged):
        return [proposals(one[None], proposer)[0] for one in images]
    if isinstance(proposer, SlidingWindows):
        windows = sliding_windows(images.shape[-2:], proposer)
        return [windows] * len(images)
    assert isinstance(proposer, SelectiveSearch)
    return _remembered(images, proposer, _searched)


def sliding_windows(size: tuple[int, ...], proposer: SlidingWindows) -> Tensor:
    """All windows inside an image of that height and width, float32 (P, 4)."""
    height, width = size
    found = []
    for side in proposer.sizes:
        for ratio in proposer.aspect_ratios:
            rows, columns = side * ratio**0.5, side / ratio**0.5
            if rows > height or columns > width:
                continue
            y = torch.linspace(0, height - rows, _places(height, rows, proposer.step))
            x = torch.linspace(0, width - columns, _places(width, columns, proposer.step))
            top, left = (one.flatten() for one in torch.meshgrid(y, x, indexing="ij"))
            found.append(torch.stack([left, top, left + columns, top + rows], dim=1))
    return torch.cat(found) if found else torch.zeros(0, 4)


def _places(extent: int, side: float, step: float) -> int:
    return int((extent - side) / (side * step)) + 1


def _searched(images: Tensor, proposer: SelectiveSearch) -> list[Tensor]:
    library = opencv()
    # The search holds no lock of Python's, so that threads share the images of a batch.
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(partial(_search, library, proposer), images))


def _search(library: ModuleType, proposer: SelectiveSearch, image: Tensor) -> Tensor:
    """What selective search proposes for one image (C, H, W), by place, so that the order says nothing."""
    pixels = (image.clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    colours = np.ascontiguousarray(pixels[:, :, ::-1] if pixels.shape[2] == 3 else pixels[:, :, [0, 0, 0]])
    scale = proposer.width / pixels.shape[1]
    library.setRNGSeed(0)
    search = library.ximgproc.segmentation.createSelectiveSearchSegmentation()
    search.setBaseImage(library.resize(colours, None, fx=scale, fy=scale))
    modes = {"single": "SingleStrategy", "fast": "SelectiveSearchFast", "quality": "SelectiveSearchQuality"}
    getattr(search, f"switchTo{modes[proposer.mode]}")()
    found = torch.from_numpy(np.asarray(search.process(), np.float32).reshape(-1, 4)) / scale
    found = found[(found[:, 2:] >= proposer.min_size).all(dim=1)][: proposer.most]
    boxes = torch.cat([found[:, :2], found[:, :2] + found[:, 2:]], dim=1)
    ordered: Tensor = torch.unique(boxes, dim=0)
    return ordered


def opencv() -> ModuleType:
    """OpenCV with its selective search; raises RunError where it is not installed."""
    try:
        import cv2
    except ImportError:
        hint = "install it: `pip install 'dlspec[rcnn]'`, or take `proposals = sliding_windows`"
        raise RunError("selective search is in `opencv-contrib-python-headless`, not installed", hint) from None
    library: ModuleType = cv2
    if not hasattr(library, "ximgproc"):
        hint = "install `opencv-contrib-python-headless` in its place, or take `proposals = sliding_windows`"
        raise RunError("this build of OpenCV comes without selective search", hint)
    return library


def _remembered(
    images: Tensor, proposer: SelectiveSearch, find: Callable[[Tensor, SelectiveSearch], list[Tensor]]
) -> list[Tensor]:
    """What was found before for these pixels and settings, else what is found, which is kept."""
    key = hashlib.sha256(repr((1, tuple(images.shape), *proposer.values())).encode())
    key.update(images.contiguous().cpu().numpy().tobytes())
    file = cache() / f"{key.hexdigest()[:32]}.npy"
    try:
        rois = torch.from_numpy(np.load(file, allow_pickle=False))
        counts = torch.bincount(rois[:, 0].long(), minlength=len(images))
        return list(rois[:, 1:].contiguous().split(counts.tolist()))
    except (OSError, ValueError):
        found = find(images.cpu(), proposer)
    if found:
        _keep(rois_from_boxes(found), file)
    return found


def _keep(rois: Tensor, file: Path) -> None:
    """Write what was found; where nothing can be written it is found anew the next time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        aside = file.with_name(f".{file.stem}-{os.getpid()}.npy")
        np.save(aside, rois.numpy())
        os.replace(aside, file)
    except OSError:
        return


def cache() -> Path:
    """Where proposals are kept: `XDG_CACHE_HOME`, or `~/.cache`."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dlspec" / "proposals"
