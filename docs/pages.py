"""A page of the documentation as a session: its files are written, its commands run, their outputs taken.

A fenced block of `dls`, `yaml`, `python` or `text` whose first line is `# NAME` is a file of that name, and each line
of a `console` block that begins with `$` is a command. A page runs from top to bottom in one folder. Its pictures lie
in `images/PAGE/`, each under the name that it has in that folder.

A page is run in full by `make docs`, and in `make test` at a small size where it says how: a remark before a block,
such as `<!-- small: --set epochs=2 -->`, is what is added to its commands that train. The rest of it must agree.
"""

from __future__ import annotations

import atexit
import os
import re
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import warm

DOCS = Path(__file__).parent
BLOCK = re.compile(r"^(?:<!-- small: (.*?) -->\n\n?)?```(console|dls|yaml|python|text)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"# (\S+\.(?:dls|dlspec\.yaml|py|txt))\n")
COMMAND = re.compile(r"^\$ (.*)\n", re.M)
PICTURE = re.compile(r"images/[\w-]+/[\w./-]+\.(?:svg|png)")
TRAINING = re.compile(r"(\bdlspec (?:train|search) [^|>;&\n]*?)(?=\s*(?:\d?>|[|;&]|$))")
HOME = "/home/you"
"""Stands in the pages for the folder in which their commands ran."""
# What is trained comes out a little different with another processor or another torch.
LOOSE = re.compile(r"^\$ .*?\b(?:dlspec (?:train|search|runs|evaluate|predict)|python) ", re.M)


def pages() -> list[Path]:
    """The pages whose commands are run: all that show a session."""
    single = [*sorted(DOCS.glob("*.md")), *sorted((DOCS / "guides").glob("*.md"))]
    sessions = [page for page in single if "\n```console\n$ " in page.read_text(encoding="utf-8")]
    return [DOCS.parent / "README.md", *sessions, *course()]


def course() -> list[Path]:
    """The pages of the course, in order."""
    return sorted((DOCS / "course").glob("[0-9][0-9]-*.md"))


def rerun(text: str, folder: Path, *, small: bool = False) -> str:
    """The text with the output of each command as it is today; whatever is written lies in `folder` afterwards."""

    def block(found: re.Match[str]) -> str:
        less, kind, body = found.groups()
        if kind == "console":
            before = found[0][: found[0].index("```")]
            return f"{before}```console\n{_session(body, folder, less if small else None)}```"
        if name := FILE.match(body):
            (folder / name[1]).parent.mkdir(exist_ok=True)
            (folder / name[1]).write_text(body, encoding="utf-8")
        return found[0]

    return BLOCK.sub(block, text)


def comparable(text: str) -> str:
    """The text without what may differ: the numbers that training prints, and how often it prints them."""
    return BLOCK.sub(lambda found: _without_numbers(found[0]) if LOOSE.search(found[3]) else found[0], text)


def trains(text: str) -> bool:
    return any(LOOSE.search(body) for _, kind, body in BLOCK.findall(text) if kind == "console")


def pictures(text: str, folder: Path) -> dict[Path, Path]:
    """Each picture of the documentation that a page shows and its commands draw, with where it was drawn."""
    shown = {DOCS / found: folder / found.split("/", 2)[2] for found in PICTURE.findall(text)}
    return {picture: drawn for picture, drawn in shown.items() if drawn.exists()}


def _session(body: str, folder: Path, less: str | None) -> str:
    """The commands of a block with what they print; `less` is added to those that train."""
    parts = []
    for command in COMMAND.findall(body):
        run = command if less is None else TRAINING.sub(lambda found: f"{found[1]} {less}", command)
        parts.append(f"$ {command}\n{_printed(run, folder)}")
    return "\n".join(parts)


def _printed(command: str, folder: Path) -> str:
    places = os.pathsep.join([*_warm(), str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"PATH": places, "COLUMNS": "100", "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    # What a user's own shell asks of colours is not for the page.
    known = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    shell = [shutil.which("bash") or "sh", "-c", command]
    done = subprocess.run(
        shell, cwd=folder, env=known | own, text=True, check=False,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return plain(done.stdout, folder)


def plain(printed: str, folder: Path) -> str:
    """What was printed, without places of this machine: that of the example, and that of dlspec's own specs."""
    text = printed.replace(str(folder), HOME).replace(str(DOCS.parent), f"{HOME}/dlspec").strip("\n")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


@cache
def _warm() -> tuple[str, ...]:
    """A folder whose `dlspec` and `python` start at once, where there can be one (see `warm`)."""
    if sys.platform != "linux":
        return ()
    folder = tempfile.mkdtemp(prefix="warm-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    known = {"PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    address = f"{folder}/door"
    server = subprocess.Popen(
        [sys.executable, str(DOCS / "warm.py"), address], env=os.environ | known, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    atexit.register(server.kill)
    if server.stdout is None or server.stdout.readline() != "ready\n":
        return ()
    warm.shims(Path(folder), address)
    return (folder,)


def _without_numbers(block: str) -> str:
    lines = [" ".join(re.sub(r"-?\d[\d,.]*(?:e[+-]?\d+)?", "#", line).split()) for line in block.splitlines()]
    return "\n".join(line for before, line in zip(["", *lines], lines, strict=False) if line != before)
