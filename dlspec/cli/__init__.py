"""The command line: arguments in, exit code out. 0 is clean, 1 findings, 2 usage or unreadable, 130 interrupted."""

from __future__ import annotations

import sys

from dlspec.record import TYPE_CHECKING

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Sequence

COMMANDS: dict[str, str] = {
    "check": "say everything that is wrong with a spec, before anything runs",
    "summary": "show the layers of a network with shapes, parameters, arithmetic and receptive fields",
    "explain": "derive a layer's numbers, or show the page of a code",
    "draw": "draw a network",
    "compile": "write the PyTorch source of a network",
    "fmt": "format specs",
    "convert": "write a spec in the other spelling",
    "ops": "list the operators, or show the page of one",
    "schema": "print the JSON Schema of specs and operators",
    "train": "run a training plan",
    "evaluate": "score what a run trained",
    "predict": "apply what a run trained",
}
"""Each command is a module of this package with `arguments(parser)` and `run(options)`."""

_TRAINING = ("train", "evaluate", "predict")
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
    try:
        return _run(name, given)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0


def _run(name: str, given: list[str]) -> int:
    from importlib import import_module

    from dlspec.diagnostics.record import SpecError

    module = import_module(f"dlspec.cli.{name}")
    parser = _parser(f"dlspec {name}", module.__doc__ or "")
    module.arguments(parser)
    given.remove(name)
    options = parser.parse_args(given)
    try:
        return int(module.run(options))
    except SpecError as error:
        from dlspec.cli.printing import print_diagnostics

        print_diagnostics(error.diagnostics)
        from dlspec.diagnostics.codes import UNREADABLE

        return 2 if any(d.code in UNREADABLE for d in error.diagnostics) else 1
    except RecursionError:
        print("error[E0209]: the spec nests deeper than can be followed", file=sys.stderr)
        return 1


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
        hint = f"; there is `{close[0]}`" if close else ""
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
  dlspec explain lenet:conv1         where its numbers come from
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


def network_settings(options: Namespace) -> dict[str, tree.Expr]:
    """The `--set network.KEY=VALUE` of a command line, by parameter; another key is a mistake here."""
    settings, others = split_settings(options)
    if others:
        from dlspec.diagnostics.record import SpecError, problem

        key, value = next(iter(others.items()))
        raise SpecError(
            [problem("E0105", f"`{key}` is a key of a plan, not of a network", value.span, "set here",
                     notes=[f"a parameter of the network is set by `--set network.{key}=…`"])]
        )  # fmt: skip
    return settings


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


if TYPE_CHECKING:
    from dlspec.syntax import tree
