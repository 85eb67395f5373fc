"""A run folder from start to use: what it holds, that it is not overwritten, evaluated, predicted from, interrupted."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits
from sklearn.linear_model import LinearRegression

from dlspec.plan.writing import from_data
from dlspec.training.checkpoints import Checkpoints
from dlspec.training.errors import RunError
from dlspec.training.run import evaluate, load_run, predict, train
from tests.training.runs import DIABETES, LINE, SCORE, SOFTMAX, equal, final_weights, plan_of, run

KEYS = {"test", "val", "train_seconds", "parameters", "steps", "resumed", "test_reads", "stopped", "epochs"}


@pytest.fixture(scope="module")
def softmax(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A trained softmax classifier of digits."""
    out = tmp_path_factory.mktemp("softmax") / "run"
    plan = plan_of(
        epochs="5",
        data="{ source = digits }",
        optimizer="sgd(lr=0.5)",
        metrics="[accuracy, confusion_matrix]",
    )
    files = {"spec.dlspec.yaml": "plan:\n", "model.py": SOFTMAX, "figure.svg": "<svg/>"}
    train(None, plan, out, files=files, quiet=True, parameters=650)
    return out


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A linear regression of diabetes, beside its closed form."""
    out = tmp_path_factory.mktemp("line") / "run"
    plan = plan_of(DIABETES, epochs="1200", evaluate_every="400", closed_form="least_squares")
    run(plan, out, LINE)
    return out


def report_of(out: Path) -> dict[str, object]:
    data: dict[str, object] = json.loads((out / "report.json").read_text())
    return data


def test_a_run_folder_holds_what_it_promises(softmax: Path) -> None:
    names = {path.name for path in softmax.iterdir()}
    promised = {
        "spec.dlspec.yaml",
        "model.py",
        "figure.svg",
        "metrics.jsonl",
        "report.json",
        "environment.json",
    }
    promised |= {"checkpoints", "curves.png", "confusion_matrix.png", "predictions.png", "templates.png"}
    assert promised | {"mistakes.json", "mistakes.png", "report.html"} == names
    report = report_of(softmax)
    assert report.keys() >= KEYS
    assert (report["parameters"], report["resumed"], report["test_reads"]) == (650, False, 1)
    rows = [json.loads(line) for line in (softmax / "metrics.jsonl").read_text().splitlines()]
    assert [(row["epoch"], row["split"]) for row in rows] == [(e, s) for e in range(1, 6) for s in ("train", "val")]
    environment = json.loads((softmax / "environment.json").read_text())
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["seeds"] == dict.fromkeys(("split", "weights", "order", "augmentation", "dropout"), 0)


def test_the_report_names_everything_that_was_written(softmax: Path) -> None:
    said = str(train_again(softmax))
    for path in softmax.iterdir():
        assert path.name in said
    assert "accuracy 0.9" in said


def train_again(out: Path) -> object:
    """A resumed run that was finished gives its report."""
    plan = from_data(Checkpoints(out / "checkpoints", 1).chosen()[0].state["plan"])
    report = run(plan, out, SOFTMAX, resume=True)
    assert "already finished" in report.notes[0]
    return report


def test_a_run_is_not_overwritten(softmax: Path) -> None:
    with pytest.raises(RunError, match="already holds a run"):
        run(plan_of(), softmax, SOFTMAX)


def test_a_resumed_run_follows_its_plan(tmp_path: Path) -> None:
    run(plan_of(epochs="2"), tmp_path / "run", SOFTMAX)
    with pytest.raises(RunError, match=r"`optimizer.lr` was 0.1, is 0.2"):
        run(plan_of(epochs="2", optimizer="sgd(lr=0.2, momentum=0.9)"), tmp_path / "run", SOFTMAX, resume=True)
    with pytest.raises(RunError, match=r"`loss\[0\].loss` was .cross_entropy., is .multi_margin."):
        run(plan_of(epochs="2", loss="multi_margin"), tmp_path / "run", SOFTMAX, resume=True)


def test_a_finished_run_may_be_made_longer_where_the_schedule_allows(tmp_path: Path) -> None:
    run(plan_of(epochs="2"), tmp_path / "run", SOFTMAX)
    longer = run(plan_of(epochs="4"), tmp_path / "run", SOFTMAX, resume=True)
    assert longer.data["epochs"] == 4
    run(plan_of(epochs="4"), tmp_path / "whole", SOFTMAX)
    assert equal(final_weights(tmp_path / "run"), final_weights(tmp_path / "whole"))
    run(plan_of(epochs="2", schedule="cosine"), tmp_path / "cosine", SOFTMAX)
    with pytest.raises(RunError, match="`epochs` was 2, is 4"):
        run(plan_of(epochs="4", schedule="cosine"), tmp_path / "cosine", SOFTMAX, resume=True)


def test_gradient_descent_reaches_the_least_squares_solution(line: Path) -> None:
    found = report_of(line)["closed_form"]
    assert isinstance(found, dict)
    assert found["largest_difference"] < 1e-4
    trained = load_run(line)
    inputs, targets = load_diabetes(return_X_y=True)
    from dlspec.training.splits import split_rows

    rows = split_rows(442, None, trained.plan.data.split)["train"].numpy()
    theirs = LinearRegression().fit(inputs[rows], targets[rows])
    ours = trained.predict(torch.from_numpy(inputs).float()).numbers
    assert ours is not None
    assert np.allclose(ours[:, 0].numpy(), theirs.predict(inputs), atol=0.05)
    exact = found["scores"]["least_squares"]["train"]["r2"]
    assert exact == pytest.approx(theirs.score(inputs[rows], targets[rows]), abs=1e-5)


def test_the_closed_form_is_that_of_a_linear_regression_only(tmp_path: Path) -> None:
    source = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Linear(10, 3), nn.Linear(3, 1))\n"
    with pytest.raises(RunError, match="compares a linear regression"):
        run(plan_of(DIABETES, closed_form="least_squares"), tmp_path / "run", source)


def test_least_squares_of_a_classifier_is_scikit_learns_towards_one_hot_scores(tmp_path: Path) -> None:
    from dlspec.training.splits import split_rows

    report = run(plan_of(closed_form="least_squares", epochs="2"), tmp_path / "run", SOFTMAX)
    bunch, found = load_digits(), report.data["closed_form"]
    labels = torch.from_numpy(bunch.target).long()
    rows = {
        role: part.numpy()
        for role, part in split_rows(1797, labels, load_run(tmp_path / "run").plan.data.split).items()
    }
    train, test = rows["train"], rows["test"]
    theirs = LinearRegression().fit(bunch.data[train] / 16, np.eye(10)[bunch.target[train]])
    scores = theirs.predict(bunch.data[train] / 16)
    assert found["highest_score"] == pytest.approx(scores.max(), abs=1e-6)
    assert found["lowest_score"] == pytest.approx(scores.min(), abs=1e-6)
    errors = ((scores - np.eye(10)[bunch.target[train]]) ** 2).sum(1)
    right = scores.argmax(1) == bunch.target[train]
    assert found["error_on_right"] == pytest.approx(errors[right].sum() / errors.sum(), abs=1e-6)
    accuracy = (theirs.predict(bunch.data[test] / 16).argmax(1) == bunch.target[test]).mean()
    assert found["scores"]["least_squares"]["test"]["accuracy"] == pytest.approx(accuracy, abs=2 / len(test))
    assert "least squares  test accuracy" in str(report)


def test_a_classifier_of_two_numbers_gets_a_picture_of_its_plane(tmp_path: Path) -> None:
    from PIL import Image

    hidden = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 2))\n"
    plan = plan_of(data="{ source = rings(noise=0.05) }", epochs="60", optimizer="adam(lr=0.03)")
    report = run(plan, tmp_path / "run", hidden, pictures=True)
    assert report.test["accuracy"] > 0.97
    assert "regions.png" in report.files
    pixels = np.asarray(Image.open(tmp_path / "run" / "regions.png").convert("RGB")).astype(int)
    bluer = pixels[..., 2] - pixels[..., 0]
    height, width = bluer.shape
    assert bluer[height // 2, width // 2] > 20  # the middle is of the inner ring, in blue
    assert bluer[height // 5, width // 5] < -20  # the corner of the outer one, in red


def test_other_networks_get_no_picture_of_a_plane(tmp_path: Path) -> None:
    assert "regions.png" not in run(plan_of(epochs="1"), tmp_path / "run", SOFTMAX, pictures=True).files


def test_evaluating_reads_val_and_counts_reads_of_test(tmp_path: Path) -> None:
    report = run(plan_of(), tmp_path / "run", SOFTMAX)
    assert evaluate(tmp_path / "run").values == pytest.approx(report.val)
    assert report_of(tmp_path / "run")["test_reads"] == 1
    again = evaluate(tmp_path / "run", test=True)
    assert again.values == pytest.approx(report.test)
    assert again.test_reads == report_of(tmp_path / "run")["test_reads"] == 2
    assert "read 2 times" in str(again)


def test_an_empty_split_cannot_be_evaluated(line: Path) -> None:
    with pytest.raises(RunError, match="holds no `val`"):
        evaluate(line)


def test_a_folder_that_is_no_run_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a run"):
        evaluate(tmp_path)


def test_predictions_for_arrays_carry_labels_and_probabilities(softmax: Path, tmp_path: Path) -> None:
    bunch = load_digits()
    np.savez(tmp_path / "some.npz", x=(bunch.images[:20] / 16).astype(np.float32))
    predict(softmax, [tmp_path / "some.npz"], tmp_path / "out.csv")
    with (tmp_path / "out.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["input"] for row in rows] == [f"{tmp_path / 'some.npz'}:{number}" for number in range(1, 21)]
    assert sum(row["label"] == str(true) for row, true in zip(rows, bunch.target[:20], strict=True)) >= 18
    for row in rows:
        shares = {digit: float(row[f"p_{digit}"]) for digit in "0123456789"}
        assert sum(shares.values()) == pytest.approx(1, abs=1e-4)
        assert max(shares, key=lambda digit: shares[digit]) == row["label"]
        assert float(row["probability"]) == max(shares.values())


def test_predictions_for_pictures_of_any_size(softmax: Path, tmp_path: Path) -> None:
    bunch, folder = load_digits(), tmp_path / "pictures"
    folder.mkdir()
    for number in range(4):
        ink = (bunch.images[number] / 16 * 255).astype(np.uint8)
        Image.fromarray(ink).resize((40, 40), Image.Resampling.NEAREST).convert("RGB" if number % 2 else "L").save(
            folder / f"{number}.png"
        )
    written = predict(softmax, [folder], tmp_path / "out.json")
    labels = [row["label"] for row in json.loads((tmp_path / "out.json").read_text())]
    assert labels == load_run(softmax).predict(torch.from_numpy(bunch.images[:4] / 16).float()[:, None]).labels
    assert written.notes == []
    assert str(written) == f"4 predictions written to {tmp_path / 'out.json'}"


def test_ink_on_white_paper_is_noticed_and_can_be_inverted(softmax: Path, tmp_path: Path) -> None:
    ink = (load_digits().images[0] / 16 * 255).astype(np.uint8)
    Image.fromarray(255 - ink).save(tmp_path / "zero.png")
    assert "--invert" in predict(softmax, [tmp_path / "zero.png"], tmp_path / "out.csv").notes[0]
    inverted = predict(softmax, [tmp_path / "zero.png"], tmp_path / "out.csv", invert=True)
    assert (inverted.rows[0]["label"], inverted.notes) == ("0", [])


def test_numbers_are_predicted_from_named_columns_in_units_of_the_data(line: Path, tmp_path: Path) -> None:
    bunch = load_diabetes()
    names = [*bunch.feature_names[::-1], "other"]
    lines = [",".join(names)] + [",".join(map(str, [*row[::-1], "x"])) for row in bunch.data[:5].tolist()]
    (tmp_path / "patients.csv").write_text("\n".join(lines))
    rows = predict(line, [tmp_path / "patients.csv"], tmp_path / "out.json").rows
    expected = load_run(line).predict(torch.from_numpy(bunch.data[:5]).float()).numbers
    assert expected is not None
    assert [row["target"] for row in rows] == pytest.approx(expected[:, 0].tolist())
    assert 50 < rows[0]["target"] < 350


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.png", b"not a picture", "cannot be read as an image"),
        ("a.txt", b"", "neither an image nor"),
        ("a.csv", b"p,q\n1,2\n", "the inputs are 2, and the network was trained on 1 8 8"),
        ("a.npz", b"zip", "is not an NPZ file"),
    ],
)
def test_what_cannot_be_predicted_for_is_said(
    softmax: Path, tmp_path: Path, name: str, content: bytes, says: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RunError, match=says):
        predict(softmax, [tmp_path / name], tmp_path / "out.csv")
    with pytest.raises(RunError, match="there is no file"):
        predict(softmax, [tmp_path / "missing.png"], tmp_path / "out.csv")
    with pytest.raises(RunError, match="ends in neither"):
        predict(softmax, [tmp_path / name], tmp_path / "out.txt")


def test_an_empty_folder_holds_nothing_to_predict_for(softmax: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="holds no images"):
        predict(softmax, [tmp_path], tmp_path / "out.csv")


def test_two_classes_are_told_apart_by_one_score(tmp_path: Path) -> None:
    plan = plan_of(data="{ source = digits(classes=[0, 1]) }", loss="perceptron", optimizer="sgd(lr=1)", batch_size="1")
    assert run(plan, tmp_path / "run", SCORE).test["accuracy"] > 0.95
    predicted = load_run(tmp_path / "run").predict(torch.from_numpy(load_digits().images[:2] / 16).float()[:, None])
    assert predicted.labels == ["0", "1"]
    assert predicted.probabilities is None


def test_a_network_that_does_not_take_the_data_is_told(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the network does not take samples of 1 8 8"):
        run(plan_of(), tmp_path / "run", LINE)


def test_a_missing_device_is_told(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has the device")
    with pytest.raises(RunError, match="has no device `cuda`"):
        run(plan_of(device="cuda"), tmp_path / "run", SOFTMAX)


def test_tensorboard_gets_every_curve(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run(plan_of(epochs="2", log="{ tensorboard = true }"), tmp_path / "run", SOFTMAX)
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard"))
    events.Reload()
    assert {"loss/train", "loss/val", "accuracy/val", "learning_rate"} <= set(events.Tags()["scalars"])
    assert len(events.Scalars("loss/val")) == 2


def test_pictures_are_the_same_bytes_for_the_same_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(plan_of(epochs="2", augment="[rotate(10)]"), tmp_path / name, SOFTMAX, pictures=True)
    pictures = sorted(path.name for path in (tmp_path / "one").glob("*.png"))
    assert pictures == [
        "augmentation.png",
        "confusion_matrix.png",
        "curves.png",
        "mistakes.png",
        "predictions.png",
        "templates.png",
    ]
    for name in pictures:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name


RUNNER = """
import sys
from pathlib import Path
from tests.training.runs import *
plan = plan_of(epochs="400", data="{ source = digits }", keep="{ every_seconds = 0.05 }", augment="[rotate(10)]")
print("ready", flush=True)
try:
    run(plan, Path(sys.argv[1]), resume="resume" in sys.argv)
