"""Data in files: pictures, tables, arrays and known formats as anybody has them, and what can be wrong with each."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import save_file

from dlspec.training.data import load
from dlspec.training.errors import RunError
from dlspec.training.predicting import predict
from dlspec.training.samples import Dataset
from tests.training.runs import equal, final_weights, plan_of, run

PICTURES = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(192, 2))\n"
TABLE = "from torch import nn\n\n\ndef build():\n    return nn.Linear(3, 1)\n"


def loaded(folder: Path, source: str, more: str = "", **changed: str) -> Dataset:
    return load(plan_of(DIGITS_BASE, folder, data=f"{{ source = {source}, {more} }}", **changed))


DIGITS_BASE = {
    "network": "net", "data": "", "loss": "cross_entropy", "optimizer": "sgd(lr=0.1)", "epochs": "3",
    "batch_size": "8", "device": "cpu",
}  # fmt: skip
NUMBERS = {"loss": "mse"}


def drawn(seed: int, side: int = 8) -> np.ndarray:
    """Pixels that a JPEG keeps within a few units."""
    return np.full((side, side, 3), np.random.default_rng(seed).integers(0, 256, 3), dtype=np.uint8)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    for number in range(40):
        folder = tmp_path / "pictures" / ("cats" if number % 2 else "dogs")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(drawn(number)).save(folder / f"{number:02d}.{'png' if number % 3 else 'bmp'}")
    (tmp_path / "pictures" / "cats" / "notes.txt").write_text("not a picture")
    return tmp_path


def test_a_folder_for_each_class_is_read_in_the_order_of_names(pictures: Path) -> None:
    dataset = loaded(pictures, 'image_folder("pictures")')
    assert dataset.classes == ("cats", "dogs")
    assert dataset.names[0] == "cats/01.png"
    assert dataset.samples.targets.tolist() == [0] * 20 + [1] * 20
    assert torch.equal(dataset.samples.values[0], torch.from_numpy(drawn(1)).permute(2, 0, 1) / 255)


def test_chosen_folders_are_the_classes_in_their_order(pictures: Path) -> None:
    dataset = loaded(pictures, 'image_folder("pictures", classes=["dogs", "cats"], channels=grey)')
    assert dataset.classes == ("dogs", "cats")
    assert dataset.samples.inputs.shape == (40, 1, 8, 8)


def test_pictures_of_any_size_are_brought_to_one_as_predict_does(pictures: Path) -> None:
    Image.fromarray(drawn(99, 40)).save(pictures / "pictures" / "cats" / "big.jpg")
    with pytest.raises(RunError, match=r"differ in size: .* is 8 x 8, .*big.jpg` 40 x 40.*resize"):
        loaded(pictures, 'image_folder("pictures")')
    assert loaded(pictures, 'image_folder("pictures")', "resize = [6, 4]").samples.inputs.shape == (41, 3, 6, 4)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a picture at all")


@pytest.mark.parametrize("harm", [_cut, _empty, _text])
@pytest.mark.parametrize("in_memory", ["true", "false"])
def test_a_broken_picture_is_named_and_refused_or_left_out(
    pictures: Path, harm: Callable[[Path], None], in_memory: str
) -> None:
    Image.fromarray(drawn(7)).save(pictures / "pictures" / "cats" / "07.png")
    harm(pictures / "pictures" / "cats" / "07.png")
    memory = f"in_memory = {in_memory}"
    if in_memory == "true" or harm is not _cut:  # a cut file is found out when it is read
        with pytest.raises(RunError, match=r"cats/07.png` cannot be read as a picture.*broken=skip"):
            loaded(pictures, 'image_folder("pictures")', memory)
    dataset = loaded(pictures, 'image_folder("pictures", broken=skip)', memory)
    assert len(dataset.samples) == len(dataset.names) == 39
    assert dataset.samples.targets.tolist() == [0] * 19 + [1] * 20
    assert "1 of 40 pictures" in dataset.notes[0]
    assert "cats/07.png" in dataset.notes[0]


def test_a_file_that_breaks_during_a_run_ends_it_by_name(pictures: Path) -> None:
    inputs = loaded(pictures, 'image_folder("pictures")', "in_memory = false").samples.inputs
    _cut(pictures / "pictures" / "cats" / "03.bmp")
    with pytest.raises(RunError, match=r"cats/03.bmp` cannot be read"):
        inputs[torch.tensor([0, 1])]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('image_folder("picturs")', "beside it there is `pictures`"),
        ('image_folder("pictures/cats")', "holds pictures, and no folder for each class"),
        ('image_folder("pictures", classes=["cat", "dogs"])', "has no folder `cat`.*nearest is `cats`"),
        ('image_folder("empty")', "no folders of pictures"),
        ('image_folder("hollow")', "of the class `a` holds no pictures"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(pictures: Path, source: str, says: str) -> None:
    (pictures / "empty").mkdir()
    (pictures / "hollow" / "a").mkdir(parents=True)
    with pytest.raises(RunError, match=says):
        loaded(pictures, source)


@pytest.mark.parametrize("change", ["device", "workers"])
def test_pictures_that_stay_in_files_train_to_the_weights_of_those_in_memory(pictures: Path, change: str) -> None:
    def trained(name: str, more: str) -> dict[str, torch.Tensor]:
        data = f'{{ source = image_folder("pictures"), normalize = true, {more} }}'
        plan = plan_of(DIGITS_BASE, pictures, data=data, augment="[rotate(20), noise(0.1)]", augment_on=change)
        run(plan, pictures / name, PICTURES)
        return final_weights(pictures / name)

    inside, alone = trained("inside", "in_memory = true"), trained("alone", "in_memory = false")
    several = trained("several", "in_memory = false, workers = 2, prefetch = 1")
    assert all(torch.allclose(inside[name], alone[name], atol=1e-6) for name in inside)  # means are summed in parts
    assert equal(alone, several)


def test_a_run_on_files_goes_on_in_the_middle_of_an_epoch_with_other_workers_bit_for_bit(pictures: Path) -> None:
    def trained(out: Path, workers: int, *, resume: bool = False) -> dict[str, torch.Tensor]:
        data = f'{{ source = image_folder("pictures"), in_memory = false, workers = {workers} }}'
        keep = "{ every_seconds = 0, last = 99 }"
        plan = plan_of(DIGITS_BASE, pictures, data=data, augment="[rotate(20)]", keep=keep)
        run(plan, out, PICTURES, resume=resume)
        return final_weights(out)

    whole = trained(pictures / "whole", 0)
    steps = sorted((pictures / "whole" / "checkpoints").glob("step-*"))
    for path in steps[5:]:
        shutil.rmtree(path)
    (pictures / "whole" / "report.json").unlink()
    assert equal(trained(pictures / "whole", 2, resume=True), whole)


def test_predictions_for_files_are_those_of_training(pictures: Path) -> None:
    plan = plan_of(DIGITS_BASE, pictures, data='{ source = image_folder("pictures") }')
    run(plan, pictures / "run", PICTURES, pictures=True)
    worst = json.loads((pictures / "run" / "mistakes.json").read_text())
    for one in worst:
        number = int(one["file"].partition("/")[2][:2])
        assert one["true"] == ("cats" if number % 2 else "dogs") == one["file"].partition("/")[0]
    written = predict(pictures / "run", [pictures / "pictures" / "cats"], pictures / "out.csv")
    assert len(written.rows) == 20
    assert set(written.rows[0]) == {"input", "label", "probability", "p_cats", "p_dogs"}


def written_idx(path: Path, array: np.ndarray, *, packed: bool = False) -> None:
    data = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
    path.write_bytes(gzip.compress(data) if packed else data)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    random = np.random.default_rng(0)
    written_idx(tmp_path / "x.gz", random.integers(0, 256, (20, 5, 4), np.uint8), packed=True)
    written_idx(tmp_path / "y", (np.arange(20) % 10).astype(np.uint8))
    written_idx(tmp_path / "tx", random.integers(0, 256, (6, 5, 4), np.uint8))
    written_idx(tmp_path / "ty", np.arange(6, dtype=np.uint8))
    return tmp_path


def test_idx_files_are_read_packed_or_not(mnist: Path) -> None:
    dataset = loaded(mnist, 'idx("x.gz", "y")')
    assert dataset.samples.inputs.shape == (20, 1, 5, 4)
    assert dataset.samples.targets.tolist() == [*range(10), *range(10)]
    with gzip.open(mnist / "x.gz") as file:
        assert float(dataset.samples.values[0, 0, 0, 0]) == pytest.approx(file.read()[16] / 255)


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda p: (p / "y").write_bytes((p / "y").read_bytes()[:-1]), "promises 20 bytes and holds 19"),
        (lambda p: (p / "x.gz").write_bytes((p / "x.gz").read_bytes()[:-9]), "cannot be decompressed"),
        (lambda p: (p / "y").write_bytes(b"hello"), "is no IDX file"),
        (lambda p: written_idx(p / "y", np.arange(3, dtype=np.uint8)), "20 pictures, .* 3 labels"),
        (lambda p: written_idx(p / "y", np.full(20, 11, np.uint8)), "row 1 has the label 11"),
        (lambda p: written_idx(p / "y", np.zeros((20, 2, 2), np.uint8)), "`y` has 3 axes.*idx1"),
    ],
)
def test_what_is_wrong_with_idx_files_is_said(mnist: Path, harm: Callable[[Path], None], says: str) -> None:
    harm(mnist)
    with pytest.raises(RunError, match=says):
        loaded(mnist, 'idx("x.gz", "y")')


def test_test_may_have_files_of_its_own(mnist: Path) -> None:
    data = '{ source = idx("x.gz", "y"), test = idx("tx", "ty"), split { val = 0.5 }, stratify = false }'
    plan = plan_of(DIGITS_BASE, mnist, data=data)
    assert (plan.data.split.train, plan.data.split.val, plan.data.split.test) == (0.5, 0.5, 0)
    source = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(20, 10))\n"
    assert run(plan, mnist / "run", source).data["samples"] == {"train": 10, "val": 10, "test": 6}


def cifar(path: Path, count: int, labels: int) -> np.ndarray:
    rows = np.random.default_rng(1).integers(0, 256, (count, labels + 3072), np.uint8)
    rows[:, :labels] = np.arange(count)[:, None] % 10
    path.write_bytes(rows.tobytes())
    return rows


def test_cifar_is_read_a_label_byte_before_each_picture(tmp_path: Path) -> None:
    parts = [cifar(tmp_path / f"data_batch_{number}.bin", 3, 1) for number in range(1, 6)]
    dataset = loaded(tmp_path, 'cifar10(".")')
    assert dataset.samples.inputs.shape == (15, 3, 32, 32)
    assert dataset.classes[3] == "cat"
    assert float(dataset.samples.values[0, 2, 31, 31]) == pytest.approx(parts[0][0, -1] / 255)
    cifar(tmp_path / "train.bin", 4, 2)
    assert len(loaded(tmp_path, 'cifar100("train.bin")').classes) == 100
    assert len(loaded(tmp_path, 'cifar100("train.bin", labels=coarse)').classes) == 20


def test_the_pickled_cifar_is_refused_and_a_cut_one_told(tmp_path: Path) -> None:
    (tmp_path / "data_batch_1").write_bytes(b"\x80\x02}")
    with pytest.raises(RunError, match=r"is a pickle, which may run code.*binary version"):
        loaded(tmp_path, 'cifar10("data_batch_1")')
    (tmp_path / "a.bin").write_bytes(b"\0" * 3000)
    with pytest.raises(RunError, match="no multiple of 3,073"):
        loaded(tmp_path, 'cifar10("a.bin")')


def test_safetensors_hold_arrays_as_npz_does(tmp_path: Path) -> None:
    images, labels = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3), np.array([0, 1, 2, 1])
    save_file({"pixels": images, "y": labels}, tmp_path / "a.safetensors")
    dataset = loaded(tmp_path, 'safetensors("a.safetensors", x="pixels")')
    assert torch.equal(dataset.samples.values, torch.from_numpy(images / 255).to(torch.float32)[:, None])
    assert dataset.samples.targets.tolist() == labels.tolist()
    with pytest.raises(RunError, match=r"has no array `pixel`.*nearest is `pixels`"):
        loaded(tmp_path, 'safetensors("a.safetensors", x="pixel")')
    (tmp_path / "b.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:-3])
    with pytest.raises(RunError, match="cannot be read as safetensors"):
        loaded(tmp_path, 'safetensors("b.safetensors", x="pixels")')


CITIES = "age,city,who,y\n1,Oslo,a,1\n2,Rome,a,2\n,Oslo,b,3\n4,,b,4\n5,Rome,c,\n6,Oslo,c,6\n"
TABLE_OF = 'csv("t.csv", target="y", features=["age", "city"], categories=["city"], missing={})'


def test_a_parquet_file_gives_what_the_same_csv_gives(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    (tmp_path / "t.csv").write_text(CITIES)
    ages = [1, 2, None, 4, 5, 6]
    cities = ["Oslo", "Rome", "Oslo", None, "Rome", "Oslo"]
    table = arrow.table({"age": ages, "city": cities, "who": list("aabbcc"), "y": [1.0, 2, 3, 4, None, 6]})
    parquet.write_table(table, tmp_path / "t.parquet")
    one = loaded(tmp_path, TABLE_OF.format("mean"), **NUMBERS)
    other = loaded(
        tmp_path, TABLE_OF.format("mean").replace("csv", "parquet", 1).replace(".csv", ".parquet"), **NUMBERS
    )
    assert torch.equal(one.samples.values.nan_to_num(-1), other.samples.values.nan_to_num(-1))
    assert torch.equal(one.samples.targets, other.samples.targets)
    (tmp_path / "t.parquet").write_text("no table")
    with pytest.raises(RunError, match="cannot be read as Parquet"):
        loaded(tmp_path, 'parquet("t.parquet", target="y")', **NUMBERS)


def test_missing_values_are_refused_dropped_or_filled_as_the_plan_says(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(CITIES)
    with pytest.raises(RunError, match=r"column `age` .* has no number in row 3.*missing=drop"):
        loaded(tmp_path, TABLE_OF.format("refuse"), **NUMBERS)
    dropped = loaded(tmp_path, TABLE_OF.format("drop"), **NUMBERS)
    assert dropped.features == ("age", "city=Oslo", "city=Rome")
    assert dropped.samples.values.tolist() == [[1, 1, 0], [2, 0, 1], [6, 1, 0]]
    assert dropped.notes == (
        "3 of 6 rows of `t.csv` are left out, since values are missing: 1 in `age`, 1 in `city`, 1 in `y`",
    )
    filled = loaded(tmp_path, TABLE_OF.format("mean"), **NUMBERS)
    assert len(filled.samples) == 5
    assert filled.samples.values.isnan().any(1).tolist() == [False, False, True, True, False]


def test_what_is_missing_is_the_mean_of_train_in_training_and_prediction(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "age,city,y\n" + "".join(f"{n if n % 7 else ''},{'ab'[n % 2]},{2 * n}\n" for n in range(70))
    )
    data = f"{{ source = {TABLE_OF.format('mean')} standardize {{ inputs = true, target = true }} }}"
    report = run(plan_of(DIGITS_BASE, tmp_path, data=data, loss="mse", epochs="30"), tmp_path / "run", TABLE)
    assert any("10 in `age`; the mean of `train`" in note for note in report.notes)
    (tmp_path / "new.csv").write_text("city,age\na,\nb,20\n")
    predicted = [row["y"] for row in predict(tmp_path / "run", [tmp_path / "new.csv"], tmp_path / "out.json").rows]
    about = json.loads(next((tmp_path / "run" / "checkpoints").glob("step-*/state.json")).read_text())
    (mean,) = [about["fitted"]["gaps"][0][0]]
    (tmp_path / "new.csv").write_text(f"city,age\na,{mean}\nb,20\n")
    again = [row["y"] for row in predict(tmp_path / "run", [tmp_path / "new.csv"], tmp_path / "out.json").rows]
    assert predicted == pytest.approx(again, rel=1e-5)
    (tmp_path / "new.csv").write_text("city,age\nc,3\n")
    with pytest.raises(RunError, match=r"holds `c`.*training knew `a`, `b`"):
        predict(tmp_path / "run", [tmp_path / "new.csv"], tmp_path / "out.json")


def test_a_file_for_val_has_the_columns_and_classes_of_train(tmp_path: Path) -> None:
    (tmp_path / "train.csv").write_text("a,b,y\n" + "1,2,cat\n3,4,dog\n" * 4)
    (tmp_path / "val.csv").write_text("b,y,a\n2,dog,1\n")
    dataset = loaded(tmp_path, 'csv("train.csv", target="y")', 'val = csv("val.csv", target="y")')
    assert dataset.samples.values[-1].tolist() == [1, 2]
    assert int(dataset.samples.targets[-1]) == 1
    assert dataset.held["val"].tolist() == [8]
    (tmp_path / "val.csv").write_text("b,y,a\n2,cow,1\n")
    with pytest.raises(RunError, match="`val` holds the class `cow`, and `train` `cat`, `dog`"):
        loaded(tmp_path, 'csv("train.csv", target="y")', 'val = csv("val.csv", target="y")')
    (tmp_path / "val.csv").write_text("b,y\n2,cat\n")
    with pytest.raises(RunError, match="`val` has no column `a`"):
        loaded(tmp_path, 'csv("train.csv", target="y")', 'val = csv("val.csv", target="y")')
