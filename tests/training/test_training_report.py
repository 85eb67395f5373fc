"""The page of a run stands alone and tells what the run did; the worst mistakes are those that cost most."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from dlspec.plan import losses as named
from dlspec.training.charts import Axis, lines, thinned
from dlspec.training.mistakes import losses
from dlspec.training.page import duration, page, shown
from tests.training.runs import CNN, DIABETES, DIGITS, LINE, plan_of, run

VOID = {"meta", "img", "br", "line"}


class Outline(HTMLParser):
    """The headings of a page, the tags left open, and every address that it names."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.headings: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "srcset", "data")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open[-1] != tag and self.open[-1] in ("tr", "td", "th"):
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def outline(text: str) -> Outline:
    found = Outline()
    found.feed(text)
    return found


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "digits"
    run(
        plan_of(DIGITS, augment="[rotate(10)]", allow='{ "label-destroying-augmentation" = "<b>" }'),
        out,
        CNN,
        pictures=True,
    )
    return out


def test_the_page_is_one_whole_file_that_asks_for_no_other(digits: Path) -> None:
    text = (digits / "report.html").read_text(encoding="utf-8")
    found = outline(text)
    assert found.open == []
    assert found.addresses
    assert {address[:11] for address in found.addresses} <= {"data:image/"}
    assert "url(" not in text
    assert "<script" not in text
    assert "@import" not in text


def test_the_page_tells_the_scores_of_the_report_and_shows_each_part(digits: Path) -> None:
    text = (digits / "report.html").read_text(encoding="utf-8")
    report = json.loads((digits / "report.json").read_text())
    assert f"<dd>{report['test']['accuracy']:.2%}".removesuffix("%") in text
    assert outline(text).headings[:4] == ["Curves", "Confusion matrix", "Worst mistakes", "Augmentation"]
    assert outline(text).headings[-1] == "How it was made"
    total = sum(map(sum, report["confusion_matrix"]["counts"]))
    assert f" of {total:,} wrong" in text


def test_what_people_wrote_is_text_on_the_page_and_not_markup(digits: Path) -> None:
    assert "is allowed: &lt;b&gt;" in (digits / "report.html").read_text(encoding="utf-8")


def test_the_page_can_be_written_from_the_folder_alone(digits: Path) -> None:
    again = outline(page(digits))
    assert again.headings[:3] == ["Curves", "Confusion matrix", "Worst mistakes"]
    assert again.open == []


def test_the_mistakes_are_the_validation_samples_with_the_highest_loss(digits: Path) -> None:
    from sklearn.datasets import load_digits

    from dlspec.training.run import load_run
    from dlspec.training.splits import split_rows

    found = json.loads((digits / "mistakes.json").read_text())
    bunch = load_digits()
    images = torch.tensor(bunch.images / 16.0, dtype=torch.float32)[:, None]
    targets = torch.tensor(bunch.target)
    rows = split_rows(len(targets), targets, plan_of(DIGITS).data.split)["val"]
    chances = load_run(digits).predict(images[rows]).probabilities
    assert chances is not None
    costs = -chances[torch.arange(len(rows)), targets[rows]].log()
    order = costs.argsort(descending=True)[: len(found)]
    assert [one["loss"] for one in found] == pytest.approx(costs[order].tolist(), rel=1e-4)
    assert [one["row"] for one in found[:3]] == (rows[order[:3]] + 1).tolist()
    assert [int(one["true"]) for one in found[:3]] == targets[rows[order[:3]]].tolist()
    assert all(one["wrong"] == (one["true"] != one["predicted"]) for one in found)
    assert (digits / "mistakes.png").stat().st_size > 1000


def test_of_numbers_the_worst_are_listed_in_units_of_the_data(tmp_path: Path) -> None:
    data = (
        "{ source = diabetes  split { train = 0.6 val = 0.2 test = 0.2 }  standardize { inputs = true target = true } }"
    )
    run(plan_of(DIABETES, data=data), tmp_path / "line", LINE, pictures=True)
    found = json.loads((tmp_path / "line" / "mistakes.json").read_text())
    errors = [abs(float(one["true"]) - float(one["predicted"])) for one in found]
    assert errors == sorted(errors, reverse=True)
    assert errors[0] > 50
    assert "<th>predicted</th>" in (tmp_path / "line" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("loss", "torchs"),
    [
        (
            named.CrossEntropy(label_smoothing=0.1),
            lambda s, t: F.cross_entropy(s, t, label_smoothing=0.1, reduction="none"),
        ),
        (named.MultiMargin(), lambda s, t: F.multi_margin_loss(s, t, reduction="none")),
        (named.Nll(), lambda s, t: F.nll_loss(s, t, reduction="none")),
    ],
    ids=["cross_entropy", "multi_margin", "nll"],
)
def test_the_loss_of_each_sample_is_torch_s(loss: named.Loss, torchs: object) -> None:
    scores = torch.randn(7, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([0, 1, 2, 3, 4, 0, 1])
    assert callable(torchs)
    torch.testing.assert_close(losses(loss, scores, targets), torchs(scores, targets))


def test_a_line_of_a_chart_goes_from_its_first_value_to_its_last() -> None:
    svg = lines({"train": [(1, 4.0), (2, 2.0), (3, 1.0)]}, kept=2)
    places = [tuple(map(float, place.split())) for place in re.findall(r"[ML]([\d. ]+)", svg)]
    assert len(places) == 3
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted(y for _, y in places)
    assert places[1][0] == pytest.approx((places[0][0] + places[2][0]) / 2)
    assert svg.count("<title>") == 3


def test_ticks_are_round_and_inside() -> None:
    assert Axis(0.12, 0.98, 0, 1, log=False).ticks(4) == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert Axis(0, 1, 0, 1, log=False).ticks(5) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
    assert Axis(2e-4, 3, 0, 1, log=True).ticks(4) == pytest.approx([1e-3, 1e-2, 0.1, 1])
    assert Axis(5, 5, 0, 1, log=False).at(5) == pytest.approx(0.5)


def test_a_long_line_is_thinned_to_its_ends() -> None:
    points = [(float(x), 0.0) for x in range(10_001)]
    kept = thinned(points, 100)
    assert len(kept) <= 101
    assert (kept[0], kept[-1]) == (points[0], points[-1])


def test_scores_and_times_read_as_people_say_them() -> None:
    assert (shown("accuracy", 0.97414), shown("rmse", 58.5171)) == ("97.41 %", "58.52")
    assert [duration(seconds) for seconds in (0.84, 61.0, 125, 7_320)] == ["0.8 s", "61.0 s", "2 min 5 s", "2 h 2 min"]