except Exception as error:
    print(type(error).__name__, error, flush=True)
    sys.exit(130)
"""


@pytest.mark.slow
def test_an_interruption_saves_and_says_how_to_go_on(tmp_path: Path) -> None:
    out = tmp_path / "run"
    process = subprocess.Popen(
        [sys.executable, "-c", RUNNER, str(out)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not (out / "metrics.jsonl").exists() or not (out / "metrics.jsonl").read_text():
        time.sleep(0.02)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Interrupted stopped at step" in said
    assert "go on with `--resume`" in said
    latest, notes = Checkpoints(out / "checkpoints", 2).latest()
    assert latest is not None
    assert notes == []
    assert f"step {latest.state['run']['step']:,} of" in said


@pytest.mark.parametrize(("batch", "threads"), [("16", 1), ("full", 3)])
def test_little_work_takes_one_thread_and_much_takes_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: str, threads: int
) -> None:
    from dlspec.training import threads as choice

    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(choice, "LITTLE", 16 * 640 + 1)
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        run(plan_of(batch_size=batch, epochs="1"), tmp_path / "run", SOFTMAX)
        assert torch.get_num_threads() == 3, "as it was before"
    finally:
        torch.set_num_threads(before)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["threads"] == threads


def test_a_plan_may_say_how_many_threads(tmp_path: Path) -> None:
    run(plan_of(epochs="1", threads="2"), tmp_path / "run", SOFTMAX)
    assert json.loads((tmp_path / "run" / "environment.json").read_text())["threads"] == 2


KILLED = """
import os, random, signal, sys, time
from pathlib import Path
from tests.training.runs import *

