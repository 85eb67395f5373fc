"""Write anew what is taken from the program: outputs, pictures and the index of errors of the documentation, and the
grammars of editors.

`python docs/refresh.py` does all; `python docs/refresh.py docs/course/07-convolution.md` one page, and `--course` the
course. An output of training that differs in its numbers alone stays as it is, and its pictures too; with `--anew`
before the pages they are taken all the same.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

import error_pages
import pages
import zoo_table

from dlspec.editor import highlighting


def refresh(page: Path, *, anew: bool = False) -> None:
    """Run the commands of a page, and take over what they print and draw."""
    text = page.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        new = pages.rerun(text, folder)
        stale = anew or pages.comparable(new) != pages.comparable(text)
        if stale:
            page.write_text(new, encoding="utf-8")
        for picture, drawn in pages.pictures(text, folder).items():
            if stale or not picture.exists() or drawn.suffix == ".svg":
                picture.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(drawn, picture)
    print(f"{'written  ' if stale else 'unchanged'}  {page.relative_to(pages.DOCS.parent)}")


def main() -> None:
    words = [word for word in sys.argv[1:] if word != "--anew"]
    named = pages.course() if words == ["--course"] else [Path(word).resolve() for word in words]
    for page in named or pages.pages():
        refresh(page, anew="--anew" in sys.argv)
    if not named:
        zoo_table.write()
        print("written    docs/zoo.md")
        with tempfile.TemporaryDirectory() as name:
            error_pages.write(Path(name))
        print("written    docs/errors")
        highlighting.write(pages.DOCS.parent / "editors" / "vscode" / "syntaxes")
        print("written    editors/vscode/syntaxes")


if __name__ == "__main__":
    main()
