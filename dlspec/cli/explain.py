"""Derive a layer's numbers with the formulas of the course, or show the page of a code.

dlspec explain lenet               the network, part by part
dlspec explain lenet:features.0    one layer: size, parameters, receptive field
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
    print(explain(chosen_graph(options), path, width=width(), colour=colour(sys.stdout)))
    return 0