steps, out, chance = "800", Path(sys.argv[1]), random.Random(0)

def trained(folder, keep):
    plan = plan_of(epochs=None, steps=steps, keep=f"{{ {keep} }}", augment="[rotate(10)]", evaluate_every="20")
    run(plan, folder, resume=True)

def newest():
    return max((path.name for path in (out / "killed" / "checkpoints").glob("step-*")), default="")

trained(out / "whole", "every_seconds = 1000")
strays = 0
for kill in range(50):
    begun, child = newest(), os.fork()
    if child == 0:
        trained(out / "killed", "every_seconds = 0")
        os._exit(0)
    while kill % 5 and newest() == begun:  # each fifth is killed as it starts
        time.sleep(0.001)
    time.sleep(chance.uniform(0, 0.03))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), "it was killed under way"
    strays += bool(list((out / "killed" / "checkpoints").glob(".writing-*")))
before = newest()
trained(out / "killed", "every_seconds = 1000")
print(equal(final_weights(out / "whole"), final_weights(out / "killed")), strays > 0, before)
"""


@pytest.mark.slow
def test_a_run_killed_at_fifty_random_instants_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    """Kills fall into steps, into saving, and before anything is saved; each new process goes on by itself."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    told = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, cwd=Path(__file__).parents[2],
        env=environment, check=False, timeout=600,
    )  # fmt: skip
    equals, within_saving, reached = told.stdout.split() or ["", "", told.stderr]
    assert (equals, within_saving) == ("True", "True"), told.stderr
    assert "step-00000010" <= reached < "step-00000800"
    assert report_of(tmp_path / "killed")["resumed"] is True
