"""The command line: arguments in, exit code out. 0 is clean, 1 findings, 2 usage or unreadable, 130 interrupted."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterable, Sequence

    from dlspec.checking import Spec
    from dlspec.diagnostics.record import Diagnostic
    from dlspec.graph import Graph
    from dlspec.syntax import tree

COMMANDS: dict[str, str] = {
    "check": "say everything that is wrong with a spec, before anything runs",
    "summary": "show the layers of a network with shapes, parameters, arithmetic and receptive fields",
    "explain": "derive a layer's numbers, or show the page of a code",
    "quiz": "ask for the numbers of a spec, and grade what is answered",
    "diff": "show what changed between two networks, and what follows from it",
    "draw": "draw a network",
    "compile": "write the PyTorch source of a network",
    "fmt": "format specs",
    "convert": "write a spec in the other spelling",
    "ops": "list the operators, or show the page of one",
    "schema": "print the JSON Schema of specs and operators",
    "lsp": "answer an editor: diagnostics, shapes, hover, completion, renaming",
    "train": "run a training plan",
    "search": "run the search of a plan",
    "lr-find": "look which learning rates train",
    "runs": "list the runs of a folder, or compare two",
    "evaluate": "score what a run trained",
    "predict": "apply what a run trained",
    "export": "write what a run trained for use without dlspec",
}
"""Each is a module of this package, `-` written `_` in its name, with `arguments(parser)` and `run(options)`."""

ARGUMENTS = ("--set", "--input", "--what-if")
"""The sources of diagnostics that are no files but words of the command line."""

_TRAINING = ("train", "search", "lr-find", "evaluate", "predict", "export")
OUR_BUG = (
    "This is a bug of dlspec, not of your spec: whatever is written there should get a message with its line.\n"
    "Please report it with the lines above and the spec, at best cut down to the part that shows it."
)
_RECURSION = 20_000
"""Python frames for specs nested as deep as the language allows."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; the exit code."""
    given = list(sys.argv[1:] if argv is None else argv)
    name = next((word for word in given if not word.startswith("-")), None)
    if name not in COMMANDS:
        return _top(given, name)
    if name not in _TRAINING:
        import gc

        gc.disable()  # the passes make no cycles worth collecting, and looking for them costs four times the pass
    sys.setrecursionlimit(_RECURSION)
    _speak_any_alphabet()
    try:
        code = _run(name, given)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        _nobody_reads()
        return 0
    return code


def _speak_any_alphabet() -> None:
    """Print `?` for what a terminal's alphabet lacks, such as arrows, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure") and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="replace")


def _nobody_reads() -> None:
    """Let Python's own flush at its end go nowhere, after the reader of a pipe has left."""
    import os

    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(name: str, given: list[str]) -> int:
    from importlib import import_module

    from dlspec.diagnostics.defect import Defect
    from dlspec.diagnostics.record import SpecError

    module = import_module(f"dlspec.cli.{name.replace('-', '_')}")
    parser = _parser(f"dlspec {name}", module.__doc__ or "")
    module.arguments(parser)
    given.remove(name)
    options = parser.parse_args(given)
    try:
        return int(module.run(options))
    except SpecError as error:
        from dlspec.cli.printing import print_diagnostics

        print_diagnostics(error.diagnostics)
        return exit_code(error.diagnostics)
    except Defect as error:
        print(f"error: {error}\nhelp: {error.advice}", file=sys.stderr)
        return 2
    except RecursionError:
        print("error[E0209]: the spec nests deeper than can be followed", file=sys.stderr)
        return 1
    except Exception as error:
        error.add_note(OUR_BUG)
        raise


def exit_code(found: Iterable[Diagnostic]) -> int:
    """1 where a spec has errors, 2 where a file cannot be used or the command line names what is not there."""
    errors = [diagnostic for diagnostic in found if diagnostic.severity == "error"]
    if any(map(_is_usage, errors)):
        return 2
    return 1 if errors else 0


def _is_usage(error: Diagnostic) -> bool:
    """Whether a mistake is one of the machine or of the command line, and not of a spec."""
    from dlspec.diagnostics.codes import NAMING, UNREADABLE

    place = error.place
    argument = place is None or place.source.name in ARGUMENTS
    return error.code in UNREADABLE or (argument and error.code in NAMING)


def _parser(program: str, about: str) -> ArgumentParser:
    from argparse import ArgumentParser, RawDescriptionHelpFormatter

    return ArgumentParser(prog=program, description=about.strip(), formatter_class=RawDescriptionHelpFormatter)


def _top(given: list[str], name: str | None) -> int:
    if "--version" in given or "-V" in given:
        from dlspec import __version__

        print(f"dlspec {__version__}")
        return 0
    if name is not None:
        from dlspec.diagnostics.near_names import near

        close = near(name, list(COMMANDS))
        hint = f"; there is `{close[0]}`" if close else "; `dlspec --help` lists them"
        print(f"dlspec: there is no command `{name}`{hint}", file=sys.stderr)
        return 2
    print(_help())
    return 0 if {"-h", "--help"} & set(given) else 2


def _help() -> str:
    rows = "\n".join(f"  {name:<10} {about}" for name, about in COMMANDS.items())
    return f"""\
usage: dlspec COMMAND FILE …

Networks and training plans as specs: checked, drawn, compiled to PyTorch and run.

  dlspec check lenet                 a name of the zoo, or a file
  dlspec explain lenet:features.0    where its numbers come from
  dlspec draw lenet -o lenet.svg

{rows}

`dlspec COMMAND --help` tells more."""


def common(parser: ArgumentParser, *, network: bool = True) -> None:
    """The arguments of every command about a spec."""
    parser.add_argument("file", metavar="FILE", help="a spec, the name of a zoo network, or - for standard input")
    if network:
        parser.add_argument("--network", metavar="NAME", help="which network of the file (the last, by default)")
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=[],
        help="network.classes=10, or a key of the plan: epochs=5",
    )


def chosen_graph(options: Namespace) -> Graph:
    """The network that a command line is about: its file, `--network`, `--set` and `--input`."""
    from dlspec.checking import open_spec, parsed_input

    spec = open_spec(options.file)
    inputs = dict(parsed_input(text) for text in getattr(options, "input", ()))
    return spec.graph(options.network, settings=network_settings(options, spec), inputs=inputs)


def network_settings(options: Namespace, spec: Spec) -> dict[str, tree.Expr]:
    """The `--set network.KEY=VALUE` of a command line, by parameter; those of a plan must fit a plan of the spec."""
    from dlspec.checking import overridden

    settings, overrides = split_settings(options)
    if overrides:
        for plan in spec.plans_to_set(overrides):
            overridden(plan, overrides)
    return settings


def input_argument(parser: ArgumentParser) -> None:
    """`--input`, for the commands that show sizes."""
    parser.add_argument(
        "--input",
        metavar="NAME=SIZES",
        action="append",
        default=[],
        help="close open sizes: image=1x3x224x224",
    )


def split_settings(options: Namespace) -> tuple[dict[str, tree.Expr], dict[str, tree.Expr]]:
    """The `--set` of a command line: parameters of the network, and keys of the plan."""
    from dlspec.checking import parsed_setting

    settings = {}
    others = {}
    for text in options.set:
        key, value = parsed_setting(text)
        if key.startswith("network."):
            settings[key.removeprefix("network.")] = value
        else:
            others[key] = value
    return settings, others
