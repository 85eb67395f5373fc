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

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dlspec.diagnostics.record import SpecError
    from dlspec.front import Network, Report, check, compile, draw, load, load_run, summarize, train
    from dlspec.training.errors import RunError

__all__ = [
    "Network", "Report", "RunError", "SpecError", "__version__",
    "check", "compile", "draw", "load", "load_run", "summarize", "train",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in __all__:  # loaded when it is asked for: start-up is the user's time
        from dlspec import front

        return getattr(front, name)
    raise AttributeError(f"module 'dlspec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
