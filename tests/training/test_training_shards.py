"""Data sets beyond a folder: shards, the Hub's data sets on disk, and sources of other packages."""

from __future__ import annotations

import io
import shutil
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from dlspec.plan.read import read_plan
from dlspec.training.data import load
from dlspec.training.draws import MIXED, permutation_in_blocks
from dlspec.training.errors import RunError
from dlspec.training.predicting import load_run
from tests.plan.plans import parsed, written
from tests.training.runs import equal, final_weights, plan_of, run

BASE = {
    "network": "net", "data": "", "loss": "cross_entropy", "optimizer": "sgd(lr=0.1)", "epochs": "2",
    "batch_size": "8", "device": "cpu",
}  # fmt: skip
NET = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(48, 3))\n"


def added(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


def png(seed: int) -> bytes:
    data = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)).save(data, "png")
    return data.getvalue()


def shard(path: Path, first: int, count: int) -> None:
    with tarfile.open(path, "w") as archive:
        for number in range(first, first + count):
            added(archive, f"{number:06d}.png", png(number))
            added(archive, f"{number:06d}.cls", str(number % 3).encode())


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    for number in range(6):
        shard(tmp_path / f"train-{number:02d}.tar", 10 * number, 10)
    return tmp_path


def source(more: str = "", pattern: str = "train-{00..05}.tar") -> str:
    return f'{{ source = shards("{pattern}"{more}), in_memory = false }}'


def test_shards_are_read_sample_by_sample_in_place(shards: Path) -> None:
    dataset = load(plan_of(BASE, shards, data=source()))
    pixels = np.random.default_rng(37).integers(0, 256, (4, 4, 3), np.uint8)
    assert torch.equal(dataset.samples.inputs[torch.tensor([37])][0], torch.from_numpy(pixels).permute(2, 0, 1) / 255)
    assert dataset.samples.targets.tolist() == [number % 3 for number in range(60)]
    assert dataset.names[37] == "train-03.tar:000037"
    assert len(load(plan_of(BASE, shards, data=source(pattern="train-*.tar"))).samples) == 60


@given(st.integers(0, 2**40), st.integers(0, 99), st.lists(st.integers(0, 9), min_size=1, max_size=60))
def test_an_order_in_blocks_is_an_order_that_opens_few_at_a_time(seed: int, epoch: int, blocks: list[int]) -> None:
    numbers = torch.tensor(blocks)
    order = permutation_in_blocks(seed, epoch, numbers)
    assert sorted(order.tolist()) == list(range(len(blocks)))
    last = {block: place for place, block in enumerate(numbers[order].tolist())}
    first = {block: place for place, block in reversed(list(enumerate(numbers[order].tolist())))}
    for place in range(len(blocks)):
        assert sum(first[block] <= place <= last[block] for block in last) <= MIXED


def test_a_run_on_shards_goes_on_in_the_middle_of_one_bit_for_bit(shards: Path) -> None:
    def trained(out: Path, workers: int, *, resume: bool = False) -> dict[str, torch.Tensor]:
        data = source().replace("in_memory", f"workers = {workers}, in_memory")
        plan = plan_of(BASE, shards, data=data, keep="{ every_seconds = 0, last = 99 }")
        run(plan, out, NET, resume=resume)
        return final_weights(out)

    whole = trained(shards / "run", 0)
    for path in sorted((shards / "run" / "checkpoints").glob("step-*"))[3:]:
        shutil.rmtree(path)
    (shards / "run" / "report.json").unlink()
    assert equal(trained(shards / "run", 2, resume=True), whole)


def _cut(folder: Path) -> None:
    path = folder / "train-03.tar"
    path.write_bytes(path.read_bytes()[:3000])


def _unlabelled(folder: Path) -> None:
    with tarfile.open(folder / "train-03.tar", "a") as archive:
        added(archive, "000099.png", png(99))


def _named(folder: Path) -> None:
    with tarfile.open(folder / "train-03.tar", "a") as archive:
        added(archive, "000099.png", png(99))
        added(archive, "000099.cls", b"cat")


def _packed(folder: Path) -> None:
    with tarfile.open(folder / "train-03.tar", "w:gz") as archive:
        added(archive, "000099.png", png(99))


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda folder: (folder / "train-03.tar").unlink(), "there is no file .*train-03.tar"),
        (_cut, "train-03.tar` cannot be read as a tar file: unexpected end of data"),
        (_unlabelled, "`train-03.tar:000099` has no `.cls`"),
        (_named, "`train-03.tar:000099.cls` holds no class"),
        (_packed, "train-03.tar` cannot be read as a tar file"),
    ],
)
def test_what_is_wrong_with_shards_is_said(shards: Path, harm: object, says: str) -> None:
    harm(shards)  # type: ignore[operator]
    with pytest.raises(RunError, match=says):
        load(plan_of(BASE, shards, data=source()))


