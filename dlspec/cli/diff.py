"""Show what changed between two networks, and what follows from it.

dlspec diff old.dls new.dls          two files
dlspec diff resnet34 resnet50        two networks of the zoo
dlspec diff unet.dls --git main      a file at a git revision against the file as it is
dlspec diff unet.dls --git v1..v2    a file at two revisions
dlspec diff old.dls new.dls -o d.svg a picture besides, for a pull request

Ends with 0 where nothing differs, 1 where something does, 2 where a side cannot be read.
"""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from dlspec.checking import Spec
    from dlspec.comparing import Comparison


def arguments(parser: ArgumentParser) -> None:
    from dlspec.cli import input_argument

    parser.add_argument("old", metavar="OLD", help="a spec or the name of a zoo network")
    parser.add_argument("new", metavar="NEW", nargs="?", help="what OLD is compared with; with --git, left out")
    parser.add_argument("--git", metavar="REV", help="compare OLD at this revision with the file; A..B: two revisions")
    parser.add_argument("--network", metavar="NAME", help="only this network (all that both have, by default)")
    parser.add_argument("--format", choices=("text", "markdown", "json"), default="text", help="how to print it")
    parser.add_argument(
        "-o", "--out", metavar="OUT", help="draw the difference too: out.svg, out.png, out.pdf or out.tex"
    )
    input_argument(parser)


def run(options: Namespace) -> int:
    from dlspec.checking import parsed_input
    from dlspec.cli.printing import print_diagnostics
    from dlspec.comparing import compare
    from dlspec.diagnostics.record import SpecError

    if (options.git is None) == (options.new is None):
        print("dlspec: `diff` takes two specs, or one and `--git REV`", file=sys.stderr)
        return 2
    try:
        old, new = _sides(options)
        inputs = dict(parsed_input(text) for text in options.input)
        found = compare(old, new, network=options.network, inputs=inputs)
        if options.out is not None:
            from dlspec.drawing import draw_difference

            draw_difference(list(found.differing.values()), options.out, old=_short(found.old), new=_short(found.new))
    except SpecError as error:
        print_diagnostics(error.diagnostics)
        return 2
    _print(found, options.format)
    return 0 if found.is_empty else 1


def _short(name: str) -> str:
    """What a side is called in a picture: a file without its folders."""
    return name.rpartition("/")[2] or name


def _sides(options: Namespace) -> tuple[Spec, Spec]:
    from dlspec.checking import open_spec
    from dlspec.comparing import open_at_revision

    if options.git is None:
        return open_spec(options.old), open_spec(options.new)
    first, dots, second = options.git.partition("..")
    if not dots:
        return open_at_revision(options.old, first), open_spec(options.old)
    return open_at_revision(options.old, first or "HEAD"), open_at_revision(options.old, second or "HEAD")


def _print(found: Comparison, form: str) -> None:
    if form == "json":
        import json

        print(json.dumps(found.to_json(), ensure_ascii=False))
        return
    from dlspec.cli.printing import colour, width

    if form == "markdown":
        from dlspec.cli.comparisons import markdown

        print(markdown(found))
    else:
        from dlspec.cli.comparisons import text

        print(text(found, width=width(), colour=colour(sys.stdout)))
