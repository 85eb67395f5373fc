"""The pages of the course: each ends with a spec, and names in its head what the quiz hides of it."""

from __future__ import annotations

import re

from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import SpecError, problem
from dlspec.places import COURSE
from dlspec.record import TYPE_CHECKING, Record
from dlspec.source import Source

if TYPE_CHECKING:
    from pathlib import Path

HEAD = re.compile(r"\A---\n(.*?)^---\n", re.S | re.M)
HIDDEN = re.compile(r"^quiz: *(.+)$", re.M)
TITLE = re.compile(r"^# (.+)$", re.M)
EXERCISE = re.compile(r"^```(dls|yaml)\n(# exercise\.(?:dls|dlspec\.yaml)\n.*?)^```$", re.M | re.S)


class Page(Record):
    """A page with its exercise; `hidden` are the keys of what is asked."""

    name: str
    title: str
    hidden: tuple[str, ...]
    spec: Source


def pages() -> list[Path]:
    """The pages in the order of the course."""
    return sorted(COURSE.glob("[0-9][0-9]-*.md"))


def is_page(name: str) -> bool:
    """Whether that is how a page is called: its number, its name, or its file."""
    return _found(name) is not None


def _found(name: str) -> Path | None:
    wanted = name.rpartition("/")[2].removesuffix(".md").lower()
    for path in pages():
        number, _, word = path.stem.partition("-")
        if wanted in (path.stem, word, number) or (wanted.isdigit() and int(wanted) == int(number)):
            return path
    return None


def no_such_page(name: str) -> SpecError:
    names = [path.stem for path in pages()]
    close = near(name, [*names, *(stem.partition("-")[2] for stem in names)])
    notes = [f"there is {' and '.join(f'`{one}`' for one in close)}"] if close else ["`dlspec quiz` lists the pages"]
    return SpecError(
        [problem("E0810", f"there is no page `{name}` in the course, and no spec of that name", notes=notes)]
    )


def read_page(name: str) -> Page:
    """A page by its number, name or file; raises SpecError where there is none."""
    path = _found(name)
    if path is None:
        raise no_such_page(name)
    return page_of(path)


def page_of(path: Path) -> Page:
    text = path.read_text(encoding="utf-8")
    head, exercise, title = HEAD.match(text), EXERCISE.search(text), TITLE.search(text)
    hidden = HIDDEN.search(head[1]) if head else None
    if exercise is None or hidden is None or title is None:
        raise SpecError([problem("E0810", f"the page `{path.stem}` ends with no exercise")])
    suffix = ".dls" if exercise[1] == "dls" else ".dlspec.yaml"
    return Page(path.stem, title[1], tuple(hidden[1].split()), Source(f"exercise{suffix}", exercise[2]))
