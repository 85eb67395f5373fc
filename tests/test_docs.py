"""What the documentation shows is what the program prints, draws and finds today; `python docs/refresh.py` writes it anew."""

from __future__ import annotations

import re
import shutil
import sys
from pathlib import Path

import pytest

import dlspec
from dlspec.checking import check_text
from dlspec.diagnostics.codes import CODES
from dlspec.drawing import figure_svg

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "docs"))
import error_pages  # noqa: E402  (they lie beside the pages, outside the package)
import gallery  # noqa: E402
import pages  # noqa: E402
import zoo_table  # noqa: E402

BLOCK = re.compile(r"^```(dls|yaml)\n(.*?)^```", re.S | re.M)
CASES = [
    (f"{file.name}:{number}", kind, text)
    for file in (ROOT / "README.md", ROOT / "docs" / "language.md")
    for number, (kind, text) in enumerate(BLOCK.findall(file.read_text(encoding="utf-8")))
]
WORDS = re.compile(r"<text[^>]*>([^<]*)</text>")
SESSIONS = [
    pytest.param(page, id=page.stem, marks=[pytest.mark.slow] if pages.trains(page.read_text(encoding="utf-8")) else [])
    for page in pages.pages()
]


@pytest.mark.parametrize(("kind", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_spec_that_is_shown_is_clean(kind: str, text: str) -> None:
    assert [d.message for d in check_text(text, ".dls" if kind == "dls" else ".dlspec.yaml")] == []


def test_the_figure_shows_what_is_drawn_today() -> None:
    shown = (ROOT / "docs" / "images" / "lenet.svg").read_text(encoding="utf-8")
    assert WORDS.findall(shown) == WORDS.findall(figure_svg(dlspec.load("lenet").graph))


@pytest.mark.skipif(shutil.which("dot") is None, reason="graphviz is not installed")
@pytest.mark.parametrize("page", SESSIONS)
def test_the_commands_of_a_page_print_and_draw_what_it_shows(page: Path, tmp_path: Path) -> None:
    shown = page.read_text(encoding="utf-8")
    assert pages.comparable(pages.rerun(shown, tmp_path, small=True)) == pages.comparable(shown)
    for picture, drawn in pages.pictures(shown, tmp_path).items():
        assert picture.exists()
        if drawn.suffix == ".svg":
            assert WORDS.findall(picture.read_text(encoding="utf-8")) == WORDS.findall(drawn.read_text("utf-8"))


def test_every_page_that_shows_a_session_is_run() -> None:
    docs = ROOT / "docs"
    written = [page for page in docs.rglob("*.md") if not {"_build", "errors"} & {*page.relative_to(docs).parts}]
    sessions = {page for page in written if "\n```console\n$ " in page.read_text(encoding="utf-8")}
    assert sessions - {*pages.pages()} == set()
    assert docs / "diff.md" in sessions


def test_the_index_of_errors_has_every_code_and_no_other() -> None:
    shown = (ROOT / "docs" / "errors" / "index.md").read_text(encoding="utf-8")
    assert shown == error_pages.index()
    assert [code for code in CODES if f"[{code}]({code}.md)" not in shown] == []
    assert {path.stem for path in (ROOT / "docs" / "errors").glob("*.md")} == {*CODES, "index"}


@pytest.mark.parametrize("code", CODES)
def test_the_page_of_a_code_shows_what_its_example_prints_today(code: str, tmp_path: Path) -> None:
    shown = (ROOT / "docs" / "errors" / f"{code}.md").read_text(encoding="utf-8")
    assert shown == error_pages.code_page(code, tmp_path)


@pytest.mark.parametrize("page", sorted((ROOT / "docs").rglob("*.md")), ids=lambda page: page.stem)
def test_what_a_page_links_to_exists(page: Path) -> None:
    links = re.findall(r"\]\((?!\w+:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_tables_of_the_zoo_show_what_is_counted_today() -> None:
    shown = (ROOT / "docs" / "zoo.md").read_text(encoding="utf-8")
    assert shown == zoo_table.page(shown)


def test_the_zoo_counts_what_torchvision_publishes() -> None:
    found = {entry.name: (entry.parameters, (entry.macs or 0) / 1e9) for entry in zoo_table.entries()}
    for name, (parameters, gmacs) in zoo_table.TORCHVISION.items():
        assert found[name][0] == parameters, name
        assert found[name][1] == pytest.approx(gmacs, abs=0.0006), name


def test_an_output_that_is_not_the_program_s_is_seen(tmp_path: Path) -> None:
    page = "```console\n$ dlspec check lenet\nlenet: all is well\n```\n"
    assert pages.comparable(pages.rerun(page, tmp_path)) != pages.comparable(page)


def test_of_training_the_numbers_may_differ_and_the_words_may_not() -> None:
    page = "```console\n$ dlspec train lenet\ntest  accuracy {}\n```\n"
    assert pages.comparable(page.format("0.9630")) == pages.comparable(page.format("0.9741"))
    assert pages.comparable(page.format("0.9630")) != pages.comparable(page.format("unknown"))


def test_the_gallery_has_a_figure_of_every_network_that_it_names_as_it_is_drawn_today() -> None:
    assert (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8") == gallery.page()
    assert {path.stem for path in gallery.PICTURES.iterdir()} == {*gallery.names()}
    for name in gallery.names():
        shown = (gallery.PICTURES / f"{name}.svg").read_text(encoding="utf-8")
        assert shown == figure_svg(dlspec.load(name).graph), f"{name}: `python docs/gallery.py` draws it anew"
