"""Data sources give what their libraries hold; a file that does not hold what it should is told so, with the row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn import datasets

from dlspec.plan.keys import ResolvedPlan
from dlspec.training.data import load
from dlspec.training.errors import RunError
from dlspec.training.samples import Dataset, check_classes
from tests.training.runs import DIABETES, DIGITS, plan_of


def test_digits_are_scikit_learns_in_zero_to_one() -> None:
    bunch, dataset = datasets.load_digits(), load(plan_of())
    assert dataset.samples.inputs.shape == (1797, 1, 8, 8)
    assert dataset.samples.inputs.max() == 1
    assert torch.equal(dataset.samples.inputs[:, 0] * 16, torch.from_numpy(bunch.images).float())
    assert dataset.samples.targets.tolist() == bunch.target.tolist()


@pytest.mark.parametrize("name", ["iris", "wine", "breast_cancer"])
def test_tables_of_classes_are_scikit_learns(name: str) -> None:
    bunch, dataset = getattr(datasets, f"load_{name}")(), load(plan_of(data=f"{{ source = {name} }}"))
    assert torch.equal(dataset.samples.inputs, torch.from_numpy(bunch.data).float())
    assert dataset.samples.targets.tolist() == bunch.target.tolist()
    assert dataset.classes == tuple(bunch.target_names)
    assert dataset.features == tuple(bunch.feature_names)


def test_diabetes_is_scikit_learns_with_an_axis_of_one_target() -> None:
    bunch, dataset = datasets.load_diabetes(), load(plan_of(DIABETES))
    assert dataset.samples.targets.shape == (442, 1)
    assert torch.equal(dataset.samples.targets[:, 0], torch.from_numpy(bunch.target).float())


def test_chosen_classes_count_from_zero() -> None:
    dataset = load(plan_of(data="{ source = digits(classes=[8, 3]) }"))
    bunch = datasets.load_digits()
    kept = [label for label in bunch.target.tolist() if label in (3, 8)]
    assert [(8, 3)[number] for number in dataset.samples.targets.tolist()] == kept
    assert dataset.classes == ("8", "3")


def test_images_are_resized_as_the_plan_says() -> None:
    inputs = load(plan_of(data="{ source = digits resize = [12, 16] }")).samples.inputs
    assert inputs.shape == (1797, 1, 12, 16)
    assert inputs.min() >= 0
    assert inputs.max() <= 1


def table(
    tmp_path: Path, text: str, source: str = 'csv("t.csv", target="y")', base: dict[str, str] = DIGITS
) -> Dataset:
    (tmp_path / "t.csv").write_text(text)
    return load(plan_of(base, tmp_path, data=f"{{ source = {source} }}"))


def test_a_table_of_texts_as_labels_is_sorted_into_classes(tmp_path: Path) -> None:
    dataset = table(tmp_path, "a,b,y\n1,2.5,dog\n3,-1e-3,cat\n\n5,6,dog\n")
    assert dataset.samples.inputs.tolist() == [[1, 2.5], [3, pytest.approx(-1e-3)], [5, 6]]
    assert (dataset.classes, dataset.samples.targets.tolist()) == (("cat", "dog"), [1, 0, 1])
    assert dataset.features == ("a", "b")


def test_a_table_of_whole_numbers_as_labels_keeps_them(tmp_path: Path) -> None:
    dataset = table(tmp_path, "y;a;b\n0;1;x\n2;3;y\n", 'csv("t.csv", target="y", features=["a"], delimiter=";")')
    assert (dataset.samples.targets.tolist(), dataset.features) == ([0, 2], ("a",))


def test_a_table_may_hold_numbers_to_predict(tmp_path: Path) -> None:
    dataset = table(tmp_path, "\ufeffa,y\n1,10\n2,20.5\n", base=DIABETES)
    assert dataset.samples.targets.tolist() == [[10], [20.5]]


@pytest.mark.parametrize(
    ("text", "source", "says"),
    [
        ("a,y\n1,0\n", 'csv("missing.csv", target="y")', "there is no file"),
        ("a,y\n1,0\n", 'csv("t.cvs", target="y")', "beside it there is `t.csv`"),
        ("a,label\n1,0\n", 'csv("t.csv", target="lable")', "the nearest is `label`"),
        ("a,y\n1,0\n", 'csv("t.csv", target="y", features=["b"])', "has no column `b`"),
        ("a,y\n1,0\nx,1\n", 'csv("t.csv", target="y")', "column `a` of .* holds `x` in row 2"),
        ("a,y\n1,0\nNA,1\n,1\n", 'csv("t.csv", target="y")', r"has no number in 2 rows \(2, 3\)"),
        ("a,y\n1,0\ninf,1\n", 'csv("t.csv", target="y")', "has no number in row 2"),
        ("a,y\n1,0\n2,\n", 'csv("t.csv", target="y")', "has no label in row 2"),
        ("a,y\n1,0\n2\n", 'csv("t.csv", target="y")', "row 2 of .* has 1 values, the first line 2"),
        ("a,a,y\n1,2,0\n", 'csv("t.csv", target="y")', "two columns `a`"),
        ("a;y\n1,5;0\n", 'csv("t.csv", target="y")', "separates the values of .* is `;`, not `,`"),
        ("a\ty\n1\t0\n", 'csv("t.csv", target="y")', "separates the values of .* is a tab"),
        ("0.5,1\n1,0\n", 'csv("t.csv", target="y")', "the first line of .* holds numbers, no names"),
        ('a,y\n"1,200",0\n', 'csv("t.csv", target="y")', "holds `1,200` in row 1, which is not a number"),
        ("a,y\n1,0\n", 'csv("t.csv", target="y", encoding="utf-99")', "there is no encoding `utf-99`"),
        ("a,y\n", 'csv("t.csv", target="y")', "holds no samples"),
        ("", 'csv("t.csv", target="y")', "holds no samples"),
        ("a,y\n1,0\n", 'csv(".", target="y")', "is a folder"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, text: str, source: str, says: str) -> None:
    with pytest.raises(RunError, match=says):
        table(tmp_path, text, source)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16"])
def test_a_table_in_another_encoding_is_told_so_and_read_where_it_is_named(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "t.csv").write_bytes("a,y\n1,caf\xe9\n2,bar\n".encode(encoding))
    with pytest.raises(RunError, match="is not text in UTF-8") as told:
        load(plan_of(DIGITS, tmp_path, data='{ source = csv("t.csv", target="y") }'))
    assert f'encoding="{encoding}"' in told.value.hint
    named = f'{{ source = csv("t.csv", target="y", encoding="{encoding}") }}'
    assert load(plan_of(DIGITS, tmp_path, data=named)).classes == ("bar", "caf\xe9")


def test_a_table_with_decimal_commas_is_read_as_one(tmp_path: Path) -> None:
    text = "a;b;y\n1,5;1.234,5;0\n-2;,5;1\n"
    source = 'csv("t.csv", target="y", delimiter=";", decimal=comma)'
    with pytest.raises(RunError, match="holds `,5` in row 2"):
        table(tmp_path, text, source)
    dataset = table(tmp_path, text.replace(";,5", ";0,5"), source)
    assert dataset.samples.inputs.tolist() == [[1.5, 1234.5], [-2, 0.5]]


def arrays(tmp_path: Path, source: str = 'npz("t.npz")', base: dict[str, str] = DIGITS, **held: np.ndarray) -> Dataset:
    np.savez(tmp_path / "t.npz", **held)
    return load(plan_of(base, tmp_path, data=f"{{ source = {source} }}", loss=base["loss"]))


def test_bytes_become_zero_to_one_and_get_a_channel(tmp_path: Path) -> None:
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4) * 10
    dataset = arrays(tmp_path, 'npz("t.npz", x="pictures", y="labels")', pictures=images, labels=np.array([0, 1]))
    assert dataset.samples.inputs.shape == (2, 1, 3, 4)
    assert torch.allclose(dataset.samples.inputs[:, 0] * 255, torch.from_numpy(images).float())


def test_floats_are_taken_as_they_are(tmp_path: Path) -> None:
    x = np.random.default_rng(0).normal(size=(4, 5))
    dataset = arrays(tmp_path, base=DIABETES, x=x, y=np.arange(4.0))
    assert torch.equal(dataset.samples.inputs, torch.from_numpy(x).float())
    assert dataset.samples.targets.tolist() == [[0], [1], [2], [3]]


X, Y = np.zeros((3, 2)), np.array([0, 1, 1])


@pytest.mark.parametrize(
    ("held", "source", "says"),
    [
        ({"x": X, "y": Y}, 'npz("t.npz", x="inputs")', "has no array `inputs`"),
        ({"x": X, "y": Y[:2]}, 'npz("t.npz")', "3 rows in `x` and 2 rows in `y`"),
        ({"x": X, "y": Y + 0.5}, 'npz("t.npz")', "holds 0.5 in row 1, which is not a class"),
        ({"x": X, "y": np.eye(3)}, 'npz("t.npz")', "a class for each sample or pixel is wanted"),
        ({"x": X * np.nan, "y": Y}, 'npz("t.npz")', r"has no number in 3 rows \(1, 2, 3\)"),
        (
            {"x": X, "y": Y},
            'npz("t.npz", classes=1)',
            r"row 2 has the label 1, and `npz` has the classes 0 to 0 \(say `classes=2`\)",
        ),
        ({"x": X, "y": Y - 1}, 'npz("t.npz", classes=2)', "row 1 has the label -1"),
        ({"x": np.array([["a"], ["b"], ["c"]]), "y": Y}, 'npz("t.npz")', "not numbers"),
        (
            {"x": np.array([{}, {}, {}], dtype=object), "y": Y},
            'npz("t.npz")',
            "Python objects, which are not read",
        ),
        ({"x": X[:0], "y": Y[:0]}, 'npz("t.npz")', "holds no samples"),
    ],
)
def test_what_is_wrong_with_arrays_is_said(tmp_path: Path, held: dict[str, np.ndarray], source: str, says: str) -> None:
    with pytest.raises(RunError, match=says):
        arrays(tmp_path, source, **held)


def test_a_file_that_is_no_archive_is_told_so(tmp_path: Path) -> None:
    for content in (b"PK\x03\x04 broken", b"hello", b""):
        (tmp_path / "t.npz").write_bytes(content)
        with pytest.raises(RunError, match="is not an NPZ file"):
            load(plan_of(DIGITS, tmp_path, data='{ source = npz("t.npz") }'))


def test_labels_that_count_from_one_get_the_likely_reason() -> None:
    plan: ResolvedPlan = plan_of()
    dataset = load(plan)
    dataset.samples.targets += 1
    with pytest.raises(RunError, match=r"has the label 10.*classes count from 0"):
        check_classes(dataset, 10)


def test_points_of_xor_lie_about_four_corners_and_opposite_corners_are_of_one_class() -> None:
    samples = load(plan_of(data="{ source = xor(count=400, noise=0.1) }")).samples
    signs = samples.inputs > 0
    assert torch.equal(samples.targets, (signs[:, 0] ^ signs[:, 1]).long())
    offsets = samples.inputs - (2 * signs.float() - 1)
    assert offsets.std().item() == pytest.approx(0.1, rel=0.1)
    assert offsets.mean(0).abs().max() < 0.02
    assert samples.targets.bincount().tolist() == [200, 200]


def test_points_of_rings_lie_at_two_distances_from_the_origin() -> None:
    dataset = load(plan_of(data="{ source = rings(count=400, noise=0) }"))
    distances = dataset.samples.inputs.norm(dim=1)
    assert torch.allclose(distances, 1 - dataset.samples.targets / 2, atol=1e-6)
    again = load(plan_of(data="{ source = rings(count=400, noise=0, seed=1) }"))
    assert not torch.equal(again.samples.inputs, dataset.samples.inputs)
    assert dataset.classes == ("0", "1")
