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
    parser.add_argument("--set", metavar="KEY=VALUE", action="append", default=[], help="network.classes=10")


def run(options: Namespace) -> int:
    from dlspec.checking import check_spec, open_spec
    from dlspec.cli import network_settings
    from dlspec.diagnostics.codes import UNREADABLE
    from dlspec.diagnostics.record import SpecError

    settings = network_settings(options)
    found: list[Diagnostic] = []
    clean: list[str] = []
    unreadable = False
    for name in options.files:
        try:
            spec = open_spec(name)
            problems = check_spec(spec, options.network, settings=settings)
        except SpecError as error:
            unreadable = unreadable or any(d.code in UNREADABLE for d in error.diagnostics)
            found += error.diagnostics
            continue
        found += problems
        if not problems:
            clean.append(_clean(spec))
    if options.fix:
        found = _fix(found, options)
    _print(found, clean, options.format)
    errors = any(d.severity == "error" for d in found)
    if unreadable:
        return 2
    return 1 if errors or (options.strict and found) else 0


def _clean(spec: Spec) -> str:
    parts = [f"{len(names)} {noun}{'s' if len(names) > 1 else ''}" for names, noun in
             ((spec.networks, "network"), (list(spec.plans), "plan")) if names]  # fmt: skip
    what = f"network `{spec.chosen}`" if spec.chosen else " and ".join(parts) or "blocks only"
    return f"{spec.source.name}: {what}, no problems"


def _print(found: list[Diagnostic], clean: list[str], format: str) -> None:
    from dlspec.cli.printing import colour

    if format == "full":
        for line in clean:
            print(line)
    if not found and format not in ("sarif",):
        return
    from dlspec.diagnostics.listing import tally
    from dlspec.diagnostics.render import render

    text = render(found, format, colour=colour(sys.stdout))
    print(text.rstrip("\n"))
    if format == "full":
        print(f"\n{tally(found)}")


def _fix(found: list[Diagnostic], options: Namespace) -> list[Diagnostic]:
    """Apply repairs, and check what then stands."""
    from pathlib import Path

    from dlspec.checking import check_spec, open_spec
    from dlspec.diagnostics.fixes import apply, chosen

    safety: Safety = "unsafe" if options.unsafe else "safe"
    changed = apply(found, safety)
    count = len(chosen(found, safety))
    for name, text in changed.items():
        if Path(name).is_file():
            Path(name).write_text(text, encoding="utf-8")
    if not changed:
        return found
    print(f"{count} repair{'s' if count != 1 else ''} made in {', '.join(changed)}", file=sys.stderr)
    return [d for name in options.files for d in check_spec(open_spec(name), options.network)]
