"""The language server: what an editor asks, and which file of this room answers.

A mistake of dlspec itself is shown as one, with the place where it came up, and the server goes on.
"""

from __future__ import annotations

import asyncio
import gc
from pathlib import Path

from lsprotocol import types as lsp
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from dlspec import __version__
from dlspec.diagnostics.defect import Defect
from dlspec.editor import (
    code_lens,
    completion,
    definition,
    formatting,
    hover,
    inlay_hints,
    operator_items,
    quick_fixes,
    references,
    rename,
    symbols,
)
from dlspec.editor import diagnostics as problems
from dlspec.editor.workspace import Open, Workspace
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Answer = Callable[["Server", Open, Any], Any]

PAUSE = 0.05
"""Seconds without a change after which a version is checked."""
REST = 2.0
"""Seconds without a change after which what earlier versions held is swept up."""


class Server(LanguageServer):
    """An editor's connection."""

    def __init__(self) -> None:
        super().__init__("dlspec", f"v{__version__}", text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
        self.specs = Workspace()
        self.snippets = False
        self._due: dict[str, asyncio.TimerHandle] = {}
        self._rest: asyncio.TimerHandle | None = None
        self._told: set[str] = set()
        self._checks: set[asyncio.Future[None]] = set()

    def begin(self, params: lsp.InitializeParams) -> None:
        """Take over what the editor can do and which folders it has open."""
        self.specs.encoding = self.workspace.position_encoding or lsp.PositionEncodingKind.Utf16
        uris = [folder.uri for folder in params.workspace_folders or []] or (
            [params.root_uri] if params.root_uri else []
        )
        self.specs.folders = [Path(path).resolve() for uri in uris if (path := to_fs_path(uri))]
        text = params.capabilities.text_document
        item = text.completion.completion_item if text and text.completion else None
        self.snippets = bool(item and item.snippet_support)
        gc.disable()

    def changed(self, uri: str, text: str, version: int | None) -> None:
        """Take a new version, and check it soon, with those that import it."""
        self.specs.put(uri, text, version)
        known = self.specs.get(uri)
        for other in {uri, *self.specs.importers(known.document.path if known else None)}:
            self.check_soon(other)

    def check_soon(self, uri: str) -> None:
        """Check a spec when nothing has changed for a moment."""
        loop = asyncio.get_running_loop()
        if uri in self._due:
            self._due.pop(uri).cancel()
        self._due[uri] = loop.call_later(PAUSE, self._check, uri)
        if self._rest is not None:
            self._rest.cancel()
        self._rest = loop.call_later(REST, gc.collect)

    def _check(self, uri: str) -> None:
        self._due.pop(uri, None)
        task = asyncio.ensure_future(self._checked(uri))
        self._checks.add(task)
        task.add_done_callback(self._checks.discard)

    async def _checked(self, uri: str) -> None:
        """Check a version one network at a time, so that questions are answered in between; an old one is left."""
        known = self.specs.get(uri)
        if known is None:
            return
        document = known.document
        try:
            for network in document.spec.networks:
                document.graph(network)
                await asyncio.sleep(0)
                if known.document is not document:
                    return
            found = problems.diagnostics(document)
        except Exception as error:
            self.tell(Defect(f"checking {document.source.name}", error))
            return
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, found, document.version))
        known.hints()

    def closed(self, uri: str) -> None:
        """Take back what was said of a text."""
        known = self.specs.get(uri)
        importers = self.specs.importers(known.document.path if known else None)
        self.specs.close(uri)
        self.text_document_publish_diagnostics(lsp.PublishDiagnosticsParams(uri, []))
        for other in importers:
            self.check_soon(other)

    def tell(self, defect: Defect) -> None:
        """Show a mistake of dlspec: once in a message, each time in the log."""
        text = f"{defect}; {defect.advice}"
        self.window_log_message(lsp.LogMessageParams(lsp.MessageType.Error, text))
        if text not in self._told:
            self._told.add(text)
            self.window_show_message(lsp.ShowMessageParams(lsp.MessageType.Error, f"dlspec: {text}"))


def serve() -> None:
    """Answer an editor on standard input and output until it leaves."""
    made().start_io()


def made() -> Server:
    """A server with every feature."""
    server = Server()
    _texts(server)
    _questions(server)
    return server


