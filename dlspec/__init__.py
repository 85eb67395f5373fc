"""dlspec: networks and training plans as specs that are checked, drawn, compiled to PyTorch and run.

import dlspec

spec = dlspec.load("lenet")                 # a file, or a name of the zoo
dlspec.check(spec)                          # -> a report of diagnostics
print(dlspec.summarize(spec))               # the table of layers
dlspec.draw(spec, "lenet.svg")
source = dlspec.compile(spec)               # the text of a PyTorch module
report = dlspec.train(spec, out="runs/lenet")
"""

from __future__ import annotations

__version__ = "0.1.0"

_FRONT = ("Network", "Report", "check", "compile", "draw", "load", "load_run", "summarize", "train")

__all__ = ["__version__", *_FRONT]


def __getattr__(name: str) -> object:
    if name in _FRONT:
        from dlspec import front

        return getattr(front, name)
    raise AttributeError(f"module 'dlspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
