"""Time to answer an editor on ResNet-152: each question right after a key was pressed, and once more.

Processor milliseconds of the server, from the question to the text of the answer, as a busy machine disturbs what a
clock says. The spec is `specs/resnet.dls` with its five networks; ResNet-152 has 516 nodes. The check takes all five;
nobody waits for it who goes on typing. A rename that is tried first is one to a name that the file has already.
Medians.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from lsprotocol import types as lsp
from measure import ROOT, machine

from dlspec.editor import code_lens
from dlspec.editor.diagnostics import diagnostics
from dlspec.editor.server import answer, made

AIM = 50
"""Milliseconds that an answer may take."""
ROUNDS = 15
URI = "file:///tmp/dlspec-benchmark/resnet.dls"
TEXT = (ROOT / "specs" / "resnet.dls").read_text(encoding="utf-8")
ALL = lsp.Range(lsp.Position(0, 0), lsp.Position(TEXT.count("\n") + 2, 0))
DOCUMENT = lsp.TextDocumentIdentifier(URI)
SERVER = made()


def place(words: str) -> tuple[lsp.TextDocumentIdentifier, lsp.Position]:
    """The middle of the first mention of some words; every version begins with a comment line."""
    start = TEXT.index(words) + 1
    line, column = TEXT.count("\n", 0, start) + 1, start - TEXT.rfind("\n", 0, start) - 1
    return DOCUMENT, lsp.Position(line, column)


def asked(method: str, params: Any) -> Callable[[], object]:
    return lambda: answer(SERVER, method, params)


def lens() -> object:
    known = SERVER.specs.get(URI)
    assert known is not None
    return code_lens.resolved(lsp.CodeLens(ALL), known.document, "resnet152")


def check() -> object:
    known = SERVER.specs.get(URI)
    assert known is not None
    return diagnostics(known.document)


QUESTIONS: dict[str, Callable[[], object]] = {
    "shapes": asked(lsp.TEXT_DOCUMENT_INLAY_HINT, lsp.InlayHintParams(DOCUMENT, ALL)),
    "hover, a layer": asked(lsp.TEXT_DOCUMENT_HOVER, lsp.HoverParams(*place("conv2d(64, 7"))),
    "hover, in a block": asked(lsp.TEXT_DOCUMENT_HOVER, lsp.HoverParams(*place("conv2d(width * 4, 1, bias"))),
    "completion": asked(lsp.TEXT_DOCUMENT_COMPLETION, lsp.CompletionParams(*place("max_pool2d"))),
    "definition": asked(lsp.TEXT_DOCUMENT_DEFINITION, lsp.DefinitionParams(*place("stage(unit"))),
    "outline": asked(lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL, lsp.DocumentSymbolParams(DOCUMENT)),
    "lenses of blocks": asked(lsp.TEXT_DOCUMENT_CODE_LENS, lsp.CodeLensParams(DOCUMENT)),
    "lens of resnet152": lens,
    "formatting": asked(
        lsp.TEXT_DOCUMENT_FORMATTING, lsp.DocumentFormattingParams(DOCUMENT, lsp.FormattingOptions(2, True))
    ),
    "references": asked(
        lsp.TEXT_DOCUMENT_REFERENCES,
        lsp.ReferenceParams(lsp.ReferenceContext(include_declaration=True), *place("stride = 1")),
    ),
    "rename": asked(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameParams(*place("stride = 1"), "step")),
    "rename, tried first": asked(lsp.TEXT_DOCUMENT_RENAME, lsp.RenameParams(*place("third = 2"), "depth")),
    "check": check,
}


def milliseconds(question: Callable[[], object]) -> float:
    began = time.process_time()
    found = question()
    assert found is not None
    json.dumps(SERVER.protocol._converter.unstructure(found))
    return (time.process_time() - began) * 1000


def main() -> None:
    print(machine())
    print(f"{'answer':<22}{'after a key':>14}{'again':>10}")
    gc.disable()
    for name, question in QUESTIONS.items():
        times = []
        for version in range(ROUNDS):
            SERVER.specs.put(URI, f"# version {version}\n{TEXT}", version)
            times.append((milliseconds(question), milliseconds(question)))
            gc.collect()
        first, again = median(one for one, _ in times), median(two for _, two in times)
        late = f"   more than {AIM} ms" if first > AIM and name in WAITED_FOR else ""
        print(f"{name:<22}{first:>11.1f} ms{again:>7.1f} ms{late}")


WAITED_FOR = [name for name in QUESTIONS if name not in ("check", "rename, tried first")]
"""Answers that someone waits for who goes on typing."""

if __name__ == "__main__":
    main()