def test_samples_that_lack_a_part_may_be_left_out(shards: Path) -> None:
    _unlabelled(shards)
    dataset = load(plan_of(BASE, shards, data=source(", broken=skip")))
    assert len(dataset.samples) == 60
    assert "1 samples" in dataset.notes[0]


def test_a_data_set_of_the_hub_is_read_from_disk(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    columns = {
        "image": [{"bytes": png(number), "path": None} for number in range(12)],
        "label": [number % 3 for number in range(12)], "a": [float(number) for number in range(12)],
        "b": list(range(12)), "who": [number // 4 for number in range(12)],
    }  # fmt: skip
    made = datasets.Dataset.from_dict(columns)
    made = made.cast_column("image", datasets.Image()).cast_column("label", datasets.ClassLabel(names=["x", "y", "z"]))
    made.save_to_disk(str(tmp_path / "saved"))
    dataset = load(plan_of(BASE, tmp_path, data='{ source = hub("saved", offline=true) split { groups = "who" } }'))
    assert dataset.classes == ("x", "y", "z")
    pixels = np.random.default_rng(5).integers(0, 256, (4, 4, 3), np.uint8)
    assert torch.equal(dataset.samples.values[5], torch.from_numpy(pixels).permute(2, 0, 1) / 255)
    assert dataset.groups is not None
    assert dataset.groups.tolist() == [number // 4 for number in range(12)]
    table = load(plan_of(BASE, tmp_path, data='{ source = hub("saved", x=["a", "b"]) }'))
    assert table.samples.values[7].tolist() == [7, 7]
    for asked, says in (
        ('"saved", y="lable"', "nearest is `label`"),
        ('"other", offline=true', "was not downloaded before"),
    ):
        with pytest.raises(RunError, match=says):
            load(plan_of(BASE, tmp_path, data=f"{{ source = hub({asked}) }}"))


PACKAGE = '''
"""A source of another package."""

from __future__ import annotations

from dlspec.plan.kinds import Count, Text
from dlspec.plan.sources import Source


class Waves(Source):
    """Sines of two frequencies."""

    task = "classes"

    samples_: Count = 40
    """How many."""

    @property
    def shape(self):
        return (16,)

    @property
    def class_names(self):
        return ("slow", "fast")

    def load(self, folder):
        import numpy

        kinds = numpy.arange(self.samples_) % 2
        steps = numpy.linspace(0, 6, 16)
        shift = numpy.random.default_rng(0).uniform(0, 6, (self.samples_, 1))
        return {"inputs": numpy.sin((1 + 2 * kinds[:, None]) * steps + shift), "targets": kinds}


class Odd(Source):
    strange: complex = 1j


number = 3
'''
DECLARED = "[dlspec.sources]\nwaves = clinic_sources:Waves\nodd = clinic_sources:Odd\nnone = clinic_sources:number\nmissing = clinic_sources:Missing\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = tmp_path / "site"
    about = site / "clinic_sources-1.0.dist-info"
    about.mkdir(parents=True)
    (site / "clinic_sources.py").write_text(PACKAGE)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clinic-sources\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(DECLARED)
    monkeypatch.syspath_prepend(str(site))
    yield
    from dlspec.plan.sources import Source

    for name in ("waves", "odd"):
        Source.members.pop(name, None)
    sys.modules.pop("clinic_sources", None)


@pytest.mark.usefixtures("package")
def test_a_source_of_an_installed_package_trains_and_is_loaded_again(tmp_path: Path) -> None:
    from dlspec.plan.sources import Source

    plan = plan_of(BASE, tmp_path, data="{ source = waves(samples_=60) }", optimizer="adam(lr=0.05)", epochs="10")
    source = "from torch import nn\n\n\ndef build():\n    return nn.Sequential(nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 2))\n"
    assert run(plan, tmp_path / "run", source).val["accuracy"] > 0.8
    del Source.members["waves"]  # as in a new process
    labels = load_run(tmp_path / "run").predict(np.sin(np.linspace(0, 6, 16))[None]).labels
    assert labels == ["slow"]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("odd", "the field `strange`"),
        ("none", "is no subclass of `dlspec.plan.sources.Source`"),
        ("missing", "of clinic-sources cannot be imported"),
        ("wave", "waves"),
    ],
)
def test_what_is_wrong_with_a_source_of_a_package_is_said(name: str, says: str) -> None:
    _, problems = read_plan(parsed(written({**BASE, "data": f"{{ source = {name} }}"})))
    (found,) = [one for one in problems if one.severity == "error"]
    assert found.code == "E0605"
    assert says in "; ".join(found.notes)
