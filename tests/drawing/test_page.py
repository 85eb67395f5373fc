"""The page, in a browser: it opens, closes, searches and tells, asks nothing of any network, and meets no error."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import dlspec
from dlspec.drawing import page_html
from dlspec.drawing.page import DAGRE
from dlspec.drawing.page.data import page_data
from tests.drawing.pictures import graph_of

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
browsing = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


def test_the_vendored_layout_is_the_one_that_its_readme_names() -> None:
    told = re.search(r"SHA-256: (\w{64})", (DAGRE.parent / "README.md").read_text(encoding="utf-8"))
    assert told is not None
    assert hashlib.sha256(DAGRE.read_bytes()).hexdigest() == told[1]
    assert "Permission is hereby granted" in (DAGRE.parent / "LICENSE").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["lenet", "resnet50", "unet", "vit_b_16", "googlenet"])
def test_the_data_is_whole(name: str) -> None:
    graph = dlspec.load(name).graph
    data = json.loads(json.dumps(page_data(graph)))
    assert [row[0] for row in data["rows"]] == [node.path for node in graph.nodes]
    assert sum(row[3] for row in data["rows"]) == dlspec.summarize(name).cost.parameters
    for number, part in enumerate(data["parts"]):
        assert all(data["parts"][inner]["parent"] == number for inner in part.get("parts", ()))
    for source, target, _ in data["edges"]:
        assert "parts" not in data["parts"][source]
        assert "parts" not in data["parts"][target]
    assert all(0 <= row[6] < len(data["parts"]) for row in data["rows"])


def test_a_text_of_the_spec_cannot_end_the_script_that_holds_it() -> None:
    page = page_html(graph_of("network n {\n  input x: float32[N, 8]  # </script>\n  output y = x -> a: linear(2)\n}"))
    island = page.partition('type="application/json"')[2].partition("</script>")[0]
    assert "<" not in island.partition(">")[2]
    assert page.count("</script>") == 3


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def shown(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """Opens the page of a network; afterwards nothing may have gone wrong, and nothing but the file was asked for."""
    errors: list[str] = []
    asked: list[str] = []
    pages = []

    def show(name: str, place: str = "") -> Any:
        path = tmp_path / "page.html"
        dlspec.draw(name, path)
        page = browser.new_page(viewport={"width": 1400, "height": 860})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda said: errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri() + place)
        pages.append(page)
        return page

    yield show
    assert errors == []
    assert all(url.startswith(tmp_path.as_uri()) for url in asked)
    for page in pages:
        page.close()


def parts(page: Any) -> int:
    return int(page.locator("#picture .part").count())


@browsing
def test_it_opens_folded_and_a_click_opens_a_block(shown: Any) -> None:
    page = shown("resnet50")
    assert parts(page) == 11
    assert page.locator("#heading").text_content().startswith("25.6M parameters · 4.09G MACs")
    page.get_by_text("▸ layer2").click()
    assert parts(page) == 13
    page.get_by_text("▸ 1–3").click()
    assert parts(page) == 17
    page.get_by_text("▾ layer2").click()
    assert parts(page) == 11


@browsing
def test_a_layer_tells_where_its_numbers_come_from_and_what_it_sees(shown: Any) -> None:
    page = shown("resnet50")
    page.locator("#table tr", has_text="layer2.1.conv2").click()
    assert "59 × 59" in page.locator("#detail").text_content()
    assert page.locator("#field title").text_content() == "the unit in the middle sees 59 × 59 of 224 × 224"
    assert page.locator("#picture .part.chosen").count() == 1
    image, window = (page.locator(f"#field .{kind}").bounding_box() for kind in ("image", "window"))
    assert window["width"] / image["width"] == pytest.approx(59 / 224, abs=0.02)


@browsing
def test_a_search_counts_marks_and_finds(shown: Any) -> None:
    page = shown("resnet50")
    page.keyboard.press("/")
    page.keyboard.type("conv2d")
    assert page.locator("#found").text_content() == "53 layers"
    assert page.locator("#picture .part.hit").count() == 5  # conv1 and the four stages
    page.keyboard.press("Enter")
    assert page.locator("#detail h2").text_content().startswith("conv1")


@browsing
def test_keys_open_close_and_walk(shown: Any) -> None:
    page = shown("resnet50")
    page.keyboard.press("e")
    everything = parts(page)
    assert everything > 40
    page.keyboard.press("c")
    assert parts(page) == 11
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert page.locator("#detail h2").text_content().startswith("conv1")
    page.keyboard.press("Escape")


@browsing
def test_keys_alone_reach_everything(shown: Any) -> None:
    page = shown("resnet50")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # the button that has the focus, and not what is chosen in the picture
    assert page.locator(".group").count() > 10
    page.keyboard.press("c")
    for _ in range(4):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    assert page.locator(".group").count() == 1
    page.keyboard.press("ArrowDown")
    assert page.locator("#detail h2").inner_text().startswith("layer1.0")
    page.keyboard.press("ArrowLeft")
    assert page.locator(".group").count() == 0


@browsing
def test_a_path_that_is_cut_shows_its_end(shown: Any) -> None:
    page = shown("fasterrcnn_resnet50_fpn")
    cell = page.locator("#table td").get_by_text("backbone.body.layer1.0.conv1", exact=True)
    box, row = cell.bounding_box(), cell.locator("xpath=..").bounding_box()
    assert box["x"] + box["width"] <= row["x"] + row["width"] + 1


@browsing
def test_a_link_leads_to_the_same_place(shown: Any) -> None:
    page = shown("resnet50")
    page.get_by_text("▸ layer3").click()
    page.locator("#table tr", has_text="layer3.0.conv1").first.click()
    place = "#" + page.url.partition("#")[2]
    again = shown("resnet50", place)
    assert parts(again) == parts(page)
    assert again.locator("#detail h2").text_content() == page.locator("#detail h2").text_content()


@browsing
def test_the_largest_network_of_the_zoo_opens_whole(shown: Any) -> None:
    page = shown("densenet201")
    page.get_by_role("button", name="open all").click()
    assert parts(page) > 300


@browsing
def test_resnet152_opens_as_its_stages(shown: Any) -> None:
    page = shown("resnet152")
    assert parts(page) == 11
    assert page.locator("#table tr").count() > 500


@browsing
@pytest.mark.slow
def test_two_thousand_steps_in_one_body_are_shown(shown: Any) -> None:
    """Of which dagre, following edges by recursion, would run out of its stack."""
    before = ["x", "a0", *(f"a{i - 1} + a{i - 2}" for i in range(2, 1000))]
    steps = "".join(f"  a{i} = {name} -> l{i}: linear(4)\n" for i, name in enumerate(before))
    page = shown(f"network n {{\n  input x: float32[N, 4]\n{steps}  output y = a999\n}}\n")
    assert parts(page) > 1990
    page.keyboard.press("e")
    assert parts(page) > 1990
    places = page.evaluate("[...document.querySelectorAll('#picture .card')].map(one => one.getBBox().y)")
    assert max(places) > 30_000
    page.locator("#table tr", has_text="l900").first.click()
    assert page.locator("#detail h2").text_content().startswith("l900")


@browsing
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_can_be_read_on_either_ground(browser: Any, tmp_path: Path, scheme: str) -> None:
    dlspec.draw("lenet", tmp_path / "page.html")
    page = browser.new_page(color_scheme=scheme)
    page.goto((tmp_path / "page.html").as_uri())
    ink, paper = page.evaluate(
        "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
    )
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, paper)]
    assert abs(light[0] - light[1]) > 500
    assert (light[1] > light[0]) == (scheme == "light")
    page.close()
