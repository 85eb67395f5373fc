"""Losses are torch's and scikit-learn's, and scores are read as each loss means them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from sklearn import metrics as theirs
from torch import nn

from dlspec.plan import losses as named
from dlspec.plan.keys import Term
from dlspec.training.objective import Objective, classes_of, loss_of, probabilities

SCORES = torch.randn(30, 4, generator=torch.Generator().manual_seed(0))
CLASSES = torch.arange(30) % 4
ONE = torch.randn(30, 1, generator=torch.Generator().manual_seed(1))
TWO = torch.arange(30) % 2
NUMBERS = torch.randn(30, 1, generator=torch.Generator().manual_seed(2))
WEIGHT = (0.5, 1.0, 2.0, 0.25)


@pytest.mark.parametrize(
    ("loss", "module", "scores", "targets"),
    [
        (named.CrossEntropy(), nn.CrossEntropyLoss(), SCORES, CLASSES),
        (named.CrossEntropy(label_smoothing=0.1), nn.CrossEntropyLoss(label_smoothing=0.1), SCORES, CLASSES),
        (named.CrossEntropy(weight=WEIGHT), nn.CrossEntropyLoss(torch.tensor(WEIGHT)), SCORES, CLASSES),
        (named.Nll(), nn.NLLLoss(), SCORES.log_softmax(1), CLASSES),
        (named.MultiMargin(p=2, margin=0.5), nn.MultiMarginLoss(2, 0.5), SCORES, CLASSES),
        (named.Mse(), nn.MSELoss(), ONE, NUMBERS),
        (named.L1(), nn.L1Loss(), ONE, NUMBERS),
        (named.SmoothL1(beta=0.5), nn.SmoothL1Loss(beta=0.5), ONE, NUMBERS),
        (named.Huber(delta=0.5), nn.HuberLoss(delta=0.5), ONE, NUMBERS),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_losses_are_torchs(loss: named.Loss, module: nn.Module, scores: torch.Tensor, targets: torch.Tensor) -> None:
    assert torch.equal(loss_of(loss, scores, targets), module(scores, targets))


def test_two_class_losses_are_torchs_and_scikit_learns() -> None:
    score, target = ONE[:, 0], TWO.float()
    expected = nn.functional.binary_cross_entropy_with_logits(score, target, pos_weight=torch.tensor(2.0))
    assert torch.equal(loss_of(named.BceWithLogits(pos_weight=2.0), ONE, TWO), expected)
    expected = nn.functional.binary_cross_entropy(score.sigmoid(), target)
    assert torch.equal(loss_of(named.Bce(), ONE.sigmoid(), TWO), expected)
    assert float(loss_of(named.Hinge(), ONE, TWO)) == pytest.approx(theirs.hinge_loss(2 * TWO - 1, score), rel=1e-6)


def test_a_step_on_the_perceptron_loss_is_rosenblatts_rule() -> None:
    x = torch.tensor([1.0, -2.0, 0.5])
    for weights, label, step in (
        ([0.5, 0.5, 0.0], 1, x),
        ([0.5, 0.5, 0.0], 0, 0 * x),
        ([2.0, 0.0, 0.0], 0, -x),
    ):
        learned = torch.tensor(weights, requires_grad=True)
        loss_of(named.Perceptron(), (x @ learned)[None, None], torch.tensor([label])).backward()
        assert learned.grad is not None
        assert torch.equal(-learned.grad, step)


def test_a_number_without_its_own_axis_is_not_broadcast() -> None:
    assert torch.equal(loss_of(named.Mse(), ONE[:, 0], NUMBERS), nn.functional.mse_loss(ONE, NUMBERS))


def test_losses_add_up_over_named_outputs() -> None:
    terms = [
        Term(loss=named.CrossEntropy(output="logits")),
        Term(loss=named.CrossEntropy(output="aux"), factor=0.4),
    ]
    outputs = {"aux": SCORES.flip(1), "logits": SCORES}
    entropy = nn.CrossEntropyLoss()
    expected = entropy(SCORES, CLASSES) + 0.4 * entropy(SCORES.flip(1), CLASSES)
    assert torch.allclose(Objective(terms)(outputs, CLASSES), expected)
    assert torch.equal(Objective(terms).scores(outputs), SCORES)


@pytest.mark.parametrize(
    ("loss", "threshold"), [(named.BceWithLogits(), 0.0), (named.Bce(), 0.5), (named.Hinge(), 0.0)]
)
def test_a_score_is_a_class_by_its_own_threshold(loss: named.Loss, threshold: float) -> None:
    scores = threshold + torch.tensor([-0.1, 0.1])
    assert classes_of(loss, scores).tolist() == [0, 1]


@pytest.mark.parametrize(
    ("loss", "scores", "expected"),
    [
        (named.CrossEntropy(), SCORES, lambda s: s.softmax(1)),
        (named.Nll(), SCORES.log_softmax(1), lambda s: s.exp()),
        (named.BceWithLogits(), ONE[:, 0], lambda s: torch.stack([1 - s.sigmoid(), s.sigmoid()], 1)),
        (named.Bce(), ONE[:, 0].sigmoid(), lambda s: torch.stack([1 - s, s], 1)),
    ],
)
def test_probabilities_are_what_the_loss_maximises(
    loss: named.Loss, scores: torch.Tensor, expected: Callable[[torch.Tensor], torch.Tensor]
) -> None:
    found = probabilities(loss, scores)
    assert found is not None
    assert torch.allclose(found, expected(scores))
    assert torch.allclose(found.sum(1), torch.ones(30), atol=1e-6)


def test_margins_are_no_probabilities() -> None:
    assert probabilities(named.Hinge(), ONE[:, 0]) is None
    assert probabilities(named.MultiMargin(), SCORES) is None
