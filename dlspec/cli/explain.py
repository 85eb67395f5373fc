"""Derive a layer's numbers with the formulas of the course, or show the page of a code.

dlspec explain lenet               the network, part by part
dlspec explain lenet:features.0    one layer: size, parameters, receptive field
dlspec explain lenet:features.0 --symbolic              the same with letters for sizes
dlspec explain lenet --what-if features.0.kernel_size=3    what would follow
dlspec explain E0302               a code (or its name, `shapes-differ`)
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import common, input_argument

    common(parser)
    input_argument(parser)
    parser.add_argument("--symbolic", action="store_true", help="derive it for any size: letters for what comes in")
    parser.add_argument(
        "--what-if",
        metavar="PATH.NAME=VALUE",
        action="append",
        default=[],
        help="show what follows from another argument: conv1.stride=2; several are put together",
    )


def run(options: Namespace) -> int:
    from dlspec.cli.printing import print_page
    from dlspec.diagnostics import explain

    found = explain.page(options.file)
    if found is not None:
        print_page(found)
        return 0
    if options.file[:1] in "EWew" and options.file[1:].isdigit():
        close = " and ".join(f"`{code}`" for code in explain.near_codes(options.file))
        hint = f"; there is {close}" if close else "; `dlspec check` names those of your spec"
        print(f"dlspec: there is no code `{options.file}`{hint}", file=sys.stderr)
        return 2
    return _layer(options)


def _layer(options: Namespace) -> int:
    from pathlib import Path

    from dlspec.analyses.explain import explain
    from dlspec.cli import chosen_graph
    from dlspec.cli.printing import colour, width

    file, colon, path = options.file.rpartition(":")
    if not colon or Path(options.file).is_file():
        path = ""
    else:
        options.file = file
    if options.what_if:
        return _what_if(options, path)
    text = explain(chosen_graph(options), path, width=width(), colour=colour(sys.stdout), symbolic=options.symbolic)
    print(text)
    return 0


def _what_if(options: Namespace, path: str) -> int:
    """What follows from other arguments; of the part at `path` its new derivation too."""
    from dlspec.analyses.difference_text import text
    from dlspec.analyses.explain import explain
    from dlspec.checking import open_spec, parsed_input, parsed_setting
    from dlspec.cli import network_settings
    from dlspec.cli.printing import colour, width
    from dlspec.comparing import what_if

    spec = open_spec(options.file)
    instead = dict(parsed_setting(given, "--what-if") for given in options.what_if)
    found = what_if(
        spec, options.network, instead, inputs=dict(parsed_input(given) for given in options.input),
        settings=network_settings(options, spec),
    )  # fmt: skip
    wide, coloured = width(), colour(sys.stdout)
    if path:
        new = found.new.graph
        print(explain(new, path, width=wide, colour=coloured, symbolic=options.symbolic))
        print()
    print("nothing would change" if found.is_empty else text(found, width=wide, colour=coloured))
    return 0