def _texts(server: Server) -> None:
    """What the editor tells."""

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        server.begin(params)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def opened(params: lsp.DidOpenTextDocumentParams) -> None:
        text = params.text_document
        server.changed(text.uri, text.text, text.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def changed(params: lsp.DidChangeTextDocumentParams) -> None:
        text = server.workspace.get_text_document(params.text_document.uri)
        server.changed(text.uri, text.source, params.text_document.version)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def closed(params: lsp.DidCloseTextDocumentParams) -> None:
        server.closed(params.text_document.uri)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def files_changed(params: lsp.DidChangeWatchedFilesParams) -> None:
        server.specs.forget_files()
        for uri in server.specs.uris:
            server.check_soon(uri)


def _questions(server: Server) -> None:
    """What the editor asks: a row for each."""
    for method in (*_OF_TEXTS, *_OF_PLACES):
        server.feature(method, _OPTIONS.get(method))(_handler(server, method))

    @server.feature(lsp.COMPLETION_ITEM_RESOLVE)
    def item(params: lsp.CompletionItem) -> lsp.CompletionItem:
        return _guarded(server, "an item", lambda: operator_items.resolved(params)) or params

    @server.feature(lsp.CODE_LENS_RESOLVE)
    def lens(params: lsp.CodeLens) -> lsp.CodeLens:
        data: Any = params.data or {}
        known = server.specs.get(data.get("uri", ""))
        if known is None:
            return params
        resolve = lambda: code_lens.resolved(params, known.document, data["network"])  # noqa: E731
        return _guarded(server, "a lens", resolve) or params


def _handler(server: Server, method: str) -> Callable[[Any], Any]:
    return lambda asked: _guarded(server, method, lambda: answer(server, method, asked))


_OF_TEXTS: dict[str, Answer] = {
    lsp.TEXT_DOCUMENT_INLAY_HINT: lambda server, known, asked: inlay_hints.inlay_hints(
        known.document, known.hints(), asked.range
    ),
    lsp.TEXT_DOCUMENT_CODE_LENS: lambda server, known, asked: code_lens.code_lens(known.document, known.lenses()),
    lsp.TEXT_DOCUMENT_CODE_ACTION: lambda server, known, asked: quick_fixes.code_actions(
        known.document, asked.range, asked.context.only
    ),
    lsp.TEXT_DOCUMENT_FORMATTING: lambda server, known, asked: formatting.formatting(known.document),
    lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: lambda server, known, asked: symbols.document_symbols(known.document),
}
_OF_PLACES: dict[str, Callable[[Server, Open, int, Any], Any]] = {
    lsp.TEXT_DOCUMENT_HOVER: lambda server, known, offset, asked: hover.hover(known.document, offset),
    lsp.TEXT_DOCUMENT_COMPLETION: lambda server, known, offset, asked: completion.completion(
        known.document, offset, snippets=server.snippets, readable=known.readable
    ),
    lsp.TEXT_DOCUMENT_DEFINITION: lambda server, known, offset, asked: definition.definition(known.document, offset),
    lsp.TEXT_DOCUMENT_REFERENCES: lambda server, known, offset, asked: references.references(
        known.document,
        offset,
        server.specs.every(known.document, known.document.word_at(offset)),
        declaration=asked.context.include_declaration,
    ),
    lsp.TEXT_DOCUMENT_PREPARE_RENAME: lambda server, known, offset, asked: rename.prepare_rename(
        known.document, offset
    ),
    lsp.TEXT_DOCUMENT_RENAME: lambda server, known, offset, asked: rename.rename(
        known.document,
        offset,
        asked.new_name,
        server.specs.every(known.document, known.document.word_at(offset)),
        lambda: server.specs.every(known.document),
    ),
}
_OPTIONS: dict[str, Any] = {
    lsp.TEXT_DOCUMENT_COMPLETION: lsp.CompletionOptions(trigger_characters=[*'.>("=:{, '], resolve_provider=True),
    lsp.TEXT_DOCUMENT_RENAME: lsp.RenameOptions(prepare_provider=True),
    lsp.TEXT_DOCUMENT_CODE_ACTION: lsp.CodeActionOptions([lsp.CodeActionKind.QuickFix, quick_fixes.FIX_ALL]),
    lsp.TEXT_DOCUMENT_CODE_LENS: lsp.CodeLensOptions(resolve_provider=True),
}


def answer(server: Server, method: str, asked: Any) -> Any:
    """The answer to a question; none where its spec is not open."""
    known = server.specs.get(asked.text_document.uri)
    if known is None:
        return None
    if method in _OF_TEXTS:
        return _OF_TEXTS[method](server, known, asked)
    return _OF_PLACES[method](server, known, known.document.positions.offset(asked.position), asked)


def _guarded(server: Server, what: str, found: Callable[[], Any]) -> Any:
    """An answer; nothing where dlspec fails, which is then told as its own mistake."""
    try:
        return found()
    except rename.RenameRefused as refused:
        raise JsonRpcException(str(refused), code=-32803) from None  # RequestFailed of the protocol
    except Exception as error:
        server.tell(Defect(f"answering {what}", error))
        return None
