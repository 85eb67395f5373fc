"""A batch computed in parts gives the gradient of the whole, also where samples and pixels do not all count the same."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dlspec.plan.keys import Term
from dlspec.plan.losses import CrossEntropy, Mse, Nll
from dlspec.training.class_maps import mean_of_judged
from dlspec.training.evaluation import _mean, _nothing, _summed
from dlspec.training.objective import Objective, measure
from dlspec.training.setting_up import set_up
from tests.training.runs import SOFTMAX, final_weights, plan_of, run

WEIGHTS = (0.2, 3.0, 1.0, 0.0, 5.0, 1.0, 0.5, 2.0, 1.0, 7.0)
LOSSES = {
    "class weights": f"cross_entropy(weight=[{', '.join(map(str, WEIGHTS))}])",
    "an ignored class": "cross_entropy(ignore_index=3)",
    "both, smoothed": f"cross_entropy(weight=[{', '.join(map(str, WEIGHTS))}], ignore_index=8, label_smoothing=0.1)",
    "balanced": "cross_entropy(weight=balanced)",
    "a sum of both kinds": "cross_entropy + 0.5 * cross_entropy(ignore_index=3)",
}


def by_hand(loss: str, scores: Tensor, labels: Tensor) -> Tensor:
    """The mean over the batch as PyTorch has it."""
    weights = torch.tensor(WEIGHTS, dtype=torch.float64)
    if loss == "balanced":
        counts = labels.bincount(minlength=10)
        weights = len(labels) / (10 * counts.double())
    match loss:
        case "class weights" | "balanced":
            return F.cross_entropy(scores, labels, weights)
        case "an ignored class":
            return F.cross_entropy(scores, labels, ignore_index=3)
        case "both, smoothed":
            return F.cross_entropy(scores, labels, weights, ignore_index=8, label_smoothing=0.1)
    return F.cross_entropy(scores, labels) + 0.5 * F.cross_entropy(scores, labels, ignore_index=3)


@pytest.mark.parametrize("parts", ["1", "4", "7"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_step_in_parts_is_the_step_of_the_whole_batch(tmp_path: Path, loss: str, parts: str) -> None:
    keys = {"loss": LOSSES[loss], "optimizer": "sgd(lr=0.5)", "batch_size": "full", "precision": "float64"}
    plan = plan_of(epochs="1", accumulate=parts, **keys)
    report = run(plan, tmp_path / "run", SOFTMAX)
    setting = set_up(None, plan, tmp_path / "run")
    train, module = setting.prepared(setting.splits.train), setting.module
    wanted = by_hand(loss, module(train.values), train.truth)
    wanted.backward()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter -= 0.5 * parameter.grad
    for name, tensor in final_weights(tmp_path / "run").items():
        torch.testing.assert_close(tensor, module.state_dict()[name], rtol=0, atol=1e-12)
    val = setting.prepared(setting.splits.val)
    if loss != "balanced":  # whose weights are those of `train`
        assert report.val["loss"] == pytest.approx(by_hand(loss, module(val.values), val.truth).item(), rel=1e-9)


@pytest.mark.parametrize(
    "loss", [CrossEntropy(weight=WEIGHTS), CrossEntropy(), Nll(ignore_index=2), Nll(weight=WEIGHTS)]
)
def test_the_loss_of_maps_does_not_depend_on_how_they_are_batched(loss: CrossEntropy | Nll) -> None:
    torch.manual_seed(0)
    scores, maps = torch.randn(9, 10, 4, 5).log_softmax(1), torch.randint(0, 10, (9, 4, 5))
    left_out = 255 if loss.ignore_index is None else loss.ignore_index
    maps[torch.rand(9, 4, 5) < 0.4] = left_out
    maps[2] = left_out  # nothing of it is judged
    judged = Objective([Term(loss=loss)])
    weight = None if loss.weight is None else torch.tensor(WEIGHTS)
    wanted = float(mean_of_judged(loss, scores, maps, weight))
    for size in (1, 2, 4, 9):
        parts = zip(scores.split(size), maps.split(size), strict=True)
        total = sum((_summed(judged, *part) for part in parts), _nothing(judged))
        assert _mean(total) == pytest.approx(wanted, rel=1e-6)


def test_numbers_and_mixed_classes_count_by_samples() -> None:
    assert measure(Mse(), torch.rand(7, 2)) == 7
    assert measure(CrossEntropy(weight=WEIGHTS), torch.rand(7, 10)) == 7
    assert measure(CrossEntropy(weight=WEIGHTS), torch.tensor([1, 1, 9])) == pytest.approx(13)
    assert Objective([Term(loss=CrossEntropy())]).is_over_samples(maps=False)
    assert not Objective([Term(loss=CrossEntropy())]).is_over_samples(maps=True)
