"""Another name for a block, a parameter, a value, a label: at every place at once, in every file, or not at all.

A rename that is not plainly right is tried before it is offered: the files are checked as they would be, and one that
would make a mistake where there was none is refused, with that mistake for a reason.
"""

from __future__ import annotations

from pathlib import Path

from lsprotocol import types as lsp

from dlspec.editor.document import Document
from dlspec.editor.plain_rename import is_plain
from dlspec.editor.positions import Positions
from dlspec.editor.references import Mention, mentions, symbol_at
from dlspec.elaborate.reserved import PYTHON_WORDS
from dlspec.record import TYPE_CHECKING
from dlspec.syntax.lexer import RESERVED

if TYPE_CHECKING:
    from collections.abc import Callable

    from dlspec.diagnostics.record import Diagnostic
    from dlspec.editor.names import Symbol
    from dlspec.source import Source


class RenameRefused(Exception):
    """Why a name stays; for the user to read."""


def prepare_rename(document: Document, offset: int) -> lsp.PrepareRenamePlaceholder:
    """The range of the name at an offset; raises RenameRefused where nothing there can be renamed."""
    symbol = symbol_at(document, offset)
    if symbol is None:
        raise RenameRefused("nothing that this spec names stands here; operators and keys keep their names")
    found = document.names.at(offset)
    span = found.span if found is not None else None
    if span is None:
        start = offset
        while start and (document.text[start - 1].isalnum() or document.text[start - 1] == "_"):
            start -= 1
        span = document.source.span(start, start + len(symbol.name))
    _may_be_edited(symbol, [])
    return lsp.PrepareRenamePlaceholder(document.positions.of(span), symbol.name)


def rename(
    document: Document, offset: int, name: str, documents: list[Document],
    readers: Callable[[], list[Document]] | None = None,
) -> lsp.WorkspaceEdit:  # fmt: skip
    """The edits that rename what stands at an offset; raises RenameRefused.

    `documents` are those in whose text the old name stands, `readers` gives all that may read what they define.
    """
    symbol = symbol_at(document, offset)
    if symbol is None:
        raise RenameRefused("nothing that this spec names stands here; operators and keys keep their names")
    _must_be_a_name(symbol, name)
    found = mentions(symbol, documents)
    _may_be_edited(symbol, found)
    changes: dict[str, tuple[Source, Document, list[tuple[int, int, str]]]] = {}
    for mention in found:
        place = str(mention.file.path or mention.file.source.name)
        source = mention.occurrence.span.source
        edits = changes.setdefault(place, (source, mention.document, []))[2]
        edits.append((mention.occurrence.span.start, mention.occurrence.span.end, _replacement(mention, name)))
    if not is_plain(symbol, name, found, documents):
        texts = {place: _edited(source.text, edits) for place, (source, _, edits) in changes.items()}
        _try(
            documents if readers is None else readers(),
            texts,
            lambda place: min(start for start, _, _ in changes[place][2]) + _inside(changes[place][2]),
            len(found),
        )
    return _workspace_edit(document, changes)


def _must_be_a_name(symbol: Symbol, name: str) -> None:
    if symbol.kind == "label" and name.isascii() and name.isdigit():
        return
    if not (name.isascii() and name.isidentifier()):
        raise RenameRefused(f"`{name}` is no name: letters, digits and `_`, beginning with no digit")
    if name in RESERVED:
        raise RenameRefused(f"`{name}` is a word of the language")
    if name in PYTHON_WORDS:
        raise RenameRefused(f"`{name}` is a word of Python, and would become a name in generated code")


def _may_be_edited(symbol: Symbol, found: list[Mention]) -> None:
    """The zoo is everybody's; a spec that imports from it does not rename there."""
    from dlspec.places import ZOO

    zoo = ZOO.resolve()
    for path in [symbol.file.path, *(mention.file.path for mention in found)]:
        if path is not None and path.resolve().is_relative_to(zoo) and "_data" in path.parts:
            raise RenameRefused(f"`{symbol.name}` is defined in the zoo of the installed dlspec")


def _replacement(mention: Mention, name: str) -> str:
    """What stands at a mention then; in `{c2, c3}` the field keeps its name: `{c2 = new, c3}`."""
    occurrence = mention.occurrence
    if not occurrence.short:
        return name
    if (
        mention.file.source.is_yaml
        and occurrence.span.source.text[occurrence.span.end : occurrence.span.end + 1] != "}"
    ):
        return (
            f"{{{occurrence.span.text}: {name}}}"
            if _is_yaml_item(occurrence.span.source.text, occurrence.span.start)
            else f"{occurrence.span.text} = {name}"
        )
    return f"{occurrence.span.text} = {name}"


def _is_yaml_item(text: str, start: int) -> bool:
    """Whether a name is an item of a YAML list, and not of a record within a leaf."""
    before = text[text.rfind("\n", 0, start) + 1 : start]
    return "{" not in before.rpartition("[")[2] and (
        before.strip() in ("-", "") or before.rstrip().endswith(("[", ",", "-"))
    )


def _inside(edits: list[tuple[int, int, str]]) -> int:
    """How far within the first replacement the new name begins, which stands at its end: `c2 = new`."""
    _, _, new = min(edits)
    return len(new.rstrip("}")) - 1


def _edited(text: str, edits: list[tuple[int, int, str]]) -> str:
    for start, end, new in sorted(set(edits), reverse=True):
        text = text[:start] + new + text[end:]
    return text


def _try(documents: list[Document], after: dict[str, str], offset: Callable[[str], int], expected: int) -> None:
    """Check every document as it would be.

    Raises RenameRefused where one gets a mistake that it did not have, or where the new name would mean something
    else as well.
    """
    texts = {Path(place): text for place, text in after.items()}
    changed = []
    for document in documents:
        if not document.read & after.keys():
            continue
        place = _place(document)
        text, opened = after.get(place, document.text), {**document.spec.files.opened, **texts}
        changed.append(Document(document.uri, text, None, document.path, opened=opened, shown=document.source.name))
        new = _new_mistake(document, changed[-1].problems)
        if new is not None:
            where = f" ({new.place!r})" if new.place is not None else ""
            raise RenameRefused(f"that would be a mistake: {new.message}{where}")
    here = next(one for one in changed if _place(one) in after)
    symbol = symbol_at(here, offset(_place(here)))
    if symbol is None or len(mentions(symbol, changed)) != expected:
        raise RenameRefused("the name is taken there: what has it now and what would have it could not be told apart")


def _place(document: Document) -> str:
    return str(document.spec.scope.path or document.source.name)


def _new_mistake(document: Document, after: list[Diagnostic]) -> Diagnostic | None:
    """A problem of a kind that there were fewer of."""
    counts: dict[str, int] = {}
    for problem in document.problems if after else ():
        counts[problem.code] = counts.get(problem.code, 0) + 1
    for problem in after:
        counts[problem.code] = counts.get(problem.code, 0) - 1
        if counts[problem.code] < 0:
            return problem
    return None


def _workspace_edit(
    document: Document, changes: dict[str, tuple[Source, Document, list[tuple[int, int, str]]]]
) -> lsp.WorkspaceEdit:
    found: dict[str, list[lsp.TextEdit]] = {}
    for place, (source, _, edits) in changes.items():
        is_here = place == _place(document)
        uri = document.uri if is_here else Path(place).as_uri()
        positions = Positions(source, document.encoding)
        found[uri] = [lsp.TextEdit(positions.range(start, end), new) for start, end, new in sorted(set(edits))]
    return lsp.WorkspaceEdit(changes=found)
