"""The pages of the course, and pages of a teacher: each has a spec, and names in its head what the quiz hides of it."""

from __future__ import annotations

import re

from dlspec.diagnostics.near_names import near
from dlspec.diagnostics.record import SpecError, problem
from dlspec.places import COURSE
from dlspec.record import TYPE_CHECKING, Record
from dlspec.source import Source

if TYPE_CHECKING:
    from pathlib import Path

    from dlspec.diagnostics.record import Diagnostic

HEAD = re.compile(r"\A---\n(.*?)^---\n", re.S | re.M)
HIDDEN = re.compile(r"^quiz: *(.+)$", re.M)
TITLE = re.compile(r"^# (.+)$", re.M)
SPEC = re.compile(r"^```(dls|yaml)\n(.*?)^```$", re.M | re.S)


class Page(Record):
    """A page with its exercise; `hidden` is what is asked of it, empty where the page leaves that open."""

    name: str
    title: str
    hidden: tuple[str, ...]
    spec: Source


def pages() -> list[Path]:
    """The pages in the order of the course."""
    return sorted(COURSE.glob("[0-9][0-9]-*.md"))


def is_page(name: str) -> bool:
    """Whether that is how a page is called: its number, its name, or its file, which may be anybody's."""
    return _found(name) is not None


def _found(name: str) -> Path | None:
    from pathlib import Path

    if name.endswith(".md") and Path(name).is_file():
        return Path(name)
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
    """A page as it is written: its last spec is the exercise. Raises SpecError where it has none."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise SpecError([problem("E0101", f"`{path}` cannot be read")]) from None
    head, specs, title = HEAD.match(text), SPEC.findall(text), TITLE.search(text)
    hidden = HIDDEN.search(head[1]) if head else None
    if not specs:
        raise SpecError([_without_exercise(path)])
    kind, body = specs[-1]
    name = "exercise.dls" if kind == "dls" else "exercise.dlspec.yaml"
    words = tuple(hidden[1].replace(",", " ").split()) if hidden else ()
    return Page(path.stem, title[1] if title else path.stem, words, Source(name, body))


def _without_exercise(path: Path) -> Diagnostic:
    notes = ["the last block of the page that begins with ```dls or ```yaml is its exercise"]
    return problem("E0810", f"the page `{path.stem}` has no exercise", notes=notes)
