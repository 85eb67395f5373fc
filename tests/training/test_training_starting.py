"""Weights from files, frozen parts and parameter groups: what a fine-tuning plan asks for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from dlspec.plan.paths import covers
from dlspec.plan.weights import Load, match, repair, said
from dlspec.training.errors import RunError
from dlspec.training.optimization import Rate, build_optimizer
from dlspec.training.starting import freeze, in_training, load_weights, read_tensors
from tests.training.runs import CNN, equal, final_weights, plan_of, run

torch.set_num_threads(1)


def network() -> nn.Module:
    scope: dict[str, object] = {}
    exec(CNN, scope)  # noqa: S102  # our own source
    built = scope["build"]()  # type: ignore[operator]
    assert isinstance(built, nn.Module)
    return built


def saved(folder: Path, module: nn.Module, name: str = "w.safetensors", prefix: str = "") -> dict[str, torch.Tensor]:
    weights = {f"{prefix}{key}": torch.rand(value.shape) if value.is_floating_point() else value
               for key, value in module.state_dict().items()}  # fmt: skip
    if name.endswith(".safetensors"):
        save_file(weights, folder / name)
    else:
        torch.save(weights, folder / name)
    return weights


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_all_tensors_of_a_file_are_loaded_by_name(name: str, tmp_path: Path) -> None:
    module = network()
    weights = saved(tmp_path, module, name)
    assert load_weights(module, plan_of(weights=f'"{tmp_path / name}"')) == [f"8 tensors of `{tmp_path / name}`"]
    assert equal(module.state_dict(), weights)


def test_the_folder_of_a_run_stands_for_the_best_weights_that_it_kept(tmp_path: Path) -> None:
    module = network()
    for name in ("step-00000003", "best-00000002", "step-00000009"):
        (tmp_path / "run" / "checkpoints" / name).mkdir(parents=True)
    best = saved(tmp_path, module, "run/checkpoints/best-00000002/weights.safetensors")
    last = saved(tmp_path, module, "run/checkpoints/step-00000009/weights.safetensors")
    plan = plan_of(weights=f'"{tmp_path / "run"}"')
    load_weights(module, plan)
    assert equal(module.state_dict(), best)
    (tmp_path / "run/checkpoints/best-00000002/weights.safetensors").unlink()
    load_weights(module, plan)
    assert equal(module.state_dict(), last)


def test_a_part_of_a_file_goes_into_a_part_of_the_network_and_the_rest_stays(tmp_path: Path) -> None:
    whole = nn.ModuleDict({"backbone": network(), "head": nn.Linear(3, 2)})
    weights = saved(tmp_path, network(), prefix="encoder.")
    before = {name: tensor.clone() for name, tensor in whole.state_dict().items()}
    load = f'load("{tmp_path / "w.safetensors"}", into="backbone", part="encoder", skip=["6"])'
    load_weights(whole, plan_of(weights=load))
    after = whole.state_dict()
    assert torch.equal(after["backbone.0.weight"], weights["encoder.0.weight"])
    for name in ("backbone.6.weight", "backbone.6.bias", "head.weight", "head.bias"):
        assert torch.equal(after[name], before[name])


def test_a_training_scripts_checkpoint_is_unwrapped(tmp_path: Path) -> None:
    module = network()
    torch.save({"state_dict": module.state_dict(), "epoch": 3}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth").keys() == module.state_dict().keys()


def test_files_of_older_torch_lack_the_counter_of_batch_norm(tmp_path: Path) -> None:
    module = network()
    save_file({k: v for k, v in module.state_dict().items() if "num_batches" not in k}, tmp_path / "w.safetensors")
    load_weights(module, plan_of(weights=f'"{tmp_path / "w.safetensors"}"'))


def test_a_pickle_that_runs_code_is_not_read(tmp_path: Path) -> None:
    torch.save(nn.Linear(2, 2), tmp_path / "w.pth")
    with pytest.raises(RunError, match="holds more than tensors"):
        read_tensors(tmp_path / "w.pth")


@pytest.mark.parametrize("cut", [0, 7, 60, -1])
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_a_cut_file_is_refused_by_name(name: str, cut: int, tmp_path: Path) -> None:
    saved(tmp_path, network(), name)
    whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[:cut])
    with pytest.raises(RunError, match=name):
        read_tensors(tmp_path / name)


SHAPES = {"a.weight": (4, 3), "a.bias": (4,), "fc.weight": (10, 4), "fc.bias": (10,)}


def load(**fields: object) -> Load:
    return Load(path="w.safetensors", **fields)  # type: ignore[arg-type]


def test_what_does_not_match_is_said_with_the_nearest_name() -> None:
    file = {"a.weight": (4, 3), "a.bais": (4,), "fc.weight": (1000, 4), "fc.bias": (1000,)}
    found = match(SHAPES, file, load())
    assert said(found, SHAPES, file, load()) == [
        "`fc.weight` is 10 × 4 in the network, 1000 × 4 in the file",
        "`fc.bias` is 10 in the network, 1000 in the file",
        "the file has no `a.bias`; it has `a.bais`",
        "the network has no place for `a.bais`",
    ]
    assert match(SHAPES, file, load(skip=("fc", "a.*"))).pairs == {}


def test_a_file_with_a_prefix_before_every_name_is_told_from_a_strange_one() -> None:
    file = {f"module.{name}": shape for name, shape in SHAPES.items()}
    found = match(SHAPES, file, load())
    assert 'part="module"' in repair(found, SHAPES, file, load())
    assert match(SHAPES, file, load(part="module")).is_whole


def test_a_new_head_is_the_repair_that_is_offered() -> None:
    file = SHAPES | {"fc.weight": (1000, 4), "fc.bias": (1000,)}
    found = match(SHAPES, file, load())
    assert 'skip=["fc"]' in repair(found, SHAPES, file, load())
    assert match(SHAPES, file, load(skip=("fc",))).is_whole


def test_frozen_parts_keep_weights_and_statistics_through_training(tmp_path: Path) -> None:
    module = network()
    weights = saved(tmp_path, module)
    plan = plan_of(weights=f'"{tmp_path / "w.safetensors"}"', freeze='["0", "1"]', epochs="1")
    run(plan, tmp_path / "run", CNN)
    after = final_weights(tmp_path / "run")
    for name in ("0.weight", "1.weight", "1.bias", "1.running_mean", "1.running_var"):
        assert torch.equal(after[name], weights[name]), name
    assert not torch.equal(after["6.weight"], weights["6.weight"])


def test_a_module_is_held_where_all_in_it_is_frozen() -> None:
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2)), nn.BatchNorm1d(2))
    held = freeze(module, plan_of(freeze='["0"]'))
    in_training(module, held)
    assert held == [module[0]]
    assert (module[0][1].training, module[1].training) == (False, True)  # type: ignore[index]


def test_nothing_left_to_train_is_said() -> None:
    with pytest.raises(RunError, match="nothing is left to train"):
        freeze(nn.Linear(2, 2), plan_of(freeze='["*"]'))


def test_groups_step_as_torchs_own_parameter_groups() -> None:
    ours, theirs = nn.ModuleDict(), nn.ModuleDict()
    for module in (ours, theirs):
        torch.manual_seed(0)
        module["body"], module["head"] = nn.Linear(3, 3), nn.Linear(3, 1)
    plan = plan_of(
        optimizer="sgd(lr=0.1, weight_decay=0.5)", decay="weights",
        groups='[group("body", lr_factor=0.1), group("head.weight", weight_decay=0.25)]',
    )  # fmt: skip
    built, rate = build_optimizer(plan, ours), Rate(plan, 5, 10)
    rate.set(built, 0)
    expected = torch.optim.SGD([
        {"params": [theirs["body"].weight], "lr": 0.01, "weight_decay": 0.5},
        {"params": [theirs["body"].bias], "lr": 0.01, "weight_decay": 0.0},
        {"params": [theirs["head"].weight], "lr": 0.1, "weight_decay": 0.25},
        {"params": [theirs["head"].bias], "lr": 0.1, "weight_decay": 0.0},
    ])  # fmt: skip
    for module, optimizer in ((ours, built), (theirs, expected)):
        module["head"](module["body"](torch.ones(2, 3))).sum().backward()
        optimizer.step()
    for one, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize(
    ("pattern", "path", "does"),
    [
        ("layer1", "layer1.0.conv1.weight", True), ("layer1", "layer10.weight", False), ("layer*.0", "layer3.0.bn", True),
        ("layer*.0", "layer3.1.bn", False), ("**.bias", "a.b.bias", True), ("**.bias", "bias", True),
        ("**.bn*", "a.bn1.weight", True), ("a.b.c", "a.b", False), ("*", "anything.at.all", True),
    ],
)  # fmt: skip
def test_a_pattern_covers_a_part_with_all_that_lies_in_it(pattern: str, path: str, does: bool) -> None:
    assert covers(pattern, path) is does
