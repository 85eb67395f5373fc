"""The catalogue of operators; what is defined in this folder is in it."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.ops.op import Op


def catalogue() -> dict[str, type[Op]]:
    """Every operator by the name that a spec spells it with."""
    from importlib import import_module
    from os import listdir
    from os.path import dirname

    from dlspec.ops.op import CATALOGUE

    if not _LOADED:
        for file in sorted(listdir(dirname(__file__))):
            if file.endswith(".py") and file != "__init__.py":
                import_module(f"dlspec.ops.{file[:-3]}")
        _LOADED.append(True)
    return CATALOGUE


def lookup(name: str) -> type[Op] | None:
    """The operator of that name."""
    return catalogue().get(name)


def operator_names() -> list[str]:
    """Every name of the catalogue."""
    return list(catalogue())


_LOADED: list[bool] = []
