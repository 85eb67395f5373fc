"""Sessions with `dlspec lsp` as an editor has them: over standard input and output, with marks in the text for places."""

from __future__ import annotations

import sys
from pathlib import Path

from lsprotocol import types as lsp
from pytest_lsp import ClientServerConfig, LanguageClient, client_capabilities

SERVER = ClientServerConfig(server_command=[sys.executable, "-m", "dlspec", "lsp"])


class Session:
    """A client, and the texts that it has open in a folder."""

    def __init__(self, client: LanguageClient, folder: Path) -> None:
        self.client = client
        self.folder = folder
        self.texts: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    def uri(self, name: str) -> str:
        return (self.folder / name).as_uri()

    async def open(self, name: str, text: str) -> list[lsp.Diagnostic]:
        """Open a text, and wait for what is said of it."""
        self.texts[name], self.versions[name] = text, 1
        self.client.text_document_did_open(
            lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(self.uri(name), "dlspec", 1, text))
        )
        return await self.diagnostics(name)

    async def change(self, name: str, text: str) -> list[lsp.Diagnostic]:
        """Put another text in its place, and wait for what is said of it."""
        self.type(name, text)
        return await self.diagnostics(name)

    def type(self, name: str, text: str) -> None:
        """Put another text in its place, and wait for nothing."""
        self.texts[name], self.versions[name] = text, self.versions[name] + 1
        self.client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.versions[name], self.uri(name)),
                [lsp.TextDocumentContentChangeWholeDocument(text)],
            )
        )

    async def diagnostics(self, name: str) -> list[lsp.Diagnostic]:
        """What is said of the version of a text that is open."""
        while True:
            await self.client.wait_for_notification(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)
            said = self.client.diagnostics.get(self.uri(name))
            if said is not None:
                return list(said)

    def at(self, name: str, words: str, inside: int = 1) -> dict[str, object]:
        """The place some characters into the first mention of words, as a request names it."""
        text = self.texts[name]
        start = text.index(words) + inside
        line = text.count("\n", 0, start)
        column = len(text[text.rfind("\n", 0, start) + 1 : start].encode("utf-16-le")) // 2
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "position": lsp.Position(line, column),
        }

    def whole(self, name: str) -> dict[str, object]:
        end = lsp.Position(len(self.texts[name].split("\n")), 0)
        return {
            "text_document": lsp.TextDocumentIdentifier(self.uri(name)),
            "range": lsp.Range(lsp.Position(0, 0), end),
        }

    async def hints(self, name: str) -> dict[int, list[str]]:
        """The inlay hints by line, from 1."""
        found = await self.client.text_document_inlay_hint_async(lsp.InlayHintParams(**self.whole(name)))  # type: ignore[arg-type]
        lines: dict[int, list[str]] = {}
        for hint in found or []:
            lines.setdefault(hint.position.line + 1, []).append(str(hint.label))
        return lines


def edited(text: str, edits: list[lsp.TextEdit]) -> str:
    """A text after edits of which the columns count UTF-16 units."""
    lines = text.splitlines(keepends=True)

    def offset(position: lsp.Position) -> int:
        line = lines[position.line] if position.line < len(lines) else ""
        units = line.encode("utf-16-le")[: 2 * position.character]
        return sum(map(len, lines[: position.line])) + len(units.decode("utf-16-le"))

    for edit in sorted(edits, key=lambda one: (one.range.start.line, one.range.start.character), reverse=True):
        text = text[: offset(edit.range.start)] + edit.new_text + text[offset(edit.range.end) :]
    return text


def capabilities() -> lsp.ClientCapabilities:
    return client_capabilities("visual-studio-code")
