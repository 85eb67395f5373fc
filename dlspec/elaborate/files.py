"""The names of a file: what it defines and imports, and what every file knows."""

from __future__ import annotations

from pathlib import Path

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.elaborate.reserved import PYTHON_WORDS
from dlspec.elaborate.values import BlockStage, ForeignStage, NetworkStage
from dlspec.places import ZOO
from dlspec.record import TYPE_CHECKING
from dlspec.source import Source, Span
from dlspec.syntax import tree
from dlspec.syntax.read import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

_IMPORTS = 64
"""Files that one check may read."""


class FileScope:
    """One file, read: its tree and the names that its top level defines."""

    def __init__(self, source: Source, path: Path | None) -> None:
        self.source = source
        self.path = path
        self.tree: tree.File = tree.File(source.span(0, 0), (), ())
        self.names: dict[str, Any] = {}
        """Name to a stage, to an `Alias` or `Constant` of the tree, or to (file, name) for an import."""
        self.spans: dict[str, Span] = {}
        self.used: set[str] = set()
        self.plans: dict[str, tree.Plan] = {}
        self.allowed: dict[str, str] = {}
        """Lints that the file allows, each with its reason."""
        self.limits: tree.Section | None = None
        self.broken = False
        """Whether something at the top could not be read, so that an unknown name may stand there."""

    @property
    def networks(self) -> list[str]:
        """The networks that can be made as they stand, in order."""
        return [
            item.name
            for item in self.tree.items
            if (isinstance(item, tree.Alias) or (isinstance(item, tree.Network) and _needs_nothing(item)))
            and self.spans.get(item.name) is item.name_span  # and not of what has the name already
        ]


def _needs_nothing(network: tree.Network) -> bool:
    return all(param.default is not None for param in network.params)


class Files:
    """Every file of one check, read once each."""

    def __init__(self, root: Path | None, opened: Mapping[Path, str] | None = None) -> None:
        self.root = root
        self.opened = opened or {}
        """Texts that stand for files, as an editor holds what is not saved."""
        self.scopes: dict[str, FileScope] = {}
        self.problems: list[Diagnostic] = []
        self._loading: list[str] = []

    def load(self, source: Source, path: Path | None) -> FileScope:
        """The names of a source and of all that it imports."""
        key = str(path) if path else source.name
        scope = self.scopes[key] = FileScope(source, path)
        scope.tree, problems = read(source)
        self.problems += problems
        self._loading.append(key)
        for item in scope.tree.items:
            self._define(scope, item)
        self._loading.pop()
        return scope

    def _define(self, scope: FileScope, item: tree.Statement) -> None:
        match item:
            case tree.Broken():
                scope.broken = True
            case tree.Import():
                self._import(scope, item)
            case tree.Block():
                self._add(scope, item.name, item.name_span, BlockStage(item, scope))
            case tree.Network():
                self._add(scope, item.name, item.name_span, NetworkStage(item, scope, {}))
            case tree.Foreign():
                self._add(scope, item.name, item.name_span, ForeignStage(item, scope))
            case tree.Alias():
                self._add(scope, item.name, item.name_span, item)
            case tree.Constant():
                self._add(scope, item.name, item.span, item)
            case tree.Plan():
                if item.name in scope.plans:
                    self._twice("plan", item.name, item.name_span, scope.plans[item.name].name_span)
                scope.plans.setdefault(item.name, item)
            case tree.Allow():
                scope.allowed[item.lint] = item.reason
            case tree.Limits():
                scope.limits = item.section
            case _:
                self.problems.append(
                    problem(
                        "E0216",
                        "this does not stand at the top of a file",
                        item.span,
                        "belongs in a network or block",
                    )
                )

    def _add(self, scope: FileScope, name: str, span: Span, value: Any) -> None:
        if name in scope.names:
            self._twice("name", name, span, scope.spans[name])
            return
        if name in PYTHON_WORDS:
            self.problems.append(
                problem("E0114", f"`{name}` is a word of Python", span, "becomes a name in generated Python",
                        fixes=[Fix(f"call it `{name}_`", [Edit(span, f"{name}_")])])
            )  # fmt: skip
        scope.names[name] = value
        scope.spans[name] = span

    def _twice(self, what: str, name: str, span: Span, first: Span) -> None:
        self.problems.append(
            problem(
                "E0113",
                f"the {what} `{name}` is defined twice",
                span,
                "again here",
                also=[(first, "first here")],
            )
        )

    # Imports

    def _import(self, scope: FileScope, item: tree.Import) -> None:
        path = self._resolve(scope, item)
        if path is None:
            scope.broken = True
            return
        imported = self._imported(scope, item, path)
        if imported is None:
            scope.broken = True
            return
        for name, span in item.names:
            if name in imported.names:
                self._add(scope, name, span, (imported, name))
            else:
                scope.broken = True
                if not imported.broken:
                    self.problems.append(_not_there(name, span, imported))

    def _resolve(self, scope: FileScope, item: tree.Import) -> Path | None:
        """The file that an import names: in the spec's own folder, or a name of the zoo."""
        if "/" not in item.path and "." not in item.path:
            found = zoo_file(item.path)
            if found is not None:
                return found
        base = scope.path.parent if scope.path else self.root
        if base is None:
            base = Path()
        if "\0" in item.path or not item.path.isprintable():
            self.problems.append(problem("E0115", "an import names a file", item.path_span, "no file is called so"))
            return None
        target = (base / item.path).resolve()
        top = (self.root or base).resolve()
        if not (target.is_relative_to(top) or target.is_relative_to(ZOO.resolve())):
            self.problems.append(
                problem("E0116", f'"{item.path}" leaves the folder of the spec', item.path_span,
                        f"lies outside `{top.name}`",
                        notes=["a spec imports from its own folder and from the zoo"])
            )  # fmt: skip
            return None
        if target not in self.opened and not target.is_file():
            self.problems.append(_no_file(item, target))
            return None
        return target

    def _imported(self, scope: FileScope, item: tree.Import, path: Path) -> FileScope | None:
        key = str(path)
        if key in self._loading or (scope.path and path == scope.path.resolve()):
            self.problems.append(
                problem(
                    "E0117",
                    f'"{item.path}" imports this file in turn',
                    item.path_span,
                    "closes a circle of imports",
                )
            )
            return None
        if key in self.scopes:
            return self.scopes[key]
        if len(self.scopes) >= _IMPORTS:
            self.problems.append(
                problem("E0209", f"more than {_IMPORTS} files are imported", item.path_span, "one too many")
            )
            return None
        shown = str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else key
        try:
            source = Source(shown, self.opened[path]) if path in self.opened else Source.read(path, shown)
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(problem("E0101", f'"{item.path}" cannot be read', item.path_span, str(error)))
            return None
        return self.load(source, path)


