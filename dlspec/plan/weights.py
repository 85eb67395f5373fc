"""First weights from a file: which of its tensors belong to which of the network's, and what does not match.

Only names and shapes are compared here, so that a file is judged before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import prod

from dlspec.plan.facts import Family
from dlspec.plan.kinds import Flag, Text
from dlspec.plan.paths import covered
from dlspec.record import TYPE_CHECKING, Record

if TYPE_CHECKING:
    Shapes = Mapping[str, Sequence[int]]

COUNTER = "num_batches_tracked"
"""The counter of batch norm, which files of older torch lack and which nothing depends on."""

SHOWN = 4
"""Names of a kind that a message lists."""


class Weights(Family):
    """Where first weights come from, in place of drawn ones."""


class Load(Weights):
    """Tensors of a safetensors or `.pth` file, by name."""

    path: Text
    """The file, from the folder of the spec; or the folder of a run, of which the best weights are taken."""
    into: Text = ""
    """The part of the network that receives them; the whole where left out."""
    part: Text = ""
    """What the names of the wanted tensors begin with in the file: `backbone` takes `backbone.conv1.weight`."""
    reshape: Flag = False
    """Whether weights of as many numbers may have another shape, as those of a fully connected layer have in the
    convolution that replaces it."""
    skip: tuple[Text, ...] = ()
    """Path patterns, from where `into` begins, of tensors that are left as they are drawn."""


class Match(Record):
    """The names that agree, and those that do not."""

    pairs: dict[str, str]
    """The network's name to the file's."""
    missing: list[str]
    """Names of the network that the file lacks."""
    left: list[str]
    """Names of the file that the network has no place for."""
    misshapen: list[str]
    """Names of both whose shapes differ."""
    skipped: list[str]
    """Names of the network that were told to stay."""

    @property
    def is_whole(self) -> bool:
        return not (self.missing or self.left or self.misshapen)


def file_of(path: str) -> str:
    """The file of weights that a path means: in the folder of a run the best that it kept, or else its last."""
    from os import listdir
    from os.path import isdir, isfile, join

    inside = join(path, "checkpoints")
    kept = sorted(listdir(inside), reverse=True) if isdir(inside) else []
    files = [join(inside, name, "weights.safetensors") for kind in ("best-", "step-") for name in kept if kind in name]
    return next(filter(isfile, files), path)


def match(network: Shapes, file: Shapes, load: Load) -> Match:
    """Compare the network's names and shapes with those of a file."""
    inside, taken = _dotted(load.into), _dotted(load.part)
    wanted = {name.removeprefix(inside): name for name in network if name.startswith(inside)}
    given = {name.removeprefix(taken): name for name in file if name.startswith(taken)}
    found = Match({}, [], [], [], [])
    for name, whole in wanted.items():
        if covered(load.skip, name):
            found.skipped.append(whole)
        elif name in given:
            same = _fits(network[whole], file[given[name]], load)
            (found.pairs.__setitem__(whole, given[name]) if same else found.misshapen.append(whole))
        elif not name.endswith(COUNTER):
            found.missing.append(whole)
    found.left = [whole for name, whole in given.items() if name not in wanted and not covered(load.skip, name)]
    return found


def _fits(wanted: Sequence[int], given: Sequence[int], load: Load) -> bool:
    """Whether the shapes agree; to be reshaped, tensors have as many numbers for each of as many channels."""
    if tuple(wanted) == tuple(given):
        return True
    return load.reshape and wanted[:1] == given[:1] and prod(wanted) == prod(given)


def said(found: Match, network: Shapes, file: Shapes, load: Load) -> list[str]:
    """What does not match, a sentence each, with the nearest names."""
    lines = []
    taken, inside = _dotted(load.part), _dotted(load.into)
    for name in _shown(found.misshapen):
        other = taken + name.removeprefix(inside)
        lines.append(f"`{name}` is {_shape(network[name])} in the network, {_shape(file[other])} in the file")
    for name in _shown(found.missing):
        close = _nearest(name, network[name], found.left, file)
        lines.append(f"the file has no `{name}`" + (f"; it has `{close}`" if close else ""))
    for name in _shown(found.left):
        lines.append(f"the network has no place for `{name}`")
    for names, what in (
        (found.misshapen, "differ in shape"), (found.missing, "are not in the file"), (found.left, "have no place"),
    ):  # fmt: skip
        if len(names) > SHOWN:
            lines.append(f"{len(names)} names in all {what}")
    return lines


def repair(found: Match, network: Shapes, file: Shapes, load: Load) -> str:
    """What to change in the plan so that more of the file is used."""
    prefix = _prefix(found, file, load)
    if prefix:
        return f'take the part of the file that begins with `{prefix}`: `part="{prefix}"`'
    if found.misshapen and not load.reshape and _agree(found, network, file, load):
        return "take them as they lie, a fully connected layer as a convolution over what it saw: `reshape=true`"
    tops = dict.fromkeys(
        name.removeprefix(_dotted(load.into)).rpartition(".")[0] or name
        for name in (*found.misshapen, *found.missing, *(name.removeprefix(_dotted(load.part)) for name in found.left))
    )
    if len(tops) <= SHOWN:
        written = ", ".join(f'"{top}"' for top in (*load.skip, *tops))
        return f"leave them as they are drawn: `skip=[{written}]`"
    return "say which part of the network they belong to: `into`, and which part of the file they are: `part`"


def _agree(found: Match, network: Shapes, file: Shapes, load: Load) -> bool:
    """Whether everything would fit if tensors might be reshaped."""
    again = match(network, file, Load(path=load.path, into=load.into, part=load.part, skip=load.skip, reshape=True))
    return again.is_whole


def _prefix(found: Match, file: Shapes, load: Load) -> str:
    """What stands before all wanted names in the file, where only that is between them."""
    if load.part or not found.missing or found.pairs:
        return ""
    wanted = found.missing[0].removeprefix(_dotted(load.into))
    for name in file:
        if name.endswith(f".{wanted}"):
            start = name.removesuffix(f".{wanted}")
            if all(f"{start}.{one.removeprefix(_dotted(load.into))}" in file for one in found.missing):
                return start
    return ""


def _nearest(name: str, shape: Sequence[int], others: Iterable[str], file: Shapes) -> str:
    from dlspec.diagnostics.near_names import near

    fitting = [other for other in others if tuple(file[other]) == tuple(shape)]
    return next(iter(near(name, fitting)), fitting[0] if len(fitting) == 1 else "")


def _dotted(part: str) -> str:
    return f"{part}." if part else ""


def _shown(names: list[str]) -> list[str]:
    return names[:SHOWN]


def _shape(shape: Sequence[int]) -> str:
    return " × ".join(str(size) for size in shape) or "a single number"
