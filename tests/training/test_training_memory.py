"""Memory that runs out is told with what a step needs; parts that are computed again need less of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from dlspec.analyses.memory import memory
from dlspec.analyses.recomputed import kept_recomputing
from dlspec.checking import open_spec
from dlspec.front import compile as compiled
from dlspec.plan.limits import memory_words
from dlspec.running import checked_plan, run_plan
from dlspec.training import run as runs
from dlspec.training.errors import OutOfMemory, RunError
from dlspec.training.recompute import recompute
from tests.training.runs import CNN, plan_of, run
from tests.training.test_training_recompute import kept_bytes


def test_running_out_of_memory_says_what_to_lower_and_what_a_step_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(*args: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(runs, "fit", fit)
    with pytest.raises(RunError, match=r"ran out of memory \(lower `batch_size` \(now 32\)") as caught:
        run_plan(open_spec("resnet_digits"), out=tmp_path / "run", quiet=True)
    assert "of activations for 32 samples at once, beside 70" in caught.value.hint


def test_the_estimate_says_what_checkpoint_saves() -> None:
    _, plan, graph, _ = checked_plan(open_spec("resnet_digits"), None, {}, {})
    assert "less by" not in memory_words(plan, graph)
    plan.checkpoint = ("layer*.*",)
    assert "less by `checkpoint`, for 32 samples" in memory_words(plan, graph)


def test_where_nothing_is_computed_again_all_is_kept() -> None:
    _, _, graph, _ = checked_plan(open_spec("resnet_digits"), None, {}, {})
    assert kept_recomputing(graph, lambda path: "").sizes == (memory(graph).activation_bytes,)


def test_what_is_kept_between_the_passes_is_what_autograd_keeps(tmp_path: Path) -> None:
    """Told by autograd's own hooks; beside the largest part, which only the backward pass has back."""
    _, _, graph, _ = checked_plan(open_spec("resnet_digits"), None, {}, {})
    scope: dict[str, object] = {}
    exec(compile(compiled("resnet_digits"), "resnet_digits.py", "exec"), scope)  # noqa: S102  # our own source
    build = scope["build"]
    assert callable(build)
    module, images = build(), torch.rand(4, 1, 8, 8)
    assert recompute(module, plan_of(checkpoint='["layer*.*"]'))

    def part(path: str) -> str:
        names = path.split(".")
        return ".".join(names[:2]) if names[0].startswith("layer") and len(names) > 2 else ""

    parts = {part(node.path) for node in graph.nodes} - {""}
    with_each = kept_recomputing(graph, part).evaluate({"N": 4})
    own = kept_bytes(module, images)
    assert len(parts) == 6
    assert own < with_each < memory(graph).activation_bytes.evaluate({"N": 4})  # type: ignore[union-attr]


def test_weights_that_do_not_fit_on_the_device_are_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(torch.nn.Module, "to", full)
    with pytest.raises(OutOfMemory, match=r"weights of the network, \d+ MB, do not fit on cpu"):
        run(plan_of(), tmp_path / "run", CNN)
