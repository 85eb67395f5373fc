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


GLOSSARY = re.findall(
    r"^\| (.+?) \| (.+?) \| (.*?) \| \[\d+\]\((.+?)\) \|$", (COURSE / "glossary.md").read_text("utf-8"), re.M
)
TERMS = {term.strip() for chinese, *_ in GLOSSARY for term in chinese.split("/")}
PHRASES = (
    "课程大纲",
    "问题分类",
    "参数设置",
    "什么时候最大",
    "越多越好吗",
    "过多会导致什么问题",
    "会导致性能下降",
    "怎么判断预测",
    "怎么优化呢",
    "真的比",
    "少了很多",
)
PLAIN = (
    "总流程", "在", "时", "为什么不能用", "为什么要进行", "为什么", "如果", "过多", "如何减少", "数量", "量", "加上", "的", "添加", "没有", "会怎样",
    "三", "与", "数",
)  # fmt: skip
"""What stands in headings and is no term of the field."""


def without_terms(text: str) -> str:
    """What is left of the Chinese of a text when every term of the glossary and every plain word is taken out."""
    left = text
    stems = {term.removesuffix("法").removesuffix("层") or term for term in TERMS}
    for words in (PHRASES, TERMS, stems, PLAIN):
        for word in sorted(words, key=len, reverse=True):
            left = left.replace(word, " ")
    return "".join(re.findall(r"[\u4e00-\u9fff]+", left))


def test_every_chinese_term_of_the_lecture_s_headings_is_in_the_glossary() -> None:
    assert len(TERMS) > 90
    assert {heading: left for heading in HEADINGS if (left := without_terms(heading))} == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_chinese_term_of_a_page_is_in_the_glossary(name: str) -> None:
    text = (COURSE / f"{name}.md").read_text(encoding="utf-8")
    assert re.search(r"^\*.*[\u4e00-\u9fff].*\*$", text, re.M), "no line with the terms in Chinese"
    assert without_terms(BLOCK.sub("", text)) == ""


@pytest.mark.parametrize(("chinese", "english", "here", "page"), GLOSSARY, ids=[row[1] for row in GLOSSARY])
def test_a_term_of_the_glossary_is_used_on_the_page_that_it_names(
    chinese: str, english: str, here: str, page: str
) -> None:
    text = (COURSE / page).read_text(encoding="utf-8")
    prose = plain(BLOCK.sub("", text))
    for term in re.split(r", | \(|\)", english):
        assert plain(term) in prose, f"{term} is not used on {page}"
    for spelt in re.findall(r"`(.+?)`", here):
        assert spelt in text or any(spelt in other.read_text("utf-8") for other in pages()), f"{spelt} is nowhere shown"


NAMES_OF_NETWORKS = {"fast r cnn", "faster r cnn", "yolo"}


@pytest.mark.parametrize("name", NAMES)
def test_every_term_that_a_page_sets_in_bold_is_in_the_glossary(name: str) -> None:
    english = " ".join(plain(english) for _, english, _, _ in GLOSSARY)
    prose = BLOCK.sub("", (COURSE / f"{name}.md").read_text(encoding="utf-8"))
    bold = [term for term in re.findall(r"\*\*(.+?)\*\*", prose, re.S) if not re.match(r"(The|A) |.*[.+(]", term, re.S)]
    terms = {plain(term).strip() for term in bold} - NAMES_OF_NETWORKS
    assert terms
    assert [term for term in terms if not re.search(rf"\b{term.removesuffix('s').removesuffix('e')}", english)] == []


def plain(text: str) -> str:
    """Letters alone, in small: hyphens, emphasis and line ends make no difference."""
    return re.sub(r"[\W_]+", " ", text).casefold()


def test_a_term_that_is_missing_would_be_seen() -> None:
    assert without_terms("最大池化层") == ""
    assert without_terms("注意力 | attention") == "注意力"


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