def zoo_file(name: str) -> Path | None:
    """The file of the zoo that defines a network of that name."""
    if not name.replace("_", "").replace("-", "").isalnum() or not ZOO.is_dir():
        return None
    for suffix in (".dls", ".dlspec.yaml"):
        path = ZOO / (name + suffix)
        if path.is_file():
            return path
    return _defining(name)


def _defining(name: str) -> Path | None:
    """A file of the zoo whose text defines the network, for families such as `resnet18` in `resnet.dls`."""
    import re

    word = re.compile(rf"(?m)^\s*(?:network\s+)?{re.escape(name)}\s*[:=({{]")
    network = re.compile(rf"(?m)^network\s+{re.escape(name)}\s*(?:=|\{{)")
    files = [path for path in sorted(ZOO.iterdir()) if path.name.endswith((".dls", ".dlspec.yaml"))]
    family = [path for path in files if name.startswith(path.name.partition(".")[0].rstrip("0123456789_"))]
    for wanted, paths in ((word, family), (network, files)):
        for path in paths:
            if wanted.search(path.read_text(encoding="utf-8")):
                return path
    return None


def zoo_names() -> list[str]:
    """Every network of the zoo that can be asked for by name."""
    import re

    network = re.compile(r"(?m)^network\s+(\w+)\s*(?==|\{)")
    names = set()
    for path in ZOO.iterdir() if ZOO.is_dir() else ():
        if path.name.endswith((".dls", ".dlspec.yaml")):
            names.add(path.name.partition(".")[0])
            names.update(network.findall(path.read_text(encoding="utf-8")))
    return sorted(names)


def _not_there(name: str, span: Span, imported: FileScope) -> Diagnostic:
    from dlspec.diagnostics.near_names import near

    close = near(name, list(imported.names))
    return problem(
        "E0110", f"`{imported.source.name}` defines no `{name}`", span, "not found there",
        notes=[] if close else [f"it defines {', '.join(f'`{n}`' for n in imported.names) or 'nothing'}"],
        fixes=[Fix(f"there is `{n}`", [Edit(span, n)], "safe") for n in close],
    )  # fmt: skip


def _no_file(item: tree.Import, target: Path) -> Diagnostic:
    from dlspec.diagnostics.near_names import near

    folder = target.parent
    names = [p.name for p in folder.iterdir() if p.name.endswith((".dls", ".yaml", ".yml"))] if folder.is_dir() else []
    close = near(target.name, names)
    prefix = item.path[: len(item.path) - len(target.name)]
    of_zoo = target.name.partition(".")[0]
    if not close and of_zoo in zoo_names():
        fix = Fix("import it from the zoo, by its name", [Edit(item.path_span, f'"{of_zoo}"')], "safe")
        return problem("E0115", f'there is no file "{item.path}"', item.path_span, "not found", fixes=[fix])
    return problem(
        "E0115", f'there is no file "{item.path}"', item.path_span, "not found",
        notes=[] if close else [f"looked in `{folder.name or folder}`, with {', '.join(sorted(names)) or 'no specs'}"],
        fixes=[Fix(f"there is `{n}`", [Edit(item.path_span, f'"{prefix}{n}"')], "safe") for n in close],
    )  # fmt: skip
