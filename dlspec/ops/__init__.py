"""The catalogue of operators: what is defined in this folder is in it.

A file is loaded when one of its operators is asked for; where each stands is found in the text of the files.
"""

from __future__ import annotations

from os import listdir
from os.path import dirname, join

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.ops.op import Op

_FOLDER = dirname(__file__)
_TEXTS: dict[str, str] = {}


def lookup(name: str) -> type[Op] | None:
    """The operator that a spec spells so; None where there is none."""
    from dlspec.ops.op import CATALOGUE

    found = CATALOGUE.get(name)
    if found is not None or not name.islower():
        return found
    definition = f"\nclass {''.join(part.capitalize() for part in name.split('_'))}("
    for file, text in _texts().items():
        if definition in text:
            __import__(f"dlspec.ops.{file}")
            return CATALOGUE.get(name)
    return None


def operator_names() -> list[str]:
    """The names of all operators, found without loading them."""
    from re import findall

    from dlspec.ops.op import snake

    names = {
        snake(name)
        for text in _texts().values()
        for name in findall(r"^class ([A-Z]\w*)\((?!Exception|dict|.*abstract=True)", text, 8)
    }
    return sorted(names)


def catalogue() -> dict[str, type[Op]]:
    """Every operator by the name that a spec spells it with."""
    from dlspec.ops.op import CATALOGUE

    for file in _texts():
        __import__(f"dlspec.ops.{file}")
    return {name: CATALOGUE[name] for name in sorted(CATALOGUE)}


def _texts() -> dict[str, str]:
    """The text of every file that defines operators, by the name of its module."""
    if not _TEXTS:
        for file in sorted(listdir(_FOLDER)):
            if file.endswith(".py") and file != "__init__.py":
                with open(join(_FOLDER, file), encoding="utf-8") as stream:
                    text = stream.read()
                if "\n    samples = (" in text:
                    _TEXTS[file[:-3]] = text
    return _TEXTS
