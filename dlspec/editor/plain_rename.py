"""Renames that need no trial: the new name is nowhere yet, and every place where the old one stands is known.

Then the text stays what it was but for the name: nothing that was meant otherwise is called so now, nothing that was
called so is left behind, and no rule of the language asks how a name is spelt.
"""

from __future__ import annotations

import re

from dlspec.elaborate.builtins import BUILTINS
from dlspec.elaborate.reserved import reserved
from dlspec.ops import lookup
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dlspec.editor.document import Document
    from dlspec.editor.names import Symbol
    from dlspec.editor.references import Mention
    from dlspec.elaborate.files import FileScope

NOT_IN_PATHS = ("parameter", "constant", "loop", "size")
"""Kinds of names that are part of no path."""
SPECIAL = ("N", "training")
"""Names that mean something where nothing defines them."""
YAML_WORDS = ("y", "n", "yes", "no", "on", "off", "true", "false", "null")
"""What YAML may read as something else than a word."""


def is_plain(symbol: Symbol, name: str, found: list[Mention], documents: Iterable[Document]) -> bool:
    """Whether a rename is sure to change nothing but the name; `documents` are all in which the old one stands."""
    if not _is_free(name) or symbol.name in SPECIAL or any(mention.occurrence.short for mention in found):
        return False
    changed = {mention.place[0]: mention for mention in found}
    for mention in changed.values():
        file = mention.file
        if _stands_in(name, file.source.text) or not _is_understood(mention.document, file, symbol):
            return False
        if file.source.is_yaml and name.lower() in YAML_WORDS:
            return False
    return all(_is_known(symbol.name, one) for one in documents if changed.keys() & one.read)


def _is_free(name: str) -> bool:
    """Whether it is the name of nothing that every spec knows, and of no step that has none of its own."""
    stem = name.rstrip("0123456789").rstrip("_")
    known = name in SPECIAL or name in BUILTINS or lookup(name) is not None or lookup(stem) is not None
    return name.isidentifier() and name[:1] != "_" and not known and reserved(name) is None


def _stands_in(name: str, text: str) -> bool:
    return re.search(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text) is not None


def _is_understood(document: Document, file: FileScope, symbol: Symbol) -> bool:
    """Whether all of a file could be read, and no label of it is computed that may come to be the new one."""
    names = document.index.of(file)
    return names.is_read and (symbol.kind in NOT_IN_PATHS or not names.has_computed_labels)


def _is_known(name: str, document: Document) -> bool:
    """Whether each word in a spec, and in what it reads, that is spelt so is renamed, or known to be another's."""
    for file in document.spec.files.scopes.values():
        text = file.source.text
        if name not in text:
            continue
        names = document.index.of(file)
        known = {one.span.start for one in names.named(name)}
        known |= {span.start for span in names.operator_arguments}
        known |= {one.span.start for one in document.reached if one.span.source is file.source}
        for match in re.finditer(rf"(?<![A-Za-z0-9_]){re.escape(name)}(?![A-Za-z0-9_])", text):
            if match.start() not in known and not _is_in_comment(file, match.start()):
                return False
    return True


def _is_in_comment(file: FileScope, offset: int) -> bool:
    return any(comment.span.start <= offset < comment.span.end for comment in file.tree.comments)
