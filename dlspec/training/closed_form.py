"""Least squares in closed form, to set beside a linear network trained by gradient descent."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dlspec.record import TYPE_CHECKING, Record
from dlspec.training.errors import RunError
from dlspec.training.samples import Samples

if TYPE_CHECKING:
    from typing import Any


class Comparison(Record):
    """Coefficients of both solutions, the intercept last, for the samples as the network sees them."""

    names: tuple[str, ...]
    trained: tuple[float, ...]
    exact: tuple[float, ...]

    @property
    def largest_difference(self) -> float:
        return max(abs(one - other) for one, other in zip(self.trained, self.exact, strict=True))

    def as_data(self) -> dict[str, Any]:
        coefficients = {
            name: {"trained": trained, "least_squares": exact}
            for name, trained, exact in zip(self.names, self.trained, self.exact, strict=True)
        }
        return {"coefficients": coefficients, "largest_difference": self.largest_difference}


class Misfit(Record):
    """What least squares towards scores of 1 for the true class and 0 for the others makes of training samples."""

    lowest: float
    highest: float
    """The scores, of which 0 and 1 are wanted."""
    on_right: float
    """Share of the squared error that falls on samples whose highest score is that of their class."""

    def as_data(self) -> dict[str, Any]:
        return {"lowest_score": self.lowest, "highest_score": self.highest, "error_on_right": self.on_right}


def told(data: dict[str, Any]) -> list[str]:
    """What the report of a run says of either, in lines."""
    if "largest_difference" in data:
        return [f"coefficients differ from least squares by at most {data['largest_difference']:.1e}"]
    scores = data["scores"]["least_squares"]
    role = "test" if "test" in scores else "val" if "val" in scores else "train"
    ends = f"scores from {data['lowest_score']:.2f} to {data['highest_score']:.2f} where 0 and 1 are wanted"
    return [
        f"least squares  {role} accuracy {scores[role]['accuracy']:.4f}, {ends};",
        f"               {data['error_on_right']:.0%} of its squared error on train is of samples told right",
    ]


def least_squares(samples: Samples, classes: int = 0) -> Tensor:
    """The weights (features + 1, targets), the intercept last, that minimise the squared error; float64.

    For samples of classes the targets are one-hot.
    """
    targets = F.one_hot(samples.truth, classes) if classes else samples.truth
    # By singular values, since pixels that are always blank leave more than one solution: the shortest is taken.
    solution: Tensor = torch.linalg.lstsq(_extended(samples), targets.double().cpu(), driver="gelsd").solution
    return solution


def _extended(samples: Samples) -> Tensor:
    """Inputs with a one behind each, for the intercept."""
    inputs = samples.values.double().flatten(1).cpu()
    return torch.cat([inputs, torch.ones(len(inputs), 1, dtype=torch.float64)], 1)


def misfit(train: Samples, classes: int) -> Misfit:
    scores = _extended(train) @ least_squares(train, classes)
    targets = train.truth.cpu()
    errors = (scores - F.one_hot(targets, classes)).square().sum(1)
    right = scores.argmax(1) == targets
    return Misfit(float(scores.min()), float(scores.max()), float(errors[right].sum() / errors.sum()))


def compare(module: nn.Module, train: Samples, features: tuple[str, ...], targets: tuple[str, ...] = ()) -> Comparison:
    """The network's coefficients beside the exact ones, those of several targets one after the other.

    Raises RunError where the network is not a linear regression.
    """
    count = train.truth.shape[1]
    layer, exact = only_layer(module, count), least_squares(train)
    names = (*(features or [f"x{number}" for number in range(layer.in_features)]), "intercept")
    if count > 1:
        called = targets if len(targets) == count else [f"y{number}" for number in range(count)]
        names = tuple(f"{target}: {name}" for target in called for name in names)
    trained = torch.cat([layer.weight, layer.bias[:, None]], 1).flatten()
    return Comparison(names, tuple(trained.tolist()), tuple(exact.T.flatten().tolist()))


def only_layer(module: nn.Module, targets: int) -> nn.Linear:
    """The linear layer that is all that learns; raises RunError where it is not so."""
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    weights = sum(parameter.numel() for parameter in module.parameters())
    if len(layers) != 1 or layers[0].out_features != targets or weights != (layers[0].in_features + 1) * targets:
        what = "a linear regression or classifier"
        message = f"`closed_form` compares {what}: one `linear({targets})` with a bias and nothing else learned"
        raise RunError(message, "leave `closed_form` out of the plan")
    return layers[0]


def solved(module: nn.Module, train: Samples, classes: int = 0) -> nn.Module:
    """A copy of a linear network that holds the exact solution, to be judged like any other."""
    exact = copy.deepcopy(module)
    layer = only_layer(exact, classes or train.truth.shape[1])
    solution = least_squares(train, classes)
    with torch.no_grad():
        layer.weight.copy_(solution[:-1].T)
        layer.bias.copy_(solution[-1])
    return exact
