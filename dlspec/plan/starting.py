"""Where training starts from: files of weights that fit, and patterns that cover something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os.path import exists, isdir, join

from dlspec.diagnostics.record import Diagnostic, Edit, Fix, problem
from dlspec.plan.groups import Group
from dlspec.plan.keys import ResolvedPlan
from dlspec.plan.network_facts import NetworkFacts
from dlspec.plan.paths import covers, near_paths
from dlspec.plan.safetensors_header import shapes
from dlspec.plan.weights import Load, file_of, match, repair, said
from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from dlspec.source import Span

SUFFIXES = (".safetensors", ".pth", ".pt", ".bin")


def check_weights(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Every file is there, and the names and shapes in it are the network's; of `.pth` only a run can tell."""
    for load in plan.weights or ():
        if not isinstance(load, Load):
            continue
        path, span = file_of(join(plan.folder, load.path)), load.at("path")
        if isdir(path):
            notes = [f"a run keeps its weights in `checkpoints/`; looked in `{path}`"]
            yield problem("E0621", f"the folder `{load.path}` holds no run", span, "has no weights", notes=notes)
            continue
        if not path.endswith(SUFFIXES) and exists(path):
            notes = [f"weights are read from {', '.join(SUFFIXES)}, or from the folder of a run"]
            yield problem("E0621", f"`{load.path}` is no file of weights", span, "by its suffix", notes=notes)
            continue
        try:
            if path.endswith(".safetensors"):
                yield from _fits(load, shapes(path), network)
            else:
                open(path, "rb").close()
        except FileNotFoundError:
            yield problem("E0621", f"there is no file `{load.path}`", span, "not found", notes=[f"looked for `{path}`"])
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            yield problem("E0621", f"`{load.path}` cannot be read", span, reason.lower())


def _fits(load: Load, file: dict[str, tuple[int, ...]], network: NetworkFacts | None) -> Iterator[Diagnostic]:
    if network is None or network.state is None:
        return
    state = network.state()
    if load.into and not any(covers(load.into, name) for name in state):
        yield _covers_nothing(load.into, load.at("into"), list(state))
        return
    found = match(state, file, load)
    if not found.is_whole:
        fix = Fix(repair(found, state, file, load), safety="placeholder")
        label = f"holds {len(file)} tensors, {len(found.pairs)} of which fit"
        message = f"`{load.path}` does not fit `{load.into or network.name}`"
        yield problem(
            "E0622", message, load.at("path"), label, notes=said(found, state, file, load), fixes=[fix],
        )  # fmt: skip


def check_patterns(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """A pattern that covers no weight is a slip of the pen."""
    patterns: list[tuple[str, Span | None]] = [(pattern, plan.at("freeze")) for pattern in plan.freeze or ()]
    groups = [group for group in plan.groups or () if isinstance(group, Group)]
    patterns += [(group.path, group.at("path")) for group in groups]
    patterns += [(pattern, plan.at("checkpoint")) for pattern in plan.checkpoint or ()]
    if not patterns or network is None or network.state is None:
        return
    names = list(network.state())
    for pattern, span in patterns:
        if not any(covers(pattern, name) for name in names):
            yield _covers_nothing(pattern, span, names)
    if names and all(any(covers(pattern, name) for pattern in plan.freeze or ()) for name in names):
        fix = Fix("leave a part to train: the head, for one")
        yield problem("E0614", "nothing is left to train", plan.at("freeze"), "covers every weight", fixes=[fix])


def check_groups(plan: ResolvedPlan, network: NetworkFacts | None) -> Iterator[Diagnostic]:
    """Weight decay is set where the optimizer has one."""
    optimizer = plan.optimizer
    if plan.known("optimizer") is None or hasattr(optimizer, "weight_decay"):
        return
    fields: list[Span | None] = [group.at("weight_decay") for group in plan.groups or () if _decays(group)]
    fields += [plan.at("decay")] if plan.decay != "all" else []
    for span in fields:
        message = f"`{optimizer.name}` has no weight decay"
        fix = Fix("take an optimizer that has one, such as `adamw`, or leave this out")
        yield problem("E0614", message, span, "has nothing to set", fixes=[fix])


def _decays(group: object) -> bool:
    return isinstance(group, Group) and group.weight_decay is not None


def _covers_nothing(pattern: str, span: Span | None, names: Sequence[str]) -> Diagnostic:
    near = near_paths(pattern, names)
    edits = [Edit(span, span.text.replace(f'"{pattern}"', f'"{near[0]}"'))] if near and span else []
    fixes = [Fix(f"there is a part with a similar name: `{near[0]}`", edits, "safe")] if near else []
    tops = ", ".join(f"`{top}`" for top in dict.fromkeys(name.partition(".")[0] for name in names))
    return problem(
        "E0623", f"the network has no part `{pattern}`", span, "covers no weight",
        notes=[f"its parts are {tops}"], fixes=fixes,
    )  # fmt: skip
