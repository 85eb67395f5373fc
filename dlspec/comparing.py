"""Two specs side by side: the networks and plans that both have, and those that only one has."""

from __future__ import annotations

from pathlib import Path

from dlspec.analyses.difference import Difference
from dlspec.analyses.edits import Change
from dlspec.checking import SUFFIXES, Spec, open_spec, resolve_plan
from dlspec.diagnostics.record import SpecError, problem
from dlspec.record import TYPE_CHECKING, Record
from dlspec.source import Source

if TYPE_CHECKING:
    from typing import Any

    from dlspec.checking import Closed, Settings
    from dlspec.graph import Graph
    from dlspec.syntax import tree

SCHEMA_VERSION = 1


class PlanDifference(Record):
    """The keys of a plan that differ, every default filled in."""

    name: str
    changes: list[Change]
    unread: str = ""
    """Why the plan could not be compared, where a mistake of one side prevents it."""


class Comparison(Record):
    """How one spec differs from another."""

    old: str
    """What the old one is called: a file, a network of the zoo, a file at a revision."""
    new: str
    networks: dict[str, Difference]
    """By name; of the new network, where one was asked for that is called otherwise."""
    plans: list[PlanDifference]
    networks_added: list[str]
    networks_removed: list[str]
    plans_added: list[str]
    plans_removed: list[str]

    @property
    def differing(self) -> dict[str, Difference]:
        return {name: found for name, found in self.networks.items() if not found.is_empty}

    @property
    def is_empty(self) -> bool:
        """Whether both say the same; layout, comments and names of blocks aside."""
        lists = (self.networks_added, self.networks_removed, self.plans_added, self.plans_removed)
        return not self.differing and not any(lists) and not any(plan.changes for plan in self.plans)

    def to_json(self) -> dict[str, Any]:
        """The object that `dlspec diff --format json` prints; `docs/diff.md` says what is in it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "old": self.old,
            "new": self.new,
            "differs": not self.is_empty,
            "networks": [found.to_json() for found in self.differing.values()],
            "networks_alike": [name for name in self.networks if name not in self.differing],
            "networks_added": self.networks_added,
            "networks_removed": self.networks_removed,
            "plans": [
                {"name": plan.name, "unread": plan.unread or None, "changes": [
                    {"name": change.name, "old": change.old, "new": change.new} for change in plan.changes
                ]}
                for plan in self.plans if plan.changes or plan.unread
            ],
            "plans_added": self.plans_added,
            "plans_removed": self.plans_removed,
        }  # fmt: skip


def compare(old: Spec, new: Spec, *, network: str | None = None, inputs: Closed | None = None) -> Comparison:
    """The difference of two specs; raises SpecError where one of them has a mistake.

    One network of each where one is named, be it by the name of a zoo entry; else every network that both have.
    """
    chosen = network or old.chosen or new.chosen
    common = [name for name in new.networks if name in old.networks]
    if network is None and (chosen is not None or not common):
        pairs = [(old.default_network(), new.default_network())]
    else:
        pairs = [(network, network)] if network is not None else [(name, name) for name in common]
    graphs = [(old.graph(one, inputs=inputs), new.graph(other, inputs=inputs)) for one, other in pairs]
    alone = network is not None or chosen is not None or not common
    plans = [name for name in new.plans if name in old.plans] if network is None else []
    return Comparison(
        _called(old), _called(new),
        {other.name: Difference(one, other) for one, other in graphs},
        [_plan(old, new, name) for name in plans],
        [] if alone else [name for name in new.networks if name not in old.networks],
        [] if alone else [name for name in old.networks if name not in new.networks],
        [] if alone else [name for name in new.plans if name not in old.plans],
        [] if alone else [name for name in old.plans if name not in new.plans],
    )  # fmt: skip


def _called(spec: Spec) -> str:
    return spec.chosen or spec.source.name


# One network with arguments at paths replaced


def what_if(
    spec: Spec,
    network: str | None,
    instead: Settings,
    *,
    inputs: Closed | None = None,
    settings: Settings | None = None,
) -> Difference:
    """A network against itself with `path.argument` set otherwise; raises SpecError where it no longer checks.

    A key without a dot is a parameter of the network.
    """
    from dlspec.elaborate.network import elaborate

    name = network if network is not None else spec.default_network()
    old = spec.graph(name, inputs=inputs, settings=settings)
    own = {key: value for key, value in instead.items() if "." not in key}
    inner: dict[str, dict[str, tree.Expr]] = {}
    for key, value in instead.items():
        path, dot, argument = key.rpartition(".")
        if dot:
            _must_take_arguments(old, path)
            inner.setdefault(path, {})[argument] = value
    new, problems = elaborate(spec.scope, name, settings={**(settings or {}), **own}, inputs=inputs, instead=inner)
    errors = [found for found in problems if found.severity == "error"]
    if new is None or errors:
        raise SpecError(errors or problems)
    return Difference(old, new, {*inner, *([""] if own else [])})


def _must_take_arguments(graph: Graph, path: str) -> None:
    """Raise SpecError where nothing has that path, or what has it is a mere group."""
    from dlspec.analyses.explain import part_at

    part = part_at(graph, path)
    kind = getattr(part, "kind", "operator")
    if kind not in ("operator", "block", "network"):
        raise SpecError(
            [problem("E0112", f"`{path}` is a {kind}, which has no parameters",
                     notes=["name an operator or a block in it: `path.parameter=value`"])]
        )  # fmt: skip


# Plans


def _plan(old: Spec, new: Spec, name: str) -> PlanDifference:
    sides = []
    for spec in (old, new):
        try:
            made, problems = resolve_plan(spec, spec.plans[name])
        except SpecError as error:
            made, problems = None, error.diagnostics
        if made is None:
            first = next((one.message for one in problems if one.severity == "error"), "it has a mistake")
            return PlanDifference(name, [], f"{_called(spec)}: {first}")
        sides.append(made)
    (before, _), (after, _) = sides
    return PlanDifference(name, _settings("", before, after))


def _settings(key: str, old: Any, new: Any) -> list[Change]:
    """The keys in which two plans, or sections or members of plans, differ."""
    from dlspec.plan.facts import Facts

    if old == new:
        return []
    if isinstance(old, tuple) and isinstance(new, tuple) and len(old) == len(new) == 1:
        return _settings(key, old[0], new[0])
    if not isinstance(old, Facts) or type(old) is not type(new):
        return [Change(key, _written(old), _written(new))]
    theirs = dict(new.values())
    changes = []
    for field, value in old.values():
        inner = key if field == "loss" and key == "loss" else f"{key}.{field}" if key else field
        changes += _settings(inner, value, theirs[field])
    return changes


def _written(value: Any) -> str:
    """A value of a plan as a spec spells it, what is as by default left out."""
    from dlspec.plan.facts import Facts, Family
    from dlspec.plan.keys import Term
    from dlspec.plan.values import text_of

    if value is None or value == ():
        return ""
    if isinstance(value, Term):
        return _written(value.loss) if value.factor == 1 else f"{text_of(value.factor)} * {_written(value.loss)}"
    if isinstance(value, Facts):
        given = [(field, one) for field, one in value.values() if one != value._defaults.get(field)]
        inner = ", ".join(f"{field}={_written(one)}" for field, one in given)
        return (f"{value.name}({inner})" if inner else value.name) if isinstance(value, Family) else inner
    if isinstance(value, dict):
        return ", ".join(f"{field}: {one}" for field, one in value.items())
    if isinstance(value, (list, tuple)) and not all(isinstance(item, (int, float)) for item in value):
        return ", ".join(map(_written, value))
    return text_of(value)


# Revisions


def open_at_revision(name: str, revision: str) -> Spec:
    """A spec as it was at a git revision, with what it imports from its folder; raises SpecError."""
    from tempfile import TemporaryDirectory

    if name == "-":
        raise SpecError([problem("E0101", "standard input has no revisions", notes=["name a file"])])
    file = Path(name) if Path(name).exists() else Path(open_spec(name).source.name)
    if revision.startswith("-"):
        raise SpecError([problem("E0101", f"`{revision}` is no revision")])
    commit = _git(
        file.resolve().parent, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
    )
    if not commit:
        raise SpecError(
            [problem("E0101", f"git knows no revision `{revision}` of `{file}`",
                     notes=["the file must lie in a git repository"])]
        )  # fmt: skip
    with TemporaryDirectory() as folder:
        top = Path(folder).resolve()
        _lay_out(file.resolve().parent, commit.decode().strip(), top)
        target = top / file.name
        if not target.is_file():
            raise SpecError([problem("E0101", f"`{file}` was not there at revision `{revision}`")])
        try:
            spec = Spec(Source.read(target, str(target)), target)
        except UnicodeDecodeError:
            raise SpecError([problem("E0101", f"`{file}` at `{revision}` is not UTF-8 text")]) from None
        for scope in spec.files.scopes.values():
            if scope.path is not None and scope.path.is_relative_to(top):
                scope.source.name = f"{revision}:{file.parent / scope.path.relative_to(top)}"
    spec.path = file
    return spec


def _lay_out(folder: Path, commit: str, top: Path) -> None:
    """Write the specs of a folder at a commit, and of the folders in it, under `top`."""
    listed = _git(folder, "ls-tree", "-r", "-z", "--name-only", commit).decode("utf-8", "surrogateescape")
    names = [name for name in listed.split("\0") if name.endswith(SUFFIXES) and "\n" not in name]
    asked = "".join(f"{commit}:./{name}\n" for name in names).encode("utf-8", "surrogateescape")
    answer = _git(folder, "cat-file", "--batch", given=asked) if names else b""
    at = 0
    for name in names:
        end = answer.index(b"\n", at)
        head = answer[at:end].split()
        if len(head) != 3 or head[1] != b"blob":
            at = end + 1
            continue
        size = int(head[2])
        target = top / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(answer[end + 1 : end + 1 + size])
        at = end + 2 + size


def _git(folder: Path, *arguments: str, given: bytes = b"") -> bytes:
    """What a git command prints; nothing where it fails. Raises SpecError where there is no git."""
    import subprocess

    try:
        ran = subprocess.run(["git", "-C", str(folder), *arguments], input=given, capture_output=True, check=False)
    except OSError as error:
        raise SpecError([problem("E0101", f"git cannot be run: {error.strerror or error}")]) from None
    return ran.stdout if ran.returncode == 0 else b""
