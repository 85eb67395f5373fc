"""The course is whole: a page for each idea, every heading of the lecture on one, exercises that can be answered."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from dlspec.quiz.course import page_of, pages
from dlspec.quiz.exercise import exercise
from dlspec.quiz.grading import grade
from dlspec.quiz.sheet import read_sheet, sheet
from dlspec.source import Source

ROOT = Path(__file__).parent.parent
COURSE = ROOT / "docs" / "course"
HEADINGS = (ROOT / "tests" / "lecture_headings.txt").read_text(encoding="utf-8").splitlines()
sys.path.insert(0, str(ROOT / "docs"))
from pages import BLOCK  # noqa: E402  (it lies beside the pages, outside the package)

ROW = re.compile(r"^\| (.+?) \| (.+) \|$", re.M)
LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")
NAMES = [page.stem for page in pages()]


def anchors(page: Path) -> set[str]:
    """The anchors that its headings have."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


def test_there_are_sixteen_pages_and_each_leads_to_the_next() -> None:
    assert [int(name[:2]) for name in NAMES] == list(range(1, 17))
    listed = LINK.findall((COURSE / "index.md").read_text(encoding="utf-8"))
    assert [file for file, _ in listed if file[0].isdigit()] == [page.name for page in pages()]
    for page, after in zip(pages(), pages()[1:]):
        assert f"]({after.name})" in page.read_text(encoding="utf-8").split("Next: ")[1]


def test_every_heading_of_the_lecture_is_on_a_page() -> None:
    rows = {
        heading.replace("\\|", "|"): where for heading, where in ROW.findall((COURSE / "lecture.md").read_text("utf-8"))
    }
    assert len(HEADINGS) > 60
    assert [heading for heading in HEADINGS if heading not in rows] == []
    for heading in HEADINGS:
        links = LINK.findall(rows[heading])
        assert links, heading
        for file, anchor in links:
            assert (COURSE / file).is_file(), heading
            assert not anchor or anchor in anchors(COURSE / file), (heading, anchor)


def test_every_chinese_word_of_a_heading_is_in_the_glossary_or_is_no_term() -> None:
    rows = re.findall(
        r"^\| (.+?) \| (.+?) \| (.*?) \| \[\d+\]\((.+?)\) \|$", (COURSE / "glossary.md").read_text("utf-8"), re.M
    )
    terms = {term.strip() for chinese, *_ in rows for term in chinese.split("/")}
    assert len(terms) > 80
    assert all((COURSE / page).is_file() for *_, page in rows)
    titles = [
        part.strip()
        for heading in HEADINGS
        for part in heading.split("|")
        if re.fullmatch(r"\s*[\u4e00-\u9fff]+\s*", part)
    ]
    no_terms = {"课程大纲", "问题分类", "总流程", "参数设置", "参数量真的比全连接少了很多"}
    assert [title for title in titles if title not in terms | no_terms] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_exercise_of_a_page_can_be_answered_and_is_graded(name: str) -> None:
    asked = exercise(name).questions
    hidden = page_of(COURSE / f"{name}.md").hidden
    assert [question.key for question in asked] == list(hidden)
    answers = {question.key: " x ".join(map(str, question.answer)) for question in asked}
    filled = "\n".join(f"{key} = {answer}" for key, answer in answers.items())
    assert [mark.verdict for mark in grade(asked, read_sheet(Source("sheet", filled), asked))] == ["right"] * len(asked)
    assert read_sheet(Source("sheet", sheet(asked, name)), asked) == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_what_every_page_has(name: str) -> None:
    text = (COURSE / f"{name}.md").read_text(encoding="utf-8")
    assert "\n## One change to try\n" in text
    assert f"$ dlspec quiz {int(name[:2])} --sheet\n" in text
    assert re.search(r"!\[.+\]\(\.\./images/[\w-]+/", text), "no picture"
    assert max(map(len, BLOCK.sub("", text).splitlines())) < 180


@pytest.mark.parametrize("name", NAMES)
def test_a_measured_number_of_the_prose_stands_in_what_a_command_of_the_page_printed(name: str) -> None:
    text = (COURSE / f"{name}.md").read_text(encoding="utf-8")
    printed = "\n".join(found[3] for found in BLOCK.finditer(text))
    prose = BLOCK.sub("", text)
    assert [number for number in re.findall(r"\d+\.\d{2,}", prose) if number not in printed] == []


def test_no_page_names_the_machine_that_wrote_it() -> None:
    shown = [page.name for page in COURSE.glob("*.md") if re.search(r"/work/|/tmp/|Traceback", page.read_text("utf-8"))]
    assert shown == []
