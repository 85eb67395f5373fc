"""Least squares in closed form, to set beside a linear regression trained by gradient descent."""

from __future__ import annotations

import torch
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


def least_squares(samples: Samples) -> Tensor:
    """The weights (features + 1, targets), the intercept last, that minimise the squared error; float64."""
    inputs = samples.values.double().flatten(1).cpu()
    ones = torch.ones(len(inputs), 1, dtype=torch.float64)
    solution: Tensor = torch.linalg.lstsq(torch.cat([inputs, ones], 1), samples.targets.double().cpu()).solution
    return solution


def compare(module: nn.Module, train: Samples, features: tuple[str, ...]) -> Comparison:
    """The network's coefficients beside the exact ones.

    Raises RunError where the network is not a linear regression of one target.
    """
    layers = [layer for layer in module.modules() if isinstance(layer, nn.Linear)]
    weights = sum(parameter.numel() for parameter in module.parameters())
    if len(layers) != 1 or layers[0].out_features != 1 or weights != layers[0].in_features + 1:
        message = "`closed_form` compares a linear regression: one `linear(1)` with a bias and nothing else learned"
        raise RunError(message, "leave `closed_form` out of the plan")
    layer, exact = layers[0], least_squares(train)[:, 0]
    names = features or tuple(f"x{number}" for number in range(layer.in_features))
    trained = [*layer.weight[0].tolist(), *layer.bias.tolist()]
    return Comparison((*names, "intercept"), tuple(trained), tuple(exact.tolist()))


def solved(module: nn.Module, train: Samples) -> nn.Module:
    """A copy of a linear regression that holds the exact solution, to be judged like any other."""
    import copy

    exact = copy.deepcopy(module)
    (layer,) = (layer for layer in exact.modules() if isinstance(layer, nn.Linear))
    solution = least_squares(train)[:, 0]
    with torch.no_grad():
        layer.weight.copy_(solution[None, :-1])
        layer.bias.copy_(solution[-1:])
    return exact
