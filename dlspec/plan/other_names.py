"""What other libraries and papers call the sources, losses, optimizers, augmentations and keys of a plan."""

from __future__ import annotations

import re

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ELSEWHERE = {
    # data
    "idx": "mnist fashion_mnist emnist kmnist",
    "cifar10": "cifar",
    "cifar100": "cifar",
    "image_folder": "imagenet folder images pictures",
    "hub": "huggingface hf datasets",
    "shards": "webdataset wds tar",
    "csv": "table pandas dataframe tsv",
    "diabetes": "boston",
    "rings": "circles moons",
    # losses and metrics
    "cross_entropy": "ce xent softmax log_loss categorical_crossentropy sparse_categorical_crossentropy",
    "bce": "binary_crossentropy",
    "mse": "l2 squared_error least_squares",
    "l1": "mae absolute_error",
    "multi_margin": "svm",
    "accuracy": "acc error_rate",
    "mean_iou": "miou iou",
    "map": "ap average_precision",
    "top_k_accuracy": "top5 top_5_accuracy",
    # optimizers, their parameters, schedules
    "sgd": "gd nesterov gradient_descent",
    "lr": "learning_rate eta step_size",
    "momentum": "beta",
    "betas": "beta beta1 beta2",
    "weight_decay": "l2 wd decay",
    "cosine": "cosine_annealing cosine_decay",
    "plateau": "reduce_on_plateau reduce_lr_on_plateau",
    # augmentation
    "horizontal_flip": "flip hflip random_horizontal_flip mirror",
    "vertical_flip": "flip vflip random_vertical_flip",
    "rotate": "rotation random_rotation",
    "translate": "shift",
    "crop": "random_crop",
    "resized_crop": "random_resized_crop",
    "erase": "cutout random_erasing",
    "color_jitter": "jitter colour_jitter",
    "noise": "gaussian_noise",
    "scale": "zoom",
    # keys
    "network": "model net",
    "data": "dataset",
    "loss": "criterion loss_fn",
    "schedule": "scheduler lr_scheduler",
    "batch_size": "batch minibatch",
    "epochs": "n_epochs num_epochs max_epochs",
    "steps": "max_steps iterations",
    "clip_norm": "gradient_clip grad_clip gradient_clipping",
    "early_stopping": "patience",
    "precision": "amp mixed_precision",
    "augment": "transforms transform augmentation augmentations",
    "seed": "random_state random_seed",
    "workers": "num_workers",
    "cuda": "gpu nvidia",
    "val": "validation valid dev",
}
"""Here, and elsewhere in snake case. A name may be several things; which is meant, the place tells."""


def called_here(name: str, known: Iterable[str]) -> list[str]:
    """Of the names that a place knows those of what is called `name` elsewhere.

    >>> called_here("learningRate", ("lr", "momentum"))
    ['lr']
    """
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    return [here for here in known if snake in _ELSEWHERE.get(here, "").split()]
