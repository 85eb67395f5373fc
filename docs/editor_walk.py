"""Draw the pictures of the walk in the editor from what the language server answers; nothing in them is made by hand.

`python docs/editor_walk.py` runs `dlspec lsp`, opens the spec of the walk, repairs one mistake after the other, and
writes `docs/images/editor/`: the text, with the hints, diagnostics, lenses, fixes and hover of the answers.
"""

from __future__ import annotations

import asyncio
import re
import sys
from html import escape
from pathlib import Path
from textwrap import wrap
from typing import Any

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient
from pygments.token import Comment, Keyword, Name, Number, Operator, String

import dlspec
from dlspec.editor.lexer import DlspecLexer

DOCS = Path(__file__).parent
PICTURES = DOCS / "images" / "editor"
URI = "file:///home/student/digits.dls"
SPEC = """\
network digits(classes = 10) {
  input image: float32[N, 1, 28, 28]

  output logits = image
    -> conv1: conv2d(8, 5) -> rellu -> max_pool2d(4)
    -> conv2: conv2d(16, 7) -> relu
    -> fc: linear(classes)
}
"""
TYPED = {"E0307": ("conv2d(16, 7)", "conv2d(16, 5)")}
"""What the student types where a repair is a choice that no quick fix makes."""
SIZE, WIDE, HIGH = 13, 7.8, 20
"""Of a letter: size, width, and height of its line."""
COLUMNS = 96
CLASSES = {Comment: "c", Keyword: "k", Name.Label: "l", Name.Builtin: "b", Name.Attribute: "a", Number: "n",
           String: "s", Operator: "o", Name.Class: "f", Name.Function: "f"}  # fmt: skip
STYLE = """
.paper{fill:#ffffff}.card{fill:#f6f8fa;stroke:#d0d7de}.t{fill:#1f2328}.g{fill:#8c959f}.c{fill:#6e7781}.k{fill:#cf222e}
.l{fill:#8250df}.b{fill:#0550ae}.a{fill:#953800}.n{fill:#0550ae}.s{fill:#0a3069}.o{fill:#1f2328}.f{fill:#8250df}
.hint{fill:#eef1f4}.h{fill:#57606a}.wave{stroke:#d1242f}.e{fill:#d1242f}.x{fill:#1a7f37}
@media (prefers-color-scheme: dark) {
.paper{fill:#0d1117}.card{fill:#161b22;stroke:#30363d}.t{fill:#e6edf3}.g{fill:#6e7681}.c{fill:#8b949e}.k{fill:#ff7b72}
.l{fill:#d2a8ff}.b{fill:#79c0ff}.a{fill:#ffa657}.n{fill:#79c0ff}.s{fill:#a5d6ff}.o{fill:#e6edf3}.f{fill:#d2a8ff}
.hint{fill:#21262d}.h{fill:#9da7b3}.wave{stroke:#ff7b72}.e{fill:#ff7b72}.x{fill:#56d364}
}"""


