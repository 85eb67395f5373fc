"""The index of errors: a table of all codes, and a page for each with its example, what is said of it, and the repair.

Everything comes from `dlspec/diagnostics`: the names from `codes.py`, the texts and examples from `explain/`, and the
outputs from running the examples.
"""

from __future__ import annotations

import contextlib
import gc
import io
import json
import os
import re
import shlex
from pathlib import Path

from pages import plain

from dlspec.cli import main as dlspec
from dlspec.diagnostics.codes import CODES
from dlspec.diagnostics.explain import page

FOLDER = Path(__file__).parent / "errors"
FENCE = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.M | re.S)
FAMILIES = {
    "E01": "Names and syntax",
    "E02": "Blocks, parameters and values",
    "E03": "Shapes",
    "W04": "Likely mistakes in a network",
    "E05": "Writing things out",
    "E06": "Plans",
    "E07": "Runs",
    "E08": "Editor and quiz",
    "W07": "Likely mistakes in a plan",
}
INTRODUCTION = """\
# Index of errors

What `dlspec check` can say, by code. `E` is an error: nothing runs until it is repaired. `W` is a warning about what is
likely a mistake; where it is meant, `allow` names it in the file with the reason. `dlspec explain CODE` shows the same
pages in the terminal.
"""


def index() -> str:
    """The table of all codes, family by family, and the contents for Sphinx."""
    parts = [INTRODUCTION]
    for family, title in FAMILIES.items():
        rows = [
            f"| [{code}]({code}.md) | `{name}` | {_line(code)} |" for code, name in CODES.items() if code[:3] == family
        ]
        parts.append("\n".join([f"## {title}\n", "| code | name | |", "|---|---|---|", *rows, ""]))
    contents = "\n".join(CODES)
    return "\n".join([*parts, f"```{{toctree}}\n:hidden:\n\n{contents}\n```\n"])


def code_page(code: str, folder: Path) -> str:
    """The page of a code with the output of its failing example, which is run below `folder`."""
    text = page(code) or ""
    spec_folder = folder / "digits"
    spec_folder.mkdir()
    failed = False

    def block(found: re.Match[str]) -> str:
        nonlocal failed
        language, options, content = found.groups()
        chosen = dict(option.split("=", 1) for option in shlex.split(options))
        name = chosen.get("file", "spec.dls" if language == "dls" else "spec.dlspec.yaml")
        _write(spec_folder / name, content, chosen.get("encoding", "utf-8"))
        shown = f"```{language}\n{content}```"
        if "file" in chosen:
            return f"\n`{name}`:\n\n{shown}"
        if failed:
            return shown
        failed = True
        before = _words(chosen["before"], name) if "before" in chosen else []
        if before:
            _printed(before, spec_folder)
        words = _words(chosen.get("command", "check"), name)
        commands = "".join(f"$ dlspec {shlex.join(each)}\n" for each in (before, words) if each)
        return f"{shown}\n\n```console\n{commands}{_printed(words, spec_folder)}```"

    return FENCE.sub(block, text)


def _words(command: str, spec: str) -> list[str]:
    """A command of an example with its spec as the first argument."""
    name, *rest = shlex.split(command)
    return [name, spec, *rest]


def write(folder: Path) -> None:
    """Write the whole index; `folder` is empty and gets a folder for each code."""
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / "index.md").write_text(index(), encoding="utf-8")
    for code in CODES:
        (folder / code).mkdir()
        (FOLDER / f"{code}.md").write_text(code_page(code, folder / code), encoding="utf-8")
    for old in FOLDER.glob("[EW]*.md"):
        if old.stem not in CODES:
            old.unlink()


def _line(code: str) -> str:
    """The first sentence of a page."""
    paragraph = (page(code) or "").split("\n\n")[1].replace("\n", " ")
    return re.split(r"(?<=\.) ", paragraph)[0].removesuffix(".").replace("|", r"\|")


def _write(path: Path, content: str, encoding: str) -> None:
    if encoding == "safetensors":
        import numpy as np
        from safetensors.numpy import save_file

        save_file({name: np.zeros(shape, "float32") for name, shape in json.loads(content).items()}, path)
    else:
        path.write_bytes(content.encode(encoding))


def _printed(words: list[str], folder: Path) -> str:
    """What the command line prints in `folder`, 100 columns wide."""
    out, before, columns = io.StringIO(), Path.cwd(), os.environ.get("COLUMNS")
    os.chdir(folder)
    os.environ["COLUMNS"] = "100"
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            dlspec(words)
    finally:
        gc.enable()  # a command turns it off for the short time that it lives
        os.chdir(before)
        os.environ.pop("COLUMNS") if columns is None else os.environ.update(COLUMNS=columns)
    return plain(out.getvalue(), folder.parent)
