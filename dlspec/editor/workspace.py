"""Every open spec, with what is known of its version; and those of the folder, where they are asked for."""

from __future__ import annotations

from pathlib import Path

from pygls.uris import to_fs_path

from dlspec.editor.code_lens import Lens, lenses
from dlspec.editor.document import Document
from dlspec.editor.files import spec_files
from dlspec.editor.inlay_hints import Hint, hints, moved
from dlspec.record import TYPE_CHECKING
from dlspec.syntax import tree

if TYPE_CHECKING:
    from dlspec.editor.positions import Encoding


class Open:
    """An open spec: its version, and what earlier versions knew that this one cannot be read for."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.readable: Document | None = None
        """The last version whose every statement could be read."""
        self._hints: list[Hint] = []
        self._lenses: list[Lens] = []
        self._hinted = ""
        self._known: Document | None = None

    def hints(self) -> list[Hint]:
        """The hints of this version; where it cannot be read, those of the last one around what was changed."""
        self._know()
        return self._hints

    def lenses(self) -> list[Lens]:
        """The lenses of this version, or those of the last one, likewise."""
        self._know()
        return self._lenses

    def _know(self) -> None:
        document = self.document
        if self._known is document:
            return
        fresh = hints(document)
        if fresh or not document.is_broken:
            self._hints, self._lenses = fresh, lenses(document)
        else:
            self._hints = moved(self._hints, self._hinted, document.text)
            self._lenses = []
        self._hinted, self._known = document.text, document


class _Closed:
    """The text of a file that is not open, when it was written, and what is known of it once that was asked for."""

    __slots__ = ("document", "stamp", "text")

    def __init__(self, stamp: float, text: str) -> None:
        self.stamp = stamp
        self.text = text
        self.document: Document | None = None


class Workspace:
    """The specs that an editor has open."""

    def __init__(self, encoding: Encoding = "utf-16") -> None:
        self.encoding = encoding
        self.folders: list[Path] = []
        self._open: dict[str, Open] = {}
        self._closed: dict[Path, _Closed] = {}

    def put(self, uri: str, text: str, version: int | None) -> None:
        """A new version of a text; what others knew of it is forgotten."""
        document = self._document(uri, text, version)
        known = self._open.get(uri)
        if known is None:
            self._open[uri] = Open(document)
        else:
            if not known.document.is_broken:
                known.readable = known.document
            known.document = document
        self._forget(document.path, uri)

    def close(self, uri: str) -> None:
        """An editor that closed a text leaves it to the file."""
        known = self._open.pop(uri, None)
        if known is not None:
            self._forget(known.document.path, uri)

    def forget_files(self) -> None:
        """Files have changed beneath: everything is read again."""
        self._closed.clear()
        for uri, known in self._open.items():
            known.document = self._document(uri, known.document.text, known.document.version)

    def get(self, uri: str) -> Open | None:
        return self._open.get(uri)

    @property
    def uris(self) -> list[str]:
        return list(self._open)

    def importers(self, path: Path | None) -> list[str]:
        """The open specs that read a file."""
        return [uri for uri, known in self._open.items() if path is not None and path in _read_by(known.document)]

    def every(self, near: Document, name: str = "") -> list[Document]:
        """The open specs, and those in the folders of the workspace; of a text without a file only itself.

        With a name only those in whose text it stands: no other needs to be read.
        """
        opened = [known.document for known in self._open.values()]
        if near.path is None:
            return [near]
        paths = {document.path for document in opened}
        folders = self.folders if any(near.path.is_relative_to(f) for f in self.folders) else [near.path.parent]
        files = dict.fromkeys(path.resolve() for folder in folders for path in spec_files(folder))
        closed = [self._file(path, name) for path in files if path not in paths]
        return [
            *(document for document in opened if document is near or name in document.text),
            *(document for document in closed if document is not None),
        ]

    def _file(self, path: Path, name: str) -> Document | None:
        """A file that is not open, if a name stands in it; read once for each time it is written."""
        try:
            stamp = path.stat().st_mtime
            known = self._closed.get(path)
            if known is None or known.stamp != stamp:
                known = self._closed[path] = _Closed(stamp, path.read_text(encoding="utf-8-sig"))
        except (OSError, UnicodeDecodeError):
            return None
        if name not in known.text:
            return None
        if known.document is None:
            known.document = self._document(path.as_uri(), known.text, None)
        return known.document

    def _document(self, uri: str, text: str, version: int | None) -> Document:
        found = to_fs_path(uri) if uri.startswith("file:") else None
        path = Path(found).resolve() if found else None
        opened = {one.document.path: one.document.text for one in self._open.values() if one.document.path is not None}
        return Document(uri, text, version, path, opened=opened, encoding=self.encoding, shown=self._shown(path, uri))

    def _shown(self, path: Path | None, uri: str) -> str:
        """How messages call a file: from the folder of the workspace on."""
        if path is None:
            return f"untitled{'.dlspec.yaml' if uri.endswith(('.yaml', '.yml')) else '.dls'}"
        folder = next((folder for folder in self.folders if path.is_relative_to(folder)), path.parent)
        return path.relative_to(folder).as_posix()

    def _forget(self, path: Path | None, but: str) -> None:
        """Read again what imports a file, and what is not open."""
        for closed in self._closed.values():
            if closed.document is not None and path in _read_by(closed.document):
                closed.document = None
        for uri in self.importers(path):
            if uri != but:
                known = self._open[uri]
                known.document = self._document(uri, known.document.text, known.document.version)


def _read_by(document: Document) -> set[Path | None]:
    """The files that a spec reads, itself among them, and those that it looks for."""
    return {scope.path for scope in document.spec.files.scopes.values()} | _looked_for(document)


def _looked_for(document: Document) -> set[Path | None]:
    if document.path is None:
        return set()
    paths = [item.path for item in document.tree.items if isinstance(item, tree.Import)]
    return {(document.path.parent / path).resolve() for path in paths if path.isprintable() and "\0" not in path}