class Screen:
    """A window of an editor as SVG: lines of letters, each where a grid has it."""

    def __init__(self) -> None:
        self.shapes: list[str] = []
        self.y = 14.0

    def word(self, x: float, text: str, kind: str, *, size: float = SIZE) -> float:
        """A word at a place; where the next one begins."""
        length = len(text) * WIDE * size / SIZE
        if text.strip():
            self.shapes.append(
                f'<text x="{x:.1f}" y="{self.y + 14:.1f}" font-size="{size}" textLength="{length:.1f}" '
                f'lengthAdjust="spacingAndGlyphs" xml:space="preserve" class="{kind}">{escape(text)}</text>'
            )
        return x + length

    def lens(self, text: str, indent: int) -> None:
        self.word(48 + indent * WIDE, text, "g", size=11)
        self.y += HIGH - 2

    def code(self, number: int, text: str, hints: dict[int, str], waves: list[tuple[int, int]]) -> None:
        """A line with its number; hints stand between its letters, and waves under them."""
        self.word(24 - len(str(number)) * WIDE, str(number), "g")
        places: dict[int, float] = {}
        x, column = 48.0, 0
        for kind, piece in coloured(text):
            for letter in re.findall(r"\S+|\s", piece) if not hints else piece:
                if column in hints:
                    x = self.hint(x, hints[column])
                places[column] = x
                x = self.word(x, letter, kind)
                column += len(letter)
        places[column] = x
        if column in hints:
            self.hint(x, hints[column])
        for start, end in waves:
            first = max(place for place in places if place <= start)
            last = min((place for place in places if place >= end), default=column)
            self.wave(places[first], places[last])
        self.y += HIGH

    def hint(self, x: float, text: str) -> float:
        length = len(text) * WIDE * 11 / SIZE
        self.shapes.append(
            f'<rect x="{x + 4:.1f}" y="{self.y + 2:.1f}" width="{length + 8:.1f}" height="16" rx="4" class="hint"/>'
        )
        return self.word(x + 8, text, "h", size=11) + 8

    def wave(self, start: float, end: float) -> None:
        steps = int((end - start) / 3)
        path = "".join(f" {start + 3 * i:.1f},{self.y + (17 if i % 2 else 19):.1f}" for i in range(steps + 1))
        self.shapes.append(f'<polyline points="{path.strip()}" fill="none" stroke-width="1.2" class="wave"/>')

    def card(self, lines: list[tuple[str, str]]) -> None:
        """What pops up: lines with the class of each."""
        self.y += 4
        height = len(lines) * HIGH + 12
        width = 64 + max(len(text) for text, _ in lines) * WIDE
        self.shapes.append(
            f'<rect x="36" y="{self.y:.1f}" width="{width - 28:.1f}" height="{height}" rx="6" class="card"/>'
        )
        self.y += 5
        for text, kind in lines:
            self.word(50, text, kind)
            self.y += HIGH
        self.y += 12

    def svg(self, title: str) -> str:
        width, height = round(60 + COLUMNS * WIDE), round(self.y + 10)
        fonts = "ui-monospace, Menlo, Consolas, monospace"
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
                f'viewBox="0 0 {width} {height}" font-family="{fonts}" role="img">',
                f"<title>{escape(title)}</title>",
                f"<style>{STYLE}</style>",
                f'<rect width="{width}" height="{height}" class="paper"/>',
                *self.shapes,
                "</svg>\n",
            ]
        )


def coloured(text: str) -> list[tuple[str, str]]:
    """The pieces of a line with the class of their colour."""
    found = []
    for kind, piece in DlspecLexer(stripnl=False, ensurenl=False).get_tokens(text):
        name = next((CLASSES[one] for one in (kind, *kind.split()[::-1]) if one in CLASSES), "t")
        found.append((name, piece))
    return found


