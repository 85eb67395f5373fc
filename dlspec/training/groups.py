"""Samples that belong together: what they share as a number for each."""

from __future__ import annotations

import re
from collections.abc import Sequence

import torch
from torch import Tensor

from dlspec.training.errors import RunError


def numbered_groups(shared: Sequence[object]) -> Tensor:
    """A number (N) for each sample, the same for the same value.

    >>> numbered_groups(["ann", "bob", "ann"]).tolist()
    [0, 1, 0]
    """
    numbers: dict[object, int] = {}
    return torch.tensor([numbers.setdefault(value, len(numbers)) for value in shared], dtype=torch.int64)


def groups_of_paths(paths: Sequence[str], pattern: str) -> list[str]:
    """What stands for `{group}` in each path, where `*` is any part of a name; raises RunError where one does not fit.

    >>> groups_of_paths(["cats/ann-1.jpg", "dogs/bob-1.jpg"], "*/{group}-*")
    ['ann', 'bob']
    """
    signs = {"*": "[^/]*", "?": "[^/]", "{group}": "(?P<group>[^/]+?)"}
    parts = re.split(r"(\*|\?|\{group\})", pattern)
    wanted = re.compile("".join(signs.get(part) or re.escape(part) for part in parts))
    found = []
    for path in paths:
        fits = wanted.fullmatch(path)
        if fits is None:
            hint = "`*` is any part of a name, and `{group}` what samples that belong together share"
            raise RunError(f"`{path}` does not fit the pattern `{pattern}` of `groups`", hint)
        found.append(fits["group"])
    return found
