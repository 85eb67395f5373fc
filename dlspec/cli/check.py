"""Say everything that is wrong with specs, before anything runs.

Exit code: 0 clean, 1 findings (errors; with --strict warnings too), 2 unreadable.
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from dlspec.checking import Spec
    from dlspec.diagnostics.record import Diagnostic, Safety

FORMATS = ("full", "concise", "json", "sarif", "github")


def arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "files", metavar="FILE", nargs="+", help="specs, names of zoo networks, or - for standard input"
    )
    parser.add_argument("--network", metavar="NAME", help="only this network of the file")
    parser.add_argument("--format", choices=FORMATS, default="full", help="how findings are written (full)")
    parser.add_argument("--strict", action="store_true", help="warnings are findings too")
    parser.add_argument("--fix", action="store_true", help="apply the repairs that keep the meaning")
    parser.add_argument("--unsafe", action="store_true", help="with --fix, also those that change the model")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="network.classes=10, or a key of the plan: epochs=5",
    )


def run(options: Namespace) -> int:
    from dlspec.cli import exit_code

    found, clean = _checked(options)
    if options.fix and _repaired(found, options):
        found, clean = _checked(options)
    _print(found, clean, options.format)
    return exit_code(found) or int(options.strict and bool(found))


def _checked(options: Namespace) -> tuple[list[Diagnostic], list[str]]:
    """What is wrong with the files, and a line for each in which nothing is."""
    from dlspec.checking import check_spec, open_spec
    from dlspec.cli import split_settings
    from dlspec.diagnostics.record import SpecError

    settings, overrides = split_settings(options)
    found: list[Diagnostic] = []
    clean: list[str] = []
    for name in options.files:
        try:
            spec = open_spec(name)
            problems = check_spec(spec, options.network, settings=settings, overrides=overrides)
        except SpecError as error:
            found += error.diagnostics
            continue
        found += problems
        if not problems:
            clean.append(_clean(spec, options.network or spec.chosen))
    return found, clean


def _clean(spec: Spec, network: str | None) -> str:
    parts = [f"{len(names)} {noun}{'s' if len(names) > 1 else ''}" for names, noun in
             ((spec.networks, "network"), (list(spec.plans), "plan")) if names]  # fmt: skip
    what = f"network `{network}`" if network else " and ".join(parts) or "blocks only"
    return f"{spec.source.name}: {what}, no problems"


def _print(found: list[Diagnostic], clean: list[str], format: str) -> None:
    from dlspec.cli.printing import colour, room

    if format == "full":
        for line in clean:
            print(line)
    if not found and format != "sarif":
        return
    from dlspec.diagnostics.listing import tally
    from dlspec.diagnostics.render import render

    print(render(found, format, colour=colour(sys.stdout), width=room(sys.stdout)).rstrip("\n"))
    if format == "full":
        print(f"\n{tally(found)}")


def _repaired(found: list[Diagnostic], options: Namespace) -> bool:
    """Write what repairs give to the files; whether there was any."""
    from pathlib import Path

    from dlspec.cli.printing import write_text
    from dlspec.diagnostics.fixes import apply, chosen

    safety: Safety = "unsafe" if options.unsafe else "safe"
    changed = {name: text for name, text in apply(found, safety).items() if Path(name).is_file()}
    for name, text in changed.items():
        write_text(name, text)
    if changed:
        count = len(chosen(found, safety))
        print(f"{count} repair{'s' if count != 1 else ''} made in {', '.join(changed)}", file=sys.stderr)
    return bool(changed)
