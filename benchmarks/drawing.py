"""Time to draw: figure and page of networks of the zoo and of deep ones, and the page's first paint in Chromium.

Processor seconds in this process, a graph at hand; the paint is what the browser itself reports, and needs playwright
and chromium.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from measure import machine

import dlspec
from dlspec.checking import Spec
from dlspec.drawing import figure_svg, page_html
from dlspec.graph import Graph
from dlspec.source import Source

ZOO = ["lenet", "resnet50", "resnet152", "unet", "densenet201"]
DEEP = [100, 1_000, 10_000]
ROUNDS = 5


def deep(depth: int) -> Graph:
    """A residual chain of that many nodes or so."""
    text = (
        "block unit(x) {\n"
        "  relu(x + (x -> conv1: conv2d(8, 3, padding=1) -> relu -> conv2: conv2d(8, 3, padding=1)))\n}\n"
        f"network deep {{\n  input x: float32[N, 8, 16, 16]\n  output y = x -> body: {{ unit * {depth // 5} }}\n}}\n"
    )
    return Spec(Source("deep.dls", text), Path("deep.dls").resolve()).graph()


def flat(length: int) -> Graph:
    """A chain of that many layers, none like the next, in no block: nothing of it folds."""
    names = ["x", *(f"a{i}" for i in range(length - 1))]
    steps = "".join(f"  a{i} = {name} -> l{i}: linear({4 + i % 5})\n" for i, name in enumerate(names))
    text = f"network flat {{\n  input x: float32[N, 4]\n{steps}  output y = a{length - 1}\n}}\n"
    return Spec(Source("flat.dls", text), Path("flat.dls").resolve()).graph()


def seconds(job: Callable[[], object]) -> float:
    found = []
    for _ in range(ROUNDS):
        began = time.process_time()
        job()
        found.append(time.process_time() - began)
    return median(found)


def first_paint(page: str) -> float | None:
    """Milliseconds until Chromium shows something of a page; None without it."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    if chromium is None:
        return None
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        path = Path(folder, "page.html")
        path.write_text(page, encoding="utf-8")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        found = []
        for _ in range(ROUNDS):
            shown = browser.new_page()
            shown.goto(path.as_uri())
            shown.locator("#picture .part").first.wait_for()
            shown.wait_for_timeout(300)
            paints = "performance.getEntriesByType('paint').map(one => one.startTime)"
            found.append(max(shown.evaluate(paints), default=0.0))
            shown.close()
        browser.close()
    return median(found)


def main() -> None:
    print(machine())
    print(f"{'network':<14}{'nodes':>8}{'figure':>10}{'page':>10}{'kB':>8}{'first paint':>14}")
    for name, graph in [
        *((name, dlspec.load(name).graph) for name in ZOO),
        *((f"deep {count:,}", deep(count)) for count in DEEP),
        ("flat 2,000", flat(2_000)),
    ]:
        page = page_html(graph)
        paint = first_paint(page)
        figure, whole = seconds(partial(figure_svg, graph)), seconds(partial(page_html, graph))
        painted = "" if paint is None else f"{paint:,.0f} ms"
        print(f"{name:<14}{len(graph.nodes):>8,}{figure:>8.3f} s{whole:>8.3f} s{len(page) / 1000:>8,.0f}{painted:>14}")


if __name__ == "__main__":
    main()
