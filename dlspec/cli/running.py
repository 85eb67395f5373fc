"""What the commands that run share: torch where it is there, mistakes of a run in words."""

from __future__ import annotations

import os
import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from dlspec.training.errors import RunError


def training(part: str) -> Any:
    """A module of the training room; ends with 2 and what to install where torch is missing."""
    from importlib import import_module

    try:
        return import_module(f"dlspec.training.{part}")
    except ModuleNotFoundError as error:
        raise _missing(error) from None


def _missing(error: ModuleNotFoundError) -> BaseException:
    """What to install, where it is not a module of our own that is missing; the exit code is 2."""
    if (error.name or "").startswith("dlspec"):
        return error
    print(f"error: training needs `{error.name}`, which is not installed", file=sys.stderr)
    print("help: `pip install 'dlspec[train]'` installs what runs need", file=sys.stderr)
    return SystemExit(2)


def _told(error: RunError) -> None:
    """An error of a run, with the line of the spec where one place asked for what went wrong."""
    if error.span is not None and error.code:
        from dlspec.cli.printing import print_diagnostics
        from dlspec.diagnostics.record import Fix, problem

        fixes = [Fix(error.hint)] if error.hint else []
        print_diagnostics([problem(error.code, error.message, error.span, error.says, also=error.also, fixes=fixes)])
        return
    code = f"[{error.code}]" if error.code else ""
    print(f"error{code}: {error.message}", file=sys.stderr)
    if error.hint:
        print(f"help: {error.hint}", file=sys.stderr)


def reporting(job: Callable[[], Any]) -> int:
    """Do the job and print what it reports; 0, or 1 for what a user can change, 2 for what cannot be read.

    After an interruption, 130.
    """
    training("errors")
    from dlspec.training.errors import Interrupted, RunError, UnreadableError

    try:
        result = job()
    except ModuleNotFoundError as error:
        raise _missing(error) from None
    except Interrupted as stopped:
        print(stopped, file=sys.stderr)
        return 130
    except RunError as error:
        _told(error)
        return 2 if isinstance(error, UnreadableError) else 1
    if result is not None and os.environ.get("RANK", "0") == "0":  # of several processes the first speaks
        print(result)
    return 0
