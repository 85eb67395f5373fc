"""Where the shipped files lie: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parent
_CHECKOUT = _PACKAGE.parent


def _place(name: str, mark: str) -> Path:
    beside = _CHECKOUT / name
    return beside if (beside / mark).is_file() else _PACKAGE / "_data" / name


GRAMMAR = _place("grammar", "dlspec.lark")
ZOO = _place("specs", "resnet.dls")
_PAGES = _CHECKOUT / "docs" / "course"
COURSE = _PAGES if _PAGES.is_dir() else _PACKAGE / "_data" / "course"
"""The pages of the course, whose exercises `dlspec quiz` asks."""
