"""A page of the documentation as a session: its files are written, its commands run, their outputs taken.

A fenced block of `dls`, `yaml` or `python` whose first line is `# NAME` is a file of that name, and each line of a
`console` block that begins with `$` is a command. A page runs from top to bottom in one folder. Its pictures lie in
`images/PAGE/`, each under the name that it has in that folder.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).parent
BLOCK = re.compile(r"^```(console|dls|yaml|python)\n(.*?)^```$", re.M | re.S)
FILE = re.compile(r"# (\S+\.(?:dls|dlspec\.yaml|py))\n")
COMMAND = re.compile(r"^\$ (.*)\n", re.M)
PICTURE = re.compile(r"images/[\w-]+/[\w./-]+\.(?:svg|png)")
HOME = "/home/you"
"""Stands in the pages for the folder in which their commands ran."""
# What is trained comes out a little different with another processor or another torch.
LOOSE = re.compile(r"^\$ (?:dlspec (?:train|evaluate|predict)|python) ", re.M)


def pages() -> list[Path]:
    """The pages whose commands are run."""
    single = [DOCS / f"{name}.md" for name in ("index", "zoo", "finetuning")]
    return [DOCS.parent / "README.md", *single, *sorted((DOCS / "tutorial").glob("*.md"))]


def rerun(text: str, folder: Path) -> str:
    """The text with the output of each command as it is today; whatever is written lies in `folder` afterwards."""

    def block(found: re.Match[str]) -> str:
        kind, body = found.groups()
        if kind == "console":
            return f"```console\n{_session(body, folder)}```"
        if name := FILE.match(body):
            (folder / name[1]).write_text(body, encoding="utf-8")
        return found[0]

    return BLOCK.sub(block, text)


def comparable(text: str) -> str:
    """The text without what may differ: the numbers that training prints, and how often it prints them."""
    return BLOCK.sub(lambda found: _without_numbers(found[0]) if LOOSE.search(found[2]) else found[0], text)


def trains(text: str) -> bool:
    return any(LOOSE.search(body) for kind, body in BLOCK.findall(text) if kind == "console")


def pictures(text: str, folder: Path) -> dict[Path, Path]:
    """Each picture of the documentation that a page shows and its commands draw, with where it was drawn."""
    shown = {DOCS / found: folder / found.split("/", 2)[2] for found in PICTURE.findall(text)}
    return {picture: drawn for picture, drawn in shown.items() if drawn.exists()}


def _session(body: str, folder: Path) -> str:
    return "\n".join(f"$ {command}\n{_printed(command, folder)}" for command in COMMAND.findall(body))


def _printed(command: str, folder: Path) -> str:
    places = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    own = {"PATH": places, "COLUMNS": "100", "PYTHONUNBUFFERED": "1", "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1"}
    # What a user's own shell asks of colours is not for the page.
    known = {name: value for name, value in os.environ.items() if name not in ("FORCE_COLOR", "CLICOLOR_FORCE")}
    shell = [shutil.which("bash") or "sh", "-c", command]
    done = subprocess.run(
        shell, cwd=folder, env=known | own, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
    )
    text = done.stdout.replace(str(folder), HOME).strip("\n")
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def _without_numbers(block: str) -> str:
    lines = [" ".join(re.sub(r"-?\d[\d,.]*(?:e[+-]?\d+)?", "#", line).split()) for line in block.splitlines()]
    return "\n".join(line for before, line in zip(["", *lines], lines, strict=False) if line != before)
