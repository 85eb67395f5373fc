"""A difference as plain data, the form that programs read; sizes are ints, or texts where they are open."""

from __future__ import annotations

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from dlspec.analyses.carried import Carried
    from dlspec.analyses.difference import Difference
    from dlspec.analyses.edits import Edit
    from dlspec.analyses.likeness import Step
    from dlspec.sizes import Dim


def to_json(difference: Difference) -> dict[str, Any]:
    """Edits, consequences, totals, conditions and weights of two versions of a network."""
    gone, come = difference.requires
    return {
        "old": difference.old.graph.name,
        "new": difference.new.graph.name,
        "edits": [_edit(edit) for edit in difference.edits],
        "consequences": [
            {
                "facet": one.facet,
                "what": one.what,
                "total": None if one.total is None else {"old": _size(one.total[0]), "new": _size(one.total[1])},
                "layers": [{"path": path, "old": old, "new": new} for path, old, new in one.layers],
            }
            for one in difference.consequences
        ],
        "totals": {total.name: {"old": _size(total.old), "new": _size(total.new)} for total in difference.totals},
        "requires": {"removed": gone, "added": come},
        "weights": None if difference.carried is None else _weights(difference.carried),
    }


def _edit(edit: Edit) -> dict[str, Any]:
    span = edit.span
    return {
        "kinds": list(edit.kinds),
        "old": _path(edit.old),
        "new": _path(edit.new),
        "changes": [{"name": change.name, "old": change.old, "new": change.new} for change in edit.changes],
        "again": [{"old": _path(old), "new": _path(new)} for old, new in edit.again],
        "written": edit.is_written,
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
    }


def _path(part: Step | None) -> str | None:
    return None if part is None else part.path


def _weights(carried: Carried) -> dict[str, Any]:
    return {
        "loads": not carried.is_refused,
        "loaded": carried.loaded,
        "other_layer": [{"name": name, "was": source or None} for name, source in carried.strangers],
        "shape_differs": [{"name": name, "old": list(old), "new": list(new)} for name, old, new in carried.reshaped],
        "missing": carried.missing,
        "unexpected": carried.unexpected,
        "renamed": carried.renamed,
    }


def _size(size: Dim) -> int | str:
    return size if isinstance(size, int) else str(size)
