"""Running graphviz: DOT in, a picture out."""

from __future__ import annotations

from dlspec.drawing.refusals import NOT_DRAWN, refused
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.diagnostics.record import SpecError

_TIMEOUT = 300
"""Seconds; the largest picture that is drawn takes a few."""
_DENSITY = "-Gdpi=144"
"""Pixels an inch of a PNG, which keeps small print sharp."""


def rendered(dot: str, form: str) -> bytes:
    """The picture of a DOT text as SVG, PNG or PDF. Raises SpecError where graphviz is missing or cannot do it."""
    import subprocess

    command = [_program(form), f"-T{form}", *([_DENSITY] if form == "png" else [])]
    try:
        done = subprocess.run(
            command, input=dot.encode(), capture_output=True, timeout=_TIMEOUT, check=False, env=surroundings()
        )
    except subprocess.TimeoutExpired:
        raise _too_slow() from None
    except OSError as error:
        raise _unfit(f"`dot` cannot be run: {error.strerror or error}") from None
    said = done.stderr.decode(errors="replace").strip()
    if "not recognized. Use one of" in said:
        raise _unfit(f"this graphviz cannot write {form.upper()}")
    if "no layout engine support" in said:
        raise _unfit("this graphviz is not set up: `dot -c` was not run after it was installed")
    if done.returncode != 0:
        # The text is ours, so what graphviz cannot read in it is our mistake.
        raise RuntimeError(f"dot ended with {done.returncode}: {said}")
    return done.stdout


def surroundings() -> dict[str, str]:
    """The environment in which `dot` measures text by the font that the figures embed, the same on every machine."""
    import os

    from dlspec.drawing.fonts import CONFIGURATION

    # A machine may have fonts set up in a way of its own, which stays.
    return {"FONTCONFIG_FILE": str(CONFIGURATION), **os.environ}


def _program(form: str) -> str:
    from shutil import which

    found = which("dot")
    if found is None:
        raise _unfit(f"a graph as {form.upper()} is laid out by graphviz, whose program `dot` is not found")
    return found


def _unfit(message: str) -> SpecError:
    """What is wrong with the graphviz at hand, and what can be done without it."""
    still = "without it there are the figure (`--layout figure`), `.mmd` (Mermaid, which GitHub shows) and `.dot`"
    way = "install it: `apt install graphviz`, `brew install graphviz` or `winget install graphviz`"
    return refused(NOT_DRAWN, message, [still], way)


def _too_slow() -> SpecError:
    way = "draw less: leave out `--full`, or open fewer blocks with `--depth 1`"
    return refused(NOT_DRAWN, f"`dot` was not done within {_TIMEOUT} seconds", repair=way)