class Editor:
    """A client with one text."""

    def __init__(self, client: LanguageClient) -> None:
        self.client = client
        self.text = SPEC
        self.version = 0
        self.document = lsp.TextDocumentIdentifier(URI)
        self.said: asyncio.Queue[lsp.PublishDiagnosticsParams] = asyncio.Queue()

        @client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
        def told(params: lsp.PublishDiagnosticsParams) -> None:
            self.said.put_nowait(params)

    async def problems(self) -> list[lsp.Diagnostic]:
        while (said := await self.said.get()).version != self.version:
            pass
        return list(said.diagnostics)

    async def open(self) -> list[lsp.Diagnostic]:
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "dlspec", self.version, self.text))
        )
        return await self.problems()

    async def fixes(self, problem: lsp.Diagnostic) -> list[lsp.CodeAction]:
        asked = lsp.CodeActionParams(
            self.document, problem.range, lsp.CodeActionContext([problem], [lsp.CodeActionKind.QuickFix])
        )
        found = await self.client.text_document_code_action_async(asked)
        return [one for one in found or [] if isinstance(one, lsp.CodeAction)]

    async def repair(self, problem: lsp.Diagnostic, fixes: list[lsp.CodeAction]) -> list[lsp.Diagnostic]:
        """Take the first quick fix, or type; what is said then."""
        if fixes:
            self.apply(fixes[0])
        else:
            self.text = self.text.replace(*TYPED[str(problem.code)])
        self.version += 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.version, URI),
                [lsp.TextDocumentContentChangeWholeDocument(self.text)],
            )
        )
        return await self.problems()

    def apply(self, fix: lsp.CodeAction) -> None:
        assert fix.edit is not None
        assert fix.edit.changes is not None
        lines = self.text.split("\n")
        for edit in sorted(
            fix.edit.changes[URI], key=lambda e: (e.range.start.line, e.range.start.character), reverse=True
        ):
            start, end = edit.range.start, edit.range.end
            joined = lines[start.line][: start.character] + str(edit.new_text) + lines[end.line][end.character :]
            lines[start.line : end.line + 1] = joined.split("\n")
        self.text = "\n".join(lines)

    async def screen(self, problems: list[lsp.Diagnostic]) -> Screen:
        """The text as an editor shows it now."""
        whole = lsp.Range(lsp.Position(0, 0), lsp.Position(self.text.count("\n") + 1, 0))
        hints = await self.client.text_document_inlay_hint_async(lsp.InlayHintParams(self.document, whole)) or []
        lenses = await self.client.text_document_code_lens_async(lsp.CodeLensParams(self.document)) or []
        resolved = [one if one.command else await self.client.code_lens_resolve_async(one) for one in lenses]
        made = Screen()
        for number, line in enumerate(self.text.rstrip("\n").split("\n")):
            for lens in resolved:
                if lens.range.start.line == number and lens.command is not None:
                    made.lens(lens.command.title, len(line) - len(line.lstrip()))
            made.code(
                number + 1, line,
                {one.position.character: str(one.label) for one in hints if one.position.line == number},
                [(p.range.start.character, p.range.end.character) for p in problems if p.range.start.line == number],
            )  # fmt: skip
        return made


def message(problem: lsp.Diagnostic) -> list[tuple[str, str]]:
    """A diagnostic as it pops up."""
    first, *rest = problem.message.split("\n")
    kind = "e" if problem.severity == lsp.DiagnosticSeverity.Error else "a"
    lines = [one for line in rest for one in wrap(line, COLUMNS - 8, subsequent_indent="      ")]
    return [(f"{first}   dlspec({problem.code})", kind), *((line, "t") for line in lines)]


async def pictures() -> dict[str, str]:
    """The pictures of the walk, by name."""
    client = LanguageClient("walk", "1")
    editor = Editor(client)
    await client.start_io(sys.executable, "-m", "dlspec", "lsp")
    await client.initialize_async(lsp.InitializeParams(lsp.ClientCapabilities()))
    found: dict[str, str] = {}
    problems = await editor.open()
    step = 0
    while problems:
        step += 1
        screen = await editor.screen(problems)
        fixes = await editor.fixes(problems[0])
        screen.card([*message(problems[0]), *((f"⚑ {fix.title}", "x") for fix in fixes)])
        found[f"mistake-{step}"] = screen.svg(problems[0].message.split("\n")[0])
        problems = await editor.repair(problems[0], fixes)
    screen = await editor.screen([])
    found["right"] = screen.svg("the spec without a mistake")
    screen = await editor.screen([])
    line = next(i for i, text in enumerate(editor.text.split("\n")) if "conv2:" in text)
    column = editor.text.split("\n")[line].index("conv2d") + 1
    hover: Any = await client.text_document_hover_async(lsp.HoverParams(editor.document, lsp.Position(line, column)))
    derivation = hover.contents.value.split("```")[1].removeprefix("text\n").rstrip("\n")
    screen.card([(one, "t") for one in derivation.split("\n")])
    found["hover"] = screen.svg("where the numbers of conv2 come from")
    found["figure"] = dlspec.load(editor.text)._repr_mimebundle_()["image/svg+xml"]
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return found


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    for name, svg in asyncio.run(pictures()).items():
        (PICTURES / f"{name}.svg").write_text(svg, encoding="utf-8")
        print(f"written    {(PICTURES / name).relative_to(DOCS.parent)}.svg")


if __name__ == "__main__":
    main()
