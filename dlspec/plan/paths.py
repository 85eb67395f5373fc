"""Path patterns: which parts of a network a plan means by `layer1`, `layer*.0`, `**.bn2`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase


def covers(pattern: str, path: str) -> bool:
    """Whether a pattern names the path, or a part that it lies in.

    `*` stands for any part of a name, `**` for any number of names.

    >>> covers("layer1", "layer1.0.conv1.weight"), covers("layer*.0", "layer2.0.bn1.bias"), covers("layer1", "layer10")
    (True, True, False)
    >>> covers("**.bn1", "layer1.0.bn1.bias"), covers("fc", "head.fc.weight")
    (True, False)
    """
    return _covers(pattern.split("."), path.split("."))


def _covers(pattern: Sequence[str], path: Sequence[str]) -> bool:
    if not pattern:
        return True
    first, rest = pattern[0], pattern[1:]
    if first == "**":
        return any(_covers(rest, path[start:]) for start in range(len(path)))
    return bool(path) and fnmatchcase(path[0], first) and _covers(rest, path[1:])


def covered(patterns: Iterable[str], path: str) -> bool:
    """Whether any of the patterns covers the path."""
    return any(covers(pattern, path) for pattern in patterns)


def near_paths(pattern: str, paths: Iterable[str]) -> list[str]:
    """Parts of a network whose path is spelt like a pattern that covers none, the nearest first."""
    from dlspec.diagnostics.near_names import near

    length = pattern.count(".") + 1
    parts = dict.fromkeys(".".join(path.split(".")[:length]) for path in paths)
    return list(near(pattern, list(parts)))
